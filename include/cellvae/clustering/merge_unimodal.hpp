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
    double level = 0.0001;  ///< two clusters stay two where the p-value of their dip is not above this; 1: always
    Index few_rows = 25;    ///< of the smaller cluster: for at most so many the level is at least .1, and from there
    Index many_rows = 100;  ///< to so many it falls to `level`, see unimodal_level()
    int clusters = 0;       ///< merging goes on, or ends, where so many are left; 0: as the level says
    Index least_rows = 5;   ///< a cluster of fewer rows joins the first that it is tried with
    int nearest = 4;        ///< two clusters are tried where one is among so many nearest of the other, by centroids
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
    double largest_p_value = 0;        ///< of the two that are left nearest to being one; 0 where one is left
};

/// The level at which two clusters are tested of which the smaller has so many rows. Over few of them the dip test has
/// no power: at .0001 it sees no two modes in nine of ten pairs of normals of 50 rows each, four standard deviations
/// apart, and in one of ten pairs of 150. So the level is .1 for few rows and falls by the same factor a row to what
/// was asked for: of such pairs a third to a half become one at any number of rows up to 100, and of normals that were
/// cut in two at least 97 of 100 (merge_unimodal_test).
[[nodiscard]] inline double unimodal_level(Index rows, const UnimodalMergeOptions& options) {
    constexpr double of_few = 0.1;
    if (rows >= options.many_rows || options.level >= of_few) return options.level;
    const auto over_few = static_cast<double>(std::max<Index>(rows - options.few_rows, 0));
    const double share = over_few / static_cast<double>(std::max<Index>(options.many_rows - options.few_rows, 1));
    return of_few * std::pow(options.level / of_few, share);
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
            result.largest_p_value = best ? best->p_value : 0;
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
        const auto [number, clusters] = numbers_by_size(sizes);
        result.clusters = clusters;
        for (const auto k : into) result.cluster_of.push_back(number[static_cast<std::size_t>(k)]);
        result.labels.assign(static_cast<std::size_t>(values_.rows()), -1);
        for (std::size_t k = 0; k < rows_.size(); ++k)
            for (const auto row : rows_[k]) result.labels[static_cast<std::size_t>(row)] = number[k];
        return result;
    }

private:
    using Values = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

    /// How two clusters look together.
    struct Tested {
        double p_value = 1, level = 1, dip = 0;

        /// Nearer to being one; where p-values are 0, by the dip.
        [[nodiscard]] bool nearer_than(const Tested& other) const {
            const double ratio = p_value / level, others = other.p_value / other.level;
            return ratio > others || (ratio == others && dip < other.dip);
        }
    };

    /// The pair whose p-value is largest for its level.
    std::optional<UnimodalPair> most_unimodal() {
        std::optional<UnimodalPair> best;
        Tested best_tested;
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
                const Tested tested = test(pair.first, pair.second);
                if (best && !tested.nearer_than(best_tested)) continue;
                best = {static_cast<std::int32_t>(pair.first), static_cast<std::int32_t>(pair.second), tested.p_value,
                        tested.level};
                best_tested = tested;
            }
        }
        return best;
    }

    Tested test(std::size_t a, std::size_t b) {
        const auto [found, fresh] = known_.try_emplace({a, b});
        if (!fresh) return found->second;
        const std::size_t fewer = std::min(rows_[a].size(), rows_[b].size());
        found->second.level = unimodal_level(static_cast<Index>(fewer), options_);
        if (static_cast<Index>(fewer) < options_.least_rows) return found->second;
        const Eigen::VectorXd axis = discriminant(a, b);
        const std::vector<double> of_a = projected(a, axis), of_b = projected(b, axis);
        // Which rows of the larger are taken decides between .001 and .01 often enough; of an odd number of draws the
        // median dip is that of the median p-value.
        const int draws = of_a.size() == of_b.size() ? 1 : options_.draws | 1;
        std::vector<double> dips;
        for (int draw = 0; draw < draws; ++draw) {
            std::vector<double> along = some_of(of_a, fewer, a, b, draw), others = some_of(of_b, fewer, b, a, draw);
            along.insert(along.end(), others.begin(), others.end());
            dips.push_back(dip(std::move(along)));
        }
        std::nth_element(dips.begin(), dips.begin() + draws / 2, dips.end());
        found->second.dip = dips[static_cast<std::size_t>(draws / 2)];
        found->second.p_value = dip_p_value(found->second.dip, 2 * fewer);
        return found->second;
    }

    /// Where each row of a cluster lies along an axis.
    [[nodiscard]] std::vector<double> projected(std::size_t k, const Eigen::VectorXd& axis) const {
        std::vector<double> along;
        along.reserve(rows_[k].size());
        for (const auto row : rows_[k]) along.push_back(values_.row(row).cast<double>().dot(axis));
        return along;
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

    /// As many values of cluster k as the other has, drawn without repetition: a large one must not drown a small one.
    [[nodiscard]] std::vector<double> some_of(std::vector<double> values, std::size_t count, std::size_t k,
                                              std::size_t other, int draw) const {
        if (values.size() == count) return values;
        RandomStream random(options_.seed, Purpose::clustering, static_cast<std::uint32_t>(k),
                            static_cast<std::uint32_t>(other), static_cast<std::uint32_t>(draw + 1));
        for (std::size_t i = 0; i < count; ++i)
            std::swap(values[i], values[i + random.below(static_cast<std::uint32_t>(values.size() - i))]);
        values.resize(count);
        return values;
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
    std::map<std::pair<std::size_t, std::size_t>, Tested> known_;  // what test() found
};

}  // namespace clustering_detail

/// Merges clusters whose rows together are unimodal: projected on the axis that tells the two best apart, as many rows
/// of either, the dip test (dip.hpp) sees no two modes at the level. The pair whose p-value is largest for its level is
/// merged until none is above it, or until as many clusters are left as asked for. Hennig (2010, Advances in Data
/// Analysis and Classification 4, 3) calls the criterion dipuni.
/// @param values rows x columns, row-major, such as latent means @param labels of each row, from 0 on; -1: none
/// @throws ShapeError for sizes that do not fit; InputError for a value that is not finite; OptionError for least_rows
/// below 2, or draws or nearest below 1
[[nodiscard]] inline UnimodalMerge merge_unimodal(std::span<const float> values, Index columns,
                                                  std::span<const std::int32_t> labels,
                                                  const UnimodalMergeOptions& options = {}) {
    if (columns < 1) throw ShapeError(message("there are ", columns, " columns: one is the least"));
    require_size(static_cast<Index>(values.size()), static_cast<Index>(labels.size()) * columns, "values of clusters");
    require_finite(values, columns, "values of clusters");
    if (options.least_rows < 2 || options.draws < 1 || options.nearest < 1)
        throw OptionError(
            message("clusters of 2 rows or more are tested, with 1 draw or more, against 1 other or more, "
                    "found least_rows ",
                    options.least_rows, ", draws ", options.draws, " and nearest ", options.nearest));
    return clustering_detail::UnimodalMerging(values, columns, labels, options).run();
}

}  // namespace cellvae
