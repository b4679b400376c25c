// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include "cellvae/math/elementary.hpp"

namespace cellvae::distributions_detail {

/// softplus(x), softplus(-x), logistic(x) and logistic(-x), from one exponential, one logarithm and one division. None of them
/// cancels: each is accurate relative to its own size, however large |x| is.
template <class Real>
struct LogisticParts {
    Real softplus;
    Real softplus_of_minus;
    Real logistic;
    Real logistic_of_minus;
};

template <class Real>
KOKKOS_INLINE_FUNCTION LogisticParts<Real> logistic_parts(Real x) {
    const Real size = x < Real(0) ? -x : x;
    const Real small = math::exp(-size);  // in (0, 1]
    const Real tail = math::log1p(small);
    const Real larger = Real(1) / (Real(1) + small);
    const Real smaller = small * larger;
    const bool positive = x > Real(0);
    return {(positive ? x : Real(0)) + tail, (positive ? Real(0) : -x) + tail, positive ? larger : smaller,
            positive ? smaller : larger};
}

}  // namespace cellvae::distributions_detail
