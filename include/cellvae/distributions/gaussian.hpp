// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <array>
#include <cmath>
#include <string_view>

#include "cellvae/distributions/counts.hpp"
#include "cellvae/distributions/exponentials.hpp"
#include "cellvae/distributions/likelihood.hpp"
#include "cellvae/math/elementary.hpp"

namespace cellvae {

/// Real values (log-normalised counts) by their mean m and the logarithm v of their variance:
///
///     log p(x) = -(log 2 pi + v) / 2 - (x - m)^2 / (2 e^v)
///
/// The base measure is -(log 2 pi) / 2.
struct Gaussian {
    static constexpr std::string_view name = "gaussian";
    static constexpr std::array<std::string_view, 2> parameters{"mean", "log_variance"};
    static constexpr int log_mean_parameter = -1;

    /// The lower bound of the log-variance is a standard deviation of 0.0025: a gene whose values are all equal would
    /// otherwise take the bound to infinity.
    KOKKOS_INLINE_FUNCTION static constexpr Bounds bounds(int parameter) {
        return parameter == 0 ? Bounds{-1e6, 1e6} : Bounds{-12, 20};
    }

    /// Every finite number.
    static constexpr bool supports(double x) { return x - x == 0; }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 2> log_prob(Real x, const Parameters<Real, 2>& eta) {
        const Real precision = distributions_detail::exp_saturated(-eta[1]);
        const Real distance = x - eta[0];
        const Real scaled = distance * precision;
        const Real half_square = Real(0.5) * distance * scaled;
        return {Real(-0.5) * eta[1] - half_square, {scaled, half_square - Real(0.5)}};
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 2> log_prob(Zero, const Parameters<Real, 2>& eta) {
        return log_prob(Real(0), eta);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_base_measure(Real /*x*/) {
        return Real(-0.91893853320467274178032973640562);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const Parameters<Real, 2>& eta) {
        return eta[0];
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const Parameters<Real, 2>& eta) {
        return math::exp(eta[1]);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real sample(RandomStream& random, const Parameters<Real, 2>& eta) {
        return eta[0] + math::exp(Real(0.5) * eta[1]) * random.normal<Real>();
    }

    /// The log-variance stays above -8: a gene that does not vary starts at a standard deviation of 0.02.
    template <class Real>
    static Parameters<Real, 2> from_moments(Real mean, Real variance) {
        return {distributions_detail::clamp(mean, -1e6, 1e6), distributions_detail::clamp(std::log(variance), -8, 20)};
    }
};

}  // namespace cellvae
