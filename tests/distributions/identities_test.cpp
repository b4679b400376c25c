// SPDX-License-Identifier: Apache-2.0
// Limits, published spot values, and the corners where float loses itself.
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "shipped.hpp"

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using cellvae::Parameters;
using cellvae::Poisson;
using cellvae::Zero;
using cellvae_tests::NegativeBinomialMean;
using cellvae_tests::NegativeBinomialTotal;

namespace {

double logit(double probability) { return std::log(probability / (1 - probability)); }

template <class L>
double log_probability(double x, const Parameters<double, cellvae::parameter_count<L>>& eta) {
    return L::log_prob(x, eta).value + L::log_base_measure(x);
}

}  // namespace

TEST_CASE("spot values") {
    using Zip = cellvae::ZeroInflated<Poisson>;
    using Zinb = cellvae::ZeroInflated<NegativeBinomialMean>;
    using cellvae::ContinuousBernoulli;
    CHECK_THAT(log_probability<NegativeBinomialMean>(10, {std::log(2.0), std::log(1.5)}),
               WithinRel(-5.55873452880806104, 1e-14));
    // mean 1.5, dispersion 0.5
    CHECK_THAT(log_probability<Zinb>(0, {logit(0.3), std::log(1.5), std::log(0.5)}),
               WithinRel(-0.430782916092454266, 1e-14));
    CHECK_THAT(log_probability<Zinb>(3, {logit(0.3), std::log(1.5), std::log(0.5)}),
               WithinRel(-3.07601915165970133, 1e-14));
    CHECK_THAT(log_probability<Zip>(0, {logit(0.3), std::log(5.0)}), WithinRel(-1.18837323641281487, 1e-14));
    CHECK_THAT(log_probability<Zip>(3, {logit(0.3), std::log(5.0)}), WithinRel(-2.32012067586448626, 1e-14));
    CHECK_THAT(log_probability<ContinuousBernoulli>(0, {logit(0.2)}) - std::log(0.8),
               WithinRel(0.837459883744271666, 1e-13));
    CHECK_THAT(log_probability<ContinuousBernoulli>(0.1, {logit(0.2)}), WithinRel(0.475686896318072848, 1e-13));
    CHECK_THAT(ContinuousBernoulli::mean(Parameters<double, 1>{logit(0.2)}), WithinRel(0.388014187111148, 1e-13));
}

TEST_CASE("the two parametrisations of the negative binomial are one distribution") {
    for (const double log_mean : {-3.0, 0.4, 5.0})
        for (const double log_dispersion : {-2.0, 0.0, 4.0})
            for (const double x : {0.0, 1.0, 7.0, 300.0}) {
                const Parameters<double, 2> by_mean{log_mean, log_dispersion};
                const Parameters<double, 2> by_total{log_dispersion, log_dispersion - log_mean};
                const auto a = NegativeBinomialMean::log_prob(x, by_mean);
                const auto b = NegativeBinomialTotal::log_prob(x, by_total);
                CHECK_THAT(a.value, WithinRel(b.value, 1e-12));
                // the chain rule from one to the other
                CHECK_THAT(a.d_log_prob[0], WithinAbs(-b.d_log_prob[1], 1e-10 * (1 + x)));
                CHECK_THAT(a.d_log_prob[1], WithinAbs(b.d_log_prob[0] + b.d_log_prob[1], 1e-10 * (1 + x)));
                CHECK_THAT(NegativeBinomialMean::mean(by_mean),
                           WithinRel(NegativeBinomialTotal::mean(by_total), 1e-12));
                CHECK_THAT(NegativeBinomialMean::variance(by_mean),
                           WithinRel(NegativeBinomialTotal::variance(by_total), 1e-12));
            }
}

