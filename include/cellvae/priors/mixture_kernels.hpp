// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/distributions/categorical_kl.hpp"
#include "cellvae/priors/kept_rows.hpp"
#include "cellvae/priors/latent_kernels.hpp"

// Rows are clusters x cells: row k * cells + cell. log_q is cells x clusters, log_pi 1 x clusters. A cell's label is -1
// where it is not known.
namespace cellvae::priors_detail {

/// Each row of `log_p` becomes the log-softmax of that row of `logits`.
template <class Exec, class Slice>
void log_softmax_rows(const Exec& exec, const Slice& logits, const Slice& log_p) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::log_softmax_rows"),
        Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(logits.extent(0))),
        KOKKOS_LAMBDA(const Index row) { log_softmax(logits.extent(1), &logits(row, 0), &log_p(row, 0)); });
}

/// kl (rows): KL(q(z | x, k) || p(z | k)), summed over the latent dimensions.
template <class Real, class Exec, class Slice, class KlView>
void mixture_kl(const Pass<Real, Exec>& pass, const Slice& mean, const Slice& log_variance, const Slice& prior_mean,
                const Slice& prior_log_variance, const KlView& kl) {
    const Index cells = pass.batch->cells();
    for_each_row(
        pass.exec, KernelLabel("cellvae::mixture_kl"), static_cast<Index>(mean.extent(0)),
        10 * static_cast<Index>(mean.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const Index k = row / cells;
            const double sum = along.sum(static_cast<Index>(mean.extent(1)), [&](const Index l) {
                return static_cast<double>(gaussian_kl(mean(row, l), limited(log_variance(row, l)), prior_mean(k, l),
                                                       limited(prior_log_variance(k, l)))
                                               .value);
            });
            along.once([&]() { kl(row) = sum; });
        });
}

/// A responsibility as the weight of a gradient: of float none below 1e-12, which no sum would notice. The gradients of
/// a cluster that hardly knows a cell would be numbers below the smallest normal one, and processors multiply those
/// far more slowly: a trained mixture's steps took five times as long as its first.
template <class Real>
KOKKOS_INLINE_FUNCTION Real gradient_weight(Real responsibility) {
    return sizeof(Real) < sizeof(double) && responsibility < Real(1e-12) ? Real(0) : responsibility;
}

/// What a cell's cluster k weighs in its bound: q(y=k | x) over the sum of the responsibilities that are kept, or of a
/// cell whose label is known one there and zero elsewhere.
template <class Real>
KOKKOS_INLINE_FUNCTION Real cluster_weight(Real log_q, Index k, std::int32_t label, Real kept_mass = 1) {
    if (label >= 0) return k == label ? Real(1) : Real(0);
    return gradient_weight(math::exp(log_q)) / kept_mass;
}

/// weights (decoded rows): of their reconstructions in the mean bound.
template <class Real, class Exec, class LogQ, class Weights>
void decoded_weights(const Pass<Real, Exec>& pass, const LogQ& log_q,
                     const DecodedRows<typename Exec::memory_space>& decoded, const Weights& weights) {
    const auto row_cells = pass.row_cells();
    const auto label = pass.batch->label;
    const Real share = Real(1) / static_cast<Real>(pass.batch->cells());
    Kokkos::parallel_for(
        KernelLabel("cellvae::decoded_weights"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(weights.extent(0))), KOKKOS_LAMBDA(const Index row) {
            const Index cell = row_cells.cell(row), k = row_cells.block(row);
            weights(row) =
                share * cluster_weight(log_q(cell, k), k, label(cell), static_cast<Real>(decoded.kept_mass(cell)));
        });
}

/// weights (rows): of their divergences in the mean bound, where all clusters count.
template <class Real, class Exec, class LogQ, class Weights>
void mixture_weights(const Pass<Real, Exec>& pass, const LogQ& log_q, const Weights& weights) {
    const Index cells = pass.batch->cells();
    const auto label = pass.batch->label;
    const Real share = Real(1) / static_cast<Real>(cells);
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_weights"), Kokkos::RangePolicy<Exec>(pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            for (Index k = 0; k < static_cast<Index>(log_q.extent(1)); ++k)
                weights(k * cells + cell) = share * cluster_weight(log_q(cell, k), k, label(cell));
        });
}

