// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/categorical_kl.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <array>
#include <cmath>
#include <limits>

#include "cellvae/core/random.hpp"

using Catch::Matchers::WithinAbs;

TEST_CASE("log-softmax normalises, and keeps large and far apart logits") {
    std::array<float, 3> result;
    cellvae::log_softmax(3, std::array<float, 3>{10000.0f, 10001.0f, -10000.0f}, result);
    CHECK_THAT(result[0], WithinAbs(-1.3132617f, 1e-6));
    CHECK_THAT(result[1], WithinAbs(-0.3132617f, 1e-6));
    CHECK(std::abs(result[2] + 20001.3132617f) < 0.01f);
}

TEST_CASE("the terms of the categorical KL add up to what sampling shows") {
    std::array<double, 4> log_q, log_p;
    cellvae::log_softmax(4, std::array<double, 4>{0.3, -1.2, 2.0, 0.1}, log_q);
    cellvae::log_softmax(4, std::array<double, 4>{-0.4, 0.6, 1.0, 0.0}, log_p);
    double kl = 0;
    for (std::size_t k = 0; k < 4; ++k) kl += cellvae::categorical_kl_term(std::exp(log_q[k]), log_q[k], log_p[k]);
    cellvae::RandomStream random(9, cellvae::Purpose::test);
    constexpr int draws = 100000;
    double sum = 0, squares = 0;
    for (int i = 0; i < draws; ++i) {
        double left = random.uniform<double>();
        std::size_t k = 0;
        while (k < 3 && (left -= std::exp(log_q[k])) > 0) ++k;
        sum += log_q[k] - log_p[k];
        squares += (log_q[k] - log_p[k]) * (log_q[k] - log_p[k]);
    }
    const double mean = sum / draws;
    CHECK(std::abs(mean - kl) < 5 * std::sqrt((squares / draws - mean * mean) / draws));
}

TEST_CASE("a cluster of probability zero adds nothing to the KL") {
    constexpr double none = -std::numeric_limits<double>::infinity();
    CHECK_THAT(cellvae::categorical_kl_term(0.0, none, std::log(0.5)), WithinAbs(0, 0));
    CHECK_THAT(cellvae::categorical_kl_term(1.0, 0.0, std::log(0.5)), WithinAbs(std::log(2.0), 1e-15));
    CHECK(cellvae::categorical_kl_term(0.5, std::log(0.5), none) == -none);
}
