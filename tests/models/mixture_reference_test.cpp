// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/gaussian_mixture.hpp"
#include "reference_check.hpp"

TEST_CASE("every reference model with a mixture prior is equalled: bound, responsibilities and whole gradient",
          "[reference]") {
    CHECK(cellvae::tests::check_models<cellvae::GaussianMixture<>>("mixture") > 0);
}
