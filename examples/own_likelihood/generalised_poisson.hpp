// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cellvae/distributions/likelihood.hpp>
#include <cellvae/distributions/poisson.hpp>
#include <cellvae/math/elementary.hpp>
#include <cellvae/math/gamma.hpp>
#include <cellvae/math/logistic.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

/// The generalised Poisson (Consul and Jain 1973) by its mean m = e^a and spread s = logistic(b), t = m (1 - s) + s x:
///     p(x) = m (1 - s) t^(x-1) e^-t / x!,   mean = m,   variance = m / (1 - s)^2
struct GeneralisedPoisson {
    static constexpr std::string_view name = "generalised_poisson";
    static constexpr std::array<std::string_view, 2> parameters{"log_mean", "logit_spread"};
    static constexpr int log_mean_parameter = 0;
    KOKKOS_INLINE_FUNCTION static constexpr cellvae::Bounds bounds(int parameter) {
        return parameter == 0 ? cellvae::Bounds{-20, 15} : cellvae::Bounds{-8, 4};
    }
    static constexpr bool supports(double x) {
        return x >= 0 && x < 1e15 && static_cast<double>(static_cast<long long>(x)) == x;
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static cellvae::LogProb<Real, 2> log_prob(Real x, const cellvae::Parameters<Real, 2>& eta) {
        const Real m = cellvae::math::exp(eta[0]), s = cellvae::math::logistic(eta[1]),
                   rest = cellvae::math::logistic(-eta[1]);
        const Real first = m * rest, t = first + s * x, steps = x - Real(1);
        return {eta[0] + cellvae::math::log(rest) + steps * cellvae::math::log(t) - t,
                {Real(1) + first * (steps / t - Real(1)), s * (rest * (x - m) * (steps / t - Real(1)) - Real(1))}};
    }
    template <class Real>  // of the formula only e^-t is left
    KOKKOS_INLINE_FUNCTION static cellvae::LogProb<Real, 2> log_prob(cellvae::Zero,
                                                                     const cellvae::Parameters<Real, 2>& eta) {
        const Real t = cellvae::math::exp(eta[0]) * cellvae::math::logistic(-eta[1]);
        return {-t, {-t, t * cellvae::math::logistic(eta[1])}};
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_base_measure(Real x) {
        return -cellvae::math::lgamma(x + Real(1));
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const cellvae::Parameters<Real, 2>& eta) {
        return cellvae::math::exp(eta[0]);
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const cellvae::Parameters<Real, 2>& eta) {
        const Real rest = cellvae::math::logistic(-eta[1]);
        return cellvae::math::exp(eta[0]) / (rest * rest);
    }
    template <class Real>  // everybody who descends from Poisson(m (1 - s)) ancestors with Poisson(s) children each
    KOKKOS_INLINE_FUNCTION static Real sample(cellvae::RandomStream& random, const cellvae::Parameters<Real, 2>& eta) {
        const Real s = cellvae::math::logistic(eta[1]);
        Real born = cellvae::Poisson::sample(random,
                                             cellvae::Parameters<Real, 1>{eta[0] + cellvae::math::log(Real(1) - s)}),
             all = born;
        for (; born > Real(0); all += born)
            born = cellvae::Poisson::sample(random, cellvae::Parameters<Real, 1>{cellvae::math::log(s * born)});
        return all;
    }
    template <class Real>  // optional: where a gene's parameters start. +0.01: a gene may never have been seen
    static cellvae::Parameters<Real, 2> from_moments(Real mean, Real variance) {
        const Real ratio = std::sqrt((mean + Real(0.01)) / (variance + Real(0.01)));
        const Real s = std::clamp(Real(1) - ratio, Real(0.05), Real(0.9));
        return {std::log(std::max(mean, Real(1e-6))), std::log(s / (Real(1) - s))};
    }
};
