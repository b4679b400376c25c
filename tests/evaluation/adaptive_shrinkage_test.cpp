// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/adaptive_shrinkage.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "cellvae/core/random.hpp"
#include "cellvae/evaluation/gene_differences.hpp"

using namespace cellvae;

namespace adaptive_shrinkage_test {

namespace {

double density(double x, double mean, double deviation) {
    const double z = (x - mean) / deviation;
    return std::exp(-0.5 * z * z) / (deviation * std::sqrt(2 * 3.141592653589793));
}

struct Effects {
    std::vector<double> truth, estimates, errors;
};

/// Most of them are 0.2, one in five is something else.
Effects make_effects(std::size_t count, std::uint64_t seed) {
    Effects effects;
    RandomStream random(seed, Purpose::test);
    for (std::size_t i = 0; i < count; ++i) {
        const double truth = 0.2 + (random.uniform<double>() < 0.2 ? 1.5 * random.normal<double>() : 0);
        const double error = 0.05 + 0.6 * random.uniform<double>();
        effects.truth.push_back(truth);
        effects.errors.push_back(error);
        effects.estimates.push_back(truth + error * random.normal<double>());
    }
    return effects;
}

}  // namespace

TEST_CASE("a posterior is the prior times the estimate's likelihood, by quadrature") {
    const EffectPrior prior{0.3, {0, 0.2, 1.5}, {0.5, 0.2, 0.3}};
    const std::vector<double> estimates{-1, 0.1, 0.9, 2.5}, errors{0.4, 0.3, 0.2, 1.1};
    const double threshold = 0.25;
    const auto found = shrink_effects(estimates, errors, prior, threshold);
    for (std::size_t i = 0; i < estimates.size(); ++i) {
        const double at_mode = prior.weights[0] * density(estimates[i], prior.mode, errors[i]);
        double total = at_mode, mean = at_mode * prior.mode, beyond = at_mode, above = at_mode;
        const double step = 1e-4;
        for (double effect = -20 + step / 2; effect < 20; effect += step) {
            const double weight = step * density(estimates[i], effect, errors[i]) *
                                  (prior.weights[1] * density(effect, prior.mode, prior.deviations[1]) +
                                   prior.weights[2] * density(effect, prior.mode, prior.deviations[2]));
            total += weight;
            mean += weight * effect;
            beyond += std::abs(effect) > threshold ? weight : 0;
            above += effect > 0 ? weight : 0;
        }
        CHECK(std::abs(found[i].mean - mean / total) < 1e-8);
        CHECK(std::abs(found[i].probability_beyond - beyond / total) < 1e-4);
        CHECK(std::abs(found[i].probability_above - above / total) < 1e-4);
    }
}

TEST_CASE("the weights of the effects' distribution are at the maximum of what they are fitted to") {
    const auto effects = make_effects(600, 1);
    const auto prior = fit_effects(effects.estimates, effects.errors);
    CHECK(std::abs(prior.mode - 0.2) < 0.03);
    REQUIRE(prior.deviations.front() == 0);
    double sum = 0;
    for (const double weight : prior.weights) sum += weight;
    CHECK(std::abs(sum - 1) < 1e-12);
    // Karush, Kuhn and Tucker: no weight can grow at the others' cost
    for (std::size_t k = 0; k < prior.weights.size(); ++k) {
        double gain = k == 0 ? 9 / prior.weights[0] : 0;
        for (std::size_t i = 0; i < effects.estimates.size(); ++i) {
            double all = 0, own = 0;
            for (std::size_t m = 0; m < prior.weights.size(); ++m) {
                const double spread = std::hypot(effects.errors[i], prior.deviations[m]);
                const double value = density(effects.estimates[i], prior.mode, spread);
                all += prior.weights[m] * value;
                if (m == k) own = value;
            }
            gain += own / all;
        }
        CAPTURE(k, prior.deviations[k], prior.weights[k]);
        CHECK(gain / (600 + 9) < 1.01);
        if (prior.weights[k] > 0.05) CHECK(gain / (600 + 9) > 0.99);
    }
}

TEST_CASE("of many effects as many are beyond the threshold as the probabilities say, at any level") {
    const auto effects = make_effects(20000, 2);
    const auto found =
        shrink_effects(effects.estimates, effects.errors, fit_effects(effects.estimates, effects.errors), 0.25);
    double below = 0;
    for (double level = 0.2; level < 1.1; level += 0.2) {
        double expected = 0, beyond = 0, count = 0, variance = 0;
        for (std::size_t i = 0; i < found.size(); ++i) {
            const double probability = found[i].probability_beyond;
            if (probability < below || probability >= level) continue;
            count += 1;
            expected += probability;
            variance += probability * (1 - probability);
            beyond += std::abs(effects.truth[i]) > 0.25 ? 1 : 0;
        }
        CAPTURE(below, level, count);
        CHECK(count > 50);
        CHECK(std::abs(beyond - expected) < 4 * std::sqrt(variance) + 0.02 * count);
        below = level;
    }
}

TEST_CASE("what cannot be shrunken is refused") {
    using Catch::Matchers::Message;
    const std::vector<double> one{1}, none, zero{0}, infinite{std::numeric_limits<double>::infinity()};
    CHECK_THROWS_MATCHES(fit_effects(one, none), ShapeError,
                         Message("effects: found 1 estimates and 0 standard errors; expected as many, and one at "
                                 "least"));
    CHECK_THROWS_AS(fit_effects(none, none), ShapeError);
    CHECK_THROWS_MATCHES(fit_effects(one, zero), OptionError,
                         Message("effect 0: found the estimate 1 with the standard error 0; both must be finite, and "
                                 "the error above 0"));
    CHECK_THROWS_AS(fit_effects(infinite, one), OptionError);
    CHECK(fit_effects(one, one).mode == 1);
}

TEST_CASE("an effect that is surely 0 is not beyond 0, and one that is surely the threshold not beyond it") {
    const std::vector<double> estimates{0.3}, errors{1};
    for (const double mode : {0.0, 0.5, -0.5}) {
        const EffectPrior certain{mode, {0}, {1}};
        CHECK(shrink_effects(estimates, errors, certain, std::abs(mode))[0].probability_beyond == 0);
        CHECK(shrink_effects(estimates, errors, certain, 0.4)[0].probability_beyond == (mode == 0 ? 0 : 1));
    }
}

TEST_CASE("the change that counts is the one of scvi-tools") {
    // By scvi-tools (estimate_delta with its defaults: the mixture of scikit-learn, the same from five seeds)
    std::vector<double> changes;
    for (int i = 0; i < 3000; ++i) {
        const double wave = std::sin(1.7 * i) + std::sin(0.37 * i * i) / 2;
        changes.push_back(i % 10 == 0 ? -2 + 0.4 * wave : i % 10 == 1 ? 1.5 + 0.3 * wave : 0.1 * wave);
    }
    CHECK(std::abs(estimated_delta(changes) - 1.0497323730454724) < 1e-3);
    for (double& change : changes) change /= 50;
    CHECK(estimated_delta(changes) == 0.1);
    CHECK(estimated_delta(std::vector<double>{2}) == 0.6 * 2);
    CHECK(estimated_delta(std::vector<double>(10, 2)) == 0.6 * 2);  // two of the three components are empty
}

}  // namespace adaptive_shrinkage_test
