// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/vamp_prior.hpp"
#include "reference_check.hpp"

TEST_CASE("every reference model with a VampPrior is equalled: bound, terms and whole gradient", "[reference]") {
    CHECK(cellvae::tests::check_models<cellvae::VampPrior>("vamp") > 0);
}
