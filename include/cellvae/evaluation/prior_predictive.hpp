// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "cellvae/evaluation/decoded_kernels.hpp"
#include "cellvae/models/evaluate.hpp"

namespace cellvae {

struct PriorPredictiveOptions {
    std::vector<GeneIndex> genes{};  ///< numbers of the genes that are wanted, in the order wanted; empty: all
    std::vector<Index> clusters{};   ///< of a prior with clusters, those that cells are drawn from; empty: all
    std::uint64_t seed = 0;
};

/// Takes `count` new cells from number `first` on: count x genes, row-major, and of each the cluster that it was drawn
/// from (0 for a prior without). They are there for the length of the call.
using TakeNewCells = std::function<void(Index first, Index count, std::span<const float> values,
                                        std::span<const std::int32_t> clusters)>;

/// New cells from the model alone: z from the prior, and each gene from p(x | z). Library sizes and conditions are
/// those of `data`, whose counts are not looked at: see cells_without_counts(). The numbers are keyed by (seed, cell,
/// gene): the same whatever the minibatches and threads.
///
/// @throws OptionError for clusters that the prior does not have @throws ShapeError for a gene that the model does not
template <class Model, class Real, class Exec>
void sample_prior_predictive(const Exec& exec, Model& model, const Dataset<Exec>& data, Minibatch<Real, Exec>& batch,
                             const PriorPredictiveOptions& options, const TakeNewCells& take) {
    using Space = typename Exec::memory_space;
    model.require_fit(data);
    DecodedGenes<Model> genes(exec, model, options.genes);
    const auto width = static_cast<std::size_t>(genes.size());
    const auto most = static_cast<std::size_t>(batch.most_cells());
    const auto latent = static_cast<std::size_t>(model.options().latent);
    const Matrix<Real, Space> z(Kokkos::view_alloc(exec, "cellvae::prior_predictive::z"), most, latent);
    const Matrix<float, Space> values(Kokkos::view_alloc(exec, "cellvae::prior_predictive::values"), most, width);
    const Vector<Index, Space> row(Kokkos::view_alloc(exec, "cellvae::prior_predictive::row"), most);
    const Vector<std::int32_t, Space> cluster(Kokkos::view_alloc(exec, "cellvae::prior_predictive::cluster"), most);
    const auto host = Kokkos::create_mirror_view(values);
    const auto host_cluster = Kokkos::create_mirror_view(cluster);
    const KernelLabel name("cellvae::prior_predictive");
    models_detail::for_each_minibatch(exec, data, all_cells(data), batch, [&](Index first, Index count) {
        const auto rows = first_rows(z, count);
        model.sample_prior(exec, batch, options.clusters, options.seed, rows, cluster);
        model.decode(exec, batch, rows, [&](auto draws) {
            draws.pass.seed = options.seed;
            evaluation_detail::choose_rows(draws, 0, row);
            genes.for_each_panel(
                draws, [&](const auto& panel) { evaluation_detail::sample_values(draws, panel, 0, row, values); });
        });
        read_back(exec, name, host, values);
        read_back(exec, name, host_cluster, cluster);
        const auto some = static_cast<std::size_t>(count);
        take(first, count, {host.data(), some * width}, {host_cluster.data(), some});
    });
}

/// Cells of those genes without a count, each with a library size: what new cells are drawn for.
/// @throws OptionError unless there is a cell and the library size is above 0 and none that check_library() refuses
[[nodiscard]] inline CountMatrix cells_without_counts(Index cells, std::span<const std::string> genes,
                                                      double library_size) {
    if (cells < 1) throw OptionError(message("at least one new cell is needed, found ", cells));
    if (!(library_size > 0)) throw OptionError(message("a library size is above 0, found ", library_size));
    evaluation_detail::check_library(library_size);
    CountMatrix result;
    result.row_offsets.assign(static_cast<std::size_t>(cells) + 1, 0);
    result.var.names.assign(genes.begin(), genes.end());
    result.library_sizes.assign(static_cast<std::size_t>(cells), library_size);
    for (Index cell = 0; cell < cells; ++cell) result.obs.names.push_back("cell" + std::to_string(cell + 1));
    return result;
}

}  // namespace cellvae
