// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cellvae/data/dataset.hpp"
#include "cellvae/models/evaluate.hpp"
#include "cellvae/training/training_options.hpp"

namespace cellvae {

/// What a mixture makes use of, as some cells show it.
struct MixtureUse {
    Index cells = 0;              ///< that were looked at; 0: none was
    Index components = 0;         ///< of the prior
    Index components_in_use = 0;  ///< that are the most probable one of some of the cells
    Index latent = 0;             ///< dimensions of z
    Index active_units = 0;       ///< dimensions whose mean varies over the cells by more than 0.01 (Burda et al. 2016)

    /// Whether there is nothing left to tell cells apart by, or most components have emptied.
    [[nodiscard]] bool collapsed() const {
        return cells > 1 && components > 1 &&
               (active_units == 0 || components_in_use == 1 || 2 * components_in_use < components);
    }
};

/// What became of a mixture whose use is that, and what to try; empty where it did not collapse.
/// @param started its components were placed before (see start_mixture()), or the labels of some cells are known
[[nodiscard]] inline std::string collapse_notice(const MixtureUse& use, const TrainingOptions& options, bool started) {
    if (!use.collapsed()) return {};
    std::string text = message("warning: the mixture collapsed: ", use.components_in_use, " of ", use.components,
                               use.components_in_use == 1 ? " components holds" : " components hold",
                               " cells, and the means of ", use.active_units, " of ", use.latent,
                               " latent dimensions differ between cells (", use.cells, " cells looked at). To try: ");
    const double cluster_weight = options.cluster_kl_weight.value_or(options.kl_weight);
    std::string advice;
    const auto add = [&](const std::string& more) { advice += (advice.empty() ? "" : "; ") + more; };
    if (options.kl_weight > 1)
        add(message("a KL weight of 1 or less, here it is ", options.kl_weight,
                    ", at which telling cells apart costs more than it explains"));
    else if (use.active_units == 0)
        add(message("a KL weight below ", options.kl_weight, ", or some free nats, or more epochs"));
    if (cluster_weight > 1 && cluster_weight != options.kl_weight)
        add(message("a weight of 1 or less of the clusters' KL, here it is ", cluster_weight));
    if (!started)
        add("components that start on groups of a plain model's latent (from Leiden or k-means; fit_clusters() and "
            "start_mixture() in the library)");
    if (advice.empty()) add("fewer epochs, or fewer components: those that overlap empty one another with time");
    return text + advice;
}

namespace training_detail {

/// Whether the prior has a network q(y | x), and so a KL of clusters, a balance of them and a sum over them.
template <class Model>
[[nodiscard]] bool has_cluster_network(const Model& model) {
    if (model.clusters() == 0) return false;
    if constexpr (requires { Model::prior_type::stands_for(PriorKind{}); })
        return model.options().prior == PriorKind::mixture;
    else
        return std::find(Model::term_names.begin(), Model::term_names.end(), std::string_view("kl_y")) !=
               Model::term_names.end();
}

/// @throws OptionError for options that the model's prior would ignore
template <class Model>
void check_prior_options(const Model& model, const TrainingOptions& options) {
    const auto refuse = [&](bool set, std::string_view what) {
        if (set)
            throw OptionError(message("the option ", what, " is of a prior with a network q(y | x), GaussianMixture; ",
                                      model.name(), " would ignore it: leave it out"));
    };
    if (has_cluster_network(model)) return;
    refuse(options.balance > 0, "balance");
    refuse(options.cluster_free_nats > 0, "cluster_free_nats");
    refuse(model.options().mixture.sum.kind != ClusterSumKind::exact, "sum");
    if (model.clusters() > 0) return;
    refuse(options.cluster_kl_weight.has_value(), "cluster_kl_weight");
    refuse(options.cluster_warm_up.has_value(), "cluster_warm_up");
}

/// Whether a mixture prior's components lie where initialise() puts them: all variances one.
template <class Model, class Exec>
[[nodiscard]] bool lies_at_random(const Exec& exec, const Model& model) {
    const auto& store = model.parameters();
    const int id = store.find("prior/log_variance");
    if (model.clusters() < 2 || id < 0) return false;
    const auto host = to_host(exec, KernelLabel("cellvae::train::mixture"), store.value(id));
    for (std::size_t k = 0; k < host.extent(0); ++k)
        for (std::size_t l = 0; l < host.extent(1); ++l)
            if (host(k, l) != 0) return false;
    return true;
}

/// The cells that show what a mixture makes use of: some of the training cells where all lie in memory, and where they
/// are streamed the held-out ones, which every epoch reads.
template <class Exec, CellSource<Exec> Cells>
[[nodiscard]] std::vector<Index> cells_to_look_at(const Cells& data, std::span<const Index> train,
                                                  std::span<const Index> held_out) {
    constexpr std::size_t most = 2000;
    if (data.cells_view.row_offsets.empty()) return {held_out.begin(), held_out.end()};
    const std::size_t count = std::min(train.size(), most);
    std::vector<Index> cells;
    for (std::size_t i = 0; i < count; ++i) cells.push_back(train[i * train.size() / count]);
    return cells;
}

}  // namespace training_detail

/// What the model's mixture makes use of in the cells of `order`; a MixtureUse of no cells for another prior.
template <class Model, class Real, class Exec, CellSource<Exec> Cells>
[[nodiscard]] MixtureUse mixture_use([[maybe_unused]] const Exec& exec, [[maybe_unused]] Model& model,
                                     [[maybe_unused]] const Cells& data, [[maybe_unused]] std::span<const Index> order,
                                     [[maybe_unused]] Minibatch<Real, Exec>& batch) {
    MixtureUse use;
    if constexpr (HasClusters<Model>) {
        use.components = model.clusters();
        use.latent = model.options().latent;
        if (use.components == 0 || order.empty()) return use;
        use.cells = static_cast<Index>(order.size());
        const auto width = static_cast<std::size_t>(use.components);
        const auto latent = static_cast<std::size_t>(use.latent);
        const KernelLabel name("cellvae::mixture_use");
        using Rows = Matrix<Real, typename Exec::memory_space>;
        const auto most = static_cast<std::size_t>(batch.most_cells());
        const Rows log_q(Kokkos::view_alloc(exec, "cellvae::mixture_use::log_q"), most, width);
        const Rows mean(Kokkos::view_alloc(exec, "cellvae::mixture_use::mean"), most, latent);
        std::vector<bool> used(width);
        std::vector<double> sum(latent), squares(latent), first_cell(latent);
        models_detail::for_each_minibatch(exec, data, order, batch, [&](Index first, Index count) {
            model.log_responsibilities(exec, batch, first_rows(log_q, count));
            model.encode(exec, batch, first_rows(mean, count));
            const auto shares = to_host(exec, name, log_q);
            const auto means = to_host(exec, name, mean);
            for (std::size_t cell = 0; cell < static_cast<std::size_t>(count); ++cell) {
                std::size_t best = 0;
                for (std::size_t k = 1; k < width; ++k)
                    if (shares(cell, k) > shares(cell, best)) best = k;
                used[best] = true;
                for (std::size_t l = 0; l < latent; ++l) {
                    // differences to the first cell: sums of squares far from zero would cancel
                    if (first == 0 && cell == 0) first_cell[l] = static_cast<double>(means(cell, l));
                    const double value = static_cast<double>(means(cell, l)) - first_cell[l];
                    sum[l] += value;
                    squares[l] += value * value;
                }
            }
        });
        use.components_in_use = std::count(used.begin(), used.end(), true);
        const auto cells = static_cast<double>(use.cells);
        for (std::size_t l = 0; l < latent && use.cells > 1; ++l)
            use.active_units += (squares[l] - sum[l] * sum[l] / cells) / (cells - 1) > 0.01 ? 1 : 0;
    }
    return use;
}

}  // namespace cellvae
