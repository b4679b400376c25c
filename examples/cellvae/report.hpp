// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cellvae/io/counts.hpp"

// What every command that works on a count file reads at its beginning and writes at its end.

namespace cellvae::program {

/// Reads a count file and says what it is. `orientation` is auto, cells-in-rows or genes-in-rows.
[[nodiscard]] CountsRead read_and_describe(const std::string& file, const std::string& orientation);

/// The folder `name`, made where it is not there. @throws OptionError if it cannot be
[[nodiscard]] std::filesystem::path made_folder(const std::string& name);

/// Adds time since `start`, peak memory and version to the scores, and writes them to DIR/scores.json and, with rounded
/// numbers, to the terminal.
void write_scores(nlohmann::ordered_json scores, const std::filesystem::path& folder,
                  std::chrono::steady_clock::time_point start);

}  // namespace cellvae::program
