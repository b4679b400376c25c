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

/// From the derivatives by log-probabilities to those by the logits that log_softmax was given:
/// d_logits[k] = d[k] - p_k sum_j d[j]. In place where both are the same array.
template <class LogProbabilities, class Gradient, class LogitGradient>
KOKKOS_INLINE_FUNCTION void log_softmax_backward(std::size_t count, const LogProbabilities& log_probabilities,
                                                 const Gradient& d_log_probabilities, LogitGradient&& d_logits) {
    auto sum = d_log_probabilities[0];
    using Real = decltype(sum);
    for (std::size_t k = 1; k < count; ++k) sum += d_log_probabilities[k];
    for (std::size_t k = 0; k < count; ++k)
        d_logits[k] = d_log_probabilities[k] - math::exp(Real(log_probabilities[k])) * sum;
}

/// KL(q || p) = sum_k q_k (log q_k - log p_k) of normalised log-probabilities. A q_k of zero (log q_k = -infinity) adds
/// nothing.
template <class LogQ, class LogP>
KOKKOS_INLINE_FUNCTION auto categorical_kl(std::size_t count, const LogQ& log_q, const LogP& log_p) {
    auto total = log_q[0];
    using Real = decltype(total);
    total = 0;
    for (std::size_t k = 0; k < count; ++k) {
        const Real q = math::exp(Real(log_q[k]));
        total += q > Real(0) ? q * (log_q[k] - log_p[k]) : Real(0);
    }
    return total;
}

/// The same with its derivatives by the logits of both: d/d(logit of q)_k = q_k (log q_k - log p_k - KL),
/// d/d(logit of p)_k = p_k - q_k.
template <class LogQ, class LogP, class GradientQ, class GradientP>
KOKKOS_INLINE_FUNCTION auto categorical_kl(std::size_t count, const LogQ& log_q, const LogP& log_p,
                                           GradientQ&& d_logits_q, GradientP&& d_logits_p) {
    auto kl = categorical_kl(count, log_q, log_p);
    using Real = decltype(kl);
    for (std::size_t k = 0; k < count; ++k) {
        const Real q = math::exp(Real(log_q[k]));
        d_logits_q[k] = q > Real(0) ? q * ((log_q[k] - log_p[k]) - kl) : Real(0);
        d_logits_p[k] = math::exp(Real(log_p[k])) - q;
    }
    return kl;
}

}  // namespace cellvae
