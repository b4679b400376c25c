// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <cstdint>

#include "cellvae/math/elementary.hpp"
#include "cellvae/math/logistic.hpp"

/// Exponentials and logarithms for the arguments that likelihoods have. They leave out what `math::` does for
/// infinities, denormal numbers and the far ends: an output layer evaluates them for every gene of every cell, and
/// there each operation counts.
namespace cellvae::distributions_detail {

template <class Real>
struct Range;
template <>
struct Range<float> {
    static constexpr float lowest_exponent = -87.33f;  ///< e^this is the smallest normal number, nearly
    static constexpr float highest_exponent = 88.3f;
    static constexpr float lowest_logit = -80.0f;
    static constexpr float far = -60.0f;        ///< below it e^l0 is kept scaled by 2^far_shift
    static constexpr float farthest = -150.0f;  ///< below it e^l0 counts as zero
    static constexpr std::uint32_t far_shift = 100;
    static constexpr float far_scale = 0x1p-100f;
};
template <>
struct Range<double> {
    static constexpr double lowest_exponent = -708.3;
    static constexpr double highest_exponent = 709.0;
    static constexpr double lowest_logit = -700.0;
    static constexpr double far = -600.0;
    static constexpr double farthest = -1300.0;
    static constexpr std::uint64_t far_shift = 900;
    static constexpr double far_scale = 0x1p-900;
};

/// The larger of x and `lowest`; NaN stays NaN.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real at_least(Real x, Real lowest) {
    return math_detail::select(x < lowest, lowest, x);
}

/// e^x for a number that `reduce_exponent` may be given as it is.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real exp_unchecked(Real x) {
    using F = math_detail::FloatingPoint<Real>;
    const auto reduced = math_detail::reduce_exponent(x);
    const Real r = reduced.remainder;
    const Real power = math_detail::from_bits<Real>((reduced.bits + F::bias) << F::mantissa_bits);
    return power + power * (r + r * r * math_detail::expm1_tail(r));
}

/// e^x, which stays at the type's smallest and largest numbers where it would leave them.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real exp_saturated(Real x) {
    x = at_least(x, Range<Real>::lowest_exponent);
    return exp_unchecked(math_detail::select(x > Range<Real>::highest_exponent, Range<Real>::highest_exponent, x));
}

/// e^x for x <= 0, not below the type's smallest normal number.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real exp_of_negative(Real x) {
    return exp_unchecked(at_least(x, Range<Real>::lowest_exponent));
}

/// 2 atanh(s) for s in [0, 1/3], by a minimax polynomial of relative error 4e-10, for float.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real twice_atanh(Real s) {
    const Real z = s * s;
    const Real tail = math_detail::polynomial(z, 0.66666667320527412f, 0.39999706331929717f, 0.28592357994302838f,
                                              0.21706575800880373f, 0.23224329224023349f);
    return (s + s) + s * z * tail;
}

/// log(1 + e) for e in [0, 1]. Float: 2 atanh(e / (2 + e)).
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log1p_of_unit(Real e) {
    if constexpr (math_detail::is_single<Real>) {
        return twice_atanh(e / (Real(2) + e));
    } else {
        return math_detail::log1p_of_unit(e);
    }
}

/// exponent log 2 + log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1]. Float: 2 atanh(f / (2 + f)), relative error
/// 2e-11.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real joined_logarithm(Real exponent, Real f) {
    if constexpr (math_detail::is_single<Real>) {
        const Real s = f / (Real(2) + f);
        const Real z = s * s;
        const Real tail = math_detail::polynomial(z, 0.66666666553525362f, 0.40000122633698783f, 0.28550730844773806f,
                                                  0.23332912804368642f);
        return exponent * 0.69314718055994531f + ((s + s) + s * z * tail);
    } else {
        return math_detail::assemble_logarithm(exponent, f, Real(0));
    }
}

/// softplus(x), softplus(-x), logistic(x) and logistic(-x), from one exponential, one logarithm and one division. None
/// of them cancels: each is accurate relative to its own size, however large |x| is.
template <class Real>
struct LogisticParts {
    Real softplus;
    Real softplus_of_minus;
    Real logistic;
    Real logistic_of_minus;
};

