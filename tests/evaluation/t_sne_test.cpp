// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/t_sne.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "cellvae/evaluation/trustworthiness.hpp"
#include "peers.hpp"

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;

namespace t_sne_test {

namespace {

Kokkos::DefaultHostExecutionSpace host() { return {}; }

std::vector<float> first_two(const std::vector<float>& points) {
    std::vector<float> start;
    for (std::size_t row = 0; row < PeerNumbers::rows; ++row)
        for (std::size_t column = 0; column < 2; ++column) start.push_back(points[row * PeerNumbers::columns + column]);
    return start;
}

}  // namespace

TEST_CASE("t-SNE is as good as scikit-learn's from the same start", "[t_sne]") {
    const auto points = PeerNumbers{}.points();
    Index steps = 0;
    const auto found = t_sne(host(), points, PeerNumbers::rows, PeerNumbers::columns, first_two(points),
                             {.progress = [&](Index step) { steps = step; }});
    CHECK(steps == 1000);
    const auto peer = peer_results().front();
    CHECK(found.divergence == Approx(peer[0]).epsilon(0.02));
    CHECK(trustworthiness(host(), points, PeerNumbers::rows, PeerNumbers::columns, found.coordinates) ==
          Approx(peer[1]).epsilon(0.02));
    const auto again = t_sne(host(), points, PeerNumbers::rows, PeerNumbers::columns, first_two(points));
    CHECK(again.coordinates == found.coordinates);
}

TEST_CASE("The gradient of t-SNE is that of its divergence", "[t_sne]") {
    const auto points = PeerNumbers{}.points();
    evaluation_detail::TSne model(host(), points, 60, PeerNumbers::columns, 10);
    PeerNumbers uniform;
    std::vector<double> at(120), gradient(120);
    for (double& value : at) value = 4 * uniform();
    model.gradient(at, 1, gradient);
    for (const std::size_t i : {0u, 17u, 119u}) {
        const double step = 1e-3, value = at[i];
        at[i] = value + step;
        const double above = model.divergence(at);
        at[i] = value - step;
        const double below = model.divergence(at);
        at[i] = value;
        CHECK(gradient[i] == Approx((above - below) / (2 * step)).epsilon(1e-3).margin(1e-6));
    }
}

TEST_CASE("similarities of far groups are zero, not too small for a normal number", "[t_sne]") {
    auto points = PeerNumbers{}.points();
    const auto columns = static_cast<std::size_t>(PeerNumbers::columns);
    for (std::size_t row = 0; row < 30; ++row) points[row * columns] += static_cast<float>(row);
    for (std::size_t row = 30; row < 60; ++row) points[row * columns] += 60;
    const evaluation_detail::TSne model(host(), points, 60, columns, 5);
    double total = 0;
    int zeros = 0;
    for (const float p : model.similarities()) {
        CHECK((p == 0 || p > 1e-31f));
        zeros += p == 0 ? 1 : 0;
        total += static_cast<double>(p);
    }
    CHECK(zeros > 900);
    CHECK(total == Approx(1));
}

TEST_CASE("t-SNE of equal rows and of few rows stays finite", "[t_sne]") {
    std::vector<float> points(40, 1.0f), start{0, 0, 1, 0, 2, 1, 3, 1};
    const auto found = t_sne(host(), points, 4, 10, start, {.perplexity = 1.5, .steps = 300});
    for (const float value : found.coordinates) CHECK(std::isfinite(value));
}

TEST_CASE("t-SNE refuses what it cannot do", "[t_sne]") {
    std::vector<float> points(40, 1.0f), start{0, 0, 1, 0, 2, 1, 3, 1};
    CHECK_THROWS_MATCHES(t_sne(host(), points, 4, 10, start), OptionError,
                         Message("perplexity of t-SNE: found 30, expected 1 or more and less than the 4 rows"));
    CHECK_THROWS_AS(t_sne(host(), points, 5, 10, start), ShapeError);
    const std::vector<float> flat(8, 1.0f);
    CHECK_THROWS_AS(t_sne(host(), points, 4, 10, flat, {.perplexity = 2}), InputError);
    const std::vector<float> broken{0, 0, 1, 0, 2, std::numeric_limits<float>::quiet_NaN(), 3, 1};
    CHECK_THROWS_MATCHES(t_sne(host(), points, 4, 10, broken, {.perplexity = 2}), InputError,
                         Message("start of t-SNE: row 2, column 1 is nan, expected a finite number"));
    points[13] = std::numeric_limits<float>::infinity();
    CHECK_THROWS_MATCHES(t_sne(host(), points, 4, 10, start, {.perplexity = 2}), InputError,
                         Message("values given to t-SNE: row 1, column 3 is inf, expected a finite number"));
}

}  // namespace t_sne_test
