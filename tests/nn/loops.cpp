// SPDX-License-Identifier: Apache-2.0
// The loops over a panel's genes and over its nonzeros, where most of a step's time that is not products goes, one
// function a likelihood and precision. build/vectorised.sh compiles this file and reads the assembly: every loop must
// be made of packed instructions and call nothing.
#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/nn/output_layer_host.hpp"

namespace {

using namespace cellvae;
using NegativeBinomialMean = NegativeBinomial<MeanDispersion>;
using NegativeBinomialCount = NegativeBinomial<TotalCountProbability>;
using ZeroInflatedPoisson = ZeroInflated<Poisson>;
using ZeroInflatedMean = ZeroInflated<NegativeBinomialMean>;
using ZeroInflatedCount = ZeroInflated<NegativeBinomialCount>;

template <class L, class Real>
struct LoopArguments {
    static constexpr std::size_t count = parameter_count<L>;
    Kokkos::Array<Real*, count> eta;
    nn_detail::Heads<Real, count> heads;
    Real* values;
    Real* weights;
    Index genes;
};

}  // namespace

#define LOOP_OF_ZEROS(Likelihood, kind, gradient, Real)                                                              \
    extern "C" void loop_##kind##_##Likelihood##_##Real(const LoopArguments<Likelihood, Real>& loop) {               \
        nn_detail::log_prob_of_zeros<Likelihood, gradient>(loop.eta, loop.values, loop.genes, loop.heads,            \
                                                           loop.weights[0],                                          \
                                                           std::make_index_sequence<parameter_count<Likelihood>>{}); \
    }
#define LOOPS_OF(Likelihood, Real)                                                                             \
    LOOP_OF_ZEROS(Likelihood, zeros, false, Real)                                                              \
    LOOP_OF_ZEROS(Likelihood, zeros_gradient, true, Real)                                                      \
    extern "C" void loop_values_##Likelihood##_##Real(const LoopArguments<Likelihood, Real>& loop) {           \
        nn_detail::log_prob_of_values<Likelihood>(loop.eta, loop.values, loop.weights, loop.genes, loop.heads, \
                                                  std::make_index_sequence<parameter_count<Likelihood>>{});    \
    }
#define LOOPS(Real)                       \
    LOOPS_OF(Bernoulli, Real)             \
    LOOPS_OF(ContinuousBernoulli, Real)   \
    LOOPS_OF(Gaussian, Real)              \
    LOOPS_OF(Poisson, Real)               \
    LOOPS_OF(NegativeBinomialMean, Real)  \
    LOOPS_OF(NegativeBinomialCount, Real) \
    LOOPS_OF(ZeroInflatedPoisson, Real)   \
    LOOPS_OF(ZeroInflatedMean, Real)      \
    LOOPS_OF(ZeroInflatedCount, Real)

LOOPS(float)
LOOPS(double)