template <class Real>
KOKKOS_FORCEINLINE_FUNCTION LogisticParts<Real> logistic_parts(Real x) {
    using math_detail::select;
    const Real small = exp_of_negative(-math_detail::magnitude(x));  // in (0, 1]
    Real tail, larger;
    if constexpr (math_detail::is_single<Real>) {
        // one division for 1 / (1 + small) and for log1p_of_unit's small / (2 + small)
        const Real one_more = Real(1) + small;
        const Real two_more = Real(2) + small;
        const Real inverse = Real(1) / (one_more * two_more);
        larger = two_more * inverse;
        tail = twice_atanh(small * (one_more * inverse));
    } else {
        tail = log1p_of_unit(small);
        larger = Real(1) / (Real(1) + small);
    }
    const Real smaller = small * larger;
    const bool positive = x > Real(0);
    const Real positive_part = select(positive, x, Real(0));
    return {positive_part + tail, (positive_part - x) + tail, select(positive, larger, smaller),
            select(positive, smaller, larger)};
}

/// What zero inflation makes of a zero, given l0 = log p_Base(0) <= 0 and c, the logit of rho.
template <class Real>
struct ZeroInflation {
    Real log_prob;   ///< log(rho + (1 - rho) e^l0)
    Real d_logit;    ///< its derivative by c
    Real from_base;  ///< its derivative by l0: the posterior probability that the zero is the base's
    Real rho;        ///< the prior probability that it is not
    Real k;          ///< e^-|c|
};

/// With k = e^-|c|, rho and 1 - rho are P / (1 + k) and Q / (1 + k), where one of P and Q is 1 and the other k. N = P +
/// Q e^l0 is a sum of positive numbers, so the posterior probabilities P / N and Q e^l0 / N are accurate however small.
/// The derivative by c is -(P / N) (1 - rho) expm1(l0), a product in which nothing cancels. The value is log(N / (1 +
/// k)) where that is below sqrt(1/2), and log1p((1 - rho) expm1(l0)) above, where the former would lose all of it; they
/// share the logarithm.
///
/// e^l0 underflows long before the posterior probability of the base does (at c = -30 by e^30), so for small l0 it is
/// kept times 2^far_shift. |c| counts as 80 (float; 700 double) where it is more.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION ZeroInflation<Real> zero_inflation(Real l0, Real c) {
    using math_detail::select;
    using F = math_detail::FloatingPoint<Real>;
    using Limit = Range<Real>;

    const Real k = exp_unchecked(at_least(-math_detail::magnitude(c), Limit::lowest_logit));
    const bool mostly_inflated = c > Real(0);
    const Real p = select(mostly_inflated, Real(1), k);
    const Real q = select(mostly_inflated, k, Real(1));
    const bool is_far = l0 < Limit::far;
    const auto reduced = math_detail::reduce_exponent(at_least(l0, Limit::farthest));
    const Real r = reduced.remainder;
    const Real fraction = r + r * r * math_detail::expm1_tail(r);
    const auto shift =
        F::bias + (Limit::far_shift & (math_detail::BitsOf<Real>(0) - static_cast<math_detail::BitsOf<Real>>(is_far)));
    const Real power = math_detail::from_bits<Real>((reduced.bits + shift) << F::mantissa_bits);
    const Real scaled = power + power * fraction;  // e^l0, times 2^far_shift where that is small
    const Real missing = select(is_far, Real(-1), power * fraction + (power - Real(1)));  // expm1(l0)
    const Real q_scaled = q * select(is_far, Limit::far_scale, Real(1));

    const Real n = p + q_scaled * scaled;
    // both reciprocals from one division: a product of two normal numbers, neither of which is large
    const Real one_more = Real(1) + k;
    const Real inverse_both = Real(1) / (n * one_more);
    const Real inverse_n = one_more * inverse_both;
    const Real inverse = n * inverse_both;  // 1 / (1 + k)
    const Real g = q * inverse * missing;
    const bool below = g < Real(-0.29);  // asked this way a NaN passes through g
    const auto logarithm = math_detail::reduce_logarithm(n * inverse);
    return {joined_logarithm(select(below, logarithm.exponent, Real(0)), select(below, logarithm.fraction, g)),
            -(p * inverse_n) * g, scaled * (q_scaled * inverse_n), p * inverse, k};
}

}  // namespace cellvae::distributions_detail
