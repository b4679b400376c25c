// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/latent_components.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <vector>

using Catch::Approx;
using namespace cellvae;

TEST_CASE("Components of latent means along a diagonal", "[latent_components]") {
    const Kokkos::DefaultHostExecutionSpace host;
    // along (1, 1) with a variance of 8/3 x 2, across it with one of 2/3
    const std::vector<float> means{3, 3, -1, -1, 1 + 0.5f, 1 - 0.5f, 1 - 0.5f, 1 + 0.5f};
    const auto found = latent_components(host, means, 4, 2);
    CHECK(found.variances[0] == Approx(16.0 / 3));
    CHECK(found.variances[1] == Approx(1.0 / 3));
    CHECK(found.coordinates[0] == Approx(2 * std::sqrt(2.0)));
    CHECK(found.coordinates[1] == Approx(0).margin(1e-6));
    CHECK(std::abs(found.coordinates[5]) == Approx(std::sqrt(0.5)));
    const std::vector<float> line{1, 2, 3};
    const auto one = latent_components(host, line, 3, 1);
    CHECK(one.coordinates == std::vector<float>{-1, 0, 0, 0, 1, 0});
}
