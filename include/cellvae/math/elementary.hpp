// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/math/floating_point.hpp"

/// exp, log, log1p and expm1 in float and double, on the host and on a device, without branches, tables or calls into
/// the C library: a plain loop over arrays that calls them is vectorised by GCC and Clang at -O3 (tests/math/
/// vectorised.sh reads the assembly; GCC leaves double alone where the target is bare x86-64, that is SSE2).
///
/// Polynomials are minimax fits made for this library (tests/math/minimax.py prints them); the range reductions follow
/// Cephes (Moshier) and fdlibm (Sun Microsystems 1993). Error bounds are in units of the last place (ulp) of the true
/// value, measured over the whole range and asserted by tests/math; they hold with and without fused multiply-add.
/// Results below the smallest normal number are rounded gradually, not flushed, unless the caller has set the processor
/// to flush them. NaN in, NaN out; errno and exception flags mean nothing.
namespace cellvae::math_detail {

/// expm1(r) - r over r^2 for |r| <= log(2)/2; relative to expm1 the fit's error is 2^-26 (float), 2^-55 (double).
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real expm1_tail(Real r) {
    if constexpr (is_single<Real>) {
        return polynomial(r, 5.000000062e-1f, 1.6666543e-1f, 4.166628206e-2f, 8.366583457e-3f, 1.394644891e-3f);
    } else {
        return polynomial(r, 5.00000000000000555e-1, 1.6666666666666686e-1, 4.16666666665736243e-2,
                          8.33333333331462268e-3, 1.38888889323786553e-3, 1.98412699029610746e-4,
                          2.48015044464830666e-5, 2.75572280185775256e-6, 2.76263261989730005e-7,
                          2.51144518422548213e-8);
    }
}

/// x = exponent log(2) + remainder with |remainder| <= log(2)/2. `bits` holds the exponent as an integer.
template <class Real>
struct ReducedExponent {
    Real exponent;
    Real remainder;
    BitsOf<Real> bits;
};

template <class Real>
KOKKOS_FORCEINLINE_FUNCTION ReducedExponent<Real> reduce_exponent(Real x) {
    using F = FloatingPoint<Real>;
    const Real shifted = x * static_cast<Real>(1.44269504088896340736) + F::rounder;
    const Real exponent = shifted - F::rounder;
    const Real remainder = (x - exponent * F::log2_high) - exponent * F::log2_low;
    return {exponent, remainder, to_bits(shifted) - to_bits(F::rounder)};
}

/// x = 2^exponent (1 + fraction) with 1 + fraction in [sqrt(1/2), sqrt(2)), for normal x > 0; exponent as a Real.
template <class Real>
struct ReducedLogarithm {
    Real exponent;
    Real fraction;
    BitsOf<Real> biased;  // exponent + bias
};

template <class Real>
KOKKOS_FORCEINLINE_FUNCTION ReducedLogarithm<Real> reduce_logarithm(Real x) {
    using F = FloatingPoint<Real>;
    const BitsOf<Real> bits = to_bits(x) + (F::one - F::sqrt_half);
    const BitsOf<Real> biased = bits >> F::mantissa_bits;
    const Real mantissa = from_bits<Real>((bits & F::mantissa_mask) + F::sqrt_half);
    // The integer becomes a Real by way of the low bits of a large number: there is no such instruction for 64 bits.
    const Real exponent = from_bits<Real>(to_bits(F::rounder) + biased) - (F::rounder + static_cast<Real>(F::bias));
    return {exponent, mantissa - Real(1), biased};
}

/// exponent log(2) + log(1 + fraction) + correction, for fraction in [sqrt(1/2) - 1, sqrt(2) - 1] and a correction of
/// the size of a rounding error. Float: log(1 + f) = f - f^2/2 + f^3 P(f). Double: with s = f/(2 + f),
/// log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)) (fdlibm).
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real assemble_logarithm(Real exponent, Real f, Real correction) {
    using F = FloatingPoint<Real>;
    const Real half_square = Real(0.5) * f * f;
    if constexpr (is_single<Real>) {
        const Real tail = f * f * f *
                          polynomial(f, 3.333331673e-1f, -2.500080892e-1f, 2.000228602e-1f, -1.662459944e-1f,
                                     1.418121183e-1f, -1.312836851e-1f, 1.28814134e-1f, -7.860316285e-2f);
        return (f + ((tail + (exponent * F::log2_low + correction)) - half_square)) + exponent * F::log2_high;
    } else {
        const Real s = f / (Real(2) + f);
        const Real z = s * s;
        const Real tail = z * polynomial(z, 6.66666666666673398e-1, 3.99999999994169121e-1, 2.85714287419667333e-1,
                                         2.22221986112912297e-1, 1.81835625339280962e-1, 1.5314092764261157e-1,
                                         1.47955560573239691e-1);
        return exponent * F::log2_high -
               ((half_square - (s * (half_square + tail) + (exponent * F::log2_low + correction))) - f);
    }
}

/// log(x) for normal finite x > 0 only.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log_of_normal(Real x) {
    const auto reduced = reduce_logarithm(x);
    return assemble_logarithm(reduced.exponent, reduced.fraction, Real(0));
}

