// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/math/elementary.hpp"

/// log-gamma, digamma and their differences at integer offsets, for positive arguments, branch-free (see
/// elementary.hpp). Polynomials: tests/math/minimax.py.
namespace cellvae::math_detail {

/// From here on Stirling's series is used as it stands; below, the argument is moved by the recurrence.
template <class Real>
inline constexpr Real stirling_from = Real(8);

/// Binet's function lgamma(z) - (z - 1/2) log z + z - log(2 pi)/2 for z >= 8, given t = 1/z.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real binet(Real t) {
    const Real v = t * t;
    if constexpr (is_single<Real>) {
        return t * polynomial(v, 8.333330953e-2f, -2.765519203e-3f);
    } else {
        return t * polynomial(v, 8.33333333333333333e-2, -2.77777777777767862e-3, 7.93650793515675354e-4,
                              -5.95238024941352689e-4, 8.41732802791300691e-4, -1.91499177670175368e-3,
                              6.20933901311649536e-3, -2.08777794236161789e-2);
    }
}

/// log z - 1/(2z) - digamma(z) for z >= 8, given t = 1/z.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real digamma_tail(Real t) {
    const Real v = t * t;
    if constexpr (is_single<Real>) {
        return v * polynomial(v, 8.333333286e-2f, -8.332786799e-3f, 3.873796617e-3f);
    } else {
        return v * polynomial(v, 8.33333333333333333e-2, -8.33333333333327617e-3, 3.96825396815483118e-3,
                              -4.16666660033345281e-3, 7.57573525519119511e-3, -2.10885472713544519e-2,
                              8.2851964707383959e-2, -4.10601896364030675e-1, 1.77569886601022255);
    }
}

/// lgamma(2 + y) / (y (1 + y)) for y in [-1, 1/2]; both zeros of lgamma are divided out.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real lgamma_ratio(Real y) {
    if constexpr (is_single<Real>) {
        return polynomial(y, 4.227843354e-1f, -1.003173216e-1f, 3.296495017e-2f, -1.238329564e-2f, 5.000301816e-3f,
                          -2.118698443e-3f, 8.944122057e-4f, -3.64074294e-4f, 2.898894067e-4f, -1.021960827e-4f,
                          -1.473531289e-4f, -1.435416834e-4f);
    } else {
        return polynomial(
            y, 4.22784335098467139e-1, -1.00317301674353925e-1, 3.29650006211561766e-2, -1.23841921933701926e-2,
            4.99864116465930126e-3, -2.10813083405281012e-3, 9.15376923826252307e-4, -4.05707393353328852e-4,
            1.82552606988319414e-4, -8.3095223216799865e-5, 3.81692373922942814e-5, -1.76603589535238909e-5,
            8.22033533221480031e-6, -3.85805732478514381e-6, 1.8093984522034574e-6, -8.01509438856693831e-7,
            4.43650570124643565e-7, -3.2099554904647338e-7, -1.27735021728204044e-7, 4.15271945939789332e-8,
            4.78238813829966512e-7, 2.7683527560816134e-7, -2.39597568770998943e-7, -4.54850467045782553e-7,
            -2.5521660889020085e-7, -5.54474642813220511e-8);
    }
}

/// z digamma(z) / (z - root) for z = 2 + y in [1, 3], where root = 1.4616... is digamma's zero.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real digamma_ratio(Real y) {
    if constexpr (is_single<Real>) {
        return polynomial(y, 1.570615078f, 2.638296413e-1f, -4.273914389e-2f, 9.897613048e-3f, -2.656181052e-3f,
                          7.717520232e-4f, -2.347869775e-4f, 7.021569296e-5f, -2.18416279e-5f, 1.022550446e-5f,
                          -3.537799676e-6f);
    } else {
        return polynomial(
            y, 1.57061507720821054, 2.6382962923810251e-1, -4.2739120647744649e-2, 9.89785118227906191e-3,
            -2.65641372254022417e-3, 7.70444491092918624e-4, -2.33924201274088713e-4, 7.31084045869190741e-5,
            -2.32886471218052014e-5, 7.51545357922265844e-6, -2.4472717380123729e-6, 8.01990398139148165e-7,
            -2.64019023961714094e-7, 8.72357760723236617e-8, -2.88901808242981338e-8, 9.52771496901367037e-9,
            -3.15510536359518732e-9, 1.10953599233313126e-9, -3.75789646960959511e-10, 8.23754103885775655e-11,
            -2.46066258010604827e-11, 2.52988389142890209e-11, -8.93992105220143584e-12);
    }
}

