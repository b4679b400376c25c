// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include "cellvae/math/elementary.hpp"

/// Densities and divergences of one dimension of a diagonal Gaussian; the sum over the latent dimensions is the
/// caller's.
namespace cellvae {

/// KL(N(m, e^v) || N(0, 1)) and its derivatives.
template <class Real>
struct StandardGaussianKl {
    Real value;
    Real d_mean;
    Real d_log_variance;
};

/// (m^2 + e^v - 1 - v) / 2. Near v = 0 the plain e^v - 1 - v cancels; expm1 keeps its error at that of v.
template <class Real>
KOKKOS_INLINE_FUNCTION StandardGaussianKl<Real> standard_gaussian_kl(Real mean, Real log_variance) {
    const Real excess = math::expm1(log_variance);
    return {Real(0.5) * (mean * mean + (excess - log_variance)), mean, Real(0.5) * excess};
}

/// KL(N(m, e^v) || N(pm, e^pv)) and its derivatives.
template <class Real>
struct GaussianKl {
    Real value;
    Real d_mean;
    Real d_log_variance;
    Real d_prior_mean;
    Real d_prior_log_variance;
};

/// With w = v - pv and s = (m - pm)^2 e^-pv: (s + e^w - 1 - w) / 2.
template <class Real>
KOKKOS_INLINE_FUNCTION GaussianKl<Real> gaussian_kl(Real mean, Real log_variance, Real prior_mean,
                                                    Real prior_log_variance) {
    const Real log_ratio = log_variance - prior_log_variance;
    const Real excess = math::expm1(log_ratio);
    const Real distance = mean - prior_mean;
    const Real scaled = distance * math::exp(-prior_log_variance);
    const Real square = distance * scaled;
    return {Real(0.5) * (square + (excess - log_ratio)), scaled, Real(0.5) * excess, -scaled,
            Real(-0.5) * (square + excess)};
}

/// log N(z; m, e^v) and its derivatives.
template <class Real>
struct GaussianLogDensity {
    Real value;
    Real d_z;
    Real d_mean;
    Real d_log_variance;
};

/// -(log 2 pi + v) / 2 - (z - m)^2 / (2 e^v), the constant included.
template <class Real>
KOKKOS_INLINE_FUNCTION GaussianLogDensity<Real> gaussian_log_density(Real z, Real mean, Real log_variance) {
    const Real distance = z - mean;
    const Real scaled = distance * math::exp(-log_variance);
    const Real half_square = Real(0.5) * distance * scaled;
    const Real half_log_two_pi = Real(0.91893853320467274178032973640562);
    return {-(half_log_two_pi + Real(0.5) * log_variance) - half_square, -scaled, scaled, half_square - Real(0.5)};
}

}  // namespace cellvae
