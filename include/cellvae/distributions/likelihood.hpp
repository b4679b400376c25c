// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <concepts>
#include <cstddef>
#include <string_view>

#include "cellvae/core/random.hpp"

namespace cellvae {

/// Stands for an observed value that is known to be zero when the program is compiled. Nine counts of ten are zero, and
/// there a likelihood needs no log-gamma.
struct Zero {};

/// The unconstrained parameters of one gene in one cell, in the order of the likelihood's `parameters`.
template <class Real, std::size_t Count>
using Parameters = Kokkos::Array<Real, Count>;

/// A log-probability and its derivatives with respect to the unconstrained parameters.
template <class Real, std::size_t Count>
struct LogProb {
    Real value;
    Parameters<Real, Count> d_log_prob;
};

/// The range in which an unconstrained parameter is used. Beyond it the parameter counts as the bound, and of its
/// gradient only what would lead further out is zero, so that it can come back.
struct Bounds {
    double lower;
    double upper;
};

/// The number of parameters of a likelihood.
template <class L>
inline constexpr std::size_t parameter_count = L::parameters.size();

}  // namespace cellvae
