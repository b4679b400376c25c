// SPDX-License-Identifier: Apache-2.0
#include "cellvae/math/logistic.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include "ulp.hpp"

namespace math = cellvae::math;

namespace logistic_test {

namespace {

template <class Real>
constexpr Real infinity = std::numeric_limits<Real>::infinity();
template <class Real>
constexpr Real nan_value = std::numeric_limits<Real>::quiet_NaN();
template <class Real>
constexpr bool is_single = sizeof(Real) == 4;

// The sign, the switch inside log1p, and a few of exp's.
const std::vector<double> switches{-0.881373587019543,   0.881373587019543,   1e-300,
                                   -0.34657359027997264, -1.0397207708399179, -1.732867951399863,
                                   0.34657359027997264};

}  // namespace

TEMPLATE_TEST_CASE("softplus is within its bound of the true value in both tails", "[math]", float, double) {
    using Real = TestType;
    using R = ulp::Reference<Real>;
    const auto ours = [](Real x) { return math::softplus(x); };
    const auto truth = [](R x) { return (x > 0 ? x : R(0)) + std::log1p(std::exp(-std::abs(x))); };
    const Real low = is_single<Real> ? Real(-110) : Real(-750);
    for (const auto& worst :
         {ulp::sweep<Real>(low, Real(1e4), 1283, ours, truth),
          ulp::sweep<Real>(Real(-10), Real(10), 12833, ours, truth), ulp::around<Real>(switches, ours, truth)}) {
        CAPTURE(worst.at);
        CHECK(worst.error <= 2.0);
    }
    const auto step = ulp::largest_step<Real>(switches, ours, truth);
    CAPTURE(step.at);
    CHECK(step.error <= 3.5);
    CHECK(math::softplus(Real(1e4)) == Real(1e4));
    CHECK(math::softplus(Real(-1e4)) == Real(0));
    CHECK(math::softplus(infinity<Real>) == infinity<Real>);
    CHECK(math::softplus(-infinity<Real>) == Real(0));
    CHECK(std::isnan(math::softplus(nan_value<Real>)));
}

TEMPLATE_TEST_CASE("log_logistic is minus the softplus of minus its argument", "[math]", float, double) {
    using Real = TestType;
    for (const Real x : {Real(-1e4), Real(-20), Real(-1), Real(0), Real(0.5), Real(3), Real(50), Real(1e4)}) {
        CHECK(math::log_logistic(x) == -math::softplus(-x));
    }
    CHECK(ulp::error<Real>(math::log_logistic(Real(0)), -ulp::Reference<Real>(0.693147180559945309417232121458L)) <= 1);
    CHECK(math::log_logistic(Real(-1e4)) == Real(-1e4));
    CHECK(std::isnan(math::log_logistic(nan_value<Real>)));
}

TEMPLATE_TEST_CASE("logistic is within its bound of the true value in both tails", "[math]", float, double) {
    using Real = TestType;
    using R = ulp::Reference<Real>;
    const auto ours = [](Real x) { return math::logistic(x); };
    const auto truth = [](R x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); };
    const Real low = is_single<Real> ? Real(-110) : Real(-750);
    for (const auto& worst :
         {ulp::sweep<Real>(low, Real(1e4), 1283, ours, truth),
          ulp::sweep<Real>(Real(-10), Real(10), 12833, ours, truth), ulp::around<Real>(switches, ours, truth)}) {
        CAPTURE(worst.at);
        CHECK(worst.error <= 2.5);
    }
    const auto step = ulp::largest_step<Real>(switches, ours, truth);
    CAPTURE(step.at);
    CHECK(step.error <= 4);
    CHECK(math::logistic(Real(0)) == Real(0.5));
    CHECK(math::logistic(infinity<Real>) == Real(1));
    CHECK(math::logistic(-infinity<Real>) == Real(0));
    CHECK(std::isnan(math::logistic(nan_value<Real>)));
    if constexpr (is_single<Real>) {
        CHECK(ulp::error<float>(math::logistic(-100.0f), 3.7200759760208359630e-44) <= 1);  // a denormal number
    }
}

TEMPLATE_TEST_CASE("log_sum_exp of two is within its bound and knows infinities", "[math]", float, double) {
    using Real = TestType;
    using R = ulp::Reference<Real>;
    std::mt19937_64 generator(3);
    std::uniform_real_distribution<Real> any(Real(-50), Real(50));
    double worst = 0;
    for (int i = 0; i < 200000; ++i) {
        const Real a = any(generator);
        const Real b = i % 2 == 0 ? any(generator) : a + any(generator) / Real(50);
        const R top = std::max(a, b);
        const R want = top + std::log1p(std::exp(static_cast<R>(std::min(a, b)) - top));
        // The maximum and the rest may cancel: the error is one of the larger of them.
        const R size = std::max(std::abs(top), std::abs(want));
        const R unit = std::numeric_limits<Real>::epsilon() * std::max(size, R(0.6931));
        worst = std::max(worst, static_cast<double>(std::abs(static_cast<R>(math::log_sum_exp(a, b)) - want) / unit));
        REQUIRE(math::log_sum_exp(a, b) == math::log_sum_exp(b, a));
    }
    CHECK(worst <= 2.0);
    const Real inf = infinity<Real>;
    CHECK(math::log_sum_exp(-inf, Real(3)) == Real(3));
    CHECK(math::log_sum_exp(Real(3), -inf) == Real(3));
    CHECK(math::log_sum_exp(inf, Real(3)) == inf);
    CHECK(math::log_sum_exp(-inf, inf) == inf);
    CHECK(math::log_sum_exp(inf, inf) == inf);
    CHECK(math::log_sum_exp(Real(1e4), Real(-1e4)) == Real(1e4));
    CHECK(math::log_sum_exp(-inf, -inf) == -inf);
    CHECK(std::isnan(math::log_sum_exp(nan_value<Real>, Real(1))));
    CHECK(std::isnan(math::log_sum_exp(Real(1), nan_value<Real>)));
}

}  // namespace logistic_test
