// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/core/random.hpp"
#include "cellvae/distributions/gaussian_kl.hpp"
#include "cellvae/distributions/reparametrised.hpp"
#include "cellvae/nn/likelihood_pass.hpp"
#include "cellvae/nn/pass.hpp"

namespace cellvae::priors_detail {

/// The encoder's log variances are used inside +-20, as a likelihood's parameters inside their bounds: e^20 overflows
/// nowhere below, and the way back stays open.
inline constexpr Bounds log_variance_bounds{-20, 20};

template <class Real>
KOKKOS_INLINE_FUNCTION Real limited(Real log_variance) {
    return nn_detail::bounded(log_variance, Real(log_variance_bounds.lower), Real(log_variance_bounds.upper));
}

/// The gradient of a log variance: beyond the bounds what leads further out is zero.
template <class Real>
KOKKOS_INLINE_FUNCTION Real let_back(Real d, Real log_variance) {
    return nn_detail::gated(d, log_variance - limited(log_variance));
}

/// noise (samples x cells rows x latent): standard normal, keyed by (seed, step, cell, sample, dimension).
template <class Real, class Exec, class Slice>
void draw_noise(const Pass<Real, Exec>& pass, const Slice& noise, std::uint32_t first_sample) {
    const auto cell = pass.batch->cell;
    const Index cells = pass.batch->cells();
    const std::uint64_t seed = pass.seed;
    const std::uint32_t step = pass.step;
    const Purpose purpose = pass.mode == Mode::training ? Purpose::latent_noise : Purpose::evaluation;
    for_each_row(
        pass.exec, KernelLabel("cellvae::draw_noise"), static_cast<Index>(noise.extent(0)),
        10 * static_cast<Index>(noise.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const RandomStream whole(seed, purpose, static_cast<std::uint32_t>(cell(row % cells)), step,
                                     first_sample + static_cast<std::uint32_t>(row / cells));
            along.runs(static_cast<Index>(noise.extent(1)), 4, [&](const Index begin, const Index end) {
                RandomStream random = whole;
                random.template skip<Real>(begin);
                for (Index l = begin; l < end; ++l) noise(row, l) = random.template normal<Real>();
            });
        });
}

/// z = mean + exp(log_variance / 2) noise, for every row of the decoder; mean and log variance have a row each, or one
/// a cell for all samples.
/// @param noise rows x latent, rows that are left out among them @param z decoded rows x latent
template <class Real, class Exec, class Slice>
void reparametrise(const Pass<Real, Exec>& pass, const Slice& mean, const Slice& log_variance, const Slice& noise,
                   const Slice& z) {
    const auto parameters = static_cast<Index>(mean.extent(0));
    const auto row_cells = pass.row_cells();
    for_each_element(
        pass.exec, KernelLabel("cellvae::reparametrise"), static_cast<Index>(z.extent(0)),
        static_cast<Index>(z.extent(1)), 5 * static_cast<Index>(z.size()),
        KOKKOS_LAMBDA(const Index row, const Index l) {
            const Index number = row_cells.number(row);
            const Index from = number % parameters;
            z(row, l) = reparametrised_sample(mean(from, l), limited(log_variance(from, l)), noise(number, l)).z;
        });
}

}  // namespace cellvae::priors_detail
