// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "cellvae/core/error.hpp"

namespace cellvae {

/// Sizes and positions. 64 bits, since a data set's nonzeros pass 2^31.
using Index = std::int64_t;

/// The number of a gene inside a matrix. 32 bits: it is stored once a nonzero.
using GeneIndex = std::int32_t;

/// A row-major matrix (for data: cells x genes) in the memory of `Space`, an execution or a memory space.
template <class Value, class Space>
using Matrix = Kokkos::View<Value**, Kokkos::LayoutRight, Space>;

/// A vector in the memory of `Space`.
template <class Value, class Space>
using Vector = Kokkos::View<Value*, Kokkos::LayoutRight, Space>;

/// Views of memory that somebody else owns.
template <class Value, class Space>
using MatrixSlice = Kokkos::View<Value**, Kokkos::LayoutRight, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
template <class Value, class Space>
using VectorSlice = Kokkos::View<Value*, Kokkos::LayoutRight, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// True where the host can read the memory of `Space` and run its kernels.
template <class Space>
inline constexpr bool runs_on_host =
    Kokkos::SpaceAccessibility<Kokkos::HostSpace, typename Space::memory_space>::accessible&&
        Kokkos::SpaceAccessibility<Space, Kokkos::HostSpace>::accessible;

/// @throws ShapeError unless `found` equals `expected`; `what` names the size, as in "rows of the minibatch".
inline void require_size(Index found, Index expected, const char* what) {
    if (found != expected) throw ShapeError(message(what, ": found ", found, ", expected ", expected));
}

/// @param values rows x columns, row-major @param what names them, as in "values given to k-means"
/// @throws InputError for the first that is not finite
inline void require_finite(std::span<const float> values, Index columns, const char* what) {
    const auto width = static_cast<std::size_t>(columns);
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isfinite(values[i]))
            throw InputError(message(what, ": row ", i / width, ", column ", i % width, " is ", values[i],
                                     ", expected a finite number"));
}

}  // namespace cellvae
