// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Macros.hpp>

#include <cstdint>

/// What the functions of this folder are made of.
///
/// Why they look as they do: GCC vectorises a loop without -ffast-math only if its body is one block. A conditional
/// expression on floating-point values becomes a branch, into which GCC then moves the arithmetic of the chosen side,
/// and arithmetic that may raise a flag is not moved back. So values are chosen by masks on their bits (which GCC and
/// Clang turn into one blend instruction), both sides are always computed, rounding to an integer is the addition of
/// a large number, and powers of two are made of their bits.
namespace cellvae::math_detail {

template <class Real>
struct FloatingPoint;

template <>
struct FloatingPoint<float> {
    using Bits = std::uint32_t;
    static constexpr int mantissa_bits = 23;
    static constexpr Bits bias = 127;
    static constexpr Bits sign_bit = 0x80000000u;
    static constexpr Bits mantissa_mask = 0x007fffffu;
    static constexpr Bits one = 0x3f800000u;
    static constexpr Bits sqrt_half = 0x3f3504f3u;
    static constexpr float rounder = 0x1.8p23f;  // adding it leaves an integer in the low bits
    static constexpr float smallest_normal = 0x1p-126f;
    static constexpr float denormal_scale = 0x1p25f;
    static constexpr float denormal_exponent = -25;
    static constexpr float infinity = __builtin_huge_valf();
    static constexpr float nan = __builtin_nanf("");
    // log 2 in two parts, the first short enough that its product with an exponent is exact (Cephes).
    static constexpr float log2_high = 0.693359375f;
    static constexpr float log2_low = -2.12194440054690583e-4f;
    // Beyond these exp is 0 or infinity.
    static constexpr float exp_lowest = -104.0f;
    static constexpr float exp_highest = 89.0f;
};

template <>
struct FloatingPoint<double> {
    using Bits = std::uint64_t;
    static constexpr int mantissa_bits = 52;
    static constexpr Bits bias = 1023;
    static constexpr Bits sign_bit = 0x8000000000000000u;
    static constexpr Bits mantissa_mask = 0x000fffffffffffffu;
    static constexpr Bits one = 0x3ff0000000000000u;
    static constexpr Bits sqrt_half = 0x3fe6a09e667f3bcdu;
    static constexpr double rounder = 0x1.8p52;
    static constexpr double smallest_normal = 0x1p-1022;
    static constexpr double denormal_scale = 0x1p54;
    static constexpr double denormal_exponent = -54;
    static constexpr double infinity = __builtin_huge_val();
    static constexpr double nan = __builtin_nan("");
    // log 2 in two parts (fdlibm).
    static constexpr double log2_high = 6.93147180369123816490e-01;
    static constexpr double log2_low = 1.90821492927058770002e-10;
    static constexpr double exp_lowest = -746.0;
    static constexpr double exp_highest = 710.0;
};

template <class Real>
inline constexpr bool is_single = sizeof(Real) == sizeof(float);

template <class Real>
using BitsOf = typename FloatingPoint<Real>::Bits;

template <class Real>
KOKKOS_FORCEINLINE_FUNCTION BitsOf<Real> to_bits(Real x) {
    return __builtin_bit_cast(BitsOf<Real>, x);
}

template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real from_bits(BitsOf<Real> bits) {
    return __builtin_bit_cast(Real, bits);
}

/// `condition ? yes : no` without a branch; NaN and infinity on the side not chosen do no harm.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real select(bool condition, Real yes, Real no) {
    const BitsOf<Real> mask = BitsOf<Real>(0) - static_cast<BitsOf<Real>>(condition);
    return from_bits<Real>((to_bits(yes) & mask) | (to_bits(no) & ~mask));
}

template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real magnitude(Real x) {
    return from_bits<Real>(to_bits(x) & ~FloatingPoint<Real>::sign_bit);
}

/// c0 + x (c1 + x (c2 + ...)).
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real polynomial(Real, Real c0) {
    return c0;
}
template <class Real, class... Coefficients>
KOKKOS_FORCEINLINE_FUNCTION Real polynomial(Real x, Real c0, Coefficients... higher) {
    return c0 + x * polynomial(x, higher...);
}

}  // namespace cellvae::math_detail

namespace cellvae::math {

/// For loops that must be vectorised: where they choose between two floating-point values, this and not ?: (see above).
using math_detail::select;

}  // namespace cellvae::math
