// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "cellvae/priors/gaussian_inference.hpp"
#include "cellvae/priors/prior_sample.hpp"

namespace cellvae {

namespace priors_detail {

/// kl (cells): KL(N(mean, exp(log_variance)) || N(0, I)), summed over the latent dimensions (Kingma and Welling 2014).
template <class Real, class Exec, class Slice, class KlView>
void standard_kl(const Pass<Real, Exec>& pass, const Slice& mean, const Slice& log_variance, const KlView& kl) {
    for_each_row(
        pass.exec, KernelLabel("cellvae::standard_kl"), pass.batch->cells(), 5 * static_cast<Index>(mean.size()),
        KOKKOS_LAMBDA(const Index cell, const KernelRow<Exec>& along) {
            const double sum = along.sum(static_cast<Index>(mean.extent(1)), [&](const Index l) {
                return static_cast<double>(standard_gaussian_kl(mean(cell, l), limited(log_variance(cell, l))).value);
            });
            along.once([&]() { kl(cell) = sum; });
        });
}

/// The gradient of the mean bound by mean and log variance, from that by z.
/// @param d_z rows x latent: of the reconstruction's part of the mean bound
/// @param beta weight of the KL
template <class Real, class Exec, class Slice>
void standard_backward(const Pass<Real, Exec>& pass, Real beta, const Slice& mean, const Slice& log_variance,
                       const Slice& noise, const Slice& d_z, const Slice& d_mean, const Slice& d_log_variance) {
    const Index cells = pass.batch->cells();
    const Real kl_weight = beta / static_cast<Real>(cells);
    for_each_element(
        pass.exec, KernelLabel("cellvae::standard_backward"), cells, static_cast<Index>(mean.extent(1)),
        10 * static_cast<Index>(d_z.size()), KOKKOS_LAMBDA(const Index cell, const Index l) {
            const auto rows = static_cast<Index>(d_z.extent(0));
            const Real raw = log_variance(cell, l);
            const Real v = limited(raw);
            const auto kl = standard_gaussian_kl(mean(cell, l), v);
            Real through_mean = 0, through_variance = 0;
            for (Index row = cell; row < rows; row += cells) {
                through_mean += d_z(row, l);
                through_variance +=
                    d_z(row, l) * reparametrised_sample(mean(cell, l), v, noise(row, l)).d_z_d_log_variance;
            }
            d_mean(cell, l) = through_mean - kl_weight * kl.d_mean;
            d_log_variance(cell, l) = let_back(through_variance - kl_weight * kl.d_log_variance, raw);
        });
}

/// log_density (rows): log N(z; 0, I).
template <class Real, class Exec, class Slice, class DensityView>
void standard_log_density(const Pass<Real, Exec>& pass, const Slice& z, const DensityView& log_density) {
    for_each_row(
        pass.exec, KernelLabel("cellvae::standard_log_density"), static_cast<Index>(z.extent(0)),
        static_cast<Index>(z.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const double log_two_pi = 1.8378770664093454835606594728112;
            const double sum = along.sum(static_cast<Index>(z.extent(1)), [&](const Index l) {
                const auto at = static_cast<double>(z(row, l));
                return log_two_pi + at * at;
            });
            along.once([&]() { log_density(row) = -sum / 2; });
        });
}

/// d_z (rows x latent) += beta x weight of the row x the gradient of log N(z; 0, I).
template <class Real, class Exec, class Weights, class Slice>
void standard_density_by_z(const Pass<Real, Exec>& pass, Real beta, const Weights& weights, const Slice& z,
                           const Slice& d_z) {
    for_each_element(
        pass.exec, KernelLabel("cellvae::standard_density_by_z"), static_cast<Index>(z.extent(0)),
        static_cast<Index>(z.extent(1)), static_cast<Index>(z.size()),
        KOKKOS_LAMBDA(const Index row, const Index l) { d_z(row, l) -= beta * weights(row) * z(row, l); });
}

}  // namespace priors_detail

/// The prior p(z) = N(0, I), with q(z | x) a Gaussian of diagonal variance and the KL in closed form. (The
/// importance-weighted bound has it by sampling.)
struct StandardGaussian {
    static constexpr std::string_view name = "gaussian";

    template <class Real, class Exec>
    class Density {
    public:
        using Slice = MatrixSlice<Real, typename Exec::memory_space>;

        Density(ParameterStore<Real, Exec>&, Index, const InferenceOptions&) {}

        void initialise(const Exec&, const ParameterStore<Real, Exec>&, std::uint64_t) const {}
        void reserve(const Exec&, Index) {}
        void prepare(const Pass<Real, Exec>&, const Slice&, const Slice&) const {}

        template <class DensityView>
        void log_density(const Pass<Real, Exec>& pass, const Slice& z, bool, const DensityView& log_density) const {
            priors_detail::standard_log_density(pass, z, log_density);
        }

        template <class Weights>
        void backward(const Pass<Real, Exec>& pass, double beta, const Weights& weights, const Slice& z,
                      const Slice& d_z, const Slice&, const Slice&) const {
            priors_detail::standard_density_by_z(pass, static_cast<Real>(beta), weights, z, d_z);
        }

        template <class AllowedView, class ComponentView>
        void sample_prior(const Pass<Real, Exec>& pass, const AllowedView&, const Slice& z,
                          const ComponentView&) const {
            priors_detail::sample_standard(pass, z);
        }

        template <class KlView>
        void kl(const Pass<Real, Exec>& pass, const Slice& mean, const Slice& log_variance, const KlView& kl) const {
            priors_detail::standard_kl(pass, mean, log_variance, kl);
        }

        void kl_backward(const Pass<Real, Exec>& pass, Real beta, const Slice& mean, const Slice& log_variance,
                         const Slice& noise, const Slice& d_z, const Slice& d_mean, const Slice& d_log_variance) const {
            priors_detail::standard_backward(pass, beta, mean, log_variance, noise, d_z, d_mean, d_log_variance);
        }
    };

    template <class Real, class Exec, class Encoder>
    using Inference = GaussianInference<Real, Exec, Encoder, Density<Real, Exec>>;
};

}  // namespace cellvae
