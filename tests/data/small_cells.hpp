// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/random.hpp"
#include "cellvae/data/window_reader.hpp"

// Small data sets for the tests of what reads cells.

namespace cellvae_tests {

/// Cells x genes from the counts of each cell, written out with their zeros. Cells are called c0, c1, ..., genes g0,
/// g1, ...
inline cellvae::CountMatrix count_matrix(const std::vector<std::vector<float>>& dense) {
    cellvae::CountMatrix matrix;
    for (std::size_t gene = 0; gene < dense.at(0).size(); ++gene)
        matrix.var.names.push_back(cellvae::message("g", gene));
    for (const auto& row : dense) {
        for (std::size_t gene = 0; gene < row.size(); ++gene) {
            if (row[gene] == 0) continue;
            matrix.columns.push_back(static_cast<cellvae::GeneIndex>(gene));
            matrix.values.push_back(row[gene]);
        }
        matrix.obs.names.push_back(cellvae::message("c", matrix.cells()));
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
    }
    return matrix;
}

/// Random counts of which about `share` are not zero, most of them small and some in the thousands. The last gene of a
/// cell whose number is even is never zero.
inline std::vector<std::vector<float>> random_counts(cellvae::Index cells, cellvae::Index genes, double share = 0.3,
                                                     std::uint64_t seed = 1) {
    cellvae::RandomStream random(seed, cellvae::Purpose::test);
    std::vector<std::vector<float>> dense(static_cast<std::size_t>(cells),
                                          std::vector<float>(static_cast<std::size_t>(genes)));
    for (std::size_t cell = 0; cell < dense.size(); ++cell) {
        for (auto& count : dense[cell]) {
            const bool large = random.below(20) == 0;
            const auto value = static_cast<float>(1 + random.below(large ? 3000 : 6));
            count = random.uniform() < share ? value : 0.0f;
        }
        if (cell % 2 == 0 && dense[cell].back() == 0) dense[cell].back() = 2;
    }
    return dense;
}

/// Reads the cells of a matrix as if they lay elsewhere. Read number `fails_at` (from 1) fails; 0: none.
class MatrixReader : public cellvae::CellReader {
public:
    explicit MatrixReader(cellvae::CountMatrix matrix, int fails_at = 0)
        : matrix_(std::move(matrix)), names_(matrix_), fails_at_(fails_at) {
        names_.row_offsets = {0};
        names_.columns.clear();
        names_.values.clear();
    }
    [[nodiscard]] const cellvae::CountMatrix& annotations() const override { return names_; }
    void read(std::span<const cellvae::Index> cells, cellvae::CountMatrix& rows) override {
        if (++reads == fails_at_) throw cellvae::InputError("the disk is on fire");
        most_cells = std::max(most_cells, cells.size());
        rows.row_offsets.assign(1, 0);
        rows.columns.clear();
        rows.values.clear();
        for (const auto cell : cells) {
            for (auto k = matrix_.row_offsets[static_cast<std::size_t>(cell)];
                 k < matrix_.row_offsets[static_cast<std::size_t>(cell) + 1]; ++k) {
                rows.columns.push_back(matrix_.columns[static_cast<std::size_t>(k)]);
                rows.values.push_back(matrix_.values[static_cast<std::size_t>(k)]);
            }
            rows.row_offsets.push_back(static_cast<std::int64_t>(rows.values.size()));
        }
    }
    /// Gives one more count from here on, as a file that somebody changes.
    void change() {
        matrix_.columns.push_back(0);
        matrix_.values.push_back(1);
        matrix_.row_offsets.back() += 1;
    }

    int reads = 0;
    std::size_t most_cells = 0;

private:
    cellvae::CountMatrix matrix_, names_;
    int fails_at_;
};

}  // namespace cellvae_tests
