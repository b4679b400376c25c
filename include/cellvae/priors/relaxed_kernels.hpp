// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/priors/latent_kernels.hpp"

// One decoding a cell: at a random point between the clusters, or at a random cluster. Everything is cells x clusters
// or cells x latent. With Gumbel noise g and the temperature T a cell is
//
//     y = softmax((log q(y | x) + g) / T)
//
// (Jang et al. 2017; Maddison et al. 2017), of which argmax alone is an exact sample of q(y | x). Gumbel-softmax
// decodes at y; straight-through at its largest entry, and takes the gradient of y for that of the largest entry. A
// cell whose label is known is its cluster.

namespace cellvae::priors_detail {

/// noise (cells x clusters): standard Gumbel, keyed by (seed, step, cell, sample, cluster).
template <class Real, class Exec, class Slice>
void draw_gumbel(const Pass<Real, Exec>& pass, const Slice& noise, std::uint32_t sample) {
    const auto cell_number = pass.batch->cell;
    const std::uint64_t seed = pass.seed;
    const std::uint32_t step = pass.step;
    for_each_row(
        pass.exec, KernelLabel("cellvae::draw_gumbel"), pass.batch->cells(), 20 * static_cast<Index>(noise.size()),
        KOKKOS_LAMBDA(const Index cell, const KernelRow<Exec>& along) {
            const RandomStream whole(seed, Purpose::cluster_noise, static_cast<std::uint32_t>(cell_number(cell)), step,
                                     sample);
            along.runs(static_cast<Index>(noise.extent(1)), 4, [&](const Index begin, const Index end) {
                RandomStream random = whole;
                random.template skip<Real>(begin);
                for (Index k = begin; k < end; ++k)
                    noise(cell, k) = -Kokkos::log(-Kokkos::log(random.template uniform<Real>()));
            });
        });
}

/// soft (cells x clusters) = softmax((log_q + noise) / temperature), and member = that, or its largest entry as one and
/// the others as zero where `hard`.
template <class Real, class Exec, class Slice>
void relaxed_members(const Pass<Real, Exec>& pass, bool hard, const Slice& log_q, const Slice& noise, const Slice& soft,
                     const Slice& member) {
    const auto label = pass.batch->label;
    const auto temperature = static_cast<Real>(pass.temperature);
    Kokkos::parallel_for(
        KernelLabel("cellvae::relaxed_members"), Kokkos::RangePolicy<Exec>(pass.exec, 0, pass.batch->cells()),
        KOKKOS_LAMBDA(const Index cell) {
            const auto clusters = static_cast<Index>(log_q.extent(1));
            Index best = 0;
            for (Index k = 1; k < clusters; ++k)
                if (log_q(cell, k) + noise(cell, k) > log_q(cell, best) + noise(cell, best)) best = k;
            const Real largest = log_q(cell, best) + noise(cell, best);
            Real sum = 0;
            for (Index k = 0; k < clusters; ++k) {
                soft(cell, k) = math::exp((log_q(cell, k) + noise(cell, k) - largest) / temperature);
                sum += soft(cell, k);
            }
            const Index chosen = label(cell) >= 0 ? static_cast<Index>(label(cell)) : best;
            for (Index k = 0; k < clusters; ++k) {
                soft(cell, k) /= sum;
                member(cell, k) = hard || label(cell) >= 0 ? (k == chosen ? Real(1) : Real(0)) : soft(cell, k);
            }
        });
}

/// The prior of z at each cell's member: mean and log variance (cells x latent) between the clusters' ones; and kl
/// (cells): KL(q(z | x, y) || p(z | y)).
template <class Real, class Exec, class Slice, class KlView>
void relaxed_kl(const Pass<Real, Exec>& pass, const Slice& member, const Slice& mean, const Slice& log_variance,
                const Slice& cluster_mean, const Slice& cluster_log_variance, const Slice& prior_mean,
                const Slice& prior_log_variance, const KlView& kl) {
    for_each_row(
        pass.exec, KernelLabel("cellvae::relaxed_kl"), pass.batch->cells(), 20 * static_cast<Index>(mean.size()),
        KOKKOS_LAMBDA(const Index cell, const KernelRow<Exec>& along) {
            const double sum = along.sum(static_cast<Index>(mean.extent(1)), [&](const Index l) {
                Real m = 0, v = 0;
                for (Index k = 0; k < static_cast<Index>(member.extent(1)); ++k) {
                    m += member(cell, k) * cluster_mean(k, l);
                    v += member(cell, k) * limited(cluster_log_variance(k, l));
                }
                prior_mean(cell, l) = m;
                prior_log_variance(cell, l) = v;
                return static_cast<double>(gaussian_kl(mean(cell, l), limited(log_variance(cell, l)), m, v).value);
            });
            along.once([&]() { kl(cell) = sum; });
        });
}

template <class Real, class Exec, class Slice, class KlView, class LogProbView, class TermsView>
void relaxed_terms(const Pass<Real, Exec>& pass, double beta, double cluster_beta, const Slice& log_q,
                   const Slice& log_pi, const KlView& kl, const LogProbView& log_prob, const TermsView& terms) {
    const auto label = pass.batch->label;
    Kokkos::parallel_for(
        KernelLabel("cellvae::relaxed_terms"), Kokkos::RangePolicy<Exec>(pass.exec, 0, pass.batch->cells()),
        KOKKOS_LAMBDA(const Index cell) {
            double kl_y = 0;
            if (label(cell) >= 0)
                kl_y = -static_cast<double>(log_pi(0, label(cell))) - static_cast<double>(log_q(cell, label(cell)));
            else
                for (Index k = 0; k < static_cast<Index>(log_q.extent(1)); ++k)
                    kl_y += Kokkos::exp(static_cast<double>(log_q(cell, k))) *
                            (static_cast<double>(log_q(cell, k)) - static_cast<double>(log_pi(0, k)));
            terms(cell, 0) = log_prob(cell) - beta * kl(cell) - (label(cell) < 0 ? cluster_beta : 1.0) * kl_y;
            terms(cell, 1) = log_prob(cell);
            terms(cell, 2) = kl(cell);
            terms(cell, 3) = kl_y;
        });
}

/// The gradients of the mean bound by mean and log variance of q(z | x, y); prior_mean and prior_log_variance (cells x
/// latent) become the gradients by themselves.
template <class Real, class Exec, class Slice>
void relaxed_backward_rows(const Pass<Real, Exec>& pass, Real beta, const Slice& mean, const Slice& log_variance,
                           const Slice& noise, const Slice& d_z, const Slice& prior_mean,
                           const Slice& prior_log_variance, const Slice& d_mean, const Slice& d_log_variance) {
    const Real kl_weight = beta / static_cast<Real>(pass.batch->cells());
    for_each_element(
        pass.exec, KernelLabel("cellvae::relaxed_backward_rows"), pass.batch->cells(),
        static_cast<Index>(mean.extent(1)), 20 * static_cast<Index>(mean.size()),
        KOKKOS_LAMBDA(const Index cell, const Index l) {
            const Real raw = log_variance(cell, l);
            const Real v = limited(raw);
            const auto kl = gaussian_kl(mean(cell, l), v, prior_mean(cell, l), prior_log_variance(cell, l));
            const Real through =
                d_z(cell, l) * reparametrised_sample(mean(cell, l), v, noise(cell, l)).d_z_d_log_variance;
            d_mean(cell, l) = d_z(cell, l) - kl_weight * kl.d_mean;
            d_log_variance(cell, l) = let_back(through - kl_weight * kl.d_log_variance, raw);
            prior_mean(cell, l) = -kl_weight * kl.d_prior_mean;
            prior_log_variance(cell, l) = -kl_weight * kl.d_prior_log_variance;
        });
}

/// The gradients by the clusters' means and log variances, each summed over cells in order.
/// @param d_mean, d_log_variance cells x latent: by the prior's at the cells' members
template <class Real, class Exec, class Slice>
void relaxed_backward_prior(const Pass<Real, Exec>& pass, const Slice& member, const Slice& d_mean,
                            const Slice& d_log_variance, const Slice& cluster_log_variance, const Slice& d_cluster_mean,
                            const Slice& d_cluster_log_variance) {
    const Index cells = pass.batch->cells();
    const auto latent = static_cast<Index>(d_mean.extent(1));
    Kokkos::parallel_for(
        KernelLabel("cellvae::relaxed_backward_prior"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, latent * static_cast<Index>(member.extent(1))),
        KOKKOS_LAMBDA(const Index i) {
            const Index k = i / latent;
            const Index l = i % latent;
            Real by_mean = 0, by_log_variance = 0;
            for (Index cell = 0; cell < cells; ++cell) {
                by_mean += member(cell, k) * d_mean(cell, l);
                by_log_variance += member(cell, k) * d_log_variance(cell, l);
            }
            d_cluster_mean(k, l) = by_mean;
            d_cluster_log_variance(k, l) = let_back(by_log_variance, cluster_log_variance(k, l));
        });
}

/// The gradient by the logits of q(y | x): through the member, and of the KL of y. A known label adds log q(y | x)
/// alone.
/// @param d_member cells x clusters: by what the encoder was given
/// @param d_mean, d_log_variance as in relaxed_backward_prior
template <class Real, class Exec, class Slice>
void relaxed_backward_logits(const Pass<Real, Exec>& pass, Real cluster_beta, const Slice& log_q, const Slice& log_pi,
                             const Slice& soft, const Slice& d_member, const Slice& d_mean, const Slice& d_log_variance,
                             const Slice& cluster_mean, const Slice& cluster_log_variance, const Slice& d_logits) {
    const auto label = pass.batch->label;
    const auto temperature = static_cast<Real>(pass.temperature);
    const Real share = Real(1) / static_cast<Real>(pass.batch->cells());
    Kokkos::parallel_for(
        KernelLabel("cellvae::relaxed_backward_logits"), Kokkos::RangePolicy<Exec>(pass.exec, 0, pass.batch->cells()),
        KOKKOS_LAMBDA(const Index cell) {
            const auto clusters = static_cast<Index>(log_q.extent(1));
            Real through = 0, kl = 0;
            for (Index k = 0; k < clusters; ++k) {
                Real d = d_member(cell, k);
                for (Index l = 0; l < static_cast<Index>(d_mean.extent(1)); ++l)
                    d += d_mean(cell, l) * cluster_mean(k, l) +
                         d_log_variance(cell, l) * limited(cluster_log_variance(k, l));
                d_member(cell, k) = d;
                through += soft(cell, k) * d;
                kl += math::exp(log_q(cell, k)) * (log_q(cell, k) - log_pi(0, k));
            }
            for (Index k = 0; k < clusters; ++k) {
                const Real q = math::exp(log_q(cell, k));
                const Real by_kl = q * (log_q(cell, k) - log_pi(0, k) - kl);
                const Real by_member = soft(cell, k) * (d_member(cell, k) - through) / temperature;
                const Real known = (k == label(cell) ? Real(1) : Real(0)) - q;
                d_logits(cell, k) = label(cell) < 0 ? by_member - cluster_beta * share * by_kl : share * known;
            }
        });
}

}  // namespace cellvae::priors_detail
