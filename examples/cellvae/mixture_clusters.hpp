// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "clustering.hpp"
#include "request.hpp"

// The clusters that a mixture itself found.

namespace cellvae::program {

struct MixtureClusters {
    Clusters clusters;
    Categorical column;             ///< of obs
    std::vector<double> certainty;  ///< of each cell: the responsibility of its cluster
    int components_in_use = 0;      ///< that are the most probable one of some cell
    double entropy = 0;             ///< of q(y | x), mean over cells, in nats
    double overlap = 0;             ///< the largest that is left between two clusters
};

/// The mixture's clusters: components that overlap more than `merge` are one; where labels were known, each component
/// is that label's. Warns where components died.
[[nodiscard]] MixtureClusters mixture_clusters(const Trained& trained, const Annotated& annotated, double merge);

/// Adds what the mixture's clusters are like to the scores.
void add_mixture_scores(nlohmann::ordered_json& scores, const Trained& trained, const MixtureClusters& found,
                        const std::optional<KnownLabels>& labels);

/// Adds how k-means (as many clusters as labels) and Leiden (resolutions .3, .6 and 1) on the latent agree with labels.
void add_comparison(nlohmann::ordered_json& scores, const Kokkos::DefaultHostExecutionSpace& host,
                    const Coordinates& latent, const std::optional<KnownLabels>& labels, std::uint64_t seed);

}  // namespace cellvae::program
