// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cellvae/clustering/merge_components.hpp"
#include "clustering.hpp"
#include "request.hpp"

// The clusters that a mixture itself found.

namespace cellvae::program {

/// Which components of a mixture make up one cluster.
struct ComponentClusters {
    std::vector<std::int32_t> cluster_of;  ///< of each component, -1: none
    std::vector<std::string> names;        ///< of the clusters
    std::string from;                      ///< why so many
    int components_in_use = 0;             ///< that are the most probable one of some cell
    double overlap = 0;                    ///< the largest that is left between two clusters of the first merge
    std::vector<UnimodalPair> merges;      ///< of the second one, in its numbers
    int merges_taken_back = 0;             ///< of the two
};

/// After training: the components merged; where labels were known, each component is that label's. Warns where
/// components died, and says what was merged.
[[nodiscard]] ComponentClusters cluster_components(const Trained& trained, const Annotated& annotated,
                                                   const ComponentMergeOptions& merge);

/// As training left it in the model file.
[[nodiscard]] ComponentClusters cluster_components(const ModelDescription& description);

struct MixtureClusters {
    Clusters clusters;
    Categorical column;             ///< of obs
    std::vector<double> certainty;  ///< of each cell: the responsibility of its cluster
};

/// The cluster of each cell: the one whose components together are responsible for most of it.
/// @param responsibilities cells x components
[[nodiscard]] MixtureClusters mixture_clusters(std::span<const float> responsibilities,
                                               const ComponentClusters& components);

/// The cluster of each cell where labels are known: these, spread over the neighbours in the latent, and how certain
/// that is.
[[nodiscard]] MixtureClusters label_clusters(const Kokkos::DefaultHostExecutionSpace& host, const Coordinates& latent,
                                             std::span<const std::int32_t> known, const ComponentClusters& components);

/// Adds what the mixture's clusters are like to the scores.
void add_mixture_scores(nlohmann::ordered_json& scores, const Trained& trained, const ComponentClusters& components,
                        const MixtureClusters& found, const std::optional<KnownLabels>& labels);

/// Adds how other clusters agree with the labels: k-means (as many as labels) and Leiden (resolutions .3, .6 and 1) on
/// the latent, and the mixture's components merged otherwise: merge_OVERLAP_LEVEL.
void add_comparison(nlohmann::ordered_json& scores, const Kokkos::DefaultHostExecutionSpace& host,
                    const Trained& trained, const Coordinates& latent, const std::optional<KnownLabels>& labels,
                    std::uint64_t seed);

}  // namespace cellvae::program
