// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"

// What train and baseline leave in a folder, read again.

namespace cellvae::program {

/// The whole file, or nothing where there is none.
[[nodiscard]] std::string text_of_file(const std::filesystem::path& file);

/// The scores.json of a run's folder. @throws InputError where it is missing or no such object
[[nodiscard]] nlohmann::ordered_json read_scores(const std::string& folder);

/// A text as a field of a table, CSV or TSV: in quotes where it has to be.
[[nodiscard]] std::string table_field(const std::string& text, char separator);

/// Columns of numbers, by their names.
using Columns = std::vector<std::pair<std::string, std::vector<double>>>;

/// A table of numbers as CSV, such as history.csv; an empty field is NaN.
[[nodiscard]] Columns read_history(const std::string& csv);

/// The column of that name, or null.
[[nodiscard]] const std::vector<double>* find(const Columns& columns, const std::string& name);

/// The cells of a run and the cluster of each.
struct ClusteredCells {
    std::vector<std::string> names;
    Categorical clusters;
};

/// Those of DIR/cells.h5ad, without its counts; nothing where there is no such file, or no clusters in it.
/// @throws InputError where it is damaged
[[nodiscard]] std::optional<ClusteredCells> read_clusters(const std::string& folder);

}  // namespace cellvae::program
