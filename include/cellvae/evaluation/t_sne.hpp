// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/progress.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/row_blocks.hpp"
#include "cellvae/math/elementary.hpp"

namespace cellvae {

/// How t-SNE runs. The defaults are those of scikit-learn's TSNE.
struct TSneOptions {
    double perplexity = 30;       ///< the effective number of neighbours; 1 or more, less than the rows
    int steps = 1000;             ///< of gradient descent
    int exaggerated_steps = 250;  ///< the first ones, with attraction times `exaggeration` and a momentum of .5, not .8
    double exaggeration = 12;
    double learning_rate = 0;  ///< 0: rows / exaggeration / 4, at least 50 (Belkina et al. 2019)
    Progress progress{};       ///< told how many steps are done
};

/// Points in the plane whose neighbours are those of the rows.
struct TSneResult {
    std::vector<float> coordinates;  ///< rows x 2, row-major
    double divergence = 0;           ///< KL(P || Q) in nats, without exaggeration
};

namespace evaluation_detail {

/// t-SNE's similarities and forces. Every sum is one row's, taken in a fixed order.
class TSne {
public:
    using Exec = Kokkos::DefaultHostExecutionSpace;

    TSne(const Exec& exec, std::span<const float> values, std::size_t rows, std::size_t columns, double perplexity)
        : exec_(exec),
          rows_(rows),
          stride_((rows + width - 1) / width * width),
          similarity_(rows * stride_, 0.0f),
          // beyond the last row lie points so far away that they push nobody
          x_(stride_, 1e18f),
          y_(stride_, 1e18f),
          attraction_(2 * rows),
          repulsion_(2 * rows),
          normaliser_(rows) {
        find_similarities(data_detail::RowBlocks(values, rows, columns), values, columns, perplexity);
    }

    /// The gradient of KL(P || Q) at `points` (rows x 2), P times `exaggeration`.
    void gradient(const std::vector<double>& points, double exaggeration, std::vector<double>& result) {
        const double normaliser = find_forces(points);
        for (std::size_t i = 0; i < 2 * rows_; ++i)
            result[i] = 4 * (exaggeration * attraction_[i] - repulsion_[i] / normaliser);
    }

    /// KL(P || Q) at `points`.
    double divergence(const std::vector<double>& points) {
        const double normaliser = find_forces(points);
        std::vector<double> sums(rows_);
        each_row("cellvae::t_sne_divergence", [&](std::size_t row) {
            double sum = 0;
            for (std::size_t other = 0; other < rows_; ++other) {
                const auto p = static_cast<double>(similarity_[row * stride_ + other]);
                if (p <= 0) continue;
                const double dx = points[2 * row] - points[2 * other], dy = points[2 * row + 1] - points[2 * other + 1];
                sum += p * math::log(p * normaliser * (1 + dx * dx + dy * dy));
            }
            sums[row] = sum;
        });
        double total = 0;
        for (const double sum : sums) total += sum;
        return total;
    }

    /// P: rows x a multiple of `width`, of which the last ones are zero.
    [[nodiscard]] std::span<const float> similarities() const { return similarity_; }

private:
    static constexpr std::size_t width = 16;  // columns that are taken at once
    // A row's are 1 / rows together. Less would be denormal as a float, or become so times w: a step of far groups
    // took twelve times as long.
    static constexpr double least_similarity = 1e-30;
    using Lanes = Eigen::Array<float, static_cast<int>(width), 1>;

    template <class Work>
    void each_row(const char* name, const Work& work) const {
        constexpr std::size_t block = 16;
        data_detail::for_each_block(exec_, name, (rows_ + block - 1) / block, [&](std::size_t number) {
            for (std::size_t row = number * block; row < std::min(rows_, (number + 1) * block); ++row) work(row);
        });
    }

    /// Squared distances of one row to all.
    static void squared_distances(const data_detail::RowBlocks& blocks, const double* point,
                                  std::vector<double>& distances) {
        constexpr std::size_t height = data_detail::RowBlocks::height;
        distances.resize(blocks.count() * height);
        for (std::size_t block = 0; block < blocks.count(); ++block)
            blocks.squared_distances(block, point, distances.data() + block * height);
    }

