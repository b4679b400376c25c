// SPDX-License-Identifier: Apache-2.0
// What a user's program may do with Kokkos, Eigen and Random123 alone: it trains a model on arrays of its own.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "cellvae/core/version.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/training/trainer.hpp"

int main() {
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    using Counts = cellvae::ZeroInflated<cellvae::NegativeBinomial<>>;

    // Counts of two kinds of cells, in compressed rows: each kind expresses its own half of the genes.
    constexpr int cells = 200, genes = 150;
    std::vector<std::int64_t> row_offsets{0};
    std::vector<std::int32_t> columns;
    std::vector<float> values;
    cellvae::RandomStream random(1, cellvae::Purpose::simulation);
    for (int cell = 0; cell < cells; ++cell) {
        for (int gene = 0; gene < genes; ++gene) {
            if (random.uniform() > (cell % 2 == gene % 2 ? 0.8 : 0.1)) continue;
            columns.push_back(gene);
            values.push_back(static_cast<float>(1 + random.below(5)));
        }
        row_offsets.push_back(static_cast<std::int64_t>(values.size()));
    }
    const cellvae::CellsView counts(row_offsets, columns, values, genes);

    const Kokkos::DefaultExecutionSpace exec;
    const auto data = cellvae::make_dataset<Counts>(exec, counts);
    cellvae::Vae<cellvae::Mlp<cellvae::Relu>, cellvae::StandardGaussian, Counts> model(
        exec, genes, {.latent = 3, .hidden = {32}, .scale = cellvae::MeanScale::library, .seed = 1});
    model.start_from(exec, data);
    const auto split = cellvae::split_cells(cells, {.held_out = 0.2, .seed = 1});
    const auto result = cellvae::train(exec, model, data, split, {.epochs = 10, .minibatch = 32, .seed = 1});

    const double before = (*result.history.front().held_out)[0];
    const double after = (*result.history[static_cast<std::size_t>(result.best_epoch) - 1].held_out)[0];
    std::printf("cellvae %d.%d.%d: the bound of the held-out cells rose from %.2f to %.2f\n", cellvae::version_major,
                cellvae::version_minor, cellvae::version_patch, before, after);
    return std::isfinite(after) && after > before ? 0 : 1;
}
