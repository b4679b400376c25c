// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cellvae/core/parameters.hpp"
#include "cellvae/core/product.hpp"
#include "cellvae/data/minibatch.hpp"

namespace cellvae {

/// Whether layers behave as in training (dropout on, statistics of the minibatch) or as for evaluation.
enum class Mode { training, evaluation };

/// What the layers of one forward and backward pass share.
///
/// Rows of activations are samples x cells: row r belongs to the minibatch's cell r % cells and to sample r / cells.
/// Noise is keyed by (seed, step, cell, sample), and so does not depend on the minibatch's layout.
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
};

/// The first `rows` rows of a matrix.
template <class Real, class Space>
[[nodiscard]] MatrixSlice<Real, Space> first_rows(const Matrix<Real, Space>& matrix, Index rows) {
    return MatrixSlice<Real, Space>(matrix.data(), static_cast<std::size_t>(rows), matrix.extent(1));
}

}  // namespace cellvae