/// log1p(x) for finite x > -1 only.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log1p_of_finite(Real x) {
    using F = FloatingPoint<Real>;
    const Real sum = Real(1) + x;
    const auto reduced = reduce_logarithm(sum);
    // What rounding 1 + x lost, exactly (Knuth's sum of two).
    const Real x_part = sum - Real(1);
    const Real lost = (Real(1) - (sum - x_part)) + (x - x_part);
    // lost / sum, to first orders: lost is already a rounding error, so a few per cent of it do not matter.
    // Twice 2^-exponent, because the largest exponent has no power of its opposite sign.
    const Real scale = from_bits<Real>((2 * F::bias + 1 - reduced.biased) << F::mantissa_bits);
    const Real correction = lost * scale * polynomial(reduced.fraction, Real(0.5), Real(-0.5), Real(0.5));
    const bool is_small = reduced.exponent == Real(0);
    return assemble_logarithm(reduced.exponent, select(is_small, x, reduced.fraction),
                              select(is_small, Real(0), correction));
}

}  // namespace cellvae::math_detail

namespace cellvae::math {

/// e^x within 1.1 ulp. 0 below -103.98 (float) or -745.14 (double), infinity above 88.72 or 709.78.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real exp(Real x) {
    using namespace math_detail;
    using F = FloatingPoint<Real>;
    Real clamped = select(x < F::exp_lowest, F::exp_lowest, x);
    clamped = select(clamped > F::exp_highest, F::exp_highest, clamped);
    const auto [exponent, r, bits] = reduce_exponent(clamped);
    const Real value = Real(1) + (r + r * r * expm1_tail(r));
    // 2^exponent as a product of two, so that neither factor leaves the normal range.
    const BitsOf<Real> both = bits + 2 * F::bias;
    const BitsOf<Real> first = both >> 1;
    return value * from_bits<Real>(first << F::mantissa_bits) * from_bits<Real>((both - first) << F::mantissa_bits);
}

/// e^x - 1 within 2.5 ulp, for small x too (expm1(x) = x for tiny x, signed zeros included).
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real expm1(Real x) {
    using namespace math_detail;
    using F = FloatingPoint<Real>;
    constexpr Real lowest = is_single<Real> ? Real(-18) : Real(-38);  // from here on it rounds to -1
    Real clamped = select(x < lowest, lowest, x);
    clamped = select(clamped > F::exp_highest, F::exp_highest, clamped);
    const auto [exponent, r, bits] = reduce_exponent(clamped);
    const Real value = r + r * r * expm1_tail(r);
    // 2^exponent may be infinite where the result is not: there half of it is used, twice.
    const bool is_top = exponent > static_cast<Real>(F::bias);
    const BitsOf<Real> capped = bits - static_cast<BitsOf<Real>>(is_top);
    const Real power = from_bits<Real>((capped + F::bias) << F::mantissa_bits);
    const Real result = (value * power + (power - Real(1))) * select(is_top, Real(2), Real(1));
    return select(x == Real(0), x, result);  // keeps -0
}

/// Natural logarithm within 1 ulp, of denormal numbers too. -infinity at 0, NaN below.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log(Real x) {
    using namespace math_detail;
    using F = FloatingPoint<Real>;
    const bool is_denormal = x < F::smallest_normal;
    const auto reduced = reduce_logarithm(select(is_denormal, x * F::denormal_scale, x));
    const Real exponent = reduced.exponent + select(is_denormal, F::denormal_exponent, Real(0));
    Real result = assemble_logarithm(exponent, reduced.fraction, Real(0));
    result = select(x < F::infinity, result, x);  // infinity and NaN
    result = select(x == Real(0), -F::infinity, result);
    return select(x < Real(0), F::nan, result);
}

/// log(1 + x) within 1 ulp, for small x too (log1p(x) = x for tiny x, signed zeros included). -infinity at -1, NaN
/// below.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log1p(Real x) {
    using namespace math_detail;
    using F = FloatingPoint<Real>;
    Real result = log1p_of_finite(x);
    result = select(x < F::infinity, result, x);
    result = select(x == Real(-1), -F::infinity, result);
    result = select(x < Real(-1), F::nan, result);
    return select(x == Real(0), x, result);  // keeps -0
}

}  // namespace cellvae::math
