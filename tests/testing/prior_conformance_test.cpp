// SPDX-License-Identifier: Apache-2.0
#include "cellvae/testing/prior_conformance.hpp"

#include <catch2/catch_test_macros.hpp>

#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "cellvae/priors/vamp_prior.hpp"

using namespace cellvae;

namespace {

/// The Laplace density, and ways in which it can be wrong.
struct Laplace {
    static constexpr std::string_view name = "laplace";
    static constexpr std::array<std::string_view, 1> parameters{"log_scale"};
    static inline double mass = 1, slope = 1, by_scale = 1;

    template <class Real>
    static LatentDensity<Real, 1> log_density(Real z, const Kokkos::Array<Real, 1>& at) {
        const Real inverse = std::exp(-at[0]);
        const Real distance = std::abs(z) * inverse;
        return {static_cast<Real>(std::log(mass / 2)) - at[0] - distance,
                static_cast<Real>(slope) * (z < 0 ? inverse : -inverse),
                {static_cast<Real>(by_scale) * (distance - 1)}};
    }
};

static_assert(LatentDensityOf<Laplace>);

std::string failed_check(const CheckReport& report) {
    return report.failures.empty() ? "" : report.failures.front().check;
}

}  // namespace

TEST_CASE("a prior of a user's own passes the checks, and each mistake in it is found") {
    const auto good = check_prior<FactorisedPrior<Laplace>>();
    INFO(good.text());
    CHECK(good.passed());
    CHECK(good.checks.size() == 7);

    const auto found = [](double& what, double value) {
        what = value;
        const auto report = check_prior<FactorisedPrior<Laplace>>({.seeds = 10});
        what = 1;
        return report;
    };
    CHECK(failed_check(found(Laplace::mass, 1.1)) == "density");
    const auto slope = found(Laplace::slope, 1.01);
    CHECK(failed_check(slope) == "density's gradient");
    CHECK(slope.text().find("laplace: gradient: FAILED, by encoder/") != std::string::npos);
    const auto scale = found(Laplace::by_scale, -1);
    CHECK(scale.text().find("laplace: gradient: FAILED, by prior/log_scale") != std::string::npos);
}

TEST_CASE("the mixture passes the checks of priors, whatever its sum over clusters") {
    for (const auto kind : {ClusterSumKind::exact, ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax}) {
        PriorCheckOptions options{.seeds = 50};
        options.model.mixture.sum.kind = kind;
        const auto report = check_prior<GaussianMixture<>>(options);
        INFO(name_of(kind) << "\n" << report.text());
        CHECK(report.passed());
    }
}

TEST_CASE("the priors whose KL is sampled pass the checks of priors") {
    const auto marginal = check_prior<MarginalGaussianMixture>({.seeds = 50});
    INFO(marginal.text());
    CHECK(marginal.passed());
    PriorCheckOptions options{.seeds = 50};
    options.model.vamp.pseudo_inputs = 4;
    const auto vamp = check_prior<VampPrior>(options);
    INFO(vamp.text());
    CHECK(vamp.passed());
}
