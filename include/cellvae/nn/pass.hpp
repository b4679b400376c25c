// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "cellvae/core/parameters.hpp"
#include "cellvae/core/product.hpp"
#include "cellvae/data/minibatch.hpp"

namespace cellvae {

/// Whether layers behave as in training (dropout on, statistics of the minibatch) or as for evaluation.
enum class Mode { training, evaluation };

/// Which cell of the minibatch a row of activations belongs to, and which block: its sample, or its cluster. All rows
/// of a pass are blocks x cells: row r belongs to cell r % cells and to block r / cells. Where some are left out, the
/// rows that are there follow one another in the same order, and `kept` has the number of each among all.
template <class Space>
struct RowCells {
    Index cells = 1;
    VectorSlice<const Index, Space> kept{};  ///< rows, ascending; empty where all rows are there

    KOKKOS_INLINE_FUNCTION Index number(Index row) const { return kept.extent(0) == 0 ? row : kept(row); }
    KOKKOS_INLINE_FUNCTION Index cell(Index row) const { return number(row) % cells; }
    KOKKOS_INLINE_FUNCTION Index block(Index row) const { return number(row) / cells; }
};

/// What the layers of one forward and backward pass share.
///
/// Rows of activations are blocks x cells, where some may be left out (see RowCells). Noise is keyed by (seed, step,
/// cell, sample), and so does not depend on the minibatch's layout.
template <class Real, class Exec>
struct Pass {
    Exec exec;
    const Products<Real, Exec>* products;
    const ParameterStore<Real, Exec>* parameters;
    const ParameterStore<Real, Exec>* state;  ///< running statistics, which no gradient reaches
    const Minibatch<Real, Exec>* batch;
    std::uint64_t seed = 0;
    std::uint32_t step = 0;
    Mode mode = Mode::training;
    double temperature = 1;                                             ///< of a relaxed choice of clusters
    double input_noise = 0;                                             ///< standard deviation; 0 in evaluation
    VectorSlice<const Index, typename Exec::memory_space> kept_rows{};  ///< of the decoder; empty: all (see RowCells)
    std::optional<double> cluster_beta{};  ///< weight of the KL of clusters; empty: that of the latent's
    double balance = 0;                    ///< weight of the balance of clusters; 0 in evaluation

    [[nodiscard]] RowCells<typename Exec::memory_space> row_cells() const { return {batch->cells(), kept_rows}; }
};

/// The first `rows` rows of a matrix.
template <class Real, class Space>
[[nodiscard]] MatrixSlice<Real, Space> first_rows(const Matrix<Real, Space>& matrix, Index rows) {
    return MatrixSlice<Real, Space>(matrix.data(), static_cast<std::size_t>(rows), matrix.extent(1));
}

}  // namespace cellvae
