// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/mixture_kernels.hpp"

#include <catch2/catch_test_macros.hpp>

TEST_CASE("a float's gradient is not weighted with what makes its products denormal") {
    using cellvae::priors_detail::gradient_weight;
    CHECK(gradient_weight(1e-13f) == 0.0f);
    CHECK(gradient_weight(1e-11f) == 1e-11f);
    CHECK(gradient_weight(1.0f) == 1.0f);
    CHECK(gradient_weight(1e-13) == 1e-13);  // double has room
}