TEMPLATE_TEST_CASE("the negative binomial becomes the Poisson smoothly as the dispersion grows", "", float, double) {
    using Real = TestType;
    for (const double log_mean : {-4.6, 0.0, 3.0})
        for (const double x : {0.0, 1.0, 5.0, 30.0}) {
            const double mu = std::exp(static_cast<double>(static_cast<Real>(log_mean)));
            const auto poisson = Poisson::log_prob(x, Parameters<double, 1>{std::log(mu)});
            for (const double log_dispersion : {11.0, 14.0, 18.4, 20.0}) {
                const auto found = NegativeBinomialMean::log_prob(
                    static_cast<Real>(x),
                    Parameters<Real, 2>{static_cast<Real>(log_mean), static_cast<Real>(log_dispersion)});
                // the next term of the expansion in 1/theta, and rounding
                const double theta = std::exp(log_dispersion);
                const double next = ((x - mu) * (x - mu) - x) / (2 * theta);
                const double rounding = 64 * static_cast<double>(std::numeric_limits<Real>::epsilon()) *
                                        (1 + mu + x * (1 + log_dispersion));
                const double beyond = 100 * (1 + x + mu) * (1 + x + mu) * (1 + x + mu) / (theta * theta);
                CHECK_THAT(static_cast<double>(found.value), WithinAbs(poisson.value + next, rounding + beyond));
                CHECK_THAT(static_cast<double>(found.d_log_prob[0]),
                           WithinAbs((x - mu) * (1 - mu / theta), rounding + beyond));
                CHECK_THAT(static_cast<double>(found.d_log_prob[1]), WithinAbs(-next, rounding + beyond));
            }
        }
}

TEMPLATE_TEST_CASE("zero inflation of probability zero is the base", "", float, double) {
    using Real = TestType;
    using L = cellvae::ZeroInflated<NegativeBinomialMean>;
    const Real tolerance = 32 * std::numeric_limits<Real>::epsilon();
    const Real off = sizeof(Real) == 4 ? Real(-60) : Real(-300);
    for (const Real a : {Real(-9), Real(-1), Real(2), Real(3.5)})
        for (const Real t : {Real(-3), Real(0), Real(6)})
            for (const Real x : {Real(0), Real(1), Real(40)}) {
                const auto base = NegativeBinomialMean::log_prob(x, Parameters<Real, 2>{a, t});
                const auto inflated = L::log_prob(x, Parameters<Real, 3>{off, a, t});
                const auto same = [&](Real found, Real expected) {
                    return std::abs(found - expected) <= tolerance * (Real(1e-3) + std::abs(expected));
                };
                CHECK(same(inflated.value, base.value));
                CHECK(std::abs(inflated.d_log_prob[0]) < Real(1e-6));
                CHECK(same(inflated.d_log_prob[1], base.d_log_prob[0]));
                CHECK(same(inflated.d_log_prob[2], base.d_log_prob[1]));
            }
}

TEST_CASE("zero inflation keeps what the plain logarithm loses") {
    using L = cellvae::ZeroInflated<Poisson>;
    // c = -12 and l0 = -7.5e-5: softplus(l0 - c) + c - softplus(c) is 1% off in float
    const float l0 = -7.485185e-5f;
    const auto near = L::log_prob(Zero{}, Parameters<float, 2>{-12.0f, std::log(-l0)});
    CHECK_THAT(static_cast<double>(near.value), WithinRel(-7.4851370e-5, 1e-5));
    // e^l0 underflows in float, rho does not
    const auto far = L::log_prob(Zero{}, Parameters<float, 2>{-3.0f, 11.0f});
    CHECK_THAT(static_cast<double>(far.value), WithinRel(-3.0485873515737421, 1e-6));
    CHECK(far.d_log_prob[1] == 0.0f);
    // the derivative by the base's parameter is e^(l0 - c) l0, which is a normal number though e^l0 is none
    const auto tiny = L::log_prob(Zero{}, Parameters<float, 2>{-20.0f, static_cast<float>(std::log(100.0))});
    const double rate = std::exp(static_cast<double>(static_cast<float>(std::log(100.0))));
    CHECK_THAT(static_cast<double>(tiny.d_log_prob[1]), WithinRel(-rate * std::exp(20 - rate), 1e-4));
}

TEST_CASE("a zero that is only known at run time is a zero to the zero-inflated likelihoods") {
    using L = cellvae::ZeroInflated<NegativeBinomialMean>;
    const Parameters<double, 3> eta{0.4, 1.1, -0.3};
    const auto known = L::log_prob(Zero{}, eta), found = L::log_prob(0.0, eta);
    CHECK_THAT(found.value, WithinRel(known.value, 1e-14));
    for (std::size_t p = 0; p < 3; ++p) CHECK_THAT(found.d_log_prob[p], WithinRel(known.d_log_prob[p], 1e-13));
}

