// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "vae_gradient.hpp"

using namespace cellvae;
using namespace cellvae_tests;

TEMPLATE_TEST_CASE("count likelihoods have the gradient of the differences", "", Poisson, ZeroInflated<Poisson>,
                   NegativeBinomial<MeanDispersion>, NegativeBinomial<TotalCountProbability>) {
    check_likelihood_gradients<TestType>();
}
