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

/// Whether a gene is seen at all, by the logit a of its probability p:
///
///     log p(x) = x log p + (1 - x) log(1 - p) = -x softplus(-a) - (1 - x) softplus(a)
///
/// It is a mass on 0 and 1. As a training objective it also takes what lies between (cross-entropy; log counts divided
/// by the cell's maximum, say), where it is not a normalised density: that is `ContinuousBernoulli`.
struct Bernoulli {
    static constexpr std::string_view name = "bernoulli";
    static constexpr std::array<std::string_view, 1> parameters{"logit"};
    static constexpr int log_mean_parameter = -1;
    /// Its mass is on whole numbers although it accepts fractions.
    static constexpr bool discrete = true;

    KOKKOS_INLINE_FUNCTION static constexpr Bounds bounds(int /*parameter*/) { return {-30, 30}; }

    static constexpr bool supports(double x) { return x >= 0 && x <= 1; }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 1> log_prob(Real x, const Parameters<Real, 1>& eta) {
        const auto parts = distributions_detail::logistic_parts(eta[0]);
        const Real rest = Real(1) - x;
        return {-(x * parts.softplus_of_minus + rest * parts.softplus),
                {x * parts.logistic_of_minus - rest * parts.logistic}};
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 1> log_prob(Zero, const Parameters<Real, 1>& eta) {
        const auto parts = distributions_detail::logistic_parts(eta[0]);
        return {-parts.softplus, {-parts.logistic}};
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_base_measure(Real /*x*/) {
        return Real(0);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const Parameters<Real, 1>& eta) {
        return distributions_detail::logistic_parts(eta[0]).logistic;
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const Parameters<Real, 1>& eta) {
        const auto parts = distributions_detail::logistic_parts(eta[0]);
        return parts.logistic * parts.logistic_of_minus;
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real sample(RandomStream& random, const Parameters<Real, 1>& eta) {
        return random.uniform<double>() < static_cast<double>(mean(eta)) ? Real(1) : Real(0);
    }

    template <class Real>
    static Parameters<Real, 1> from_moments(Real mean, Real /*variance*/) {
        const auto probability = distributions_detail::clamp(static_cast<double>(mean), 1e-6, 1 - 1e-6);
        return {static_cast<Real>(std::log(probability / (1 - probability)))};
    }
};

}  // namespace cellvae
