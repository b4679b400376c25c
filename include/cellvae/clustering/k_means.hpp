// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/progress.hpp"
#include "cellvae/core/random.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/row_blocks.hpp"

namespace cellvae {

/// How k-means runs.
struct KMeansOptions {
    int clusters = 2;
    int restarts = 20;     ///< independent seedings; the one with the least inertia is returned
    int iterations = 300;  ///< at most so many passes of Lloyd's algorithm a restart
    double tolerance =
        1e-4;  ///< stop when the centres' squared movement is below this share of the columns' mean variance
    std::uint64_t seed = 1;
    Progress progress{};  ///< told how many of the restarts are done
};

/// The best clustering that k-means found.
struct KMeansResult {
    std::vector<std::int32_t>
        labels;                   ///< the cluster of each row, the one whose centre is nearest (the first of equals)
    std::vector<double> centres;  ///< clusters x columns, row-major
    double inertia = 0;           ///< sum over rows of the squared distance to the row's centre
    int iterations = 0;           ///< passes that the best restart took
    int restart = 0;              ///< which restart was the best
};

namespace clustering_detail {

using data_detail::for_each_block;
using data_detail::RowBlocks;

/// One restart of k-means at a time, with the arrays that all restarts share.
class KMeans {
public:
    KMeans(const Kokkos::DefaultHostExecutionSpace& exec, const RowBlocks& rows, const KMeansOptions& options)
        : exec_(exec),
          rows_(rows),
          options_(options),
          clusters_(static_cast<std::size_t>(options.clusters)),
          nearest_(rows.count() * RowBlocks::height),
          labels_(rows.count() * RowBlocks::height),
          block_inertia_(rows.count()),
          block_changes_(rows.count()),
          block_sizes_(rows.count() * clusters_),
          block_sums_(rows.count() * clusters_ * rows.columns()) {}

    KMeansResult run(int restart, double movement_allowed) {
        const std::size_t columns = rows_.columns();
        KMeansResult result;
        result.restart = restart;
        result.centres = seed_centres(restart);
        std::fill(labels_.begin(), labels_.end(), -1);
        std::vector<double> centres(clusters_ * columns);
        while (result.iterations < options_.iterations) {
            ++result.iterations;
            const std::int64_t changes = assign(result.centres, true);
            if (changes == 0) break;  // the centres are the means already
            move_centres(result.centres, centres);
            double movement = 0;
            for (std::size_t i = 0; i < centres.size(); ++i)
                movement += (centres[i] - result.centres[i]) * (centres[i] - result.centres[i]);
            std::swap(centres, result.centres);
            if (movement <= movement_allowed) break;
        }
        assign(result.centres, false);
        for (const double inertia : block_inertia_) result.inertia += inertia;
        result.labels.assign(labels_.begin(), labels_.begin() + static_cast<std::ptrdiff_t>(rows_.rows()));
        return result;
    }

private:
    /// Greedy k-means++ (Arthur and Vassilvitskii 2007): each next centre is the best of a few rows drawn in proportion
    /// to their squared distance from the centres so far.
    std::vector<double> seed_centres(int restart) {
        const std::size_t columns = rows_.columns(), count = rows_.rows();
        RandomStream random(options_.seed, Purpose::clustering, static_cast<std::uint32_t>(restart),
                            static_cast<std::uint32_t>(options_.clusters));
        const auto candidates = static_cast<std::size_t>(2 + std::log(static_cast<double>(clusters_)));
        std::vector<double> centres(clusters_ * columns), points(candidates * columns),
            sums(rows_.count() * candidates);
        const auto copy_row = [&](std::size_t row, double* to) {
            for (std::size_t column = 0; column < columns; ++column) to[column] = rows_.value(row, column);
        };
        const auto first = static_cast<std::size_t>(random.uniform() * static_cast<double>(count));
        copy_row(std::min(first, count - 1), centres.data());
        std::fill(nearest_.begin(), nearest_.end(), std::numeric_limits<double>::infinity());
        for (std::size_t next = 1; next <= clusters_; ++next) {
            // fold the newest centre in
            for_each_block(exec_, "cellvae::k_means_nearest", rows_.count(), [&](std::size_t block) {
                double distances[RowBlocks::height];
                double* nearest = nearest_.data() + block * RowBlocks::height;
                rows_.squared_distances(block, centres.data() + (next - 1) * columns, distances);
                for (std::size_t i = 0; i < RowBlocks::height; ++i)
                    nearest[i] = distances[i] < nearest[i] ? distances[i] : nearest[i];
                double sum = 0;
                for (std::size_t i = 0; i < rows_.rows_of(block); ++i) sum += nearest[i];
                block_inertia_[block] = sum;
            });
            if (next == clusters_) break;
            double total = 0;
            for (const double sum : block_inertia_) total += sum;
            for (std::size_t candidate = 0; candidate < candidates; ++candidate)
                copy_row(draw_row(random.uniform() * total), points.data() + candidate * columns);
            for_each_block(exec_, "cellvae::k_means_candidates", rows_.count(), [&](std::size_t block) {
                double distances[RowBlocks::height];
                const double* nearest = nearest_.data() + block * RowBlocks::height;
                for (std::size_t candidate = 0; candidate < candidates; ++candidate) {
                    rows_.squared_distances(block, points.data() + candidate * columns, distances);
                    double sum = 0;
                    for (std::size_t i = 0; i < rows_.rows_of(block); ++i) sum += std::min(distances[i], nearest[i]);
                    sums[block * candidates + candidate] = sum;
                }
            });
            std::size_t best = 0;
            double best_sum = std::numeric_limits<double>::infinity();
            for (std::size_t candidate = 0; candidate < candidates; ++candidate) {
                double sum = 0;
                for (std::size_t block = 0; block < rows_.count(); ++block) sum += sums[block * candidates + candidate];
                if (sum < best_sum) {
                    best_sum = sum;
                    best = candidate;
                }
            }
            std::copy_n(points.data() + best * columns, columns, centres.data() + next * columns);
        }
        return centres;
    }

