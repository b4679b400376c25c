// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/trustworthiness.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <vector>

using Catch::Approx;
using namespace cellvae;

TEST_CASE("Trustworthiness of six points on a line, by hand", "[trustworthiness]") {
    const Kokkos::DefaultHostExecutionSpace host;
    const std::vector<float> truth{0, 1, 2.1f, 3.3f, 4.6f, 6};
    std::vector<float> same{0, 0, 1, 0, 2.1f, 0, 3.3f, 0, 4.6f, 0, 6, 0};
    CHECK(trustworthiness(host, truth, 6, 1, same, 1) == 1);
    // the last point is put beside the first: each is the other's nearest, of rank 5 in truth, 4 too many
    same[10] = -0.5f;
    CHECK(trustworthiness(host, truth, 6, 1, same, 1) == Approx(1 - 2.0 / (6 * (12 - 3 - 1)) * 8));
    CHECK_THROWS_AS(trustworthiness(host, truth, 6, 1, same, 3), OptionError);
    CHECK_THROWS_AS(trustworthiness(host, truth, 5, 1, same, 1), ShapeError);
    const std::vector<float> broken{0, 1, 2.1f, std::numeric_limits<float>::quiet_NaN(), 4.6f, 6};
    CHECK_THROWS_AS(trustworthiness(host, broken, 6, 1, same, 1), InputError);
}
