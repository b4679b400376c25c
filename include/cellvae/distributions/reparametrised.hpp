// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include "cellvae/math/elementary.hpp"

namespace cellvae {

/// A draw from N(m, e^v) as a function of m and v, so that gradients pass through it (Kingma and Welling 2014):
///
///     z = m + e^(v/2) noise,   dz/dm = 1,   dz/dv = e^(v/2) noise / 2
template <class Real>
struct ReparametrisedSample {
    Real z;
    Real d_z_d_mean;
    Real d_z_d_log_variance;
};

/// `noise` is a standard normal number.
template <class Real>
KOKKOS_INLINE_FUNCTION ReparametrisedSample<Real> reparametrised_sample(Real mean, Real log_variance, Real noise) {
    const Real deviation = math::exp(Real(0.5) * log_variance) * noise;
    return {mean + deviation, Real(1), Real(0.5) * deviation};
}

}  // namespace cellvae
