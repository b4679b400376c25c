// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "cellvae/core/views.hpp"
#include "cellvae/distributions/likelihood.hpp"
#include "cellvae/math/elementary.hpp"
#include "cellvae/math/floating_point.hpp"

namespace cellvae::nn_detail {

/// Where one parameter of the likelihood comes from, as kernels see it: pointers into the flat arrays.
template <class Real>
struct Head {
    const Real* weight = nullptr;  ///< genes x hidden; null for a parameter that all cells share
    const Real* bias = nullptr;    ///< one a gene: the bias, or the shared value itself
    Real* d_weight = nullptr;
    Real* d_bias = nullptr;
    bool adds_library = false;  ///< log(library size) is added; to a share the log of the total over the model's genes
    bool share = false;         ///< goes through a log-softmax over the genes first
    Real lower = 0;             ///< the likelihood's bounds of this parameter
    Real upper = 0;
};

template <class Real, std::size_t Count>
using Heads = Kokkos::Array<Head<Real>, Count>;

/// What is added to the parameter of one cell, for all genes the same.
template <class Real, class Batch>
KOKKOS_FORCEINLINE_FUNCTION Real offset_of(const Head<Real>& head, const Batch& batch, Index cell) {
    if (!head.adds_library) return Real(0);
    return head.share ? batch.log_total(cell) : batch.log_library(cell);
}

/// The parameter inside its bounds.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real bounded(Real eta, Real lower, Real upper) {
    return math::select(eta < lower, lower, math::select(eta > upper, upper, eta));
}

/// The gradient by the unbounded parameter: what would lead further out is zero, what leads back passes.
/// @param excess how far the parameter lies above its bounds, or below them; 0 within
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real gated(Real d, Real excess) {
    return math::select(d * excess > Real(0), Real(0), d);
}

/// The log-probability of one entry and its gradient by the unbounded parameters, times `weight`. `X` is the value, or
/// Zero.
template <class Likelihood, class Real, std::size_t Count, class X>
KOKKOS_FORCEINLINE_FUNCTION LogProb<Real, Count> bounded_log_prob(X x, const Parameters<Real, Count>& eta,
                                                                  const Heads<Real, Count>& heads, Real weight) {
    Parameters<Real, Count> inside{};
    for (std::size_t n = 0; n < Count; ++n) inside[n] = bounded(eta[n], heads[n].lower, heads[n].upper);
    LogProb<Real, Count> result = Likelihood::log_prob(x, inside);
    for (std::size_t n = 0; n < Count; ++n)
        result.d_log_prob[n] = weight * gated(result.d_log_prob[n], eta[n] - inside[n]);
    return result;
}

}  // namespace cellvae::nn_detail