    /// p(j | i) is proportional to exp(-precision_i d_ij^2), the precision such that its entropy is log(perplexity).
    void find_similarities(const data_detail::RowBlocks& blocks, std::span<const float> values, std::size_t columns,
                           double perplexity) {
        const double wanted = std::log(perplexity);
        std::vector<double> precisions(rows_), nearest(rows_), totals(rows_);
        const auto point_of = [&](std::size_t row) {
            return std::vector<double>(values.begin() + static_cast<std::ptrdiff_t>(row * columns),
                                       values.begin() + static_cast<std::ptrdiff_t>((row + 1) * columns));
        };
        each_row("cellvae::t_sne_precisions", [&](std::size_t row) {
            std::vector<double> distances, weights(rows_);
            squared_distances(blocks, point_of(row).data(), distances);
            distances[row] = std::numeric_limits<double>::max();
            const double least =
                *std::min_element(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(rows_));
            double precision = 1, low = 0, high = std::numeric_limits<double>::infinity(), total = 0;
            distances[row] = least;
            // Newton's steps on the logarithm of the precision, bisection where they leave the bracket
            for (int step = 0; step < 100; ++step) {
                for (std::size_t j = 0; j < rows_; ++j) weights[j] = math::exp(-precision * (distances[j] - least));
                weights[row] = 0;
                double mean = 0, square = 0;
                total = 0;
                for (std::size_t j = 0; j < rows_; ++j) {
                    const double d = distances[j] - least;
                    total += weights[j];
                    mean += weights[j] * d;
                    square += weights[j] * d * d;
                }
                mean /= total;
                const double entropy = std::log(total) + precision * mean;
                if (std::abs(entropy - wanted) < 1e-5) break;
                (entropy > wanted ? low : high) = precision;
                const double slope = precision * precision * (square / total - mean * mean);
                double next = slope > 0 ? precision * std::exp(std::clamp((entropy - wanted) / slope, -3.0, 3.0)) : low;
                if (!(next > low && next < high)) next = std::isinf(high) ? 2 * precision : 0.5 * (low + high);
                precision = next;
            }
            precisions[row] = precision;
            nearest[row] = least;
            totals[row] = total;
        });
        const double share = 1 / (2 * static_cast<double>(rows_));
        each_row("cellvae::t_sne_similarities", [&](std::size_t row) {
            std::vector<double> distances;
            squared_distances(blocks, point_of(row).data(), distances);
            float* mine = similarity_.data() + row * stride_;
            for (std::size_t j = 0; j < rows_; ++j) {
                const double p = share * (math::exp(-precisions[row] * (distances[j] - nearest[row])) / totals[row] +
                                          math::exp(-precisions[j] * (distances[j] - nearest[j])) / totals[j]);
                mine[j] = p < least_similarity ? 0.0f : static_cast<float>(p);
            }
            mine[row] = 0;
        });
    }

    /// Of each row, the sums over the others of p w (y - y_j), of w^2 (y - y_j) and of w, w = 1 / (1 + |y - y_j|^2).
    /// Returns the sum of all w.
    double find_forces(const std::vector<double>& points) {
        for (std::size_t i = 0; i < rows_; ++i) {
            x_[i] = static_cast<float>(points[2 * i]);
            y_[i] = static_cast<float>(points[2 * i + 1]);
        }
        each_row("cellvae::t_sne_forces", [&](std::size_t row) {
            using Map = Eigen::Map<const Lanes>;
            const float* similarity = similarity_.data() + row * stride_;
            const float x = x_[row], y = y_[row];
            Lanes pull_x = Lanes::Zero(), pull_y = Lanes::Zero(), push_x = Lanes::Zero(), push_y = Lanes::Zero(),
                  sum = Lanes::Zero();
            for (std::size_t j = 0; j < stride_; j += width) {
                const Lanes dx = x - Map(x_.data() + j), dy = y - Map(y_.data() + j);
                const Lanes w = Lanes::Ones() / (1.0f + dx * dx + dy * dy);
                const Lanes pull = Map(similarity + j) * w, push = w * w;
                pull_x += pull * dx;
                pull_y += pull * dy;
                push_x += push * dx;
                push_y += push * dy;
                sum += w;
            }
            const auto add = [](const Lanes& lanes) { return lanes.cast<double>().sum(); };
            attraction_[2 * row] = add(pull_x);
            attraction_[2 * row + 1] = add(pull_y);
            repulsion_[2 * row] = add(push_x);
            repulsion_[2 * row + 1] = add(push_y);
            normaliser_[row] = add(sum) - 1;  // without the row itself
        });
        double total = 0;
        for (const double value : normaliser_) total += value;
        return total;
    }

