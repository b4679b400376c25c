// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "vae_gradient.hpp"

using namespace cellvae;
using namespace cellvae_tests;

TEMPLATE_TEST_CASE("likelihoods without a log mean have the gradient of the differences", "", Bernoulli,
                   ContinuousBernoulli, Gaussian, ZeroInflated<NegativeBinomial<TotalCountProbability>>) {
    check_likelihood_gradients<TestType>();
}
