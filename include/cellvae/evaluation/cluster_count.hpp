// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/clustering/k_means.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/evaluation/silhouette.hpp"

namespace cellvae {

/// Which numbers of clusters are tried.
struct ClusterCountOptions {
    int smallest = 2;
    int largest = 25;                ///< no more than cells - 1 are tried
    Index silhouette_cells = 20000;  ///< with more cells, the silhouette takes so many, evenly spaced
    KMeansOptions k_means{};         ///< its `clusters` is not read
};

/// The best number of clusters and what led to it.
struct ClusterCount {
    int clusters = 0;
    std::vector<std::int32_t> labels;  ///< of each cell, by k-means with that number
    std::vector<int> tried;
    std::vector<double> silhouettes;  ///< mean silhouette of each number tried
};

/// Clusters cells by k-means with every number from `smallest` to `largest` and takes the one with the best mean
/// silhouette (the smallest of equals). `values` is cells x columns, row-major.
/// @throws OptionError if the range is empty, begins below 2, or there are fewer than 3 cells; otherwise as k_means.
[[nodiscard]] inline ClusterCount choose_cluster_count(const Kokkos::DefaultHostExecutionSpace& exec,
                                                       std::span<const float> values, Index cells, Index columns,
                                                       const ClusterCountOptions& options = {}) {
    require_size(static_cast<Index>(values.size()), cells * columns, "values to choose a number of clusters from");
    if (options.smallest < 2 || options.largest < options.smallest)
        throw OptionError(message("numbers of clusters to try: found ", options.smallest, " to ", options.largest,
                                  ", expected an ascending range from 2 or more"));
    if (cells <= options.smallest)
        throw OptionError(message("cells to choose a number of clusters from: found ", cells, ", expected more than ",
                                  options.smallest));
    if (options.silhouette_cells < 3)
        throw OptionError(
            message("cells for the silhouette: found ", options.silhouette_cells, ", expected at least 3"));

    const auto width = static_cast<std::size_t>(columns);
    const Index sampled = std::min(cells, options.silhouette_cells);
    std::vector<std::size_t> sample(static_cast<std::size_t>(sampled));
    for (std::size_t i = 0; i < sample.size(); ++i)
        sample[i] = static_cast<std::size_t>(static_cast<Index>(i) * cells / sampled);
    std::vector<float> sample_values(sample.size() * width);
    for (std::size_t i = 0; i < sample.size(); ++i)
        std::copy_n(values.data() + sample[i] * width, width, sample_values.data() + i * width);

    ClusterCount result;
    double best = -2;  // below any silhouette
    std::vector<std::int32_t> sample_labels(sample.size());
    const auto largest = static_cast<int>(std::min<Index>(options.largest, cells - 1));
    for (int clusters = options.smallest; clusters <= largest; ++clusters) {
        KMeansOptions k_means_options = options.k_means;
        k_means_options.clusters = clusters;
        KMeansResult found = k_means(exec, values, cells, columns, k_means_options);
        for (std::size_t i = 0; i < sample.size(); ++i) sample_labels[i] = found.labels[sample[i]];
        // where all rows are the same, or a sample sees but one cluster, there is nothing to tell apart
        const std::set<std::int32_t> seen(sample_labels.begin(), sample_labels.end());
        const double mean =
            seen.size() < 2 ? -1.0 : silhouette(exec, sample_values, sampled, columns, sample_labels).mean;
        result.tried.push_back(clusters);
        result.silhouettes.push_back(mean);
        if (mean > best) {
            best = mean;
            result.clusters = clusters;
            result.labels = std::move(found.labels);
        }
    }
    return result;
}

}  // namespace cellvae
