// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/categorical_kl.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <array>
#include <cmath>
#include <limits>

#include "cellvae/core/random.hpp"

using Catch::Matchers::WithinAbs;

namespace {

using Logits = std::array<double, 4>;

double kl_of_logits(const Logits& logits_q, const Logits& logits_p) {
    Logits log_q, log_p;
    cellvae::log_softmax(4, logits_q, log_q);
    cellvae::log_softmax(4, logits_p, log_p);
    return cellvae::categorical_kl(4, log_q, log_p);
}

}  // namespace

TEST_CASE("log-softmax normalises, and keeps large and far apart logits") {
    std::array<float, 3> result;
    cellvae::log_softmax(3, std::array<float, 3>{10000.0f, 10001.0f, -10000.0f}, result);
    CHECK_THAT(result[0], WithinAbs(-1.3132617f, 1e-6));
    CHECK_THAT(result[1], WithinAbs(-0.3132617f, 1e-6));
    CHECK(std::abs(result[2] + 20001.3132617f) < 0.01f);
}

TEST_CASE("the gradient through log-softmax is what differences show") {
    const Logits logits{0.3, -1.2, 2.0, 0.1}, weights{0.5, -2.0, 1.0, 3.0};
    const auto value = [&](const Logits& at) {
        Logits log_p;
        cellvae::log_softmax(4, at, log_p);
        double sum = 0;
        for (std::size_t k = 0; k < 4; ++k) sum += weights[k] * log_p[k];
        return sum;
    };
    Logits log_p, gradient;
    cellvae::log_softmax(4, logits, log_p);
    cellvae::log_softmax_backward(4, log_p, weights, gradient);
    for (std::size_t k = 0; k < 4; ++k) {
        Logits up = logits, down = logits;
        up[k] += 1e-5;
        down[k] -= 1e-5;
        CHECK_THAT(gradient[k], WithinAbs((value(up) - value(down)) / 2e-5, 1e-8));
    }
}

TEST_CASE("the categorical KL has the gradient that differences show, and agrees with sampling") {
    const Logits logits_q{0.3, -1.2, 2.0, 0.1}, logits_p{-0.4, 0.6, 1.0, 0.0};
    Logits log_q, log_p, d_q, d_p;
    cellvae::log_softmax(4, logits_q, log_q);
    cellvae::log_softmax(4, logits_p, log_p);
    const double kl = cellvae::categorical_kl(4, log_q, log_p, d_q, d_p);
    CHECK_THAT(kl, WithinAbs(cellvae::categorical_kl(4, log_q, log_p), 1e-15));
    for (std::size_t k = 0; k < 4; ++k) {
        for (const bool first : {true, false}) {
            Logits up = first ? logits_q : logits_p, down = up;
            up[k] += 1e-5;
            down[k] -= 1e-5;
            const double slope = first ? kl_of_logits(up, logits_p) - kl_of_logits(down, logits_p)
                                       : kl_of_logits(logits_q, up) - kl_of_logits(logits_q, down);
            CHECK_THAT((first ? d_q : d_p)[k], WithinAbs(slope / 2e-5, 1e-8));
        }
    }
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
    const std::array<double, 2> log_q{0.0, none}, log_p{std::log(0.5), std::log(0.5)};
    std::array<double, 2> d_q, d_p;
    CHECK_THAT(cellvae::categorical_kl(2, log_q, log_p, d_q, d_p), WithinAbs(std::log(2.0), 1e-15));
    CHECK_THAT(d_q[1], WithinAbs(0, 0));
    CHECK_THAT(d_p[0], WithinAbs(-0.5, 1e-15));
}