/// A product of numbers, and over it as one fraction the sum of their reciprocals.
template <class Real>
struct Product {
    Real product;
    Real numerator;
};

/// a + i for those i in [first, first + count) that are below `steps`; count is a power of two. In halves, so that
/// rounding errors pass through few operations.
template <int first, int count, class Real>
KOKKOS_FORCEINLINE_FUNCTION Product<Real> rising_product(Real a, Real steps) {
    if constexpr (count == 1) {
        const bool is_taken = static_cast<Real>(first) < steps;
        return {select(is_taken, a + static_cast<Real>(first), Real(1)), select(is_taken, Real(1), Real(0))};
    } else {
        const auto low = rising_product<first, count / 2>(a, steps);
        const auto high = rising_product<first + count / 2, count / 2>(a, steps);
        return {low.product * high.product, low.numerator * high.product + high.numerator * low.product};
    }
}

}  // namespace cellvae::math_detail

namespace cellvae::math {

/// log of the gamma function for x > 0 within 2.5 ulp, near its zeros 1 and 2 too; infinity at 0, NaN below.
///
/// x >= 8: (x - 1/2)(log x - 1) - 1/2 + log(2 pi)/2 + Binet's function. Below, x is moved by whole steps into [1, 5/2],
/// where lgamma is computed relative to its two zeros; lgamma(x) = lgamma(x + 1) - log x.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real lgamma(Real x) {
    using namespace math_detail;
    using F = FloatingPoint<Real>;
    const bool is_large = x >= stirling_from<Real>;
    const bool is_below = x < Real(1);

    const Real low = select(is_large, Real(2), x);
    Real product = select(is_below, low, Real(1));  // of the steps up or down
    Real y = select(is_below, low - Real(1), low - Real(2));
    for (int step = 1; step <= 6; ++step) {
        const bool is_taken = low >= static_cast<Real>(1.5 + step);
        product *= select(is_taken, low - static_cast<Real>(step), Real(1));
        y = select(is_taken, low - static_cast<Real>(2 + step), y);
    }
    const Real y_plus_one = select(is_below, low, y + Real(1));

    const Real log_factor = math::log(select(is_large, x, product));
    const Real near_zeros = y * y_plus_one * lgamma_ratio(y) + select(is_below, -log_factor, log_factor);
    const Real constant = static_cast<Real>(0.91893853320467274178 - 0.5);
    const Real by_stirling = (x - Real(0.5)) * (log_factor - Real(1)) + (constant + binet(Real(1) / x));
    return select(x < Real(0), F::nan, select(is_large, by_stirling, near_zeros));
}

