// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cellvae/math/elementary.hpp>
#include <cellvae/priors/factorised_prior.hpp>

/// The Laplace density with a learned scale b = e^log_scale: log p(z) = -log 2 - log b - |z| / b. It has a sharper peak
/// and heavier tails than the Gaussian of the same variance: it prefers latents that are mostly near zero.
struct Laplace {
    static constexpr std::string_view name = "laplace";
    static constexpr std::array<std::string_view, 1> parameters{"log_scale"};

    /// The log-density and its derivatives by z and by log_scale.
    template <class Real>
    KOKKOS_INLINE_FUNCTION static cellvae::LatentDensity<Real, 1> log_density(Real z, Kokkos::Array<Real, 1> at) {
        const Real inverse_scale = cellvae::math::exp(-at[0]);
        const Real distance = (z < Real(0) ? -z : z) * inverse_scale;
        const Real log_two = Real(0.69314718055994530942);
        return {-log_two - at[0] - distance, z < Real(0) ? inverse_scale : -inverse_scale, {distance - Real(1)}};
    }
};

/// The prior of a model: independent dimensions, each with its own scale.
using LaplacePrior = cellvae::FactorisedPrior<Laplace>;