TEMPLATE_TEST_CASE("the continuous Bernoulli is continuous across the edge of its series", "", float, double) {
    using Real = TestType;
    using cellvae::ContinuousBernoulli;
    const Real edge = cellvae::distributions_detail::continuous_bernoulli_window<Real>;
    for (const Real sign : {Real(-1), Real(1)})
        for (const Real x : {Real(0), Real(0.25), Real(1)}) {
            const Parameters<Real, 1> inside{sign * std::nextafter(edge, Real(0))}, outside{sign * edge};
            const Real tolerance = 8 * std::numeric_limits<Real>::epsilon();
            CHECK(std::abs(ContinuousBernoulli::log_prob(x, inside).value -
                           ContinuousBernoulli::log_prob(x, outside).value) <= tolerance);
            CHECK(std::abs(ContinuousBernoulli::mean(inside) - ContinuousBernoulli::mean(outside)) <= tolerance);
            CHECK(std::abs(ContinuousBernoulli::variance(inside) - ContinuousBernoulli::variance(outside)) <=
                  4 * tolerance);
        }
    // symmetric under x -> 1 - x, a -> -a, out to where e^a is 1e39
    for (const Real a : {Real(0.3), Real(4), Real(35), Real(90)}) {
        CHECK(ContinuousBernoulli::log_prob(Real(0.25), Parameters<Real, 1>{a}).value ==
              ContinuousBernoulli::log_prob(Real(0.75), Parameters<Real, 1>{-a}).value);
        CHECK(std::abs(ContinuousBernoulli::mean(Parameters<Real, 1>{a}) +
                       ContinuousBernoulli::mean(Parameters<Real, 1>{-a}) - 1) <
              4 * std::numeric_limits<Real>::epsilon());
    }
}

TEMPLATE_TEST_CASE("no likelihood gives a NaN or an infinity anywhere inside its bounds", "", float, double) {
    using Real = TestType;
    std::mt19937 generator(4);
    cellvae_tests::for_each_likelihood([&]<class L>() {
        constexpr std::size_t count = cellvae::parameter_count<L>;
        int bad = 0;
        for (int trial = 0; trial < 20000; ++trial) {
            Parameters<Real, count> eta{};
            for (std::size_t p = 0; p < count; ++p) {
                const auto bounds = L::bounds(static_cast<int>(p));
                // a third of the values lie at a bound
                const double u =
                    std::min(1.0, std::max(0.0, std::uniform_real_distribution<double>(-0.25, 1.25)(generator)));
                eta[p] = static_cast<Real>(bounds.lower + u * (bounds.upper - bounds.lower));
            }
            const auto finite = [&](const cellvae::LogProb<Real, count>& result) {
                bool all = std::isfinite(result.value);
                for (std::size_t p = 0; p < count; ++p) all = all && std::isfinite(result.d_log_prob[p]);
                return all;
            };
            if (!finite(L::log_prob(Zero{}, eta))) ++bad;
            for (const double x : {0.0, 1.0, 30.0, 1e4, 1e6})
                if (L::supports(x) && !finite(L::log_prob(static_cast<Real>(x), eta))) ++bad;
        }
        INFO(L::name);
        CHECK(bad == 0);
    });
}

TEMPLATE_TEST_CASE("a NaN parameter is not hidden: it shows in the gradient", "", float, double) {
    using Real = TestType;
    cellvae_tests::for_each_likelihood([]<class L>() {
        constexpr std::size_t count = cellvae::parameter_count<L>;
        for (std::size_t broken = 0; broken < count; ++broken) {
            Parameters<Real, count> eta{};
            eta[broken] = std::numeric_limits<Real>::quiet_NaN();
            const auto shown = [&](const cellvae::LogProb<Real, count>& result) {
                bool any = std::isnan(result.value);
                for (std::size_t p = 0; p < count; ++p) any = any || std::isnan(result.d_log_prob[p]);
                return any;
            };
            INFO(L::name << ", " << L::parameters[broken]);
            CHECK(shown(L::log_prob(Zero{}, eta)));
            CHECK(shown(L::log_prob(Real(1), eta)));
        }
    });
}

