// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <cstdint>

#include "cellvae/core/random.hpp"
#include "cellvae/math/gamma.hpp"

/// What the likelihoods of counts share: their support, their base measure and the samplers of which they are made.
namespace cellvae::distributions_detail {

/// True for 0, 1, 2, ... up to 2^53, beyond which a double cannot tell counts apart.
constexpr bool is_count(double x) {
    return x >= 0 && x <= 9007199254740992.0 && static_cast<double>(static_cast<std::int64_t>(x)) == x;
}

/// -log x!
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real minus_log_factorial(Real x) {
    return -math::lgamma(x + Real(1));
}

/// The logarithm of a gamma variate of that shape and scale 1 (Marsaglia and Tsang 2000, with their boost for shapes
/// below one). On the log scale, since a small shape's variates underflow: at shape 0.001 most are below 1e-100.
KOKKOS_INLINE_FUNCTION double sample_log_gamma(RandomStream& random, double shape) {
    const double boosted = shape < 1 ? shape + 1 : shape;
    const double d = boosted - 1.0 / 3;
    const double c = 1 / Kokkos::sqrt(9 * d);
    double log_variate = 0;
    while (true) {
        const double normal = random.normal<double>();
        const double root = 1 + c * normal;
        if (root <= 0) continue;
        const double cube = root * root * root;
        if (Kokkos::log(random.uniform<double>()) < normal * normal / 2 + d * (1 - cube + Kokkos::log(cube))) {
            log_variate = Kokkos::log(d * cube);
            break;
        }
    }
    return shape < 1 ? log_variate + Kokkos::log(random.uniform<double>()) / shape : log_variate;
}

/// A Poisson variate: by multiplication of uniforms for small rates (Knuth), by transformed rejection for large ones
/// (Hoermann 1993, PTRS). Rates above 2^53 return the rate itself, whose spread a double no longer resolves.
KOKKOS_INLINE_FUNCTION double sample_poisson(RandomStream& random, double rate) {
    if (!(rate > 0)) return 0;
    if (rate > 9007199254740992.0) return rate;
    if (rate < 10) {
        const double limit = Kokkos::exp(-rate);
        double product = random.uniform<double>();
        double count = 0;
        while (product > limit) {
            product *= random.uniform<double>();
            count += 1;
        }
        return count;
    }
    const double b = 0.931 + 2.53 * Kokkos::sqrt(rate);
    const double a = -0.059 + 0.02483 * b;
    const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    const double v_r = 0.9277 - 3.6224 / (b - 2);
    const double log_rate = Kokkos::log(rate);
    while (true) {
        const double u = random.uniform<double>() - 0.5;
        const double v = random.uniform<double>();
        const double us = 0.5 - Kokkos::abs(u);
        const double count = Kokkos::floor((2 * a / us + b) * u + rate + 0.43);
        if (us >= 0.07 && v <= v_r) return count;
        if (count < 0 || (us < 0.013 && v > us)) continue;
        if (Kokkos::log(v) + Kokkos::log(inverse_alpha) - Kokkos::log(a / (us * us) + b) <=
            -rate + count * log_rate - Kokkos::lgamma(count + 1))
            return count;
    }
}

/// A negative binomial variate, the Poisson's whose rate is a gamma variate of that shape and scale: by inversion, from
/// the probability of zero up. One uniform, and on average as many steps as its mean; most counts of a gene are zero.
KOKKOS_INLINE_FUNCTION double sample_small_negative_binomial(RandomStream& random, double shape, double scale) {
    const double ratio = scale / (1 + scale);
    double probability = Kokkos::exp(-shape * Kokkos::log1p(scale));
    double left = random.uniform<double>();
    double count = 0;
    while (left > probability && probability > 0) {
        left -= probability;
        probability *= (count + shape) / (count + 1) * ratio;
        count += 1;
    }
    return count;
}

/// The clamp with which `from_moments` keeps what it returns inside a range.
template <class Real>
KOKKOS_INLINE_FUNCTION constexpr Real clamp(Real x, double lower, double upper) {
    // written so that a NaN becomes the lower bound
    return x > static_cast<Real>(lower) ? (x < static_cast<Real>(upper) ? x : static_cast<Real>(upper))
                                        : static_cast<Real>(lower);
}

}  // namespace cellvae::distributions_detail
