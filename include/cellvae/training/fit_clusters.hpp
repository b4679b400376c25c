// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/clustering/merge_components.hpp"
#include "cellvae/data/split.hpp"
#include "cellvae/models/evaluate.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "cellvae/priors/standard_gaussian.hpp"
#include "cellvae/training/epochs.hpp"
#include "cellvae/training/mixture_start.hpp"
#include "cellvae/training/one_cluster_notice.hpp"
#include "cellvae/training/trainer.hpp"

namespace cellvae {

/// Groups of the rows of a latent, numbered from 0.
using LatentGroups = std::function<std::vector<std::int32_t>(std::span<const float> values, Index rows, Index columns)>;

/// What fit_clusters() does; what is not said is as in `cellvae train --prior marginal_mixture`.
struct FitClustersOptions {
    ModelOptions model{.normalisation = Normalisation::layer,
                       .dropout = 0.1,
                       .scale = MeanScale::library,
                       .products = ProductPrecision::fastest};
    TrainingOptions plain{.epochs = 0};     ///< of the plain model; epochs 0: by the number of cells (epochs.hpp)
    TrainingOptions training{.epochs = 0};  ///< of the mixture, likewise
    double held_out = 0.1;                  ///< share of the cells that is not trained on
    int components = 15;                    ///< that k-means places, where there are no groups
    LatentGroups groups{};                  ///< of the plain model's latent, where components are placed instead
    ComponentMergeOptions merge{};          ///< how components become clusters
    std::uint64_t seed = 1;                 ///< of all of it
};

/// Cells in clusters, and the model that found them.
template <class Model>
struct FittedClusters {
    std::unique_ptr<Model> model;
    ComponentMerge clusters;              ///< `clusters.labels`: of each cell, numbered by size from 0
    std::vector<float> latent;            ///< cells x latent: means of q(z | x)
    std::vector<float> responsibilities;  ///< cells x components
    double held_out_bound = 0;            ///< mean over the held-out cells; of no meaning without such
    std::vector<std::string> notices;     ///< what there is to say: that the mixture collapsed, for one
};

/// The model of fit_clusters().
template <class L, class Network, class Exec>
using ClusterModel = Vae<Network, MarginalGaussianMixture, L, float, Exec>;

/// Finds clusters of cells, whose number need not be known: a plain model is trained; components of a mixture are
/// placed on groups of its latent; the model with the mixture is trained from there, every component summed out
/// (marginal_gaussian_mixture.hpp); components that are not separate become one (merge_components.hpp). A mixture that
/// starts from random values instead loses components.
///
/// @tparam L the likelihood @tparam Network of encoder and decoder
/// @param data with as many cells as are to be trained on and held out, and no known labels; standardised input is best
/// @throws OptionError, ShapeError, NumericalError as train() and merge_components() do, and OptionError for data with
///         known labels: groups are numbered in an order of their own, which would not be the labels'
template <class L, class Network = Mlp<Relu>, class Exec>
[[nodiscard]] FittedClusters<ClusterModel<L, Network, Exec>> fit_clusters(const Exec& exec, const Dataset<Exec>& data,
                                                                          FitClustersOptions options = {}) {
    const Kokkos::DefaultHostExecutionSpace host;
    if (data.largest_label >= 0)
        throw OptionError(
            "fit_clusters() takes no known labels: leave them out of the data, or place the components by them with "
            "start_mixture() and call train()");
    const auto split = split_cells(data.cells(), {.held_out = options.held_out, .seed = options.seed});
    options.model.seed = options.plain.seed = options.training.seed = options.merge.seed = options.seed;
    if (options.model.shared.empty()) options.model.shared = scatter_parameters<L>();
    const auto choose_epochs = [&](TrainingOptions& stage, const EpochRule& rule) {
        if (stage.epochs == 0) stage.epochs = epochs_by(rule, data.cells(), options.held_out, stage.minibatch);
    };
    choose_epochs(options.plain, plain_before_mixture);
    choose_epochs(options.training, mixture_after_plain);

    Vae<Network, StandardGaussian, L, float, Exec> plain(exec, data.genes(), options.model);
    plain.start_from(exec, data);
    auto notices = train(exec, plain, data, split, options.plain).notices;
    const auto add_notices = [&notices](std::vector<std::string> more) {
        notices.insert(notices.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    };
    const auto before = latent_means(exec, plain, data);
    std::vector<std::int32_t> start;
    if (options.groups) start = options.groups(before, data.cells(), options.model.latent);
    if (!start.empty()) options.components = 1 + *std::max_element(start.begin(), start.end());
    options.model.mixture.clusters = options.components;
    const auto fit = fit_mixture(host, before, data.cells(), options.model.latent,
                                 {.components = options.components, .start = start, .seed = options.seed});

    FittedClusters<ClusterModel<L, Network, Exec>> found;
    found.model = std::make_unique<ClusterModel<L, Network, Exec>>(exec, data.genes(), options.model);
    auto& model = *found.model;
    model.start_from(exec, data);
    copy_parameters(exec, plain.parameters(), model.parameters());
    copy_parameters(exec, plain.state(), model.state());
    start_mixture(exec, model.parameters(), fit);
    add_notices(train(exec, model, data, split, options.training).notices);

    Minibatch<typename decltype(plain)::real_type, Exec> batch(exec, data, options.training.minibatch);
    if (!split.held_out.empty())
        found.held_out_bound = mean_bound(exec, model, data, split.held_out, batch, options.seed)[0];
    found.latent = latent_means(exec, model, data, batch);
    found.responsibilities = responsibilities(exec, model, data, batch);
    found.clusters =
        merge_components(found.responsibilities, options.components, found.latent, options.model.latent, options.merge);
    add_notices(taken_back_notices(found.clusters));
    const auto in_use = std::count_if(found.clusters.cluster_of.begin(), found.clusters.cluster_of.end(),
                                      [](std::int32_t cluster) { return cluster >= 0; });
    if (found.clusters.clusters == 1 && options.components > 1 && options.merge.clusters != 1)
        add_notices({one_cluster_notice(options.components, in_use, options.training.kl_weight)});
    found.notices = std::move(notices);
    return found;
}

}  // namespace cellvae