/// @param log_prob decoded rows
template <class Real, class Exec, class LogQ, class KlView, class LogProbView, class TermsView>
void mixture_terms(const Pass<Real, Exec>& pass, double beta, double cluster_beta, const LogQ& log_q,
                   const LogQ& log_pi, const KlView& kl, const DecodedRows<typename Exec::memory_space>& decoded,
                   const LogProbView& log_prob, const TermsView& terms) {
    const Index cells = pass.batch->cells();
    const auto label = pass.batch->label;
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_terms"), Kokkos::RangePolicy<Exec>(pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            double reconstruction = 0, kl_z = 0, kl_y = 0;
            const auto clusters = static_cast<Index>(log_q.extent(1));
            if (label(cell) >= 0) {
                const Index k = label(cell);
                reconstruction = log_prob(decoded.slot(k * cells + cell));
                kl_z = kl(k * cells + cell);
                kl_y = -static_cast<double>(log_pi(0, k)) - static_cast<double>(log_q(cell, k));
                terms(cell, 0) = reconstruction - beta * kl_z - kl_y;
            } else {
                for (Index k = 0; k < clusters; ++k) {
                    const double q = Kokkos::exp(static_cast<double>(log_q(cell, k)));
                    const Index slot = decoded.slot(k * cells + cell);
                    if (slot >= 0) reconstruction += q / decoded.kept_mass(cell) * log_prob(slot);
                    kl_z += q * kl(k * cells + cell);
                    kl_y +=
                        categorical_kl_term(q, static_cast<double>(log_q(cell, k)), static_cast<double>(log_pi(0, k)));
                }
                terms(cell, 0) = reconstruction - beta * kl_z - cluster_beta * kl_y;
            }
            terms(cell, 1) = reconstruction;
            terms(cell, 2) = kl_z;
            terms(cell, 3) = kl_y;
        });
}

/// The gradients of the mean bound by each row's mean and log variance. @param d_z decoded rows x latent
template <class Real, class Exec, class Slice, class Weights>
void mixture_backward_rows(const Pass<Real, Exec>& pass, Real beta, const Slice& mean, const Slice& log_variance,
                           const Slice& noise, const DecodedRows<typename Exec::memory_space>& decoded,
                           const Slice& d_z, const Weights& weights, const Slice& prior_mean,
                           const Slice& prior_log_variance, const Slice& d_mean, const Slice& d_log_variance) {
    const Index cells = pass.batch->cells();
    for_each_element(
        pass.exec, KernelLabel("cellvae::mixture_backward_rows"), static_cast<Index>(mean.extent(0)),
        static_cast<Index>(mean.extent(1)), 20 * static_cast<Index>(mean.size()),
        KOKKOS_LAMBDA(const Index row, const Index l) {
            const Index k = row / cells;
            const Index slot = decoded.slot(row);
            const Real kl_weight = beta * weights(row);
            const Real raw = log_variance(row, l);
            const Real v = limited(raw);
            const auto kl = gaussian_kl(mean(row, l), v, prior_mean(k, l), limited(prior_log_variance(k, l)));
            const Real d = slot < 0 ? Real(0) : d_z(slot, l);
            const Real through = d * reparametrised_sample(mean(row, l), v, noise(row, l)).d_z_d_log_variance;
            d_mean(row, l) = d - kl_weight * kl.d_mean;
            d_log_variance(row, l) = let_back(through - kl_weight * kl.d_log_variance, raw);
        });
}

/// The gradients by the clusters' means and log variances, each summed over cells in order.
template <class Real, class Exec, class Slice, class Weights>
void mixture_backward_prior(const Pass<Real, Exec>& pass, Real beta, const Slice& mean, const Slice& log_variance,
                            const Weights& weights, const Slice& prior_mean, const Slice& prior_log_variance,
                            const Slice& d_prior_mean, const Slice& d_prior_log_variance) {
    const Index cells = pass.batch->cells();
    const auto latent = static_cast<Index>(prior_mean.extent(1));
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_backward_prior"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, latent * static_cast<Index>(prior_mean.extent(0))),
        KOKKOS_LAMBDA(const Index i) {
            const Index k = i / latent;
            const Index l = i % latent;
            const Real raw = prior_log_variance(k, l);
            Real by_mean = 0, by_log_variance = 0;
            for (Index cell = 0; cell < cells; ++cell) {
                const Index row = k * cells + cell;
                const auto kl =
                    gaussian_kl(mean(row, l), limited(log_variance(row, l)), prior_mean(k, l), limited(raw));
                by_mean -= beta * weights(row) * kl.d_prior_mean;
                by_log_variance -= beta * weights(row) * kl.d_prior_log_variance;
            }
            d_prior_mean(k, l) = by_mean;
            d_prior_log_variance(k, l) = let_back(by_log_variance, raw);
        });
}

