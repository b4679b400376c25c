// SPDX-License-Identifier: Apache-2.0
#include "cellvae/math/log_mean_exp.hpp"

#include "cellvae/core/random.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <limits>
#include <vector>

using Catch::Approx;
using namespace cellvae;

namespace {

double log_mean_exp(const std::vector<double>& values) {
    LogMeanExp accumulated;
    for (const double value : values) accumulated.add(value);
    return accumulated.log_mean(static_cast<std::int64_t>(values.size()));
}

}  // namespace

TEST_CASE("the log-mean-exp holds where exponentials leave the range") {
    CHECK(log_mean_exp(std::vector<double>{std::log(1.0), std::log(2.0), std::log(6.0)}) ==
          Approx(std::log(3.0)).epsilon(1e-15));
    CHECK(log_mean_exp(std::vector<double>{-5000, -5000 + std::log(3.0)}) ==
          Approx(-5000 + std::log(2.0)).epsilon(1e-15));
    CHECK(log_mean_exp(std::vector<double>{900, -900, 900}) == Approx(900 + std::log(2.0 / 3)).epsilon(1e-15));
    CHECK(log_mean_exp(std::vector<double>{-7.25}) == -7.25);

    constexpr double infinity = std::numeric_limits<double>::infinity();
    CHECK(log_mean_exp(std::vector<double>{-infinity, std::log(4.0)}) == Approx(std::log(2.0)).epsilon(1e-15));
    CHECK(log_mean_exp(std::vector<double>{std::log(4.0), -infinity}) == Approx(std::log(2.0)).epsilon(1e-15));
    CHECK(log_mean_exp(std::vector<double>{-infinity, -infinity}) == -infinity);
    CHECK(log_mean_exp(std::vector<double>{1.0, infinity, 2.0}) == infinity);
    CHECK(std::isnan(log_mean_exp(std::vector<double>{1.0, std::numeric_limits<double>::quiet_NaN(), 2.0})));
    CHECK(LogMeanExp().log_sum() == -infinity);
    LogMeanExp two;
    two.add(800);
    two.add(800 + std::log(3.0));
    CHECK(two.log_sum() == Approx(800 + std::log(4.0)).epsilon(1e-15));
}

TEST_CASE("a log-mean-exp takes in another, whichever is larger") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (const bool larger_first : {true, false}) {
        LogMeanExp small, large;
        small.add(-3);
        small.add(-2);
        large.add(700);
        large.add(-2);
        LogMeanExp both = larger_first ? large : small;
        both.add(larger_first ? small : large);
        CHECK(both.largest == 700);
        CHECK(both.sum == Approx(1 + std::exp(-702.0) * 2 + std::exp(-703.0)).epsilon(1e-15));
        both.add(LogMeanExp());
        CHECK(both.log_sum() == 700);
    }
    LogMeanExp none;
    none.add(LogMeanExp());
    CHECK(none.log_sum() == -infinity);
    none.add(LogMeanExp{0, std::numeric_limits<double>::quiet_NaN()});
    CHECK(std::isnan(none.log_sum()));
}

TEST_CASE("the importance-weighted bound of a Gaussian model rises towards its known log-likelihood") {
    // z ~ N(0, 1), x | z ~ N(z, 1): log p(x) = log N(x; 0, 2). The proposal N(0.3, 0.8^2) is not the posterior.
    constexpr double x = 1.2, centre = 0.3, deviation = 0.8, log_two_pi = 1.8378770664093453;
    const double truth = -0.5 * (log_two_pi + std::log(2.0) + x * x / 2);
    const auto bound = [&](std::uint32_t samples, std::uint32_t repeats) {
        double sum = 0;
        for (std::uint32_t repeat = 0; repeat < repeats; ++repeat) {
            RandomStream random(5, Purpose::evaluation, repeat, samples);
            LogMeanExp weights;
            for (std::uint32_t sample = 0; sample < samples; ++sample) {
                const double noise = random.normal(), z = centre + deviation * noise;
                const double log_joint = -log_two_pi - 0.5 * z * z - 0.5 * (x - z) * (x - z);
                const double log_proposal = -0.5 * log_two_pi - std::log(deviation) - 0.5 * noise * noise;
                weights.add(log_joint - log_proposal);
            }
            sum += weights.log_mean(samples);
        }
        return sum / repeats;
    };
    const double one = bound(1, 4000), ten = bound(10, 1000), many = bound(2000, 20);
    CHECK(one < ten - 0.02);
    CHECK(ten < many);
    CHECK(std::abs(many - truth) < 0.01);
}
