// SPDX-License-Identifier: Apache-2.0
#include "cellvae/math/elementary.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include "ulp.hpp"

namespace math = cellvae::math;

namespace elementary_test {

namespace {

template <class Real>
constexpr Real infinity = std::numeric_limits<Real>::infinity();
template <class Real>
constexpr Real nan_value = std::numeric_limits<Real>::quiet_NaN();
template <class Real>
constexpr bool is_single = sizeof(Real) == 4;

// The reduction changes the multiple of log 2 half-way between two.
template <class Real>
std::vector<double> half_way_between_powers() {
    std::vector<double> switches;
    const int last = is_single<Real> ? 127 : 1023;
    for (int k = is_single<Real> ? -148 : -1070; k < last; k += is_single<Real> ? 1 : 7) {
        switches.push_back((k + 0.5) * 0.693147180559945309417);
    }
    for (const int k : {-2, -1, 0, 1}) switches.push_back((k + 0.5) * 0.693147180559945309417);
    return switches;
}

// The reduction changes the power of two at its product with sqrt(2).
template <class Real>
std::vector<double> powers_times_sqrt_two() {
    std::vector<double> switches;
    for (int k = is_single<Real> ? -140 : -1060; k < (is_single<Real> ? 127 : 1023); k += is_single<Real> ? 1 : 7) {
        switches.push_back(std::ldexp(1.41421356237309504880, k));
    }
    for (const int k : {-2, -1, 0, 1}) switches.push_back(std::ldexp(1.41421356237309504880, k));
    return switches;
}

}  // namespace

TEMPLATE_TEST_CASE("exp is within its bound of the true value over the whole range", "[math]", float, double) {
    using Real = TestType;
    const auto ours = [](Real x) { return math::exp(x); };
    const auto truth = [](ulp::Reference<Real> x) { return std::exp(x); };
    const Real low = is_single<Real> ? Real(-110) : Real(-750);
    const Real high = is_single<Real> ? Real(88.7228317f) : Real(709.782712893384);
    const auto worst = ulp::sweep<Real>(low, high, 641, ours, truth);
    CAPTURE(worst.at);
    CHECK(worst.error <= 1.1);
    const auto seam = ulp::around<Real>(half_way_between_powers<Real>(), ours, truth);
    CAPTURE(seam.at);
    CHECK(seam.error <= 1.1);
    const auto step = ulp::largest_step<Real>(half_way_between_powers<Real>(), ours, truth);
    CAPTURE(step.at);
    CHECK(step.error <= 2.2);
}

TEMPLATE_TEST_CASE("exp at the ends", "[math]", float, double) {
    using Real = TestType;
    CHECK(math::exp(Real(0)) == Real(1));
    CHECK(math::exp(Real(1000)) == infinity<Real>);
    CHECK(math::exp(is_single<Real> ? Real(88.7228394f) : Real(709.7827128933841)) == infinity<Real>);
    CHECK(math::exp(infinity<Real>) == infinity<Real>);
    CHECK(math::exp(std::numeric_limits<Real>::max()) == infinity<Real>);
    CHECK(math::exp(-std::numeric_limits<Real>::max()) == Real(0));
    CHECK(math::exp(-infinity<Real>) == Real(0));
    CHECK(math::exp(is_single<Real> ? Real(-103.9f) : Real(-745.1)) == std::numeric_limits<Real>::denorm_min());
    CHECK(math::exp(is_single<Real> ? Real(-104.0f) : Real(-745.2)) == Real(0));
    CHECK(std::isnan(math::exp(nan_value<Real>)));
}

TEMPLATE_TEST_CASE("expm1 is within its bound of the true value over the whole range", "[math]", float, double) {
    using Real = TestType;
    const auto ours = [](Real x) { return math::expm1(x); };
    const auto truth = [](ulp::Reference<Real> x) { return std::expm1(x); };
    const Real high = is_single<Real> ? Real(88.7228317f) : Real(709.782712893384);
    const auto worst = ulp::sweep<Real>(Real(-60), high, 641, ours, truth);
    CAPTURE(worst.at);
    CHECK(worst.error <= 2.5);
    const auto near_zero = ulp::sweep<Real>(Real(-2), Real(2), 6411, ours, truth);
    CAPTURE(near_zero.at);
    CHECK(near_zero.error <= 2.5);
    auto switches = half_way_between_powers<Real>();
    switches.push_back(is_single<Real> ? -18.0 : -38.0);
    std::erase_if(switches, [](double s) { return s < -60; });
    const auto seam = ulp::around<Real>(switches, ours, truth);
    CAPTURE(seam.at);
    CHECK(seam.error <= 2.5);
    const auto step = ulp::largest_step<Real>(switches, ours, truth);
    CAPTURE(step.at);
    CHECK(step.error <= 3.5);
}

TEMPLATE_TEST_CASE("expm1 at the ends and for tiny arguments", "[math]", float, double) {
    using Real = TestType;
    CHECK(math::expm1(infinity<Real>) == infinity<Real>);
    CHECK(math::expm1(Real(1000)) == infinity<Real>);
    CHECK(math::expm1(-infinity<Real>) == Real(-1));
    CHECK(math::expm1(-std::numeric_limits<Real>::max()) == Real(-1));
    CHECK(std::isnan(math::expm1(nan_value<Real>)));
    for (const Real tiny : {std::numeric_limits<Real>::denorm_min(), std::numeric_limits<Real>::min(), Real(1e-30f)}) {
        CHECK(math::expm1(tiny) == tiny);
        CHECK(math::expm1(-tiny) == -tiny);
    }
    CHECK(std::signbit(math::expm1(Real(-0.0))));
    CHECK_FALSE(std::signbit(math::expm1(Real(0.0))));
}

TEMPLATE_TEST_CASE("log is within its bound of the true value over the whole range", "[math]", float, double) {
    using Real = TestType;
    const auto ours = [](Real x) { return math::log(x); };
    const auto truth = [](ulp::Reference<Real> x) { return std::log(x); };
    const auto worst =
        ulp::sweep<Real>(std::numeric_limits<Real>::denorm_min(), std::numeric_limits<Real>::max(), 641, ours, truth);
    CAPTURE(worst.at);
    CHECK(worst.error <= 1.0);
    const auto near_one = ulp::sweep<Real>(Real(0.5), Real(2), 41, ours, truth);
    CAPTURE(near_one.at);
    CHECK(near_one.error <= 1.0);
    auto switches = powers_times_sqrt_two<Real>();
    switches.push_back(static_cast<double>(std::numeric_limits<Real>::min()));
    switches.push_back(1.0);
    const auto seam = ulp::around<Real>(switches, ours, truth);
    CAPTURE(seam.at);
    CHECK(seam.error <= 1.0);
    switches.pop_back();
    const auto step = ulp::largest_step<Real>(switches, ours, truth);
    CAPTURE(step.at);
    CHECK(step.error <= 1.8);
}

TEMPLATE_TEST_CASE("log at the ends", "[math]", float, double) {
    using Real = TestType;
    CHECK(math::log(Real(1)) == Real(0));
    CHECK(math::log(Real(0)) == -infinity<Real>);
    CHECK(math::log(Real(-0.0)) == -infinity<Real>);
    CHECK(math::log(infinity<Real>) == infinity<Real>);
    CHECK(std::isnan(math::log(Real(-1))));
    CHECK(std::isnan(math::log(-std::numeric_limits<Real>::denorm_min())));
    CHECK(std::isnan(math::log(-infinity<Real>)));
    CHECK(std::isnan(math::log(nan_value<Real>)));
}

TEMPLATE_TEST_CASE("log1p is within its bound of the true value over the whole range", "[math]", float, double) {
    using Real = TestType;
    const auto ours = [](Real x) { return math::log1p(x); };
    const auto truth = [](ulp::Reference<Real> x) { return std::log1p(x); };
    const auto worst =
        ulp::sweep<Real>(std::nextafter(Real(-1), Real(0)), std::numeric_limits<Real>::max(), 641, ours, truth);
    CAPTURE(worst.at);
    CHECK(worst.error <= 1.0);
    const auto near_zero = ulp::sweep<Real>(Real(-0.99), Real(3), 6411, ours, truth);
    CAPTURE(near_zero.at);
    CHECK(near_zero.error <= 1.0);
    auto switches = powers_times_sqrt_two<Real>();
    std::erase_if(switches, [](double s) { return s < 1e-4; });
    for (double& s : switches) s -= 1;
    const auto seam = ulp::around<Real>(switches, ours, truth);
    CAPTURE(seam.at);
    CHECK(seam.error <= 1.0);
    const auto step = ulp::largest_step<Real>(switches, ours, truth);
    CAPTURE(step.at);
    CHECK(step.error <= 1.8);
}

TEMPLATE_TEST_CASE("log1p at the ends and for tiny arguments", "[math]", float, double) {
    using Real = TestType;
    CHECK(math::log1p(Real(-1)) == -infinity<Real>);
    CHECK(std::isnan(math::log1p(Real(-1.5))));
    CHECK(std::isnan(math::log1p(-infinity<Real>)));
    CHECK(std::isnan(math::log1p(nan_value<Real>)));
    CHECK(math::log1p(infinity<Real>) == infinity<Real>);
    for (const Real tiny : {std::numeric_limits<Real>::denorm_min(), std::numeric_limits<Real>::min(), Real(1e-30f)}) {
        CHECK(math::log1p(tiny) == tiny);
        CHECK(math::log1p(-tiny) == -tiny);
    }
    CHECK(std::signbit(math::log1p(Real(-0.0))));
    CHECK_FALSE(std::signbit(math::log1p(Real(0.0))));
}

}  // namespace elementary_test
