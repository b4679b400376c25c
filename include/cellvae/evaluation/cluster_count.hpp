// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/clustering/k_means.hpp"
#include "cellvae/clustering/silhouette.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/core/progress.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/row_sample.hpp"

namespace cellvae {

/// Which numbers of clusters are tried.
struct ClusterCountOptions {
    int smallest = 2;
    int largest = 25;          ///< no more than cells - 1 are tried
    Index most_cells = 20000;  ///< with more cells, numbers are compared on so many, evenly spaced
    KMeansOptions k_means{};   ///< its `clusters` is not read
    Progress progress{};       ///< told how many of the numbers are compared
};

/// The best number of clusters and what led to it.
struct ClusterCount {
    int clusters = 0;
    std::vector<std::int32_t> labels;  ///< of each cell, by k-means with that number
    std::vector<int> tried;
    std::vector<double> silhouettes;  ///< mean silhouette of each number tried
};

/// Clusters cells by k-means with every number from `smallest` to `largest` and takes the one with the best mean
/// silhouette (the smallest of equals). Of many cells a sample is so clustered, and then all with the number found: the
/// time of the choice does not grow beyond most_cells. `values` is cells x columns, row-major.
/// @throws OptionError if the range is empty, begins below 2, or there are, or are to be compared, no more cells than
/// the smallest number; otherwise as k_means.
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
    if (options.most_cells <= options.smallest)
        throw OptionError(message("cells to compare numbers of clusters on: found ", options.most_cells,
                                  ", expected more than ", options.smallest, ", the smallest number of clusters"));

    const RowSample sample = evenly_spaced_rows(values, cells, columns, options.most_cells);
    const auto count = static_cast<Index>(sample.rows.size());
    ClusterCount result;
    double best = -2;  // below any silhouette
    KMeansOptions k_means_options = options.k_means;
    const auto largest = static_cast<int>(std::min<Index>(options.largest, count - 1));
    for (int clusters = options.smallest; clusters <= largest; ++clusters) {
        k_means_options.clusters = clusters;
        KMeansResult found = k_means(exec, sample.values, count, columns, k_means_options);
        // where all rows are the same there is nothing to tell apart
        const std::set<std::int32_t> seen(found.labels.begin(), found.labels.end());
        const double mean = seen.size() < 2 ? -1.0 : silhouette(exec, sample.values, count, columns, found.labels).mean;
        result.tried.push_back(clusters);
        result.silhouettes.push_back(mean);
        if (mean > best) {
            best = mean;
            result.clusters = clusters;
            result.labels = std::move(found.labels);
        }
        if (options.progress) options.progress(clusters - options.smallest + 1);
    }
    if (count < cells) {
        k_means_options.clusters = result.clusters;
        result.labels = k_means(exec, values, cells, columns, k_means_options).labels;
    }
    return result;
}

}  // namespace cellvae
