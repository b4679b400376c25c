// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "../data/small_cells.hpp"
#include "cellvae/models/vae.hpp"

// Small models for the tests, on the host and in double.

namespace cellvae_tests {

using cellvae::Index;
using HostExec = Kokkos::DefaultHostExecutionSpace;

template <class L, class Encoder = cellvae::Mlp<>, class Prior = cellvae::StandardGaussian>
using SmallVae = cellvae::Vae<Encoder, Prior, L, double, HostExec>;

inline Kokkos::View<Index*, HostExec> order_of(const std::vector<Index>& cells) {
    Kokkos::View<Index*, HostExec> order("order", cells.size());
    for (std::size_t i = 0; i < cells.size(); ++i) order(i) = cells[i];
    return order;
}

/// Random cells, a model of them whose parameters are all away from where they start, and a minibatch of all cells.
template <class L, class Encoder = cellvae::Mlp<>, class Prior = cellvae::StandardGaussian>
struct SmallModel {
    HostExec exec;
    cellvae::CountMatrix matrix;
    std::vector<std::int32_t> conditions;
    cellvae::Dataset<HostExec> data;
    SmallVae<L, Encoder, Prior> model;
    cellvae::Minibatch<double, HostExec> batch;

    /// @param spread of the parameters, which are uniform around 0 (gains of a normalisation: around 1)
    /// @param labels known clusters of the cells, or none. The cells' conditions are 0, 1, ... in turn.
    SmallModel(Index cells, Index genes, const cellvae::ModelOptions& options, double spread = 0.6,
               const std::vector<std::int32_t>& labels = {})
        : matrix(count_matrix(random_counts(cells, genes, 0.4))),
          conditions(conditions_of(cells, options.conditions)),
          data(cellvae::make_dataset<L, HostExec>(exec, matrix, {.labels = labels, .conditions = conditions})),
          model(exec, genes, options),
          batch(exec, data, cells) {
        cellvae::RandomStream random(17, cellvae::Purpose::test);
        for (const auto& entry : model.parameters().entries()) {
            const auto slice = model.parameters().value(model.parameters().find(entry.name));
            const double centre = entry.name.ends_with("gain") ? 1 : 0;
            for (std::size_t r = 0; r < slice.extent(0); ++r)
                for (std::size_t c = 0; c < slice.extent(1); ++c)
                    slice(r, c) = centre + spread * (2 * random.uniform() - 1);
        }
        std::vector<Index> all(static_cast<std::size_t>(cells));
        for (std::size_t cell = 0; cell < all.size(); ++cell) all[cell] = static_cast<Index>(cell);
        batch.assemble(exec, data, order_of(all));
        model.reserve(exec, batch);
        model.apply_mask(exec);
        exec.fence();
    }

private:
    static std::vector<std::int32_t> conditions_of(Index cells, Index count) {
        std::vector<std::int32_t> codes;
        for (Index cell = 0; cell < cells && count > 0; ++cell)
            codes.push_back(static_cast<std::int32_t>(cell % count));
        return codes;
    }
};

}  // namespace cellvae_tests
