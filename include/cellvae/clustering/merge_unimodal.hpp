// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/clustering/assignments.hpp"
#include "cellvae/clustering/dip.hpp"
#include "cellvae/core/random.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

struct UnimodalMergeOptions {
    double level = 0.001;  ///< two clusters stay two where the p-value of their dip is not above this; 1: always
    Index few_rows = 50;   ///< where the smaller cluster has fewer the level is .1, see unimodal_level()
    int clusters = 0;      ///< merging goes on, or ends, where so many are left; 0: as the level says
    Index least_rows = 5;  ///< a cluster of fewer rows joins the first that it is tried with
    int nearest = 4;       ///< two clusters are tried where one is among so many nearest of the other, by centroids
    int draws = 5;  ///< of as many rows of the larger cluster, an odd number; the median of their p-values counts
    std::uint64_t seed = 0;
};

/// Two clusters that became one, by their numbers before any merge (of each the first that is part of it).
struct UnimodalPair {
    std::int32_t first, second;
    double p_value, level;  ///< of their dip, and the level for as many rows
};

struct UnimodalMerge {
    std::vector<std::int32_t> labels;      ///< of each row, numbered by size from 0, the largest first; -1 stays -1
    std::vector<std::int32_t> cluster_of;  ///< of each label before; -1 for one that no row has
    int clusters = 0;
    std::vector<UnimodalPair> merges;  ///< in the order in which they were made
};

/// The level at which two clusters are tested of which the smaller has so many rows. Over few of them the dip test has
/// no power: at .001 nearly any two groups look unimodal together. At .1 one of three pairs of normals of 20 rows each,
/// four standard deviations apart, becomes one, one of twelve of 49 rows, and of normals that were cut in two 98 of 100
/// (merge_unimodal_test).
[[nodiscard]] inline double unimodal_level(Index rows, const UnimodalMergeOptions& options) {
    return rows < options.few_rows ? std::max(options.level, 0.1) : options.level;
}

namespace clustering_detail {

/// Merges clusters of the rows of a matrix; see merge_unimodal().
class UnimodalMerging {
public:
    UnimodalMerging(std::span<const float> values, Index columns, std::span<const std::int32_t> labels,
                    const UnimodalMergeOptions& options)
        : options_(options), values_(values.data(), static_cast<Eigen::Index>(labels.size()), columns) {
        const auto count = labels.empty() ? 0 : 1 + *std::max_element(labels.begin(), labels.end());
        rows_.resize(static_cast<std::size_t>(std::max(count, 0)));
        for (std::size_t row = 0; row < labels.size(); ++row)
            if (labels[row] >= 0)
                rows_[static_cast<std::size_t>(labels[row])].push_back(static_cast<Eigen::Index>(row));
        for (const auto& rows : rows_) {
            Eigen::VectorXd sum = Eigen::VectorXd::Zero(columns);
            for (const auto row : rows) sum += values_.row(row).cast<double>().transpose();
            centroids_.push_back(sum / std::max<double>(1, static_cast<double>(rows.size())));
        }
    }

    [[nodiscard]] UnimodalMerge run() {
        std::vector<std::int32_t> into(rows_.size());
        std::iota(into.begin(), into.end(), 0);
        UnimodalMerge result;
        while (true) {
            const auto best = most_unimodal();
            if (!best) break;  // one is left
            const auto left = std::count_if(rows_.begin(), rows_.end(), [](const auto& rows) { return !rows.empty(); });
            if (options_.clusters > 0 ? left <= options_.clusters : !(best->p_value > best->level)) break;
            result.merges.push_back(*best);
            join(static_cast<std::size_t>(best->first), static_cast<std::size_t>(best->second));
            for (auto& cluster : into)
                if (cluster == best->second) cluster = best->first;
        }
        std::vector<Index> sizes;
        for (const auto& rows : rows_) sizes.push_back(static_cast<Index>(rows.size()));
        const auto number = numbers_by_size(sizes);
        for (const auto k : number) result.clusters = std::max(result.clusters, k + 1);
        for (const auto k : into) result.cluster_of.push_back(number[static_cast<std::size_t>(k)]);
        result.labels.assign(static_cast<std::size_t>(values_.rows()), -1);
        for (std::size_t k = 0; k < rows_.size(); ++k)
            for (const auto row : rows_[k]) result.labels[static_cast<std::size_t>(row)] = number[k];
        return result;
    }

private:
    using Values = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

    /// The pair whose p-value is largest for its level; of those whose p-values are 0 the one with the least dip.
    std::optional<UnimodalPair> most_unimodal() {
        std::optional<UnimodalPair> best;
        double best_ratio = 0, best_dip = 0;
        std::vector<std::size_t> present;
        for (std::size_t k = 0; k < rows_.size(); ++k)
            if (!rows_[k].empty()) present.push_back(k);
        for (const std::size_t k : present) {
            std::vector<std::pair<double, std::size_t>> others;
            for (const std::size_t other : present)
                if (other != k) others.emplace_back((centroids_[k] - centroids_[other]).squaredNorm(), other);
            std::sort(others.begin(), others.end());
            others.resize(std::min(others.size(), static_cast<std::size_t>(options_.nearest)));
            for (const auto& [distance, other] : others) {
                const auto pair = std::minmax(k, other);
                const auto [p, found_dip] = test(pair.first, pair.second);
                const auto fewer = static_cast<Index>(std::min(rows_[k].size(), rows_[other].size()));
                const double level = unimodal_level(fewer, options_), ratio = p / level;
                if (best && (ratio < best_ratio || (ratio == best_ratio && found_dip >= best_dip))) continue;
                best = {static_cast<std::int32_t>(pair.first), static_cast<std::int32_t>(pair.second), p, level};
                best_ratio = ratio;
                best_dip = found_dip;
            }
        }
        return best;
    }

