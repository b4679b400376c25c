// SPDX-License-Identifier: Apache-2.0
// Every likelihood that the library ships, for tests that go through all of them.
#pragma once

#include <tuple>

#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"

namespace cellvae_tests {

using NegativeBinomialMean = cellvae::NegativeBinomial<cellvae::MeanDispersion>;
using NegativeBinomialTotal = cellvae::NegativeBinomial<cellvae::TotalCountProbability>;
using ShippedLikelihoods =
    std::tuple<cellvae::Bernoulli, cellvae::ContinuousBernoulli, cellvae::Gaussian, cellvae::Poisson,
               NegativeBinomialMean, NegativeBinomialTotal, cellvae::ZeroInflated<cellvae::Poisson>,
               cellvae::ZeroInflated<NegativeBinomialMean>, cellvae::ZeroInflated<NegativeBinomialTotal>>;

/// Calls `visit.template operator()<L>()` for each shipped likelihood.
template <class Visit>
void for_each_likelihood(Visit&& visit) {
    [&]<class... L>(std::type_identity<std::tuple<L...>>) {
        (visit.template operator()<L>(), ...);
    }(std::type_identity<ShippedLikelihoods>{});
}

}  // namespace cellvae_tests
