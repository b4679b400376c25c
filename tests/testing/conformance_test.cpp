// SPDX-License-Identifier: Apache-2.0
// The checks are themselves checked: a likelihood with one thing wrong must be refused by the check of that name.
#include "cellvae/testing/conformance.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <string>

#include "../distributions/shipped.hpp"

namespace {

using namespace cellvae;

template <class Real>
using Eta1 = Parameters<Real, 1>;

struct WrongGradientSign : Poisson {
    template <class Real>
    static LogProb<Real, 1> log_prob(Real x, const Eta1<Real>& eta) {
        auto result = Poisson::log_prob(x, eta);
        result.d_log_prob[0] = -result.d_log_prob[0];
        return result;
    }
    template <class Real>
    static LogProb<Real, 1> log_prob(Zero, const Eta1<Real>& eta) {
        return log_prob(Real(0), eta);
    }
};

struct WrongAtZero : Poisson {
    using Poisson::log_prob;
    template <class Real>
    static LogProb<Real, 1> log_prob(Zero zero, const Eta1<Real>& eta) {
        auto result = Poisson::log_prob(zero, eta);
        result.d_log_prob[0] *= Real(1.001);
        return result;
    }
};

struct Unnormalised : Poisson {
    template <class Real>
    static Real log_base_measure(Real x) {
        return Poisson::log_base_measure(x) + Real(0.001);
    }
};

struct WrongMean : Poisson {
    template <class Real>
    static Real mean(const Eta1<Real>& eta) {
        return Poisson::mean(eta) * Real(1.0001);
    }
};

struct WrongVariance : Poisson {
    template <class Real>
    static Real variance(const Eta1<Real>& eta) {
        return Poisson::variance(eta) + Real(0.001);
    }
};

struct BiasedSampler : Poisson {
    template <class Real>
    static Real sample(RandomStream& random, const Eta1<Real>& eta) {
        return Poisson::sample(random, eta) + (random.uniform<double>() < 0.15 ? Real(1) : Real(0));
    }
};

/// Right in the mean: only its spread is too large.
struct TooWideSampler : Gaussian {
    template <class Real>
    static Real sample(RandomStream& random, const Parameters<Real, 2>& eta) {
        return eta[0] + Real(1.1) * (Gaussian::sample(random, eta) - eta[0]);
    }
};

struct SamplerOutsideSupport : Poisson {
    template <class Real>
    static Real sample(RandomStream& random, const Eta1<Real>& eta) {
        return Poisson::sample(random, eta) + Real(0.5);
    }
};

struct OverflowsAtItsBounds : Poisson {
    static constexpr Bounds bounds(int) { return {-30, 1000}; }
    template <class Real>
    static Real mean(const Eta1<Real>& eta) {
        return std::exp(eta[0]);
    }
};

struct LosesFloat : Poisson {
    template <class Real>
    static LogProb<Real, 1> log_prob(Real x, const Eta1<Real>& eta) {
        const Real large = sizeof(Real) == 4 ? Real(1e5) : Real(0);
        auto result = Poisson::log_prob(x, eta);
        result.value = (result.value + large) - large;
        return result;
    }
    template <class Real>
    static LogProb<Real, 1> log_prob(Zero, const Eta1<Real>& eta) {
        return log_prob(Real(0), eta);
    }
};

struct TwoParametersOfOneName : Gaussian {
    static constexpr std::array<std::string_view, 2> parameters{"mean", "mean"};
};

struct BoundsTheWrongWayRound : Poisson {
    static constexpr Bounds bounds(int) { return {20, -30}; }
};

struct SupportsNan : Poisson {
    static constexpr bool supports(double x) { return !(x < 0); }
};

struct NotALogMean : Gaussian {
    static constexpr int log_mean_parameter = 0;
};

struct MomentsOutsideBounds : Poisson {
    template <class Real>
    static Eta1<Real> from_moments(Real mean, Real) {
        return {std::log(mean)};  // -infinity for a gene that is never seen
    }
};

struct MomentsOfSomethingElse : Poisson {
    template <class Real>
    static Eta1<Real> from_moments(Real, Real) {
        return {Real(0)};
    }
};

template <class L>
void refuses(const std::string& check) {
    const auto report = check_likelihood<L>();
    INFO(report.text());
    CHECK(!report.passed());
    CHECK(report.text().find(": " + check + ": FAILED") != std::string::npos);
}

}  // namespace

TEST_CASE("every shipped likelihood passes the conformance checks") {
    cellvae_tests::for_each_likelihood([]<class L>() {
        const auto report = check_likelihood<L>();
        INFO(report.text());
        CHECK(report.passed());
        CHECK(report.checks.size() >= 11);
    });
}

TEST_CASE("a likelihood with one thing wrong is refused by the check of that thing") {
    refuses<WrongGradientSign>("gradient");
    refuses<WrongAtZero>("zero");
    refuses<Unnormalised>("normalisation");
    refuses<WrongMean>("mean");
    refuses<WrongVariance>("variance");
    refuses<BiasedSampler>("sampler");
    refuses<TooWideSampler>("sampler");
    refuses<SamplerOutsideSupport>("sampler");
    refuses<OverflowsAtItsBounds>("finite at the bounds");
    refuses<LosesFloat>("float");
    refuses<TwoParametersOfOneName>("names and bounds");
    refuses<BoundsTheWrongWayRound>("names and bounds");
    refuses<SupportsNan>("support");
    refuses<NotALogMean>("log_mean_parameter");
    refuses<MomentsOutsideBounds>("from_moments");
    refuses<MomentsOfSomethingElse>("from_moments");
}

TEST_CASE("a wrong likelihood fails under zero inflation too") {
    // the wrong mean is not even seen by log_prob, so that nothing else may fail
    const auto report = check_likelihood<ZeroInflated<WrongMean>>();
    INFO(report.text());
    REQUIRE(report.failures.size() == 2);  // the variance of a mixture holds the mean as well
    CHECK(report.failures[0].check == "mean");
    CHECK(report.failures[1].check == "variance");
}

TEST_CASE("the report says what was found, where, and what would be right") {
    const auto text = check_likelihood<WrongMean>().text();
    CHECK(text.find("poisson: mean: FAILED, mean() is ") != std::string::npos);
    CHECK(text.find(" where the probabilities give ") != std::string::npos);
    CHECK(text.find(" at log_rate=") != std::string::npos);
    CHECK(text.find("poisson: gradient: passed") != std::string::npos);
}

TEST_CASE("a report without a check has not passed") { CHECK(!CheckReport{}.passed()); }
