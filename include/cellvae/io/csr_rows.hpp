// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/in_threads.hpp"
#include "cellvae/io/read_result.hpp"

namespace cellvae::io_detail {

/// Whether entries [begin, end) of a row are in CountMatrix's form: genes ascend and no count is zero.
inline bool is_tidy(const CountMatrix& matrix, std::size_t begin, std::size_t end) {
    bool untidy = false;  // looked at without branches: nearly every row is tidy
    for (std::size_t k = begin + 1; k < end; ++k) untidy |= matrix.columns[k - 1] >= matrix.columns[k];
    for (std::size_t k = begin; k < end; ++k) untidy |= matrix.values[k] == 0;
    return !untidy;
}

/// Whether the genes of every row ascend, seen while they are read, in pieces and by several threads: a matrix that is
/// looked at once more comes from the memory once more.
class AscentWatch {
public:
    /// Threads call this, once for every piece.
    void operator()(std::size_t position, const GeneIndex* genes, std::size_t count) {
        if (count == 0) return;
        std::int32_t falls = 0;  // without branches
        for (std::size_t k = 1; k < count; ++k) falls += genes[k - 1] >= genes[k] ? 1 : 0;
        const std::lock_guard lock(mutex_);
        falls_ += falls;
        pieces_.push_back(position);
    }

    /// All pieces have been seen: whether genes fall only where a row begins.
    [[nodiscard]] bool all_ascend(const CountMatrix& matrix) const {
        const auto falls_at = [&](std::size_t k) {
            return k > 0 && k < matrix.columns.size() && matrix.columns[k - 1] >= matrix.columns[k];
        };
        std::int64_t falls = falls_, between_rows = 0;
        for (const std::size_t piece : pieces_) falls += falls_at(piece) ? 1 : 0;
        for (std::size_t row = 1; row < matrix.row_offsets.size(); ++row)
            if (matrix.row_offsets[row] > matrix.row_offsets[row - 1])
                between_rows += falls_at(static_cast<std::size_t>(matrix.row_offsets[row - 1])) ? 1 : 0;
        return falls == between_rows;
    }

private:
    std::mutex mutex_;
    std::int64_t falls_ = 0;           // within pieces
    std::vector<std::size_t> pieces_;  // where they begin
};

/// A flag for each row: whether it is tidy. Looked at by threads.
inline std::vector<char> tidy_ones(const CountMatrix& matrix) {
    const auto rows = static_cast<std::size_t>(matrix.cells());
    std::vector<char> tidy(rows);
    constexpr std::size_t at_once = 1024;
    core_detail::in_threads(core_detail::reading_threads(), (rows + at_once - 1) / at_once, [&](std::size_t block) {
        for (std::size_t row = block * at_once; row < std::min(rows, (block + 1) * at_once); ++row)
            tidy[row] = is_tidy(matrix, static_cast<std::size_t>(matrix.row_offsets[row]),
                                static_cast<std::size_t>(matrix.row_offsets[row + 1]))
                            ? 1
                            : 0;
    });
    return tidy;
}

/// Brings every row into CountMatrix's form, in place: genes ascend, entries of the same gene are added, zeros go.
/// @param on_repeat called with cell and gene where a gene comes twice; it may refuse that
template <class OnRepeat>
void tidy_rows(CountMatrix& matrix, const OnRepeat& on_repeat) {
    std::vector<std::pair<GeneIndex, float>> row;
    const std::vector<char> is_tidy = tidy_ones(matrix);
    std::size_t kept = 0;
    auto begin = static_cast<std::size_t>(matrix.row_offsets.front());
    for (std::size_t cell = 0; cell + 1 < matrix.row_offsets.size(); ++cell) {
        const auto end = static_cast<std::size_t>(matrix.row_offsets[cell + 1]);
        const bool tidy = is_tidy[cell] != 0;
        if (!tidy && !std::is_sorted(matrix.columns.begin() + static_cast<std::ptrdiff_t>(begin),
                                     matrix.columns.begin() + static_cast<std::ptrdiff_t>(end))) {
            row.clear();
            for (std::size_t k = begin; k < end; ++k) row.emplace_back(matrix.columns[k], matrix.values[k]);
            std::stable_sort(row.begin(), row.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
            for (std::size_t k = begin; k < end; ++k) std::tie(matrix.columns[k], matrix.values[k]) = row[k - begin];
        }
        if (tidy && kept == begin) {  // it lies where it should
            begin = kept = end;
            continue;
        }
        for (std::size_t k = begin; k < end;) {
            const GeneIndex gene = matrix.columns[k];
            double sum = static_cast<double>(matrix.values[k++]);
            if (k < end && matrix.columns[k] == gene) on_repeat(cell, gene);
            for (; k < end && matrix.columns[k] == gene; ++k) sum += static_cast<double>(matrix.values[k]);
            if (sum == 0) continue;
            matrix.columns[kept] = gene;
            matrix.values[kept++] = static_cast<float>(sum);
        }
        begin = end;
        matrix.row_offsets[cell + 1] = static_cast<std::int64_t>(kept);
    }
    matrix.columns.resize(kept);
    matrix.values.resize(kept);
}

inline void tidy_rows(CountMatrix& matrix) {
    tidy_rows(matrix, [](std::size_t, GeneIndex) {});
}

/// Makes compressed rows (cells) of compressed columns (genes) that come as piles; frees the piles as it goes.
/// @param gene_offsets genes + 1 positions in the piles
/// @param cell_of the cell of each nonzero, ascending within a gene
inline void transpose_into(CountMatrix& matrix, const std::vector<std::int64_t>& gene_offsets, Pile<GeneIndex>& cell_of,
                           Pile<float>& values, std::size_t cells) {
    matrix.row_offsets.assign(cells + 1, 0);
    for (std::size_t number = 0; number < cell_of.blocks(); ++number)
        for (const GeneIndex cell : cell_of.block(number)) ++matrix.row_offsets[static_cast<std::size_t>(cell) + 1];
    for (std::size_t cell = 0; cell < cells; ++cell) matrix.row_offsets[cell + 1] += matrix.row_offsets[cell];
    matrix.columns.resize(cell_of.size());
    matrix.values.resize(cell_of.size());
    std::vector<std::int64_t> next(matrix.row_offsets.begin(), matrix.row_offsets.end() - 1);
    std::int64_t position = 0;
    std::size_t gene = 0;
    for (std::size_t number = 0; number < cell_of.blocks(); ++number) {
        const auto& block_cells = cell_of.block(number);
        const auto& block_values = values.block(number);
        for (std::size_t k = 0; k < block_cells.size(); ++k, ++position) {
            while (gene_offsets[gene + 1] <= position) ++gene;
            const auto to = static_cast<std::size_t>(next[static_cast<std::size_t>(block_cells[k])]++);
            matrix.columns[to] = static_cast<GeneIndex>(gene);
            matrix.values[to] = block_values[k];
        }
        cell_of.release(number);
        values.release(number);
    }
}

}  // namespace cellvae::io_detail