    Exec exec_;
    std::size_t rows_, stride_;
    std::vector<float> similarity_;  // P, rows x stride
    std::vector<float> x_, y_;
    std::vector<double> attraction_, repulsion_, normaliser_;
};

}  // namespace evaluation_detail

/// t-SNE in the plane (van der Maaten and Hinton 2008, JMLR 9:2579-2605), exact: every pair of rows is looked at in
/// every step. Gradient descent with momentum and a gain for each coordinate (Jacobs 1988), as in scikit-learn's TSNE
/// with method="exact", from the same start (but without its early end).
///
/// Memory is rows^2 floats and time steps x rows^2: meant for some thousand rows. Forces are summed in float by lanes,
/// then in double; the result is the same for any number of threads.
///
/// @param values rows x columns, row-major
/// @param start rows x 2, row-major: where the points begin, such as two principal components. It is scaled so that the
///     first column's standard deviation is 1e-4.
/// @throws ShapeError for sizes that do not fit
/// @throws OptionError for a perplexity outside [1, rows) or numbers of steps that are negative
/// @throws InputError if a value is not finite or the start has no spread
[[nodiscard]] inline TSneResult t_sne(const Kokkos::DefaultHostExecutionSpace& exec, std::span<const float> values,
                                      Index rows, Index columns, std::span<const float> start,
                                      const TSneOptions& options = {}) {
    require_size(static_cast<Index>(values.size()), rows * columns, "values given to t-SNE");
    require_size(static_cast<Index>(start.size()), rows * 2, "start of t-SNE");
    if (!(options.perplexity >= 1 && options.perplexity < static_cast<double>(rows)))
        throw OptionError(message("perplexity of t-SNE: found ", options.perplexity,
                                  ", expected 1 or more and less than the ", rows, " rows"));
    if (options.steps < 0 || options.exaggerated_steps < 0 || !(options.exaggeration > 0) ||
        !(options.learning_rate >= 0))
        throw OptionError("options of t-SNE: steps, exaggeration and learning rate are not negative");
    require_finite(values, columns, "values given to t-SNE");
    require_finite(start, 2, "start of t-SNE");

    const auto count = static_cast<std::size_t>(rows);
    double mean = 0, square = 0;
    for (std::size_t i = 0; i < count; ++i) mean += static_cast<double>(start[2 * i]) / static_cast<double>(rows);
    for (std::size_t i = 0; i < count; ++i) square += std::pow(static_cast<double>(start[2 * i]) - mean, 2);
    const double spread = std::sqrt(square / static_cast<double>(rows));
    if (!(spread > 0 && std::isfinite(spread)))
        throw InputError(
            message("start of t-SNE: the first column's standard deviation is ", spread, ", expected above 0"));
    std::vector<double> points(start.begin(), start.end());
    for (double& value : points) value *= 1e-4 / spread;

    evaluation_detail::TSne model(exec, values, count, static_cast<std::size_t>(columns), options.perplexity);
    const double rate = options.learning_rate > 0
                            ? options.learning_rate
                            : std::max(50.0, static_cast<double>(rows) / options.exaggeration / 4);
    std::vector<double> gradient(points.size()), velocity(points.size(), 0.0), gains(points.size(), 1.0);
    for (int step = 0; step < options.steps; ++step) {
        const bool early = step < options.exaggerated_steps;
        model.gradient(points, early ? options.exaggeration : 1, gradient);
        for (std::size_t i = 0; i < points.size(); ++i) {
            gains[i] = std::max(0.01, velocity[i] * gradient[i] < 0 ? gains[i] + 0.2 : gains[i] * 0.8);
            velocity[i] = (early ? 0.5 : 0.8) * velocity[i] - rate * gains[i] * gradient[i];
            points[i] += velocity[i];
        }
        if (options.progress) options.progress(step + 1);
    }
    TSneResult result;
    result.divergence = model.divergence(points);
    result.coordinates.assign(points.begin(), points.end());
    return result;
}

}  // namespace cellvae
