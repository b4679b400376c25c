// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "cellvae/core/random.hpp"
#include "cellvae/priors/latent_kernels.hpp"

// Draws of z from priors, one row a cell, keyed by seed and cell.

namespace cellvae::priors_detail {

/// z (cells x latent): draws from N(0, I).
template <class Real, class Exec, class Slice>
void sample_standard(const Pass<Real, Exec>& pass, const Slice& z) {
    const auto number = pass.batch->cell;
    const std::uint64_t seed = pass.seed;
    Kokkos::parallel_for(
        KernelLabel("cellvae::sample_standard"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(z.extent(0))), KOKKOS_LAMBDA(const Index cell) {
            RandomStream random(seed, Purpose::prior, static_cast<std::uint32_t>(number(cell)));
            for (Index l = 0; l < static_cast<Index>(z.extent(1)); ++l) z(cell, l) = random.normal<Real>();
        });
}

/// z (cells x latent): draws from a mixture of Gaussians (components x latent), and component (cells): where each is
/// from.
/// @param logits 1 x components: logs of the weights, but for a constant; empty: all the same
/// @param allowed components: not 0 where one may be drawn; empty: all
template <class Real, class Exec, class Slice, class AllowedView, class ComponentView>
void sample_components(const Pass<Real, Exec>& pass, const Slice& mean, const Slice& log_variance, const Slice& logits,
                       const AllowedView& allowed, const Slice& z, const ComponentView& component) {
    const auto number = pass.batch->cell;
    const std::uint64_t seed = pass.seed;
    const auto components = static_cast<Index>(mean.extent(0));
    const bool weighted = logits.extent(0) > 0;
    const bool chosen_alone = allowed.extent(0) > 0;
    Kokkos::parallel_for(
        KernelLabel("cellvae::sample_components"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(z.extent(0))), KOKKOS_LAMBDA(const Index cell) {
            const auto may = [&](Index k) { return !chosen_alone || allowed(k) != 0; };
            double largest = -1e300, total = 0;
            for (Index k = 0; weighted && k < components; ++k)
                if (may(k) && static_cast<double>(logits(0, k)) > largest) largest = static_cast<double>(logits(0, k));
            const auto weight = [&](Index k) {
                if (!may(k)) return 0.0;
                return weighted ? Kokkos::exp(static_cast<double>(logits(0, k)) - largest) : 1.0;
            };
            for (Index k = 0; k < components; ++k) total += weight(k);
            RandomStream random(seed, Purpose::prior, static_cast<std::uint32_t>(number(cell)));
            double left = random.uniform<double>() * total;
            Index drawn = -1;
            for (Index k = 0; k < components; ++k) {
                if (!(weight(k) > 0)) continue;
                drawn = k;  // the last one, where rounding leaves something
                left -= weight(k);
                if (left < 0) break;
            }
            component(cell) = static_cast<std::int32_t>(drawn);
            for (Index l = 0; l < static_cast<Index>(z.extent(1)); ++l)
                z(cell, l) =
                    mean(drawn, l) + Kokkos::exp(limited(log_variance(drawn, l)) / Real(2)) * random.normal<Real>();
        });
}

}  // namespace cellvae::priors_detail
