// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/clustering/k_means.hpp"
#include "cellvae/core/launch.hpp"

namespace cellvae {

/// What the components of a fitted mixture of Gaussians share.
enum class MixtureVariance {
    tied,  ///< one diagonal variance for all components
    own,   ///< each component has its own diagonal variance
};

struct MixtureFitOptions {
    int components = 15;
    MixtureVariance variance = MixtureVariance::tied;
    int iterations = 200;     ///< at most, of expectation and maximisation; 0: what is fitted to the start as it is
    double tolerance = 1e-5;  ///< stop when the mean log-likelihood rises by less
    double least_variance = 1e-2;
    int restarts = 20;                      ///< of the k-means from which it starts
    std::span<const std::int32_t> start{};  ///< of each row the component it starts in; empty: those of k-means
    std::uint64_t seed = 1;
};

/// A mixture of Gaussians with diagonal variances.
struct MixtureFit {
    int components = 0;
    int columns = 0;
    std::vector<double> weights;          ///< components
    std::vector<double> means;            ///< components x columns
    std::vector<double> variances;        ///< components x columns
    std::vector<float> responsibilities;  ///< rows x components
    double log_likelihood = 0;            ///< mean over the rows; 0 without an iteration
};

/// Fits a mixture of Gaussians by expectation and maximisation (Dempster, Laird and Rubin 1977), started from k-means.
/// Sums run in the rows' order: the same result for any number of threads.
///
/// @param values rows x columns, row-major
/// @param noise_variances rows x columns, or empty: each value's own variance, as an encoder's posterior has it. It
///        counts as spread around the component: the variances are those of draws from the posteriors
/// @throws ShapeError or OptionError for sizes that do not fit; InputError for a value that is not finite, and for a
///         variance that is not or is below 0
[[nodiscard]] inline MixtureFit fit_mixture(const Kokkos::DefaultHostExecutionSpace& exec,
                                            std::span<const float> values, Index rows, Index columns,
                                            const MixtureFitOptions& options,
                                            std::span<const float> noise_variances = {}) {
    require_size(static_cast<Index>(values.size()), rows * columns, "values to fit a mixture to");
    if (rows < 1 || columns < 1)
        throw ShapeError(
            message("there are ", rows, " rows and ", columns, " columns: at least one of each is needed"));
    if (!noise_variances.empty())
        require_size(static_cast<Index>(noise_variances.size()), rows * columns, "variances of the rows to fit");
    if (!(options.least_variance > 0))
        throw OptionError(message("the least variance of a component must be above 0, found ", options.least_variance));
    if (options.components < 1)
        throw OptionError(message("a mixture has at least one component, found ", options.components));
    if (options.iterations < 0)
        throw OptionError(message("iterations of a mixture's fit: found ", options.iterations, ", expected 0 or more"));
    require_finite(values, columns, "values to fit a mixture to");
    require_finite(noise_variances, columns, "variances of the rows to fit");
    if (const auto below = std::find_if(noise_variances.begin(), noise_variances.end(), [](float v) { return v < 0; });
        below != noise_variances.end())
        throw InputError(message("variances of the rows to fit: row ", (below - noise_variances.begin()) / columns,
                                 " has ", *below, ", expected 0 or more"));
    std::vector<std::int32_t> start(options.start.begin(), options.start.end());
    if (start.empty())
        start = k_means(exec, values, rows, columns,
                        {.clusters = options.components, .restarts = options.restarts, .seed = options.seed})
                    .labels;
    require_size(static_cast<Index>(start.size()), rows, "components that rows start in");
    for (const auto component : start)
        if (component < 0 || component >= options.components)
            throw OptionError(message("a row starts in component ", component, ", but there are ", options.components,
                                      ", numbered from 0"));
    const auto n = static_cast<std::size_t>(rows);
    const auto d = static_cast<std::size_t>(columns);
    const auto k_count = static_cast<std::size_t>(options.components);
    MixtureFit fit;
    fit.components = options.components;
    fit.columns = static_cast<int>(columns);
    fit.weights.assign(k_count, 0);
    fit.means.assign(k_count * d, 0);
    fit.variances.assign(k_count * d, 0);
    fit.responsibilities.assign(n * k_count, 0);
    for (std::size_t row = 0; row < n; ++row)
        fit.responsibilities[row * k_count + static_cast<std::size_t>(start[row])] = 1;

    const auto maximise = [&] {
        std::vector<double> tied(d, 0);
        for (std::size_t k = 0; k < k_count; ++k) {
            double total = 0;
            std::vector<double> mean(d, 0), square(d, 0);
            for (std::size_t row = 0; row < n; ++row) {
                const auto share = static_cast<double>(fit.responsibilities[row * k_count + k]);
                if (share < 1e-10) continue;
                total += share;
                for (std::size_t j = 0; j < d; ++j) mean[j] += share * static_cast<double>(values[row * d + j]);
            }
            for (auto& m : mean) m /= std::max(total, 1e-10);
            for (std::size_t row = 0; row < n; ++row) {
                const auto share = static_cast<double>(fit.responsibilities[row * k_count + k]);
                if (share < 1e-10) continue;
                for (std::size_t j = 0; j < d; ++j) {
                    const double distance = static_cast<double>(values[row * d + j]) - mean[j];
                    const double own = noise_variances.empty() ? 0 : static_cast<double>(noise_variances[row * d + j]);
                    square[j] += share * (distance * distance + own);
                }
            }
            fit.weights[k] = total / static_cast<double>(n);
            for (std::size_t j = 0; j < d; ++j) {
                if (total > 1e-10) fit.means[k * d + j] = mean[j];
                fit.variances[k * d + j] = std::max(square[j] / std::max(total, 1e-10), options.least_variance);
                tied[j] += square[j] / static_cast<double>(n);
            }
        }
        if (options.variance == MixtureVariance::tied)
            for (std::size_t k = 0; k < k_count; ++k)
                for (std::size_t j = 0; j < d; ++j)
                    fit.variances[k * d + j] = std::max(tied[j], options.least_variance);
    };
    std::vector<double> row_log_likelihood(n);
    const auto expect = [&] {
        std::vector<double> constant(k_count);
        std::vector<double> precision(k_count * d);
        for (std::size_t k = 0; k < k_count; ++k) {
            constant[k] = std::log(std::max(fit.weights[k], 1e-300));
            for (std::size_t j = 0; j < d; ++j) {
                precision[k * d + j] = 1 / fit.variances[k * d + j];
                constant[k] -= 0.5 * std::log(2 * 3.141592653589793 * fit.variances[k * d + j]);
            }
        }
        Kokkos::parallel_for(
            KernelLabel("cellvae::fit_mixture"), Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace>(exec, 0, rows),
            [&](const Index row) {
                const auto at = static_cast<std::size_t>(row);
                std::vector<double> log_joint(k_count);
                double largest = -std::numeric_limits<double>::infinity();
                for (std::size_t k = 0; k < k_count; ++k) {
                    double sum = 0;
                    for (std::size_t j = 0; j < d; ++j) {
                        const double distance = static_cast<double>(values[at * d + j]) - fit.means[k * d + j];
                        const double own =
                            noise_variances.empty() ? 0 : static_cast<double>(noise_variances[at * d + j]);
                        sum += (distance * distance + own) * precision[k * d + j];
                    }
                    log_joint[k] = constant[k] - sum / 2;
                    largest = std::max(largest, log_joint[k]);
                }
                double total = 0;
                for (auto& value : log_joint) total += std::exp(value - largest);
                for (std::size_t k = 0; k < k_count; ++k)
                    fit.responsibilities[at * k_count + k] =
                        static_cast<float>(std::exp(log_joint[k] - largest) / total);
                row_log_likelihood[at] = largest + std::log(total);
            });
        exec.fence("cellvae::fit_mixture");
        double sum = 0;
        for (const double value : row_log_likelihood) sum += value;
        return sum / static_cast<double>(n);
    };
    maximise();
    double before = -std::numeric_limits<double>::infinity();
    for (int pass = 0; pass < options.iterations; ++pass) {
        fit.log_likelihood = expect();
        // what is returned belongs together: the last iteration ends with its responsibilities
        if (fit.log_likelihood - before < options.tolerance || pass + 1 == options.iterations) break;
        before = fit.log_likelihood;
        maximise();
    }
    return fit;
}

}  // namespace cellvae
