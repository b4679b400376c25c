// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cellvae::program {

/// From here on Ctrl-C asks for an end (interrupted() in request.hpp); a second one ends the program.
void catch_interrupt();

/// Names and values in two columns, on the standard output.
void print_table(const std::vector<std::pair<std::string, std::string>>& rows);

}  // namespace cellvae::program
