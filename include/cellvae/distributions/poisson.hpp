// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <array>
#include <cmath>
#include <string_view>

#include "cellvae/distributions/counts.hpp"
#include "cellvae/distributions/exponentials.hpp"
#include "cellvae/distributions/likelihood.hpp"

namespace cellvae {

/// Counts whose variance is their mean.
///
///     p(x) = rate^x e^(-rate) / x!,   x = 0, 1, 2, ...,   a = log rate
///     log p = x a - e^a - log x!
///
/// The base measure is -log x!.
struct Poisson {
    static constexpr std::string_view name = "poisson";
    static constexpr std::array<std::string_view, 1> parameters{"log_rate"};
    static constexpr int log_mean_parameter = 0;

    /// Rates from 1e-13 to 4.8e8.
    KOKKOS_INLINE_FUNCTION static constexpr Bounds bounds(int /*parameter*/) { return {-30, 20}; }

    static constexpr bool supports(double x) { return distributions_detail::is_count(x); }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 1> log_prob(Real x, const Parameters<Real, 1>& eta) {
        const Real rate = distributions_detail::exp_saturated(eta[0]);
        return {x * eta[0] - rate, {x - rate}};
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 1> log_prob(Zero, const Parameters<Real, 1>& eta) {
        const Real minus_rate = -distributions_detail::exp_saturated(eta[0]);
        return {minus_rate, {minus_rate}};
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_base_measure(Real x) {
        return distributions_detail::minus_log_factorial(x);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const Parameters<Real, 1>& eta) {
        return distributions_detail::exp_saturated(eta[0]);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const Parameters<Real, 1>& eta) {
        return distributions_detail::exp_saturated(eta[0]);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real sample(RandomStream& random, const Parameters<Real, 1>& eta) {
        return static_cast<Real>(
            distributions_detail::sample_poisson(random, Kokkos::exp(static_cast<double>(eta[0]))));
    }

    /// The parameters with that mean; there is no choice of the variance.
    template <class Real>
    static Parameters<Real, 1> from_moments(Real mean, Real /*variance*/) {
        return {distributions_detail::clamp(std::log(mean), -20, 20)};
    }
};

}  // namespace cellvae