    /// The p-value of the dip of two clusters, and the dip.
    std::pair<double, double> test(std::size_t a, std::size_t b) {
        const auto [found, fresh] = known_.try_emplace({a, b});
        if (!fresh) return found->second;
        const std::size_t fewer = std::min(rows_[a].size(), rows_[b].size());
        if (static_cast<Index>(fewer) < options_.least_rows) return found->second = {1, 0};
        const Eigen::VectorXd axis = discriminant(a, b);
        // Which rows of the larger are taken decides between .001 and .01 often enough; of an odd number of draws the
        // median dip is that of the median p-value.
        const int draws = rows_[a].size() == rows_[b].size() ? 1 : options_.draws | 1;
        std::vector<double> dips;
        for (int draw = 0; draw < draws; ++draw) {
            std::vector<double> along;
            for (const std::size_t k : {a, b})
                for (const auto row : some_rows(k, fewer, k == a ? b : a, draw))
                    along.push_back(values_.row(row).cast<double>().dot(axis));
            dips.push_back(dip(std::move(along)));
        }
        std::nth_element(dips.begin(), dips.begin() + draws / 2, dips.end());
        const double median = dips[static_cast<std::size_t>(draws / 2)];
        return found->second = {dip_p_value(median, 2 * fewer), median};
    }

    /// The axis that tells two clusters best apart. Their pooled covariance is shrunk toward a sphere, the more the
    /// fewer rows the smaller has: the axis must not be an accident of few rows in many dimensions.
    [[nodiscard]] Eigen::VectorXd discriminant(std::size_t a, std::size_t b) const {
        const Eigen::Index columns = values_.cols();
        Eigen::MatrixXd pooled = Eigen::MatrixXd::Zero(columns, columns);
        for (const std::size_t k : {a, b})
            for (const auto row : rows_[k]) {
                const Eigen::VectorXd off = values_.row(row).cast<double>().transpose() - centroids_[k];
                pooled.selfadjointView<Eigen::Lower>().rankUpdate(off);
            }
        pooled /= static_cast<double>(rows_[a].size() + rows_[b].size() - 2);
        const auto fewer = static_cast<double>(std::min(rows_[a].size(), rows_[b].size()));
        const auto width = static_cast<double>(columns);
        const double toward = pooled.trace() / width * std::min(1.0, 3 * width / fewer) + 1e-9;
        pooled.diagonal().array() += toward;
        return pooled.selfadjointView<Eigen::Lower>().ldlt().solve(centroids_[b] - centroids_[a]);
    }

    /// As many rows of a cluster as the other has, drawn without repetition: a large one must not drown a small one.
    [[nodiscard]] std::vector<Eigen::Index> some_rows(std::size_t k, std::size_t count, std::size_t other,
                                                      int draw) const {
        std::vector<Eigen::Index> rows = rows_[k];
        if (rows.size() == count) return rows;
        RandomStream random(options_.seed, Purpose::clustering, static_cast<std::uint32_t>(k),
                            static_cast<std::uint32_t>(other), static_cast<std::uint32_t>(draw + 1));
        for (std::size_t i = 0; i < count; ++i)
            std::swap(rows[i], rows[i + random.below(static_cast<std::uint32_t>(rows.size() - i))]);
        rows.resize(count);
        return rows;
    }

    void join(std::size_t first, std::size_t second) {
        const auto a = static_cast<double>(rows_[first].size()), b = static_cast<double>(rows_[second].size());
        centroids_[first] = (a * centroids_[first] + b * centroids_[second]) / (a + b);
        rows_[first].insert(rows_[first].end(), rows_[second].begin(), rows_[second].end());
        std::sort(rows_[first].begin(), rows_[first].end());
        rows_[second].clear();
        std::erase_if(known_, [&](const auto& entry) {
            const auto& pair = entry.first;
            return pair.first == first || pair.second == first || pair.first == second || pair.second == second;
        });
    }

    UnimodalMergeOptions options_;
    Values values_;
    std::vector<std::vector<Eigen::Index>> rows_;  // of each cluster; empty for one that joined another
    std::vector<Eigen::VectorXd> centroids_;
    std::map<std::pair<std::size_t, std::size_t>, std::pair<double, double>> known_;  // what test() found
};

}  // namespace clustering_detail

/// Merges clusters whose rows together are unimodal: projected on the axis that tells the two best apart, as many rows
/// of either, the dip test (dip.hpp) sees no two modes at the level. The pair whose p-value is largest for its level is
/// merged until none is above it, or until as many clusters are left as asked for. Hennig (2010, Advances in Data
/// Analysis and Classification 4, 3) calls the criterion dipuni.
/// @param values rows x columns, row-major, such as latent means @param labels of each row, from 0 on; -1: none
/// @throws ShapeError for sizes that do not fit
[[nodiscard]] inline UnimodalMerge merge_unimodal(std::span<const float> values, Index columns,
                                                  std::span<const std::int32_t> labels,
                                                  const UnimodalMergeOptions& options = {}) {
    if (columns < 1) throw ShapeError(message("there are ", columns, " columns: one is the least"));
    require_size(static_cast<Index>(values.size()), static_cast<Index>(labels.size()) * columns, "values of clusters");
    return clustering_detail::UnimodalMerging(values, columns, labels, options).run();
}

}  // namespace cellvae
