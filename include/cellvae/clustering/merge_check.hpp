// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "cellvae/clustering/k_means.hpp"
#include "cellvae/clustering/silhouette.hpp"
#include "cellvae/core/random.hpp"
#include "cellvae/data/subsample.hpp"

namespace cellvae {

/// A merge of clusters after which they are told apart less well than before.
struct BlurringMerge {
    int before = 0, after = 0;  ///< clusters
    double silhouette_before = 0;
    double silhouette_after = 0;  ///< of one cluster: what groups have where there are none
};

struct MergeCheckOptions {
    /// Of the mean silhouette before the merge so much must be left: read off samples of 300 to 1,200 cells of thirteen
    /// sets, and confirmed on others (benchmarks/cell_types).
    double share = 0.9;
    /// The same where one cluster is left. Of groups that a mixture found in cells of one simulated type the silhouette
    /// was at most 1.13 times that of groups of k-means in one normal, in 47 runs.
    double share_of_one = 1 / 1.2;
    Index rows = 4000;  ///< so many, drawn at random, stand for all, and of each cluster `rows_of_each`
    Index rows_of_each = 20;
    std::uint64_t seed = 0;  ///< of these, and of the normal distribution's
};

namespace clustering_detail {

/// The rows that stand for all, ascending: some of every cluster, however rare it is.
[[nodiscard]] inline std::vector<GeneIndex> rows_to_check(std::span<const std::int32_t> clusters,
                                                          const MergeCheckOptions& options) {
    const auto any = subsample_cells(static_cast<Index>(clusters.size()), options.rows, options.seed);
    const auto each = subsample_cells(clusters, options.rows_of_each, options.seed);
    std::vector<GeneIndex> rows;
    std::set_union(any.begin(), any.end(), each.begin(), each.end(), std::back_inserter(rows));
    return rows;
}

/// The mean silhouette of labelled rows; none where fewer than two labels occur.
[[nodiscard]] inline std::optional<double> mean_silhouette(std::span<const float> values, Index columns,
                                                           std::span<const std::int32_t> labels) {
    const auto [least, largest] = std::minmax_element(labels.begin(), labels.end());
    if (labels.empty() || *least == *largest) return std::nullopt;
    return silhouette(Kokkos::DefaultHostExecutionSpace(), values, static_cast<Index>(labels.size()), columns, labels)
        .mean;
}

/// The mean silhouette of groups where there are none: of k-means in as many rows of one normal distribution with the
/// rows' own covariance.
[[nodiscard]] inline double silhouette_of_one_normal(std::span<const float> values, Index columns, int groups,
                                                     std::uint64_t seed) {
    const auto width = static_cast<Eigen::Index>(columns), rows = static_cast<Eigen::Index>(values.size()) / width;
    using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Eigen::MatrixXd centred = Eigen::Map<const Rows>(values.data(), rows, width).cast<double>();
    centred.rowwise() -= centred.colwise().mean().eval();
    Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(width, width);
    covariance.selfadjointView<Eigen::Lower>().rankUpdate(centred.transpose(), 1 / static_cast<double>(rows));
    covariance.diagonal().array() += 1e-9 * (1 + covariance.trace());
    const Eigen::MatrixXd factor = covariance.llt().matrixL();
    RandomStream random(seed, Purpose::clustering, 0, 0, 0x6e6f72);
    Rows drawn(rows, width);
    for (Eigen::Index row = 0; row < rows; ++row) {
        Eigen::VectorXd noise(width);
        for (auto& one : noise) one = random.normal();
        drawn.row(row) = (factor * noise).transpose().cast<float>();
    }
    const std::span<const float> all(drawn.data(), static_cast<std::size_t>(drawn.size()));
    const auto found = k_means(Kokkos::DefaultHostExecutionSpace(), all, rows, columns,
                               {.clusters = groups, .restarts = 5, .seed = seed});
    return mean_silhouette(all, columns, found.labels).value_or(0);
}

}  // namespace clustering_detail

/// Whether a merge blurs clusters. What is pairwise not apart can be so many faint types, which few cells do not show
/// to be two each; merged they are one cluster that is nowhere denser than between two. Their silhouette tells: where
/// parts of a type are merged it rises or stays, and where types are it falls. One cluster has none, and is compared to
/// groups of k-means in one normal distribution.
/// @param values rows x columns, row-major @param before of each row its cluster, from 0 on @param after likewise,
/// where clusters of before are joined
/// @returns nothing where it does not, or where fewer than two clusters were before
/// @throws ShapeError for sizes that do not fit; InputError for a value that is not finite
[[nodiscard]] inline std::optional<BlurringMerge> blurring_merge(std::span<const float> values, Index columns,
                                                                 std::span<const std::int32_t> before,
                                                                 std::span<const std::int32_t> after,
                                                                 const MergeCheckOptions& options = {}) {
    require_size(static_cast<Index>(values.size()), static_cast<Index>(before.size()) * columns, "values of clusters");
    require_size(static_cast<Index>(after.size()), static_cast<Index>(before.size()), "clusters after a merge");
    const auto width = static_cast<std::size_t>(columns);
    std::vector<float> some;
    std::vector<std::int32_t> label, merged;
    for (const auto drawn : clustering_detail::rows_to_check(before, options)) {
        const auto row = static_cast<std::size_t>(drawn);
        some.insert(some.end(), values.begin() + static_cast<std::ptrdiff_t>(row * width),
                    values.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
        label.push_back(before[row]);
        merged.push_back(after[row]);
    }
    const auto count = [](std::span<const std::int32_t> of) {
        return static_cast<int>(std::set<std::int32_t>(of.begin(), of.end()).size());
    };
    const auto sharp = clustering_detail::mean_silhouette(some, columns, label);
    if (!sharp) return std::nullopt;
    BlurringMerge merge{.before = count(before), .after = count(after), .silhouette_before = *sharp};
    const auto left = clustering_detail::mean_silhouette(some, columns, merged);
    merge.silhouette_after =
        left ? *left : clustering_detail::silhouette_of_one_normal(some, columns, count(label), options.seed);
    const double share = left ? options.share : options.share_of_one;
    // as a loss, since a silhouette may be negative
    if (merge.silhouette_before - merge.silhouette_after <= (1 - share) * std::abs(merge.silhouette_before))
        return std::nullopt;
    return merge;
}

/// What to say of a merge that was taken back. @param of what was merged, in words
[[nodiscard]] inline std::string blurring_notice(const std::string& of, const BlurringMerge& merge) {
    const auto rounded = [](double value) { return std::round(1000 * value) / 1000; };
    return message("merging of ", of, " is taken back: ", merge.before, " clusters have a mean silhouette of ",
                   rounded(merge.silhouette_before),
                   merge.after > 1 ? message(", and the ", merge.after, " that would be left ")
                                   : std::string(", and groups of k-means in one normal distribution "),
                   rounded(merge.silhouette_after));
}

}  // namespace cellvae
