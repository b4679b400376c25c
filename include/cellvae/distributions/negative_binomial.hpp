// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <array>
#include <cmath>
#include <string_view>

#include "cellvae/distributions/counts.hpp"
#include "cellvae/distributions/exponentials.hpp"
#include "cellvae/distributions/likelihood.hpp"
#include "cellvae/math/gamma.hpp"

namespace cellvae {

namespace distributions_detail {

/// The log of the dispersion (theta, or the total count) that gives a count of that mean its variance: the method of
/// moments, theta = mean^2 / (variance - mean), kept in [-4, 6]. A gene that varies less than a Poisson gets the upper
/// end.
template <class Real>
Real log_dispersion_from_moments(Real mean, Real variance) {
    const double excess = static_cast<double>(variance) - static_cast<double>(mean);
    const double squared_mean = static_cast<double>(mean) * static_cast<double>(mean);
    if (!(excess > squared_mean * 0x1p-40)) return Real(6);
    return clamp(static_cast<Real>(std::log(squared_mean / excess)), -4, 6);
}

}  // namespace distributions_detail

/// The negative binomial by its mean mu = e^a and dispersion theta = e^t:
///
///     p(x) = Gamma(x + theta) / (Gamma(theta) x!) (theta / (theta + mu))^theta (mu / (theta + mu))^x
///     variance = mu + mu^2 / theta
///
/// theta -> infinity is the Poisson. With d = a - t the plain theta log(theta / (theta + mu)) is -theta softplus(d),
/// and log(mu / (theta + mu)) is -softplus(-d); neither loses anything where theta and mu are of different size.
struct MeanDispersion {
    static constexpr std::string_view name = "negative_binomial_mean";
    static constexpr std::array<std::string_view, 2> parameters{"log_mean", "log_dispersion"};
    static constexpr int log_mean_parameter = 0;

