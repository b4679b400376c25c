// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/reparametrised.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>

TEMPLATE_TEST_CASE("the reparametrised sample is the mean plus the deviation times the noise", "", float, double) {
    const auto sample = cellvae::reparametrised_sample<TestType>(TestType(1.5), TestType(0), TestType(-2));
    CHECK(sample.z == TestType(-0.5));
    CHECK(sample.d_z_d_mean == TestType(1));
    CHECK(sample.d_z_d_log_variance == TestType(-1));
    const auto wide = cellvae::reparametrised_sample<TestType>(TestType(0), TestType(4), TestType(1));
    CHECK(std::abs(wide.z - std::exp(TestType(2))) < TestType(1e-5));
}