TEST_CASE("samplers have the mean and variance of their law where counts are large or dispersions extreme") {
    cellvae::RandomStream random(3, cellvae::Purpose::test);
    const auto check = [&]<class L>(const Parameters<double, cellvae::parameter_count<L>>& eta) {
        constexpr int draws = 40000;
        const double mean = L::mean(eta), variance = L::variance(eta);
        double sum = 0, squares = 0;
        for (int i = 0; i < draws; ++i) {
            const double x = L::sample(random, eta);
            REQUIRE(L::supports(x));
            sum += x - mean;
            squares += (x - mean) * (x - mean);
        }
        INFO(L::name << " of mean " << mean << " and variance " << variance);
        CHECK(std::abs(sum / draws) < 6 * std::sqrt(variance / draws));
        CHECK(std::abs(squares / draws / variance - 1) < 0.15);
    };
    // on both sides of the switch between the two Poisson samplers, at 10
    for (const double rate : {9.9, 10.1, 300.0, 1e6}) check.template operator()<Poisson>({std::log(rate)});
    check.template operator()<NegativeBinomialMean>({std::log(1e5), std::log(2.0)});
    check.template operator()<NegativeBinomialMean>({std::log(50.0), std::log(1e8)});
    check.template operator()<NegativeBinomialTotal>({std::log(0.5), std::log(0.05)});
}

TEST_CASE("draws of a negative binomial are as frequent as it says, by inversion and by a rate that is drawn") {
    cellvae::RandomStream random(4, cellvae::Purpose::test);
    constexpr int draws = 100000;
    // inverted below a mean of 10 and of a scale below 1,000
    for (const double mean : {0.02, 0.7, 9.9, 10.1})
        for (const double dispersion : {0.005, 0.3, 4.0, 1e6}) {
            const Parameters<double, 2> eta{std::log(mean), std::log(dispersion)};
            std::array<int, 6> seen{};
            for (int i = 0; i < draws; ++i) {
                const double x = NegativeBinomialMean::sample(random, eta);
                if (x < seen.size()) ++seen[static_cast<std::size_t>(x)];
            }
            for (std::size_t x = 0; x < seen.size(); ++x) {
                const auto count = static_cast<double>(x);
                const double expected = std::exp(NegativeBinomialMean::log_prob(count, eta).value +
                                                 NegativeBinomialMean::log_base_measure(count));
                INFO("mean " << mean << ", dispersion " << dispersion << ", count " << x);
                CHECK(std::abs(seen[x] - draws * expected) < 5 * std::sqrt(draws * expected) + 1);
            }
        }
}

TEST_CASE("starting values stay finite for genes that are never seen and reach the moments of those that are") {
    const auto rare = NegativeBinomialMean::from_moments(0.0, 0.0);
    CHECK((std::isfinite(rare[0]) && std::isfinite(rare[1])));
    const auto ordinary = NegativeBinomialMean::from_moments(4.0, 12.0);
    CHECK_THAT(NegativeBinomialMean::mean(ordinary), WithinRel(4.0, 1e-12));
    CHECK_THAT(NegativeBinomialMean::variance(ordinary), WithinRel(12.0, 1e-12));
    const auto total = NegativeBinomialTotal::from_moments(4.0, 12.0);
    CHECK_THAT(NegativeBinomialTotal::mean(total), WithinRel(4.0, 1e-12));
    CHECK_THAT(NegativeBinomialTotal::variance(total), WithinRel(12.0, 1e-12));
    const auto inflated = cellvae::ZeroInflated<NegativeBinomialMean>::from_moments(4.0, 14.0);
    CHECK(inflated[0] == -3.0);
    CHECK_THAT(cellvae::ZeroInflated<NegativeBinomialMean>::mean(inflated), WithinRel(4.0, 1e-9));
    CHECK_THAT(cellvae::ZeroInflated<NegativeBinomialMean>::variance(inflated), WithinRel(14.0, 1e-9));
    CHECK(NegativeBinomialMean::from_moments(1.0, 0.5)[1] == 6.0);  // less spread than a Poisson
    CHECK_THAT(cellvae::ContinuousBernoulli::mean(cellvae::ContinuousBernoulli::from_moments(0.03, 0.1)),
               WithinAbs(0.03, 1e-9));
}
