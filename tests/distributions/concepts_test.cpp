// SPDX-License-Identifier: Apache-2.0
// A table of broken types, one a requirement. `Whole` is their working twin: each broken type is it but for one member,
// which is hidden by one of the wrong kind, so that what refuses it is that requirement.
#include "cellvae/distributions/concepts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <type_traits>

#include "shipped.hpp"

namespace {

using namespace cellvae;

struct Whole {
    static constexpr std::string_view name = "whole";
    static constexpr std::array<std::string_view, 1> parameters{"logit"};
    static constexpr int log_mean_parameter = -1;
    static constexpr Bounds bounds(int) { return {-30, 30}; }
    static constexpr bool supports(double x) { return x == 0 || x == 1; }
    template <class Real>
    static LogProb<Real, 1> log_prob(Real, const Parameters<Real, 1>&);
    template <class Real>
    static LogProb<Real, 1> log_prob(Zero, const Parameters<Real, 1>&);
    template <class Real>
    static Real log_base_measure(Real);
    template <class Real>
    static Real mean(const Parameters<Real, 1>&);
    template <class Real>
    static Real variance(const Parameters<Real, 1>&);
    template <class Real>
    static Real sample(RandomStream&, const Parameters<Real, 1>&);
    template <class Real>
    static Parameters<Real, 1> from_moments(Real, Real);
};
static_assert(Likelihood<Whole> && MassAtZero<Whole> && HasFromMoments<Whole>);

struct MissingName : Whole {
    static constexpr int name = 0;
};
static_assert(!Likelihood<MissingName> && !HasName<MissingName>);
struct EmptyName : Whole {
    static constexpr std::string_view name = "";
};
static_assert(!Likelihood<EmptyName> && !HasName<EmptyName>);

struct MissingParameters : Whole {
    static constexpr int parameters = 1;
};
static_assert(!Likelihood<MissingParameters> && !HasParameters<MissingParameters>);
struct NoParameters : Whole {
    static constexpr std::array<std::string_view, 0> parameters{};
};
static_assert(!Likelihood<NoParameters> && !HasParameters<NoParameters>);

struct MissingLogMeanParameter : Whole {
    static constexpr std::string_view log_mean_parameter = "logit";
};
static_assert(!Likelihood<MissingLogMeanParameter> && !HasLogMeanParameter<MissingLogMeanParameter>);
struct LogMeanParameterOutside : Whole {
    static constexpr int log_mean_parameter = 1;
};
static_assert(!Likelihood<LogMeanParameterOutside> && !HasLogMeanParameter<LogMeanParameterOutside>);

struct MissingBounds : Whole {
    static constexpr int bounds = 0;
};
static_assert(!Likelihood<MissingBounds> && !HasBounds<MissingBounds>);
struct BoundsOfAnotherType : Whole {
    static constexpr double bounds(int) { return 30; }
};
static_assert(!Likelihood<BoundsOfAnotherType> && !HasBounds<BoundsOfAnotherType>);

struct MissingSupport : Whole {
    static constexpr int supports = 0;
};
static_assert(!Likelihood<MissingSupport> && !HasSupport<MissingSupport>);

struct MissingLogProb : Whole {
    template <class Real>
    static LogProb<Real, 1> log_prob(Zero, const Parameters<Real, 1>&);
};
static_assert(!Likelihood<MissingLogProb> && !HasLogProb<MissingLogProb, float> &&
              HasLogProbAtZero<MissingLogProb, float>);
struct LogProbWithoutGradient : Whole {
    template <class Real>
    static Real log_prob(Real, const Parameters<Real, 1>&);
    template <class Real>
    static LogProb<Real, 1> log_prob(Zero, const Parameters<Real, 1>&);
};
static_assert(!Likelihood<LogProbWithoutGradient> && !HasLogProb<LogProbWithoutGradient, double>);
struct OnlyFloat : Whole {
    static LogProb<float, 1> log_prob(float, const Parameters<float, 1>&);
    template <class Real>
    static LogProb<Real, 1> log_prob(Zero, const Parameters<Real, 1>&);
};
static_assert(!Likelihood<OnlyFloat> && HasLogProb<OnlyFloat, float> && !HasLogProb<OnlyFloat, double>);

struct MissingLogProbAtZero : Whole {
    template <class Real>
    requires std::is_floating_point_v<Real>
    static LogProb<Real, 1> log_prob(Real, const Parameters<Real, 1>&);
};
static_assert(!Likelihood<MissingLogProbAtZero> && !HasLogProbAtZero<MissingLogProbAtZero, float> &&
              HasLogProb<MissingLogProbAtZero, float>);

struct MissingLogBaseMeasure : Whole {
    static constexpr int log_base_measure = 0;
};
static_assert(!Likelihood<MissingLogBaseMeasure> && !HasLogBaseMeasure<MissingLogBaseMeasure, float>);

struct MissingMean : Whole {
    static constexpr int mean = 0;
};
static_assert(!Likelihood<MissingMean> && !HasMean<MissingMean, float>);

struct MissingVariance : Whole {
    static constexpr int variance = 0;
};
static_assert(!Likelihood<MissingVariance> && !HasVariance<MissingVariance, float>);

struct MissingSampler : Whole {
    static constexpr int sample = 0;
};
static_assert(!Likelihood<MissingSampler> && !HasSampler<MissingSampler, float>);

// What is optional may be missing.
struct WithoutMoments : Whole {
    static constexpr int from_moments = 0;
};
static_assert(Likelihood<WithoutMoments> && !HasFromMoments<WithoutMoments>);

// Zero inflation needs a mass at zero.
struct DensityOnTheUnitInterval : Whole {
    static constexpr bool supports(double x) { return x >= 0 && x <= 1; }
};
static_assert(Likelihood<DensityOnTheUnitInterval> && !MassAtZero<DensityOnTheUnitInterval>);
struct NothingAtZero : Whole {
    static constexpr bool supports(double x) { return x == 1 || x == 2; }
};
static_assert(Likelihood<NothingAtZero> && !MassAtZero<NothingAtZero>);
struct SaysItIsDiscrete : DensityOnTheUnitInterval {
    static constexpr bool discrete = true;
};
static_assert(MassAtZero<SaysItIsDiscrete>);

template <class Base>
concept CanBeZeroInflated = requires {
    typename ZeroInflated<Base>;
};
static_assert(CanBeZeroInflated<Poisson> && CanBeZeroInflated<Bernoulli>);
static_assert(!CanBeZeroInflated<Gaussian> && !CanBeZeroInflated<ContinuousBernoulli> && !CanBeZeroInflated<int>);

}  // namespace

TEST_CASE("every shipped likelihood satisfies the concept, under the name its reference file has") {
    std::string names;
    cellvae_tests::for_each_likelihood([&]<class L>() {
        static_assert(Likelihood<L> && HasFromMoments<L>);
        names += std::string(L::name) + " ";
    });
    CHECK(names ==
          "bernoulli continuous_bernoulli gaussian poisson negative_binomial_mean negative_binomial "
          "zero_inflated_poisson zero_inflated_negative_binomial_mean zero_inflated_negative_binomial ");
}

TEST_CASE("zero inflation puts its logit first and moves the mean's parameter along") {
    using L = ZeroInflated<NegativeBinomial<MeanDispersion>>;
    CHECK(L::parameters == std::array<std::string_view, 3>{"logit_zero_inflation", "log_mean", "log_dispersion"});
    CHECK(L::log_mean_parameter == 1);
    CHECK(ZeroInflated<NegativeBinomial<TotalCountProbability>>::log_mean_parameter == -1);
    CHECK(L::bounds(1).upper == NegativeBinomial<MeanDispersion>::bounds(0).upper);
}
