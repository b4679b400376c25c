// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/clustering/merge_check.hpp"
#include "cellvae/clustering/merge_clusters.hpp"
#include "cellvae/clustering/merge_unimodal.hpp"

namespace cellvae {

/// When components of a mixture are one cluster.
struct ComponentMergeOptions {
    double overlap = 0.05;  ///< where they overlap more, see merge_clusters(); 1: never
    double level = 0.0001;  ///< then where their rows are unimodal together at it, see merge_unimodal(); 0: never
    /// So many clusters, where at least as many components have rows: merging ends there, or goes on to there with the
    /// pairs that are nearest to being one. 0: as many as there are.
    int clusters = 0;
    /// A merge that leaves less than this share of the clusters' mean silhouette is taken back, and one that leaves one
    /// cluster by MergeCheckOptions::share_of_one, see blurring_merge(); 0: none is. Not looked at where a number of
    /// clusters is asked for.
    double silhouette_share = MergeCheckOptions().share;
    std::uint64_t seed = 0;  ///< of the rows that the second merge takes of a larger cluster
};

/// Which components of a mixture make up one cluster.
struct ComponentMerge {
    std::vector<std::int32_t> labels;      ///< of each row: the cluster that is responsible for most of it
    std::vector<std::int32_t> cluster_of;  ///< of each component; -1 where its cluster has no row
    int clusters = 0;                      ///< numbered by size from 0, the largest first; each has a row
    double overlap = 0;                    ///< the largest that was left between two clusters of the first merge
    std::vector<UnimodalPair> merges;      ///< of the second merge, in the first one's numbers
    std::optional<BlurringMerge> overlap_taken_back;   ///< the first merge, where it was,
    std::optional<BlurringMerge> unimodal_taken_back;  ///< and the second
};

/// What there is to say of the merges that were taken back: a sentence each.
[[nodiscard]] inline std::vector<std::string> taken_back_notices(const ComponentMerge& merge) {
    std::vector<std::string> notices;
    if (merge.overlap_taken_back)
        notices.push_back(blurring_notice("components that overlap", *merge.overlap_taken_back));
    if (merge.unimodal_taken_back)
        notices.push_back(blurring_notice("clusters that are unimodal together", *merge.unimodal_taken_back));
    return notices;
}

/// The cluster of each row: the one whose components together are responsible for most of it, of equal ones the first.
/// @param responsibilities rows x components @param cluster_of of each component, below `clusters`, or -1
/// @throws ShapeError for sizes that do not fit
[[nodiscard]] inline std::vector<std::int32_t> clusters_of_rows(std::span<const float> responsibilities,
                                                                std::span<const std::int32_t> cluster_of,
                                                                int clusters) {
    const std::size_t components = cluster_of.size();
    if (components == 0) throw ShapeError("there are no components: one is the least");
    if (responsibilities.size() % components != 0)
        throw ShapeError(message(responsibilities.size(), " responsibilities are no whole rows of ", components));
    if (*std::max_element(cluster_of.begin(), cluster_of.end()) >= std::max(clusters, 1))
        throw ShapeError(
            message("a component is of a cluster that is not there: there are ", clusters, ", numbered from 0"));
    std::vector<std::int32_t> labels;
    labels.reserve(responsibilities.size() / components);
    std::vector<double> sums(static_cast<std::size_t>(std::max(clusters, 1)));
    for (std::size_t row = 0; row + components <= responsibilities.size(); row += components) {
        std::fill(sums.begin(), sums.end(), 0.0);
        for (std::size_t k = 0; k < components; ++k)
            if (cluster_of[k] >= 0)
                sums[static_cast<std::size_t>(cluster_of[k])] += static_cast<double>(responsibilities[row + k]);
        labels.push_back(static_cast<std::int32_t>(std::max_element(sums.begin(), sums.end()) - sums.begin()));
    }
    return labels;
}

namespace clustering_detail {

/// Numbers clusters by the rows that they have in the end: the merges count a row for its most probable component,
/// and components that are little of a row each may be most of it together.
inline void number_by_rows(ComponentMerge& merge) {
    std::vector<Index> sizes(static_cast<std::size_t>(merge.clusters), 0);
    for (const auto label : merge.labels) ++sizes[static_cast<std::size_t>(label)];
    const auto by_size = numbers_by_size(sizes);
    merge.clusters = by_size.clusters;
    for (auto* labels : {&merge.labels, &merge.cluster_of})
        for (auto& label : *labels)
            if (label >= 0) label = by_size.numbers[static_cast<std::size_t>(label)];
}

}  // namespace clustering_detail

/// Merges the components of a mixture to clusters, first those that overlap and then those that are unimodal together;
/// a merge that blurs what told the cells apart is taken back.
/// @param responsibilities rows x components, of which each row sums to one
/// @param latent rows x columns, row-major, in which the second merge looks, and the silhouette of both
/// @throws ShapeError for sizes that do not fit; InputError for a latent value that is not finite
[[nodiscard]] inline ComponentMerge merge_components(std::span<const float> responsibilities, Index components,
                                                     std::span<const float> latent, Index columns,
                                                     const ComponentMergeOptions& options = {}) {
    if (components < 1) throw ShapeError(message("there are ", components, " components to merge: one is the least"));
    const Index rows = static_cast<Index>(responsibilities.size()) / components;
    require_size(static_cast<Index>(responsibilities.size()), rows * components, "responsibilities of components");
    require_size(static_cast<Index>(latent.size()), rows * columns, "latent values of the components' rows");
    const auto by_overlap = [&](double overlap) {
        return merge_clusters(responsibilities, rows, components,
                              {.overlap = overlap, .least = std::max(options.clusters, 1)});
    };
    const auto blurring = [&](std::span<const std::int32_t> before, std::span<const std::int32_t> after) {
        if (!(options.silhouette_share > 0) || options.clusters > 0) return std::optional<BlurringMerge>();
        return blurring_merge(latent, columns, before, after,
                              {.share = options.silhouette_share, .seed = options.seed});
    };
    ComponentMerge result;
    auto overlapping = by_overlap(options.overlap);
    if (auto apart = by_overlap(1); apart.clusters > overlapping.clusters) {
        result.overlap_taken_back = blurring(apart.labels, overlapping.labels);
        if (result.overlap_taken_back) overlapping = std::move(apart);
    }
    result.cluster_of = std::move(overlapping.cluster_of);
    result.clusters = overlapping.clusters;
    result.overlap = overlapping.overlap;
    if (options.level > 0 || options.clusters > 0) {
        auto merged = merge_unimodal(
            latent, columns, overlapping.labels,
            {.level = options.level > 0 ? options.level : 1, .clusters = options.clusters, .seed = options.seed});
        if (merged.clusters < result.clusters) result.unimodal_taken_back = blurring(overlapping.labels, merged.labels);
        if (!result.unimodal_taken_back) {
            for (auto& cluster : result.cluster_of)
                if (cluster >= 0) cluster = merged.cluster_of[static_cast<std::size_t>(cluster)];
            result.clusters = merged.clusters;
            result.merges = std::move(merged.merges);
        }
    }
    result.labels = clusters_of_rows(responsibilities, result.cluster_of, result.clusters);
    clustering_detail::number_by_rows(result);
    return result;
}

}  // namespace cellvae
