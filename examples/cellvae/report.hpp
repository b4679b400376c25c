// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cellvae/io/counts.hpp"
#include "counts_request.hpp"

// What every command that works on a count file reads at its beginning and writes at its end.

namespace cellvae::program {

/// Reads one input and says what it is.
[[nodiscard]] CountsRead read_and_describe(const std::string& file, const CountsPlace& place);

/// Reads counts, says what they are, and keeps the cells and genes that the request asks for, which it says too. The
/// labels are only for --subsample-by-label.
[[nodiscard]] CountsRead read_and_choose(const CountsRequest& request, const std::string& labels, std::uint64_t seed);

/// Says so where counts that a command log-normalises are not whole: they may have been already.
void warn_of_normalised(const CountMatrix& counts, const CountsRequest& request);

/// @throws OptionError where what is to be written is one of the files that are read, or in one of the folders
void require_other_file(const std::filesystem::path& out, const std::vector<std::string>& inputs);

/// The same of every file that a run leaves in its folder.
void require_other_folder(const std::string& out, const std::vector<std::string>& inputs);

/// @throws OptionError where a folder holds one of these files, which an earlier run left and this one would not
/// replace
void require_no_earlier(const std::string& out, std::initializer_list<const char*> names);

/// Drops the clusters and coordinates that an earlier run of cellvae found, which are not those of this one.
void forget_results(CountMatrix& counts, std::vector<CellCoordinates>& obsm);

/// Adds coordinates, in the place of those of the same name where there are some.
void set_coordinates(H5adExtras& extras, CellCoordinates coordinates);

/// write_h5ad(), with a line of progress.
void write_cells(const std::filesystem::path& path, const CountMatrix& counts, H5adExtras extras = {});

/// The folder `name`, made where it is not there. @throws OptionError if it cannot be
[[nodiscard]] std::filesystem::path made_folder(const std::string& name);

/// Adds time since `start`, peak memory and version to the scores, and writes them to DIR/scores.json and, with rounded
/// numbers, to the terminal. @returns the whole
nlohmann::ordered_json write_scores(nlohmann::ordered_json scores, const std::filesystem::path& folder,
                                    std::chrono::steady_clock::time_point start);

}  // namespace cellvae::program
