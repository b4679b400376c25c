// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <cstdint>

namespace cellvae {

/// The logarithms of the sum and of the mean of exp(x_1) .. exp(x_n), for values that come one at a time: nothing
/// overflows, and the values need not be kept. Of log p(x, z) - log q(z|x) with z from q the mean is the
/// importance-weighted bound (Burda et al. 2016), which rises with the number of samples in expectation towards log
/// p(x).
struct LogMeanExp {
    double largest = -Kokkos::Experimental::infinity_v<double>;
    double sum = 0;  ///< of exp(value - largest)

    /// Adds one value. Minus infinity adds nothing to the sum; NaN stays.
    KOKKOS_INLINE_FUNCTION void add(double value) {
        constexpr double infinity = Kokkos::Experimental::infinity_v<double>;
        if (value <= largest) {
            if (largest > -infinity) sum += Kokkos::exp(value - largest);
        } else if (value == infinity) {
            largest = value;
            sum = 1;
        } else {  // a new largest, or NaN
            sum = sum * Kokkos::exp(largest - value) + 1;
            largest = value;
        }
    }

    /// Adds all that `other` has had. NaN stays.
    KOKKOS_INLINE_FUNCTION void add(const LogMeanExp& other) {
        const bool more = other.largest > largest;
        const LogMeanExp lesser = more ? *this : other;
        if (more) *this = other;
        if (!(lesser.sum == 0)) sum += lesser.sum * Kokkos::exp(lesser.largest - largest);
    }

    /// log of the sum of the exponentials; minus infinity before the first value.
    [[nodiscard]] KOKKOS_INLINE_FUNCTION double log_sum() const {
        return Kokkos::isinf(largest) ? largest : largest + Kokkos::log(sum);
    }

    /// log of their mean over `count` values, which the caller counts. count > 0.
    [[nodiscard]] KOKKOS_INLINE_FUNCTION double log_mean(std::int64_t count) const {
        return Kokkos::isinf(largest) ? largest : largest + Kokkos::log(sum / static_cast<double>(count));
    }
};

}  // namespace cellvae