/// The gradient by the logits of q(y | x). A term sum_k q_k A_k has q_k (A_k - sum_j q_j A_j): the reconstructions over
/// the kept clusters with their responsibilities q divided by their sum, where what all share, base measures among it,
/// cancels; and -beta KL_z - cluster_beta (log q_k - log pi_k) over all. Which clusters are kept is taken as given. A
/// known label adds log q(y | x) alone.
template <class Real, class Exec, class LogQ, class KlView, class LogProbView, class Slice>
void mixture_backward_logits(const Pass<Real, Exec>& pass, double beta, double cluster_beta, const LogQ& log_q,
                             const LogQ& log_pi, const KlView& kl,
                             const DecodedRows<typename Exec::memory_space>& decoded, const LogProbView& log_prob,
                             const Slice& d_logits) {
    const Index cells = pass.batch->cells();
    const auto label = pass.batch->label;
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_backward_logits"), Kokkos::RangePolicy<Exec>(pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            const auto clusters = static_cast<Index>(log_q.extent(1));
            const double mass = decoded.kept_mass(cell);
            const auto term = [&](const Index k, const double q) {
                return beta * q * kl(k * cells + cell) +
                       cluster_beta * categorical_kl_term(q, static_cast<double>(log_q(cell, k)),
                                                          static_cast<double>(log_pi(0, k)));
            };
            double reconstruction = 0, divergence = 0;
            for (Index k = 0; k < clusters; ++k) {
                const double q = Kokkos::exp(static_cast<double>(log_q(cell, k)));
                const Index slot = decoded.slot(k * cells + cell);
                if (slot >= 0) reconstruction += q / mass * log_prob(slot);
                divergence += term(k, q);
            }
            for (Index k = 0; k < clusters; ++k) {
                const double q = Kokkos::exp(static_cast<double>(log_q(cell, k)));
                const Index slot = decoded.slot(k * cells + cell);
                double d = q * divergence - term(k, q);
                if (slot >= 0) d += q / mass * (log_prob(slot) - reconstruction);
                if (label(cell) >= 0) d = (k == label(cell) ? 1.0 : 0.0) - q;
                d_logits(cell, k) = static_cast<Real>(d / static_cast<double>(cells));
            }
        });
}

/// The gradient by the logits of the mixing weights, summed over cells in order.
template <class Real, class Exec, class LogQ, class Slice>
void mixture_backward_weights(const Pass<Real, Exec>& pass, double cluster_beta, const LogQ& log_q, const LogQ& log_pi,
                              const Slice& d_logits) {
    const Index cells = pass.batch->cells();
    const auto label = pass.batch->label;
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_backward_weights"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(log_pi.extent(1))), KOKKOS_LAMBDA(const Index k) {
            const double pi = Kokkos::exp(static_cast<double>(log_pi(0, k)));
            double sum = 0;
            for (Index cell = 0; cell < cells; ++cell)
                sum += label(cell) < 0 ? cluster_beta * (Kokkos::exp(static_cast<double>(log_q(cell, k))) - pi)
                                       : (k == label(cell) ? 1.0 : 0.0) - pi;
            d_logits(0, k) = static_cast<Real>(sum / static_cast<double>(cells));
        });
}

template <class Real, class Exec, class Slice, class LogQ, class RatioView>
void mixture_log_ratio(const Pass<Real, Exec>& pass, const Slice& log_variance, const Slice& noise, const Slice& z,
                       const Slice& prior_mean, const Slice& prior_log_variance, const LogQ& log_pi,
                       const RatioView& ratio) {
    const Index cells = pass.batch->cells();
    for_each_row(
        pass.exec, KernelLabel("cellvae::mixture_log_ratio"), static_cast<Index>(z.extent(0)),
        10 * static_cast<Index>(z.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const Index k = row / cells;
            // twice the sum over dimensions; the constants of both densities cancel
            const double sum = along.sum(static_cast<Index>(z.extent(1)), [&](const Index l) {
                const auto e = static_cast<double>(noise(row, l));
                const auto pv = static_cast<double>(limited(prior_log_variance(k, l)));
                const auto distance = static_cast<double>(z(row, l)) - static_cast<double>(prior_mean(k, l));
                return e * e + static_cast<double>(limited(log_variance(row, l))) - pv -
                       distance * distance * Kokkos::exp(-pv);
            });
            along.once([&]() { ratio(row) = sum / 2 + static_cast<double>(log_pi(0, k)); });
        });
}

/// chosen (cells x latent): the row of `mean` of each cell's most probable cluster, the first of equals.
template <class Real, class Exec, class LogQ, class Slice>
void mean_at_most_probable(const Pass<Real, Exec>& pass, const LogQ& log_q, const Slice& mean, const Slice& chosen) {
    const Index cells = pass.batch->cells();
    Kokkos::parallel_for(
        KernelLabel("cellvae::mean_at_most_probable"), Kokkos::RangePolicy<Exec>(pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            Index best = 0;
            for (Index k = 1; k < static_cast<Index>(log_q.extent(1)); ++k)
                if (log_q(cell, k) > log_q(cell, best)) best = k;
            for (Index l = 0; l < static_cast<Index>(mean.extent(1)); ++l)
                chosen(cell, l) = mean(best * cells + cell, l);
        });
}

}  // namespace cellvae::priors_detail
