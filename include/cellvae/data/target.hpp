// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <string_view>

namespace cellvae {

/// What the encoder sees of a count.
enum class Input {
    raw,               ///< the count
    log1p,             ///< log(1 + count)
    log1p_normalised,  ///< log(1 + count x 10,000 / library size)
    target,            ///< what the likelihood explains
    standardised,      ///< log1p_normalised, less the gene's mean over its standard deviation, at most 10
};

/// What the likelihood explains.
enum class Target {
    counts,          ///< the values as they are
    unit_maximum,    ///< log(1 + count) / log(1 + the cell's largest count), in [0, 1]
    log_normalised,  ///< log(1 + count x 10,000 / library size)
};

[[nodiscard]] constexpr std::string_view name_of(Input input) {
    switch (input) {
        case Input::raw:
            return "raw";
        case Input::log1p:
            return "log1p";
        case Input::log1p_normalised:
            return "log1p_normalised";
        case Input::standardised:
            return "standardised";
        default:
            return "target";
    }
}

[[nodiscard]] constexpr std::string_view name_of(Target target) {
    switch (target) {
        case Target::counts:
            return "counts";
        case Target::unit_maximum:
            return "unit_maximum";
        default:
            return "log_normalised";
    }
}

/// The target for which a likelihood is meant, read off its support: whole numbers only, the unit interval, or the
/// line.
template <class Likelihood>
[[nodiscard]] Target default_target() {
    if (!Likelihood::supports(0.5)) return Target::counts;
    return Likelihood::supports(2.5) ? Target::log_normalised : Target::unit_maximum;
}

/// The target of one count. Zero is zero under every policy, also in a cell of nothing but zeros.
/// @param library the cell's total count over all genes
/// @param maximum the cell's largest count
template <class Real>
KOKKOS_INLINE_FUNCTION Real target_value(Target target, Real count, Real library, Real maximum) {
    if (count == Real(0)) return count;
    switch (target) {
        case Target::unit_maximum:
            return Kokkos::log1p(count) / Kokkos::log1p(maximum);
        case Target::log_normalised:
            return Kokkos::log1p(count * (Real(10000) / library));
        default:
            return count;
    }
}

/// The encoder's view of one count, before the gene's standardisation if there is one; arguments as in target_value.
template <class Real>
KOKKOS_INLINE_FUNCTION Real input_value(Input input, Target target, Real count, Real library, Real maximum) {
    if (count == Real(0)) return count;
    switch (input) {
        case Input::log1p:
            return Kokkos::log1p(count);
        case Input::log1p_normalised:
        case Input::standardised:
            return Kokkos::log1p(count * (Real(10000) / library));
        case Input::target:
            return target_value(target, count, library, maximum);
        default:
            return count;
    }
}

/// A standardised input: the value less the gene's mean over its deviation, at most 10. A zero's is -shift.
/// @param scale 1 / deviation @param shift mean / deviation
template <class Real>
KOKKOS_INLINE_FUNCTION Real standardised_value(Real value, Real scale, Real shift) {
    const Real result = value * scale - shift;
    return result < Real(10) ? result : Real(10);
}

}  // namespace cellvae
