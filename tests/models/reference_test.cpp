// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/standard_gaussian.hpp"
#include "reference_check.hpp"

TEST_CASE("every reference model with the prior N(0, I) is equalled: bound, terms and whole gradient", "[reference]") {
    CHECK(cellvae::tests::check_models<cellvae::StandardGaussian>("standard") > 0);
}
