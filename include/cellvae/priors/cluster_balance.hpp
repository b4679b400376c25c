// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/priors/latent_kernels.hpp"

// The balance of a minibatch's clusters: with q_k the mean of q(y=k | x) over its cells,
//
//     balance = sum_k q_k (log q_k - log pi_k),
//
// which a bound may be made less by, with a weight, so that clusters do not empty early in training. It works against
// types that are rare in truth where pi is uniform. log_q is cells x clusters, log_pi 1 x clusters; shares 2 x
// clusters: q_k, and log q_k - log pi_k.
namespace cellvae::priors_detail {

template <class Real, class Exec, class LogQ, class Shares>
void cluster_shares(const Pass<Real, Exec>& pass, const LogQ& log_q, const LogQ& log_pi, const Shares& shares) {
    const Index cells = pass.batch->cells();
    Kokkos::parallel_for(
        KernelLabel("cellvae::cluster_shares"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(log_q.extent(1))), KOKKOS_LAMBDA(const Index k) {
            double sum = 0;
            for (Index cell = 0; cell < cells; ++cell) sum += Kokkos::exp(static_cast<double>(log_q(cell, k)));
            const double share = sum / static_cast<double>(cells);
            shares(0, k) = share;
            // a cluster without any cell left adds nothing, and has no slope to come back by
            shares(1, k) = share > 0 ? Kokkos::log(share) - static_cast<double>(log_pi(0, k)) : 0.0;
        });
}

/// Takes weight x balance from the bound, the first of each cell's terms.
template <class Real, class Exec, class Shares, class TermsView>
void subtract_balance(const Pass<Real, Exec>& pass, double weight, const Shares& shares, const TermsView& terms) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::subtract_balance"), Kokkos::RangePolicy<Exec>(pass.exec, 0, pass.batch->cells()),
        KOKKOS_LAMBDA(const Index cell) {
            for (Index k = 0; k < static_cast<Index>(shares.extent(1)); ++k)
                terms(cell, 0) -= weight * shares(0, k) * shares(1, k);
        });
}

/// Adds the gradient of - weight x balance by the logits of q(y | x) to d_logits.
template <class Real, class Exec, class LogQ, class Shares>
void balance_by_logits(const Pass<Real, Exec>& pass, double weight, const LogQ& log_q, const Shares& shares,
                       const LogQ& d_logits) {
    const Index cells = pass.batch->cells();
    Kokkos::parallel_for(
        KernelLabel("cellvae::balance_by_logits"), Kokkos::RangePolicy<Exec>(pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            const auto clusters = static_cast<Index>(log_q.extent(1));
            double mean = 0;
            for (Index k = 0; k < clusters; ++k)
                mean += Kokkos::exp(static_cast<double>(log_q(cell, k))) * shares(1, k);
            for (Index k = 0; k < clusters; ++k)
                d_logits(cell, k) -=
                    static_cast<Real>(weight / static_cast<double>(cells) *
                                      Kokkos::exp(static_cast<double>(log_q(cell, k))) * (shares(1, k) - mean));
        });
}

/// Adds the gradient of - weight x balance by the logits of pi to d_logits (1 x clusters).
template <class Real, class Exec, class LogQ, class Shares>
void balance_by_weights(const Pass<Real, Exec>& pass, double weight, const LogQ& log_pi, const Shares& shares,
                        const LogQ& d_logits) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::balance_by_weights"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(log_pi.extent(1))), KOKKOS_LAMBDA(const Index k) {
            d_logits(0, k) +=
                static_cast<Real>(weight * (shares(0, k) - Kokkos::exp(static_cast<double>(log_pi(0, k)))));
        });
}

}  // namespace cellvae::priors_detail