    /// The row at which the running sum of nearest squared distances passes `target`.
    [[nodiscard]] std::size_t draw_row(double target) const {
        std::size_t block = 0;
        while (block + 1 < rows_.count() && target >= block_inertia_[block]) target -= block_inertia_[block++];
        std::size_t row = block * RowBlocks::height;
        const std::size_t last = row + rows_.rows_of(block) - 1;
        while (row < last && target >= nearest_[row]) target -= nearest_[row++];
        return row;
    }

    /// Gives each row to its nearest centre, sums rows by cluster where asked, and counts the labels that changed.
    std::int64_t assign(const std::vector<double>& centres, bool sum_rows) {
        const std::size_t columns = rows_.columns();
        for_each_block(exec_, "cellvae::k_means_assign", rows_.count(), [&](std::size_t block) {
            double distances[RowBlocks::height];
            std::int32_t best[RowBlocks::height];
            double* nearest = nearest_.data() + block * RowBlocks::height;
            for (std::size_t i = 0; i < RowBlocks::height; ++i) {
                nearest[i] = std::numeric_limits<double>::infinity();
                best[i] = 0;
            }
            for (std::size_t cluster = 0; cluster < clusters_; ++cluster) {
                rows_.squared_distances(block, centres.data() + cluster * columns, distances);
                for (std::size_t i = 0; i < RowBlocks::height; ++i) {
                    const bool nearer = distances[i] < nearest[i];
                    nearest[i] = nearer ? distances[i] : nearest[i];
                    best[i] = nearer ? static_cast<std::int32_t>(cluster) : best[i];
                }
            }
            const std::size_t count = rows_.rows_of(block);
            std::int32_t* labels = labels_.data() + block * RowBlocks::height;
            double inertia = 0;
            std::int64_t changes = 0;
            for (std::size_t i = 0; i < count; ++i) {
                inertia += nearest[i];
                changes += labels[i] != best[i];
                labels[i] = best[i];
            }
            block_inertia_[block] = inertia;
            block_changes_[block] = changes;
            if (!sum_rows) return;
            std::int64_t* sizes = block_sizes_.data() + block * clusters_;
            double* sums = block_sums_.data() + block * clusters_ * columns;
            std::fill_n(sizes, clusters_, 0);
            std::fill_n(sums, clusters_ * columns, 0.0);
            const float* values = rows_.block(block);
            for (std::size_t i = 0; i < count; ++i) {
                const auto cluster = static_cast<std::size_t>(labels[i]);
                ++sizes[cluster];
                for (std::size_t column = 0; column < columns; ++column)
                    sums[cluster * columns + column] += static_cast<double>(values[column * RowBlocks::height + i]);
            }
        });
        std::int64_t changes = 0;
        for (const std::int64_t block_changes : block_changes_) changes += block_changes;
        return changes;
    }

