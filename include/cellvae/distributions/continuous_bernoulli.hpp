// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <array>
#include <string_view>

#include "cellvae/distributions/counts.hpp"
#include "cellvae/distributions/exponentials.hpp"
#include "cellvae/distributions/likelihood.hpp"
#include "cellvae/math/elementary.hpp"

namespace cellvae {

namespace distributions_detail {

/// Below this |a| the power series of the normaliser are used; they hold to 2 pi and have converged to 1e-17 at 1.
template <class Real>
inline constexpr Real continuous_bernoulli_window = Real(1);

/// log(sinh(n / 2) / (n / 2)) = sum over k of B_2k n^2k / (2k (2k)!), for `square` = n^2 <= 1.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log_sinhc_series(Real square) {
    return square *
           (Real(0.041666666666666664) +
            square * (Real(-0.00034722222222222224) +
                      square * (Real(5.5114638447971785e-06) +
                                square * (Real(-1.033399470899471e-07) +
                                          square * (Real(2.08767569878681e-09) +
                                                    square * (Real(-4.403491782239578e-11) +
                                                              square * (Real(9.55895466477477e-13) +
                                                                        square * Real(-2.1185501852016142e-14))))))));
}

/// Its derivative by n, divided by n: 1/12 - n^2/720 + ...
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real d_log_sinhc_over_n_series(Real square) {
    return Real(0.08333333333333333) +
           square *
               (Real(-0.001388888888888889) +
                square * (Real(3.306878306878307e-05) +
                          square * (Real(-8.267195767195768e-07) +
                                    square * (Real(2.08767569878681e-08) +
                                              square * (Real(-5.284190138687493e-10) +
                                                        square * (Real(1.3382536530684679e-11) +
                                                                  square * (Real(-3.3896802963225827e-13) +
                                                                            square * Real(8.586062056277845e-15))))))));
}

/// Its second derivative by n: 1/12 - n^2/240 + ...
template <class Real>
KOKKOS_INLINE_FUNCTION Real d2_log_sinhc_series(Real square) {
    return Real(0.08333333333333333) +
           square *
               (Real(-0.004166666666666667) +
                square *
                    (Real(0.00016534391534391533) +
                     square *
                         (Real(-5.787037037037037e-06) +
                          square *
                              (Real(1.8789081289081288e-07) +
                               square * (Real(-5.812609152556243e-09) +
                                         square * (Real(1.7397297489890083e-10) +
                                                   square * (Real(-5.084520444483875e-12) +
                                                             square * (Real(1.4596305495672335e-13) +
                                                                       square * Real(-4.1322505272603176e-15)))))))));
}

}  // namespace distributions_detail

/// Values in [0, 1] (Loaiza-Ganem and Cunningham 2019), by the logit a of their parameter lambda:
///
///     p(x) = C lambda^x (1 - lambda)^(1 - x),   log p(x) = x a - log((e^a - 1) / a)
///
/// With n = |a|: near n = 0 it is (x - 1/2) a - log(sinh(n/2) / (n/2)) by a power series; elsewhere
/// log(n / (1 - e^-n)) - (x or, for a > 0, 1 - x) n. Both hold for every |a| up to where a itself overflows.
struct ContinuousBernoulli {
    static constexpr std::string_view name = "continuous_bernoulli";
    static constexpr std::array<std::string_view, 1> parameters{"logit"};
    static constexpr int log_mean_parameter = -1;

    /// At 90 the mean is 1/90 away from its end of [0, 1].
    KOKKOS_INLINE_FUNCTION static constexpr Bounds bounds(int /*parameter*/) { return {-90, 90}; }

    static constexpr bool supports(double x) { return x >= 0 && x <= 1; }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 1> log_prob(Real x, const Parameters<Real, 1>& eta) {
        using math_detail::select;
        constexpr Real window = distributions_detail::continuous_bernoulli_window<Real>;
        const Real a = eta[0];
        const bool positive = a > Real(0);
        const Real n = math_detail::magnitude(a);
        const bool near = n < window;
        const Real square = select(near, n * n, Real(0));
        const Real far_n = select(near, window, n);
        const Real from_middle = x - Real(0.5);
        // the distance from the end at which the density is largest, with the sign of a
        const Real from_end = select(positive, x - Real(1), x);
        const Real shrunk = distributions_detail::exp_of_negative(-far_n);
        const Real rest = Real(1) - shrunk;
        const Real mean_distance = Real(1) / far_n - shrunk / rest;  // of the mean from that end
        const Real near_value = from_middle * a - distributions_detail::log_sinhc_series(square);
        const Real far_value = from_end * a + math_detail::log_of_normal(far_n / rest);
        const Real near_slope = from_middle - a * distributions_detail::d_log_sinhc_over_n_series(square);
        const Real far_slope = from_end + select(positive, mean_distance, -mean_distance);
        return {select(near, near_value, far_value), {select(near, near_slope, far_slope)}};
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, 1> log_prob(Zero, const Parameters<Real, 1>& eta) {
        return log_prob(Real(0), eta);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_base_measure(Real /*x*/) {
        return Real(0);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const Parameters<Real, 1>& eta) {
        return -log_prob(Real(0), eta).d_log_prob[0];
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const Parameters<Real, 1>& eta) {
        const Real n = Kokkos::abs(eta[0]);
        if (n < distributions_detail::continuous_bernoulli_window<Real>)
            return distributions_detail::d2_log_sinhc_series(n * n);
        const Real shrunk = math::exp(-n);
        const Real rest = Real(1) - shrunk;
        return Real(1) / (n * n) - shrunk / (rest * rest);
    }

    /// By inversion: the distribution function is (e^(a x) - 1) / (e^a - 1).
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real sample(RandomStream& random, const Parameters<Real, 1>& eta) {
        const double u = random.uniform<double>();
        const double n = Kokkos::abs(static_cast<double>(eta[0]));
        // the distance from the end at which the density is largest; its density falls as e^(-n distance)
        const double distance = n < 1e-9 ? u : -Kokkos::log1p(u * Kokkos::expm1(-n)) / n;
        return static_cast<Real>(eta[0] > Real(0) ? 1 - distance : distance);
    }

    /// The logit with that mean, which is found by bisection; there is no choice of the variance.
    template <class Real>
    static Parameters<Real, 1> from_moments(Real mean, Real /*variance*/) {
        double lower = -89, upper = 89;
        for (int i = 0; i < 60; ++i) {
            const double middle = (lower + upper) / 2;
            if (ContinuousBernoulli::mean(Parameters<double, 1>{middle}) < static_cast<double>(mean))
                lower = middle;
            else
                upper = middle;
        }
        return {static_cast<Real>((lower + upper) / 2)};
    }
};

}  // namespace cellvae