/// Derivative of lgamma for x > 0 within 3.5 ulp, near its zero 1.46... too; -infinity at 0, NaN below.
///
/// x >= 8: log x - 1/(2x) - tail. Below, x is moved by whole steps into [1, 3], where digamma has its zero and is
/// computed relative to it; digamma(x + 1) = digamma(x) + 1/x.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real digamma(Real x) {
    using namespace math_detail;
    using F = FloatingPoint<Real>;
    const bool is_large = x >= stirling_from<Real>;

    const Real low = select(is_large, Real(2), x);
    Real numerator = Real(0);  // the sum of the reciprocals of the steps down, as one fraction
    Real denominator = Real(1);
    Real z = low;
    for (int step = 1; step <= 5; ++step) {
        const bool is_taken = low >= static_cast<Real>(2 + step);
        const Real argument = low - static_cast<Real>(step);
        numerator = select(is_taken, numerator * argument + denominator, numerator);
        denominator = select(is_taken, denominator * argument, denominator);
        z = select(is_taken, argument, z);
    }
    const bool is_below = low < Real(1);
    z = select(is_below, low + Real(1), z);
    numerator = select(is_below, Real(-1), numerator);
    denominator = select(is_below, low, denominator);

    // digamma's zero in two parts
    const Real root_high = is_single<Real> ? Real(1.4616321325302124f) : Real(1.4616321449683622);
    const Real root_low = is_single<Real> ? Real(1.2438149938918910e-8f) : Real(9.5499954299656977e-17);
    const Real from_root = (z - root_high) - root_low;
    const Real near_root = from_root * digamma_ratio(z - Real(2)) / z + numerator / denominator;

    const Real reciprocal = Real(1) / x;
    const Real by_stirling = math::log(x) - (Real(0.5) * reciprocal + digamma_tail(reciprocal));
    return select(x < Real(0), F::nan, select(is_large, by_stirling, near_root));
}

/// lgamma(a + n) - lgamma(a) and its derivative with respect to a, digamma(a + n) - digamma(a).
template <class Real>
struct GammaDifferences {
    Real lgamma;
    Real digamma;
};

/// Both differences, each accurate relative to its own size (the difference of two log-gammas is not: at a = 1e7 in
/// float nothing of it is left). a > 0 and finite; n >= 0 whole, given as a Real. n = 0 gives exact zeros, n = 1 log(a)
/// and 1/a.
///
/// Measured for a in [1e-6, 1e9], n in [0, 1e7] and asserted by tests: the error of D = lgamma(a + n) - lgamma(a) is at
/// most 8 epsilon (|D| + a dD/da); the second term is there because where D has a zero it can be known no better than a
/// is. More than 3 are met only where a < 1e-3 and D is near that zero. The digamma difference: 4 epsilon of its size.
///
/// The first min(n, 8) steps of a small a are taken one by one,
///     lgamma(a + n) - lgamma(a) = log(a (a + 1) ... (a + k - 1)) + lgamma(a + n) - lgamma(a + k),
/// and where n <= 8 nothing is left. What is left, from c = a + k >= 8 by m = n - k, is the difference of two Stirling
/// series without the cancelling parts:
///     m (log c - 1) + (c + m - 1/2) log1p(m/c) + binet(c + m) - binet(c)
///     log1p(m/c) + m / (2 c (c + m)) - (tail(c + m) - tail(c)).
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION GammaDifferences<Real> gamma_differences(Real a, Real n) {
    using namespace math_detail;
    constexpr int most_steps = 8;
    const Real wanted = select(a < stirling_from<Real>, n, Real(0));
    const Real steps = select(wanted < Real(most_steps), wanted, Real(most_steps));
    const auto taken = rising_product<0, most_steps>(a, steps);
    const Real c = a + steps;
    const Real m = n - steps;
    const Real end = c + m;

    const Real log_ratio = log1p_of_finite(m / c);
    const Real reciprocal = select(m > Real(0), Real(1) / (c * end), Real(0));
    const Real t_c = end * reciprocal;
    const Real t_end = c * reciprocal;
    GammaDifferences<Real> result;
    result.lgamma = math::log(taken.product) +
                    ((m * (log_of_normal(c) - Real(1)) + (end - Real(0.5)) * log_ratio) + (binet(t_end) - binet(t_c)));
    result.digamma = taken.numerator / taken.product +
                     (log_ratio + (Real(0.5) * m * reciprocal - (digamma_tail(t_end) - digamma_tail(t_c))));
    return result;
}

/// lgamma(a + n) - lgamma(a), see gamma_differences.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real lgamma_difference(Real a, Real n) {
    return math::gamma_differences(a, n).lgamma;
}

/// digamma(a + n) - digamma(a), see gamma_differences.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real digamma_difference(Real a, Real n) {
    return math::gamma_differences(a, n).digamma;
}

}  // namespace cellvae::math
