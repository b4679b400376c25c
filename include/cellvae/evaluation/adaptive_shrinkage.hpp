// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "cellvae/core/error.hpp"

namespace cellvae {

/// What is known of one effect once all effects have been seen.
struct ShrunkenEffect {
    double mean = 0;                ///< posterior mean
    double probability_beyond = 0;  ///< that its size is above the threshold
    double probability_above = 0;   ///< that it is above 0
};

/// The effects' distribution, fitted to all of them: normal ones around one mode, weighted.
struct EffectPrior {
    double mode = 0;
    std::vector<double> deviations;  ///< ascending, the first is 0
    std::vector<double> weights;
};

namespace evaluation_detail {

[[nodiscard]] inline double normal_above(double z) { return 0.5 * std::erfc(z * 0.7071067811865476); }

/// The value with half of the weight below it.
[[nodiscard]] inline double weighted_median(std::span<const double> values, std::span<const double> weights) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    double left = std::accumulate(weights.begin(), weights.end(), 0.0) / 2;
    for (const std::size_t i : order)
        if ((left -= weights[i]) <= 0) return values[i];
    return values[order.back()];
}

inline void require_effects(std::span<const double> estimates, std::span<const double> errors) {
    if (estimates.empty() || estimates.size() != errors.size())
        throw ShapeError(message("effects: found ", estimates.size(), " estimates and ", errors.size(),
                                 " standard errors; expected as many, and one at least"));
    for (std::size_t i = 0; i < estimates.size(); ++i)
        if (!std::isfinite(estimates[i]) || !std::isfinite(errors[i]) || !(errors[i] > 0))
            throw OptionError(message("effect ", i, ": found the estimate ", estimates[i], " with the standard error ",
                                      errors[i], "; both must be finite, and the error above 0"));
}

/// The density of each estimate under each of the prior's components, divided by the largest of its row.
[[nodiscard]] inline std::vector<double> effect_densities(std::span<const double> estimates,
                                                          std::span<const double> errors, const EffectPrior& prior) {
    const std::size_t count = prior.deviations.size();
    std::vector<double> density(estimates.size() * count);
    for (std::size_t i = 0; i < estimates.size(); ++i) {
        const auto row = std::span(density).subspan(i * count, count);
        for (std::size_t k = 0; k < count; ++k) {
            const double variance = errors[i] * errors[i] + prior.deviations[k] * prior.deviations[k];
            const double distance = estimates[i] - prior.mode;
            row[k] = -0.5 * (distance * distance / variance + std::log(variance));
        }
        const double largest = *std::max_element(row.begin(), row.end());
        for (double& value : row) value = std::exp(value - largest);
    }
    return density;
}

}  // namespace evaluation_detail

/// Fits how effects are distributed to estimates and their standard errors: a mixture of normal distributions around
/// one mode, of deviations from 0 on in steps of a factor of sqrt 2, whose weights are found by expectation and
/// maximisation, with a pull to no effect as strong as nine more effects of 0 (Stephens 2017, Biostatistics 18, 275).
/// The mode is the estimates' median, weighted by their precision: what most genes do when a few abundant ones take
/// counts from all others.
/// @throws ShapeError, OptionError for sizes that differ, and for what is not finite
[[nodiscard]] inline EffectPrior fit_effects(std::span<const double> estimates, std::span<const double> errors) {
    evaluation_detail::require_effects(estimates, errors);
    const std::size_t effects = estimates.size();
    std::vector<double> precision(effects);
    for (std::size_t i = 0; i < effects; ++i) precision[i] = 1 / (errors[i] * errors[i]);
    EffectPrior prior{evaluation_detail::weighted_median(estimates, precision), {0}, {}};
    const double least = *std::min_element(errors.begin(), errors.end()) / 10;
    double largest = 0;  // of the effects, as far as errors do not explain them
    for (std::size_t i = 0; i < effects; ++i) {
        const double distance = estimates[i] - prior.mode;
        largest = std::max(largest, distance * distance - errors[i] * errors[i]);
    }
    const double most = std::max(2 * std::sqrt(largest), 8 * least);
    for (double deviation = std::max(least, most / 1e5); deviation < 1.415 * most; deviation *= 1.4142135623730951)
        prior.deviations.push_back(deviation);

    const std::size_t count = prior.deviations.size();
    const auto density = evaluation_detail::effect_densities(estimates, errors, prior);
    prior.weights.assign(count, 1 / static_cast<double>(count));
    constexpr double pull = 9, tolerance = 1e-6;
    for (int iteration = 0; iteration < 1000; ++iteration) {
        std::vector<double> next(count, 0);
        next[0] = pull;
        for (std::size_t i = 0; i < effects; ++i) {
            double sum = 0;
            for (std::size_t k = 0; k < count; ++k) sum += prior.weights[k] * density[i * count + k];
            for (std::size_t k = 0; k < count; ++k) next[k] += prior.weights[k] * density[i * count + k] / sum;
        }
        double moved = 0;
        for (std::size_t k = 0; k < count; ++k) {
            next[k] /= static_cast<double>(effects) + pull;
            moved = std::max(moved, std::abs(next[k] - prior.weights[k]));
        }
        prior.weights = next;
        if (moved < tolerance) break;
    }
    return prior;
}

/// What each estimate says once the prior is known.
/// @param threshold the size of an effect that counts
/// @throws ShapeError, OptionError as fit_effects()
[[nodiscard]] inline std::vector<ShrunkenEffect> shrink_effects(std::span<const double> estimates,
                                                                std::span<const double> errors,
                                                                const EffectPrior& prior, double threshold) {
    using evaluation_detail::normal_above;
    evaluation_detail::require_effects(estimates, errors);
    const std::size_t count = prior.deviations.size();
    const auto density = evaluation_detail::effect_densities(estimates, errors, prior);
    std::vector<ShrunkenEffect> result(estimates.size());
    for (std::size_t i = 0; i < estimates.size(); ++i) {
        double total = 0;
        for (std::size_t k = 0; k < count; ++k) {
            const double weight = prior.weights[k] * density[i * count + k];
            const double spread = prior.deviations[k] * prior.deviations[k];
            const double kept = spread / (spread + errors[i] * errors[i]);
            const double mean = prior.mode + kept * (estimates[i] - prior.mode);
            const double deviation = errors[i] * std::sqrt(kept);
            const auto beyond = [&](double distance) {  // the chance to be above what lies `distance` below the mean
                return deviation > 0 ? normal_above(-distance / deviation) : (distance > 0 ? 1.0 : 0.0);
            };
            total += weight;
            result[i].mean += weight * mean;
            result[i].probability_above += weight * beyond(mean);
            result[i].probability_beyond += weight * (beyond(mean - threshold) + beyond(-mean - threshold));
        }
        result[i].mean /= total;
        result[i].probability_above /= total;
        result[i].probability_beyond /= total;
    }
    return result;
}

}  // namespace cellvae
