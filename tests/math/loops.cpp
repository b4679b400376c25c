// SPDX-License-Identifier: Apache-2.0
// One plain loop a function of cellvae::math. vectorised.sh compiles this file and reads the assembly: every loop must
// be made of packed instructions and call nothing.
#include "cellvae/math/elementary.hpp"
#include "cellvae/math/gamma.hpp"
#include "cellvae/math/logistic.hpp"

#define LOOP_OF_ONE(function, Real)                                                                         \
    extern "C" void loop_##function##_##Real(const Real* __restrict__ x, Real* __restrict__ y, long size) { \
        for (long i = 0; i < size; ++i) y[i] = cellvae::math::function(x[i]);                               \
    }
#define LOOP_OF_TWO(function, Real)                                                                  \
    extern "C" void loop_##function##_##Real(const Real* __restrict__ a, const Real* __restrict__ b, \
                                             Real* __restrict__ y, long size) {                      \
        for (long i = 0; i < size; ++i) y[i] = cellvae::math::function(a[i], b[i]);                  \
    }
#define LOOP_OF_BOTH_DIFFERENCES(Real)                                                                                \
    extern "C" void loop_gamma_differences_##Real(const Real* __restrict__ a, const Real* __restrict__ n,             \
                                                  Real* __restrict__ lgamma, Real* __restrict__ digamma, long size) { \
        for (long i = 0; i < size; ++i) {                                                                             \
            const auto both = cellvae::math::gamma_differences(a[i], n[i]);                                           \
            lgamma[i] = both.lgamma;                                                                                  \
            digamma[i] = both.digamma;                                                                                \
        }                                                                                                             \
    }
#define LOOPS(Real)                       \
    LOOP_OF_ONE(exp, Real)                \
    LOOP_OF_ONE(expm1, Real)              \
    LOOP_OF_ONE(log, Real)                \
    LOOP_OF_ONE(log1p, Real)              \
    LOOP_OF_ONE(softplus, Real)           \
    LOOP_OF_ONE(logistic, Real)           \
    LOOP_OF_ONE(log_logistic, Real)       \
    LOOP_OF_TWO(log_sum_exp, Real)        \
    LOOP_OF_ONE(lgamma, Real)             \
    LOOP_OF_ONE(digamma, Real)            \
    LOOP_OF_TWO(lgamma_difference, Real)  \
    LOOP_OF_TWO(digamma_difference, Real) \
    LOOP_OF_BOTH_DIFFERENCES(Real)

LOOPS(float)
LOOPS(double)
