// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cellvae::program {

/// From here on Ctrl-C asks for an end (interrupted()); a second one ends the program.
void catch_interrupt();

/// True once the user has pressed Ctrl-C.
[[nodiscard]] bool interrupted();

/// A line for the user: over the last one on a terminal while it is passing, else a line of its own.
void print_progress(const std::string& text, bool last);
void print_notice(const std::string& text);

/// Names and values in two columns, on the standard output.
void print_table(const std::vector<std::pair<std::string, std::string>>& rows);

}  // namespace cellvae::program
