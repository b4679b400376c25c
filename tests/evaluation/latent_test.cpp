// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/latent.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cstdint>
#include <span>
#include <vector>

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;

TEMPLATE_TEST_CASE("the latent covariance equals numpy's", "", float, double) {
    // numpy.cov of the 300 points of the silhouette's test
    std::uint32_t state = 12345;
    std::vector<TestType> values;
    for (int i = 0; i < 300; ++i) {
        const int k = i % 5;
        const double corner[3] = {((k * 7) % 5) * 0.5, ((k * 3) % 5) * 0.5, k * 0.5};
        for (const double c : corner) {
            state = state * 1664525u + 1013904223u;
            values.push_back(
                static_cast<TestType>(static_cast<float>(c + 1.5 * (static_cast<double>(state >> 8) / 16777216.0))));
        }
    }
    const std::vector<double> reference{0.6657391030000539,    -0.033124287095204305, 0.2476860613789755,
                                        -0.033124287095204305, 0.6894699958135347,    0.1927293287261681,
                                        0.2476860613789755,    0.1927293287261681,    0.686281596527331};
    const auto covariance = latent_covariance(std::span<const TestType>(values), 300, 3);
    REQUIRE(covariance.size() == 9);
    for (std::size_t i = 0; i < 9; ++i) CHECK(covariance[i] == Approx(reference[i]).epsilon(1e-12));
    CHECK(active_units(std::span<const TestType>(values), 300, 3).count == 3);
}

TEST_CASE("a unit is active above a variance of 0.01, however large its mean") {
    // two values at distance d in equal numbers have the variance d^2 / 4 * n / (n - 1)
    std::vector<float> means;
    for (int cell = 0; cell < 1000; ++cell) {
        const bool odd = cell % 2 == 1;
        means.push_back(odd ? 0.19f : 0.0f);      // 0.0090
        means.push_back(odd ? 0.21f : 0.0f);      // 0.0110
        means.push_back(5.0f);                    // 0
        means.push_back(odd ? 100.25f : 100.0f);  // 0.0156
    }
    const auto units = active_units(std::span<const float>(means), 1000, 4);
    CHECK(units.count == 2);
    CHECK(units.active == std::vector<bool>{false, true, false, true});
    CHECK(units.variances[2] == 0.0);
    CHECK(units.variances[3] == Approx(0.015625 * 1000 / 999).epsilon(1e-9));
    CHECK(active_units(std::span<const float>(means), 1000, 4, 0.012).count == 1);
}

TEST_CASE("latent means of the wrong size are refused") {
    const std::vector<float> means(6);
    CHECK_THROWS_MATCHES(active_units(std::span<const float>(means), 4, 2), ShapeError,
                         Message("latent means: found 6, expected 8"));
    CHECK_THROWS_MATCHES(latent_covariance(std::span<const float>(means), 1, 6), ShapeError,
                         Message("cells of a latent covariance: found 1, expected at least 2"));
}
