// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <cstddef>

#include "cellvae/math/elementary.hpp"
#include "cellvae/math/logistic.hpp"

/// The categorical distribution over `count` clusters by its log-probabilities. Arrays are anything with operator[]: a
/// pointer, a std::array, a row of a view.
namespace cellvae {

/// log_probabilities[k] = logits[k] - log sum_j e^logits[j]; the two may be the same array. count > 0.
template <class Logits, class LogProbabilities>
KOKKOS_INLINE_FUNCTION void log_softmax(std::size_t count, const Logits& logits, LogProbabilities&& log_probabilities) {
    auto largest = logits[0];
    using Real = decltype(largest);
    for (std::size_t k = 1; k < count; ++k) largest = logits[k] > largest ? logits[k] : largest;
    Real sum = 0;
    for (std::size_t k = 0; k < count; ++k) sum += math::exp(Real(logits[k] - largest));
    // largest is taken off first: logits[k] - (largest + log sum) would round both away where they are large
    const Real log_sum = math::log(sum);
    for (std::size_t k = 0; k < count; ++k) log_probabilities[k] = (logits[k] - largest) - log_sum;
}

/// One cluster's part of KL(q || p) = sum_k q_k (log q_k - log p_k); a q of zero (log q = -infinity) adds nothing.
template <class Real>
KOKKOS_INLINE_FUNCTION Real categorical_kl_term(Real q, Real log_q, Real log_p) {
    return q > Real(0) ? q * (log_q - log_p) : Real(0);
}

}  // namespace cellvae
