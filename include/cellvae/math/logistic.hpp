// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/math/elementary.hpp"

/// The logistic function and its relatives, accurate relative to their size in both tails, branch-free and with error
/// bounds in ulp (see elementary.hpp). Called with the same x they share one exponential once they are inlined.
namespace cellvae::math_detail {

/// log(1 + e) for e in [0, 1].
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log1p_of_unit(Real e) {
    const bool is_large = e > static_cast<Real>(0.41421356237309504880);
    return assemble_logarithm(select(is_large, Real(1), Real(0)), select(is_large, Real(0.5) * (e - Real(1)), e),
                              Real(0));
}

}  // namespace cellvae::math_detail

namespace cellvae::math {

/// log(1 + e^x) = max(x, 0) + log1p(e^-|x|) within 2 ulp: never overflows, and tends to e^x and to x.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real softplus(Real x) {
    using namespace math_detail;
    return select(x > Real(0), x, Real(0)) + log1p_of_unit(math::exp(-magnitude(x)));
}

/// 1 / (1 + e^-x) within 2.5 ulp, where it is tiny too: logistic(-100) is e^-100 (a denormal number in float).
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real logistic(Real x) {
    using namespace math_detail;
    const Real e = math::exp(-magnitude(x));
    return select(x < Real(0), e, Real(1)) / (Real(1) + e);
}

/// log(logistic(x)) = -softplus(-x), within 2 ulp.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log_logistic(Real x) {
    return -math::softplus(-x);
}

/// log(e^a + e^b), within 2 epsilon of the largest of |max(a, b)|, the result and log 2 (not of the result alone:
/// max(a, b) and the rest may cancel). -infinity is the logarithm of zero: log_sum_exp(-infinity, b) = b, also when b
/// is -infinity.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION Real log_sum_exp(Real a, Real b) {
    using namespace math_detail;
    const Real larger = select(a > b, a, b);
    const Real smaller = select(a > b, b, a);
    const Real difference = select(a == b, Real(0), smaller - larger);  // two equal infinities would give NaN
    return larger + log1p_of_unit(math::exp(difference));
}

}  // namespace cellvae::math
