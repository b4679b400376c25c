// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/clustering/assignments.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

struct MergeOptions {
    double overlap = 0.1;  ///< clusters that overlap more than this are merged
    int least = 1;         ///< never fewer clusters than this
};

/// Which components of a mixture make up one cluster.
struct MergedClusters {
    std::vector<std::int32_t> labels;      ///< of each row, numbered by size from 0, the largest first
    std::vector<std::int32_t> cluster_of;  ///< of each component; -1 for one that no row is most probably of
    int clusters = 0;
    double overlap = 0;  ///< the largest that is left between two clusters
};

/// Merges the components of a mixture that are not separate: a Gaussian too few for a cluster of another shape is made
/// up for by several that overlap. The overlap of two clusters is the directly estimated misclassification probability
/// (Hennig 2010): how likely a row that is of the one is taken for the other, the larger of both ways. The two that
/// overlap most are merged until none overlap more than the threshold.
///
/// @param responsibilities rows x components, of which each row sums to one
/// @throws ShapeError for sizes that do not fit
[[nodiscard]] inline MergedClusters merge_clusters(std::span<const float> responsibilities, Index rows,
                                                   Index components, const MergeOptions& options = {}) {
    require_size(static_cast<Index>(responsibilities.size()), rows * components, "responsibilities to merge");
    if (components < 1) throw ShapeError(message("there are ", components, " components to merge: one is the least"));
    const auto n = static_cast<std::size_t>(rows);
    const auto k_count = static_cast<std::size_t>(components);
    std::vector<double> r(responsibilities.begin(), responsibilities.end());
    std::vector<std::int32_t> into(k_count);  // the component that now stands for each
    std::vector<bool> stands(k_count, true);
    for (std::size_t k = 0; k < k_count; ++k) into[k] = static_cast<std::int32_t>(k);
    std::vector<std::size_t> most(n);
    const auto assign = [&] {
        for (std::size_t row = 0; row < n; ++row) {
            std::size_t best = k_count;
            for (std::size_t k = 0; k < k_count; ++k)
                if (stands[k] && (best == k_count || r[row * k_count + k] > r[row * k_count + best])) best = k;
            most[row] = best;
        }
    };
    MergedClusters result;
    std::vector<Index> sizes(k_count);
    while (true) {
        assign();
        std::fill(sizes.begin(), sizes.end(), 0);
        for (const auto k : most) ++sizes[k];
        const auto with_rows = k_count - static_cast<std::size_t>(std::count(sizes.begin(), sizes.end(), 0));
        // taken(i, j): responsibility of i among the rows that are taken for j
        std::vector<double> taken(k_count * k_count), total(k_count);
        for (std::size_t row = 0; row < n; ++row)
            for (std::size_t k = 0; k < k_count; ++k)
                if (stands[k]) {
                    taken[k * k_count + most[row]] += r[row * k_count + k];
                    total[k] += r[row * k_count + k];
                }
        double largest = 0;
        std::size_t first = 0, second = 0;
        for (std::size_t i = 0; i < k_count; ++i)
            for (std::size_t j = 0; j < k_count; ++j) {
                if (i == j || !stands[i] || !stands[j] || !(total[i] > 0)) continue;
                const double overlap = taken[i * k_count + j] / total[i];
                if (overlap > largest) {
                    largest = overlap;
                    first = std::min(i, j);
                    second = std::max(i, j);
                }
            }
        result.overlap = largest;
        if (!(largest > options.overlap) || static_cast<Index>(with_rows) <= options.least) break;
        for (std::size_t row = 0; row < n; ++row) {
            r[row * k_count + first] += r[row * k_count + second];
            r[row * k_count + second] = 0;
        }
        stands[second] = false;
        for (auto& k : into)
            if (k == static_cast<std::int32_t>(second)) k = static_cast<std::int32_t>(first);
    }
    const auto [number, clusters] = clustering_detail::numbers_by_size(sizes);
    result.clusters = clusters;
    for (const auto k : into) result.cluster_of.push_back(number[static_cast<std::size_t>(k)]);
    for (const auto k : most) result.labels.push_back(number[k]);
    return result;
}

}  // namespace cellvae
