// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"

namespace cellvae {

/// Some rows of a table of annotations, in the order given.
[[nodiscard]] inline Annotations keep_rows(const Annotations& table, std::span<const GeneIndex> rows) {
    const auto kept = [&](const auto& values) {
        std::remove_cvref_t<decltype(values)> result;
        result.reserve(rows.size());
        for (const GeneIndex row : rows) result.push_back(values[static_cast<std::size_t>(row)]);
        return result;
    };
    Annotations result;
    result.index_name = table.index_name;
    result.names = kept(table.names);
    for (const auto& column : table.columns)
        result.columns.push_back(
            {column.name, std::visit(
                              [&](const auto& values) -> ColumnValues {
                                  if constexpr (std::is_same_v<decltype(values), const Categorical&>)
                                      return Categorical{values.categories, kept(values.codes), values.ordered};
                                  else
                                      return kept(values);
                              },
                              column.values)});
    return result;
}

namespace data_detail {

/// @throws OptionError unless the positions ascend within 0 .. size - 1. `what` is "cell" or "gene".
inline void require_ascending(std::span<const GeneIndex> positions, Index size, const char* what) {
    for (std::size_t i = 0; i < positions.size(); ++i) {
        if (positions[i] < 0 || positions[i] >= size)
            throw OptionError(message(what, "s to keep: found ", what, ' ', positions[i], ", but there are ", size));
        if (i > 0 && positions[i] <= positions[i - 1])
            throw OptionError(message(what, "s to keep: found ", what, ' ', positions[i], " after ", positions[i - 1],
                                      ", expected them to ascend, each once"));
    }
}

/// Gives every gene of the counts another number, in place, and takes those with a negative one out. The genes' names
/// and the library sizes stay as they are.
inline void renumber_genes(CountMatrix& counts, std::span<const GeneIndex> numbers) {
    std::size_t kept = 0;
    std::size_t begin = 0;
    for (std::size_t cell = 0; cell + 1 < counts.row_offsets.size(); ++cell) {
        const auto end = static_cast<std::size_t>(counts.row_offsets[cell + 1]);
        for (std::size_t k = begin; k < end; ++k) {
            const GeneIndex gene = numbers[static_cast<std::size_t>(counts.columns[k])];
            if (gene < 0) continue;
            counts.columns[kept] = gene;
            counts.values[kept++] = counts.values[k];
        }
        begin = end;
        counts.row_offsets[cell + 1] = static_cast<std::int64_t>(kept);
    }
    counts.columns.resize(kept);
    counts.values.resize(kept);
}

/// Takes the genes that are not listed out of the matrix, in place: nothing is held twice. Library sizes stay as they
/// are.
inline void drop_other_genes(CountMatrix& counts, std::span<const GeneIndex> genes) {
    require_ascending(genes, counts.genes(), "gene");
    std::vector<GeneIndex> numbers(static_cast<std::size_t>(counts.genes()), -1);
    for (std::size_t i = 0; i < genes.size(); ++i)
        numbers[static_cast<std::size_t>(genes[i])] = static_cast<GeneIndex>(i);
    renumber_genes(counts, numbers);
    counts.var = keep_rows(counts.var, genes);
}

}  // namespace data_detail

/// Keeps the cells that are listed, in place: nothing is held twice.
/// @param cells ascending, without repetition
/// @throws OptionError if a cell is not in the matrix or the cells do not ascend
inline void drop_other_cells(CountMatrix& counts, std::span<const GeneIndex> cells) {
    data_detail::require_ascending(cells, counts.cells(), "cell");
    std::size_t kept = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto cell = static_cast<std::size_t>(cells[i]);
        const auto begin = static_cast<std::size_t>(counts.row_offsets[cell]);
        const auto end = static_cast<std::size_t>(counts.row_offsets[cell + 1]);
        // offsets of cells before this one were used already: they may be overwritten
        counts.row_offsets[i] = static_cast<std::int64_t>(kept);
        for (std::size_t k = begin; k < end; ++k, ++kept) {
            counts.columns[kept] = counts.columns[k];
            counts.values[kept] = counts.values[k];
        }
        if (!counts.library_sizes.empty()) counts.library_sizes[i] = counts.library_sizes[cell];
    }
    counts.row_offsets.resize(cells.size() + 1);
    counts.row_offsets.back() = static_cast<std::int64_t>(kept);
    counts.columns.resize(kept);
    counts.values.resize(kept);
    if (!counts.library_sizes.empty()) counts.library_sizes.resize(cells.size());
    counts.obs = keep_rows(counts.obs, cells);
}

}  // namespace cellvae
