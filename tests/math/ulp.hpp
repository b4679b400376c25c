// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

/// Measuring errors in units of the last place (ulp) of the true value.
namespace ulp {

/// A type that holds the true value of a function of Real to far below its rounding.
template <class Real>
using Reference = std::conditional_t<sizeof(Real) == 4, double, long double>;

template <class Real>
using Bits = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;

/// |got - want| in ulp of want. Infinite where one is NaN or infinite after rounding and the other is not.
template <class Real>
double error(Real got, Reference<Real> want) {
    const auto rounded = static_cast<Real>(want);
    if (std::isnan(rounded) || std::isnan(got)) {
        return std::isnan(rounded) && std::isnan(got) ? 0 : std::numeric_limits<double>::infinity();
    }
    if (got == rounded) {
        return std::isinf(rounded) || rounded == Real(0)
                   ? 0
                   : static_cast<double>(std::abs(static_cast<Reference<Real>>(got) - want) /
                                         (std::abs(static_cast<Reference<Real>>(
                                             std::nextafter(std::abs(rounded), Real(0)) - std::abs(rounded)))));
    }
    int exponent = 0;
    std::frexp(want, &exponent);
    exponent = std::max(exponent, std::numeric_limits<Real>::min_exponent);
    const Reference<Real> unit = std::ldexp(Reference<Real>(1), exponent - std::numeric_limits<Real>::digits);
    if (std::isinf(got)) {  // right if the true value is at most one ulp short of overflow
        got = std::copysign(std::numeric_limits<Real>::max(), got);
    }
    return static_cast<double>(std::abs(static_cast<Reference<Real>>(got) - want) / unit);
}

/// The largest error met, and where.
struct Worst {
    double error = 0;
    double at = 0;
};

template <class Real, class Function, class True>
void measure(Worst& worst, Real x, Function function, True truth) {
    const double e = error<Real>(function(x), truth(static_cast<Reference<Real>>(x)));
    if (!(e <= worst.error)) worst = {e, static_cast<double>(x)};
}

/// Over numbers of [low, high]: of float every `stride`th there is; of double as many, drawn evenly over bit patterns
/// (so every exponent is met) and then evenly over the interval.
template <class Real, class Function, class True>
Worst sweep(Real low, Real high, std::uint32_t stride, Function function, True truth) {
    Worst worst;
    measure(worst, low, function, truth);
    measure(worst, high, function, truth);
    const auto both_signs = [&](Real from, Real to, bool is_negative) {  // 0 <= from <= to
        const auto first = std::bit_cast<Bits<Real>>(from);
        const auto last = std::bit_cast<Bits<Real>>(to);
        const Real sign = is_negative ? Real(-1) : Real(1);
        if constexpr (sizeof(Real) == 4) {
            for (std::uint64_t bits = first; bits <= last; bits += stride) {
                measure(worst, sign * std::bit_cast<Real>(static_cast<std::uint32_t>(bits)), function, truth);
            }
        } else {
            std::mt19937_64 generator(first + 1);
            std::uniform_int_distribution<std::uint64_t> any(first, last);
            for (std::uint32_t i = 0; i < 200000; ++i) {
                measure(worst, sign * std::bit_cast<Real>(any(generator)), function, truth);
            }
        }
    };
    if (high > Real(0)) both_signs(low > Real(0) ? low : Real(0), high, false);
    if (low < Real(0)) both_signs(high < Real(0) ? -high : Real(0), -low, true);
    if (std::isfinite(high - low)) {
        std::mt19937_64 generator(7);
        std::uniform_real_distribution<Real> even(low, high);
        for (int i = 0; i < 200000; ++i) measure(worst, even(generator), function, truth);
    }
    return worst;
}

/// Over the 100 numbers on each side of each switch.
template <class Real, class Function, class True>
Worst around(const std::vector<double>& switches, Function function, True truth) {
    Worst worst;
    for (const double s : switches) {
        Real below = static_cast<Real>(s);
        Real above = below;
        measure(worst, below, function, truth);
        for (int i = 0; i < 100; ++i) {
            below = std::nextafter(below, -std::numeric_limits<Real>::infinity());
            above = std::nextafter(above, std::numeric_limits<Real>::infinity());
            measure(worst, below, function, truth);
            measure(worst, above, function, truth);
        }
    }
    return worst;
}

/// The largest step of `function` between neighbouring numbers around each switch, less the true one, in ulp: what a
/// seam between two formulas would show as.
template <class Real, class Function, class True>
Worst largest_step(const std::vector<double>& switches, Function function, True truth) {
    using R = Reference<Real>;
    Worst worst;
    for (const double s : switches) {
        Real x = static_cast<Real>(s);
        for (int i = 0; i < 10; ++i) x = std::nextafter(x, -std::numeric_limits<Real>::infinity());
        for (int i = 0; i < 20; ++i) {
            const Real next = std::nextafter(x, std::numeric_limits<Real>::infinity());
            const R want = truth(static_cast<R>(next)) - truth(static_cast<R>(x));
            const R got = static_cast<R>(function(next)) - static_cast<R>(function(x));
            int exponent = 0;
            std::frexp(truth(static_cast<R>(x)), &exponent);
            exponent = std::max(exponent, std::numeric_limits<Real>::min_exponent);
            const double e = static_cast<double>(std::abs(got - want) /
                                                 std::ldexp(R(1), exponent - std::numeric_limits<Real>::digits));
            if (!(e <= worst.error)) worst = {e, static_cast<double>(x)};
            x = next;
        }
    }
    return worst;
}

}  // namespace ulp