    /// Means from 1e-13 to 4.8e8, dispersions from 3e-7 to 4.8e8.
    KOKKOS_INLINE_FUNCTION static constexpr Bounds bounds(int parameter) {
        return parameter == 0 ? Bounds{-30, 20} : Bounds{-15, 20};
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 2> log_prob(Real x, const Parameters<Real, 2>& eta) {
        const auto parts = distributions_detail::logistic_parts(eta[0] - eta[1]);
        const Real theta = distributions_detail::exp_saturated(eta[1]);
        const auto difference = math::gamma_differences(theta, x);
        const Real pull = x * parts.logistic_of_minus;  // x theta / (theta + mu)
        return {
            difference.lgamma - theta * parts.softplus - x * parts.softplus_of_minus,
            {pull - theta * parts.logistic, theta * (difference.digamma - (parts.softplus - parts.logistic)) - pull}};
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 2> log_prob(Zero, const Parameters<Real, 2>& eta) {
        const auto parts = distributions_detail::logistic_parts(eta[0] - eta[1]);
        const Real minus_theta = -distributions_detail::exp_saturated(eta[1]);
        return {minus_theta * parts.softplus,
                {minus_theta * parts.logistic, minus_theta * (parts.softplus - parts.logistic)}};
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const Parameters<Real, 2>& eta) {
        return distributions_detail::exp_saturated(eta[0]);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const Parameters<Real, 2>& eta) {
        const Real mu = distributions_detail::exp_saturated(eta[0]);
        return mu + mu * distributions_detail::exp_saturated(eta[0] - eta[1]);
    }

    /// log theta.
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_shape(const Parameters<Real, 2>& eta) {
        return eta[1];
    }

    /// log(mu / theta): a gamma variate of shape theta times this scale is the rate of the Poisson whose mixture this
    /// is.
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_scale(const Parameters<Real, 2>& eta) {
        return eta[0] - eta[1];
    }

    template <class Real>
    static Parameters<Real, 2> from_moments(Real mean, Real variance) {
        return {distributions_detail::clamp(std::log(mean), -20, 20),
                distributions_detail::log_dispersion_from_moments(mean, variance)};
    }
};

/// The negative binomial by its total count r = e^a and success probability p = logistic(b):
///
///     p(x) = Gamma(x + r) / (Gamma(r) x!) p^r (1 - p)^x
///     mean = r (1 - p) / p = e^(a - b), variance = mean / p
///
/// SciPy's (and the tutorial's) convention; PyTorch and TensorFlow Probability call 1 - p what is p here.
struct TotalCountProbability {
    static constexpr std::string_view name = "negative_binomial";
    static constexpr std::array<std::string_view, 2> parameters{"log_total_count", "logit_success"};
    /// An offset on log r would scale the mean and the dispersion at once; so none takes the library size.
    static constexpr int log_mean_parameter = -1;

    /// Total counts from 3e-7 to 4.8e8, odds of success from 1e-13 to 1e13.
    KOKKOS_INLINE_FUNCTION static constexpr Bounds bounds(int parameter) {
        return parameter == 0 ? Bounds{-15, 20} : Bounds{-30, 30};
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 2> log_prob(Real x, const Parameters<Real, 2>& eta) {
        const auto parts = distributions_detail::logistic_parts(eta[1]);
        const Real r = distributions_detail::exp_saturated(eta[0]);
        const auto difference = math::gamma_differences(r, x);
        const Real minus_r_log_p = r * parts.softplus_of_minus;
        return {difference.lgamma - minus_r_log_p - x * parts.softplus,
                {r * difference.digamma - minus_r_log_p, r * parts.logistic_of_minus - x * parts.logistic}};
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 2> log_prob(Zero, const Parameters<Real, 2>& eta) {
        const auto parts = distributions_detail::logistic_parts(eta[1]);
        const Real r = distributions_detail::exp_saturated(eta[0]);
        const Real r_log_p = -r * parts.softplus_of_minus;
        return {r_log_p, {r_log_p, r * parts.logistic_of_minus}};
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const Parameters<Real, 2>& eta) {
        return distributions_detail::exp_saturated(eta[0] - eta[1]);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const Parameters<Real, 2>& eta) {
        return distributions_detail::exp_saturated(eta[0] - eta[1]) *
               (Real(1) + distributions_detail::exp_saturated(-eta[1]));
    }

    /// log r.
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_shape(const Parameters<Real, 2>& eta) {
        return eta[0];
    }

    /// log((1 - p) / p): a gamma variate of shape r times this scale is the rate of the Poisson whose mixture this is.
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_scale(const Parameters<Real, 2>& eta) {
        return -eta[1];
    }

    template <class Real>
    static Parameters<Real, 2> from_moments(Real mean, Real variance) {
        const auto other = MeanDispersion::from_moments(mean, variance);
        return {other[1], distributions_detail::clamp(other[1] - other[0], -30, 30)};
    }
};

/// Counts that vary more than a Poisson: a Poisson whose rate is gamma distributed. `Parametrisation` is
/// `MeanDispersion` or `TotalCountProbability`; see there for the formulas. The base measure is -log x!.
template <class Parametrisation = MeanDispersion>
struct NegativeBinomial {
    static constexpr std::string_view name = Parametrisation::name;
    static constexpr std::array<std::string_view, 2> parameters = Parametrisation::parameters;
    static constexpr int log_mean_parameter = Parametrisation::log_mean_parameter;

    KOKKOS_INLINE_FUNCTION static constexpr Bounds bounds(int parameter) { return Parametrisation::bounds(parameter); }

    static constexpr bool supports(double x) { return distributions_detail::is_count(x); }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 2> log_prob(Real x, const Parameters<Real, 2>& eta) {
        return Parametrisation::log_prob(x, eta);
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 2> log_prob(Zero zero, const Parameters<Real, 2>& eta) {
        return Parametrisation::log_prob(zero, eta);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_base_measure(Real x) {
        return distributions_detail::minus_log_factorial(x);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const Parameters<Real, 2>& eta) {
        return Parametrisation::mean(eta);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const Parameters<Real, 2>& eta) {
        return Parametrisation::variance(eta);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real sample(RandomStream& random, const Parameters<Real, 2>& eta) {
        const double shape = Kokkos::exp(static_cast<double>(Parametrisation::log_shape(eta)));
        const auto log_scale = static_cast<double>(Parametrisation::log_scale(eta));
        const double scale = Kokkos::exp(log_scale);
        if (shape * scale < 10 && scale < 1000)
            return static_cast<Real>(distributions_detail::sample_small_negative_binomial(random, shape, scale));
        const double log_rate = distributions_detail::sample_log_gamma(random, shape) + log_scale;
        return static_cast<Real>(distributions_detail::sample_poisson(random, Kokkos::exp(log_rate)));
    }

    /// The parameters with that mean and, as far as a negative binomial can, that variance; the dispersion stays in
    /// [e^-4, e^6], where its gradient is not yet flat.
    template <class Real>
    static Parameters<Real, 2> from_moments(Real mean, Real variance) {
        return Parametrisation::from_moments(mean, variance);
    }
};

}  // namespace cellvae
