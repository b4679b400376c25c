// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/counts.hpp"
#include "cellvae/io/gene_sets.hpp"

/// The readers under test, and what a right answer is.
namespace fuzz {

/// What is wrong with one table of annotations; empty where nothing is.
inline std::string wrong_table(const cellvae::Annotations& table, std::size_t rows) {
    if (table.names.size() != rows) return "a name for each row is missing";
    for (const auto& column : table.columns) {
        const std::size_t length = std::visit(
            [](const auto& values) {
                if constexpr (std::is_same_v<std::decay_t<decltype(values)>, cellvae::Categorical>)
                    return values.codes.size();
                else
                    return values.size();
            },
            column.values);
        if (length != rows) return "the column '" + column.name + "' has another length than its table";
        if (const auto* labels = std::get_if<cellvae::Categorical>(&column.values))
            for (const auto code : labels->codes)
                if (code < -1 || code >= static_cast<std::int64_t>(labels->categories.size()))
                    return "the column '" + column.name + "' has a code without a category";
    }
    return {};
}

/// What is wrong with a matrix that a reader returned, by what CountMatrix promises; empty where nothing is.
inline std::string wrong_counts(const cellvae::CountMatrix& matrix) {
    if (matrix.row_offsets.empty() || matrix.row_offsets.front() != 0) return "the row offsets do not begin with 0";
    if (matrix.columns.size() != matrix.values.size()) return "as many genes as values are expected";
    if (static_cast<std::size_t>(matrix.row_offsets.back()) != matrix.values.size())
        return "the last row offset is not the number of values";
    for (std::size_t cell = 0; cell + 1 < matrix.row_offsets.size(); ++cell) {
        const auto begin = matrix.row_offsets[cell];
        const auto end = matrix.row_offsets[cell + 1];
        if (end < begin) return "the row offsets fall";
        for (auto k = begin; k < end; ++k) {
            const auto at = static_cast<std::size_t>(k);
            if (matrix.columns[at] < 0 || matrix.columns[at] >= matrix.genes()) return "a gene is out of range";
            if (k > begin && matrix.columns[at] <= matrix.columns[at - 1]) return "the genes of a cell do not ascend";
            if (!std::isfinite(matrix.values[at]) || matrix.values[at] <= 0) return "a stored value is no count";
        }
    }
    if (!matrix.library_sizes.empty() && matrix.library_sizes.size() != static_cast<std::size_t>(matrix.cells()))
        return "a library size for each cell is missing";
    for (const double size : matrix.library_sizes)
        if (!std::isfinite(size) || size < 0) return "a library size is no count";
    const std::string obs = wrong_table(matrix.obs, static_cast<std::size_t>(matrix.cells()));
    return obs.empty() ? wrong_table(matrix.var, static_cast<std::size_t>(matrix.genes())) : obs;
}

/// Reads a file (or folder) and returns what is wrong with the answer. Refusals leave as exceptions.
using Reader = std::string (*)(const std::filesystem::path&);

inline std::string read_counts(const std::filesystem::path& path) { return wrong_counts(cellvae::read_counts(path)); }

inline std::string read_layer(const std::filesystem::path& path) {
    return wrong_counts(cellvae::read_h5ad(path, {.matrix = "layers/counts"}));
}

inline std::string read_raw(const std::filesystem::path& path) {
    return wrong_counts(cellvae::read_h5ad(path, {.matrix = "raw/X"}));
}

inline std::string read_gene_sets(const std::filesystem::path& path) {
    const auto sets = cellvae::read_gene_sets(path);
    if (sets.empty()) return "there is no set";
    for (const auto& set : sets)
        if (set.name.empty()) return "a set has no name";
    return {};
}

/// What is wrong with a refusal: it has to name the file, in one line of a length that a terminal shows.
inline std::string wrong_refusal(const std::string& text, const std::filesystem::path& folder) {
    if (text.find(folder.string()) == std::string::npos) return "the refusal does not name the file: " + text;
    if (text.find('\n') != std::string::npos) return "the refusal has more than one line: " + text;
    return {};
}

}  // namespace fuzz
