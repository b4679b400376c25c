// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/mixture_fit.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

using namespace cellvae;

namespace mixture_fit_test {

namespace {

Kokkos::DefaultHostExecutionSpace host() { return {}; }

/// 900 rows of three Gaussians in two dimensions, with weights 2/3, 2/9, 1/9.
std::vector<float> three_groups() {
    RandomStream random(5, Purpose::test);
    std::vector<float> values;
    for (int row = 0; row < 900; ++row) {
        const int group = row % 9 < 6 ? 0 : row % 9 < 8 ? 1 : 2;
        const double centre[3][2] = {{0, 0}, {6, 1}, {-1, 7}};
        for (int j = 0; j < 2; ++j)
            values.push_back(static_cast<float>(centre[group][j] + (group == 0 ? 1.5 : 0.5) * random.normal()));
    }
    return values;
}

}  // namespace

TEST_CASE("a fitted mixture has the weights, means and variances of the groups that are there") {
    const auto values = three_groups();
    const auto fit = fit_mixture(host(), values, 900, 2, {.components = 3, .variance = MixtureVariance::own});
    std::vector<std::size_t> by_weight{0, 1, 2};
    std::sort(by_weight.begin(), by_weight.end(), [&](auto a, auto b) { return fit.weights[a] > fit.weights[b]; });
    CHECK(std::abs(fit.weights[by_weight[0]] - 2.0 / 3) < 0.01);
    CHECK(std::abs(fit.weights[by_weight[1]] - 2.0 / 9) < 0.01);
    CHECK(std::abs(fit.means[by_weight[1] * 2] - 6) < 0.15);
    CHECK(std::abs(fit.means[by_weight[2] * 2 + 1] - 7) < 0.15);
    CHECK(std::abs(std::sqrt(fit.variances[by_weight[0] * 2]) - 1.5) < 0.1);
    CHECK(std::abs(std::sqrt(fit.variances[by_weight[1] * 2]) - 0.5) < 0.1);
    for (std::size_t row = 0; row < 900; ++row) {
        double sum = 0;
        for (std::size_t k = 0; k < 3; ++k) sum += static_cast<double>(fit.responsibilities[row * 3 + k]);
        if (std::abs(sum - 1) > 1e-5) CHECK(sum == 1);
    }
}

TEST_CASE("a tied mixture has one variance, and noise of the rows adds to it") {
    const auto values = three_groups();
    const auto tied = fit_mixture(host(), values, 900, 2, {.components = 3});
    CHECK(tied.variances[0] == tied.variances[2]);
    CHECK(tied.variances[1] == tied.variances[5]);
    const std::vector<float> noise(values.size(), 2.0f);
    std::vector<std::int32_t> start(900);
    for (std::size_t row = 0; row < 900; ++row) start[row] = row % 9 < 6 ? 0 : row % 9 < 8 ? 1 : 2;
    const auto noisy = fit_mixture(host(), values, 900, 2, {.components = 3, .iterations = 1, .start = start}, noise);
    const auto plain = fit_mixture(host(), values, 900, 2, {.components = 3, .iterations = 1, .start = start});
    CHECK(noisy.variances[0] > plain.variances[0] + 1);
}

TEST_CASE("the fit's likelihood rises with every pass") {
    const auto values = three_groups();
    double before = -1e300;
    for (int passes = 1; passes < 8; ++passes) {
        const auto fit =
            fit_mixture(host(), values, 900, 2,
                        {.components = 4, .variance = MixtureVariance::own, .iterations = passes, .tolerance = 0});
        CHECK(fit.log_likelihood >= before - 1e-9);
        before = fit.log_likelihood;
    }
}

TEST_CASE("responsibilities are those of the returned means, also where the iterations run out") {
    const auto values = three_groups();
    std::vector<std::int32_t> start(900);
    for (std::size_t row = 0; row < 900; ++row) start[row] = values[row * 2] > 1 ? 1 : 0;
    const auto fit = fit_mixture(host(), values, 900, 2, {.components = 2, .iterations = 1, .start = start});
    double furthest = 0;
    for (std::size_t row = 0; row < 900; ++row) {
        double log_joint[2];
        for (std::size_t k = 0; k < 2; ++k) {
            log_joint[k] = std::log(fit.weights[k]);
            for (std::size_t j = 0; j < 2; ++j) {
                const double distance = static_cast<double>(values[row * 2 + j]) - fit.means[k * 2 + j];
                const double variance = fit.variances[k * 2 + j];
                log_joint[k] -= (distance * distance / variance + std::log(variance)) / 2;
            }
        }
        const double expected = 1 / (1 + std::exp(log_joint[1] - log_joint[0]));
        furthest = std::max(furthest, std::abs(expected - static_cast<double>(fit.responsibilities[row * 2])));
    }
    CHECK(furthest < 1e-6);
}

TEST_CASE("a fit refuses what does not fit") {
    const std::vector<float> values{0, 1, 2, 3};
    const std::vector<std::int32_t> start{0, 2};
    CHECK_THROWS_AS(fit_mixture(host(), values, 2, 2, {.components = 2, .start = start}), OptionError);
    CHECK_THROWS_AS(fit_mixture(host(), values, 2, 2, {.components = 2, .least_variance = 0}), OptionError);
    const std::vector<std::int32_t> short_start{0};
    CHECK_THROWS_AS(fit_mixture(host(), values, 2, 2, {.components = 2, .start = short_start}), ShapeError);
    const std::vector<std::int32_t> good_start{0, 1};
    CHECK_THROWS_AS(fit_mixture(host(), values, 3, 2, {.components = 2, .start = good_start}), ShapeError);
    CHECK_THROWS_AS(fit_mixture(host(), values, 2, 2, {.components = 0, .start = good_start}), OptionError);
    CHECK_THROWS_AS(fit_mixture(host(), values, 2, 2, {.components = 0}), OptionError);
    const std::vector<float> noise{1};
    CHECK_THROWS_AS(fit_mixture(host(), values, 2, 2, {.components = 1}, noise), ShapeError);
    for (const float refused : {-0.1F, std::numeric_limits<float>::quiet_NaN()})
        CHECK_THROWS_AS(fit_mixture(host(), values, 2, 2, {.components = 1}, std::vector<float>{1, 1, refused, 1}),
                        InputError);
    CHECK_THROWS_AS(fit_mixture(host(), values, 2, 2, {.components = 1, .iterations = -1}), OptionError);
    const auto of_start = fit_mixture(host(), values, 2, 2, {.components = 2, .iterations = 0, .start = good_start});
    CHECK(of_start.means == std::vector<double>{0, 1, 2, 3});  // one row each
}

}  // namespace mixture_fit_test