    /// The means of the clusters. A cluster without rows takes the row that is farthest from its own centre.
    void move_centres(const std::vector<double>& before, std::vector<double>& after) {
        const std::size_t columns = rows_.columns();
        std::vector<std::int64_t> sizes(clusters_, 0);
        std::fill(after.begin(), after.end(), 0.0);
        for (std::size_t block = 0; block < rows_.count(); ++block) {
            for (std::size_t cluster = 0; cluster < clusters_; ++cluster)
                sizes[cluster] += block_sizes_[block * clusters_ + cluster];
            const double* sums = block_sums_.data() + block * clusters_ * columns;
            for (std::size_t i = 0; i < after.size(); ++i) after[i] += sums[i];
        }
        for (std::size_t empty = 0; empty < clusters_; ++empty) {
            if (sizes[empty] > 0) continue;
            std::size_t farthest = 0;
            double distance = 0;
            for (std::size_t row = 0; row < rows_.rows(); ++row)
                if (nearest_[row] > distance && sizes[static_cast<std::size_t>(labels_[row])] > 1) {
                    distance = nearest_[row];
                    farthest = row;
                }
            if (distance > 0) {
                const auto giver = static_cast<std::size_t>(labels_[farthest]);
                --sizes[giver];
                sizes[empty] = 1;
                for (std::size_t column = 0; column < columns; ++column) {
                    const double value = rows_.value(farthest, column);
                    after[giver * columns + column] -= value;
                    after[empty * columns + column] = value;
                }
                labels_[farthest] = static_cast<std::int32_t>(empty);
                nearest_[farthest] = 0;
            }
        }
        for (std::size_t cluster = 0; cluster < clusters_; ++cluster)
            for (std::size_t column = 0; column < columns; ++column) {
                double& centre = after[cluster * columns + column];
                centre = sizes[cluster] > 0 ? centre / static_cast<double>(sizes[cluster])
                                            : before[cluster * columns + column];
            }
    }

    const Kokkos::DefaultHostExecutionSpace& exec_;
    const RowBlocks& rows_;
    const KMeansOptions& options_;
    std::size_t clusters_;
    std::vector<double> nearest_;  // squared distance of each row to its centre
    std::vector<std::int32_t> labels_;
    std::vector<double> block_inertia_;
    std::vector<std::int64_t> block_changes_;
    std::vector<std::int64_t> block_sizes_;  // blocks x clusters
    std::vector<double> block_sums_;         // blocks x clusters x columns
};

}  // namespace clustering_detail

/// k-means: greedy k-means++ seeding, Lloyd's algorithm, the best of several restarts.
///
/// `values` is rows x columns, row-major. The result depends on the values, the options and the build, not on the
/// number of threads. Where there are fewer different rows than clusters, some clusters stay without rows.
///
/// @throws ShapeError if `values` does not hold rows * columns numbers.
/// @throws OptionError if clusters is not in 1 .. rows, or restarts or iterations is below 1.
/// @throws InputError if a value is not finite.
[[nodiscard]] inline KMeansResult k_means(const Kokkos::DefaultHostExecutionSpace& exec, std::span<const float> values,
                                          Index rows, Index columns, const KMeansOptions& options) {
    require_size(static_cast<Index>(values.size()), rows * columns, "values given to k-means");
    if (columns < 1) throw ShapeError(message("columns given to k-means: found ", columns, ", expected at least 1"));
    if (options.clusters < 1 || options.clusters > rows)
        throw OptionError(
            message("clusters of k-means: found ", options.clusters, ", expected 1 to the number of rows, ", rows));
    if (options.restarts < 1)
        throw OptionError(message("restarts of k-means: found ", options.restarts, ", expected at least 1"));
    if (options.iterations < 1)
        throw OptionError(message("iterations of k-means: found ", options.iterations, ", expected at least 1"));
    if (!(options.tolerance >= 0))
        throw OptionError(message("tolerance of k-means: found ", options.tolerance, ", expected 0 or more"));
    const auto width = static_cast<std::size_t>(columns);
    require_finite(values, columns, "values given to k-means");

    const data_detail::RowBlocks blocks(values, static_cast<std::size_t>(rows), width);
    double variance = 0;
    for (std::size_t column = 0; column < width; ++column) {
        double mean = 0, squares = 0;
        for (std::size_t row = 0; row < blocks.rows(); ++row) mean += blocks.value(row, column);
        mean /= static_cast<double>(rows);
        for (std::size_t row = 0; row < blocks.rows(); ++row) {
            const double difference = blocks.value(row, column) - mean;
            squares += difference * difference;
        }
        variance += squares / static_cast<double>(rows);
    }
    const double movement_allowed = options.tolerance * variance / static_cast<double>(columns);

    clustering_detail::KMeans runner(exec, blocks, options);
    KMeansResult best;
    for (int restart = 0; restart < options.restarts; ++restart) {
        KMeansResult found = runner.run(restart, movement_allowed);
        if (restart == 0 || found.inertia < best.inertia) best = std::move(found);
        if (options.progress) options.progress(restart + 1);
    }
    return best;
}

}  // namespace cellvae
