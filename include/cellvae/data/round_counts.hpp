// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cellvae/core/count_matrix.hpp"

namespace cellvae {

/// What round_counts() did.
struct RoundedCounts {
    Index values = 0;     ///< that were no whole numbers
    double furthest = 0;  ///< that any of them was from its whole number
};

/// How far a count may be from a whole number.
inline constexpr double most_rounded = 1e-3;

/// Makes whole numbers of counts that went through arithmetic (2.9999995), where each value is within 1e-3 of one;
/// those next to zero go. Does nothing where a single value is not: those are no counts.
inline RoundedCounts round_counts(CountMatrix& matrix) {
    // Most matrices are whole, which a loop without branches sees several times as fast.
    Index fractions = 0;
    for (const float value : matrix.values) fractions += value == std::nearbyint(value) ? 0 : 1;
    RoundedCounts found;
    if (fractions == 0) return found;
    for (const float value : matrix.values) {
        const double distance = std::abs(static_cast<double>(value) - std::nearbyint(static_cast<double>(value)));
        if (!(distance <= most_rounded)) return {};
        found.values += distance > 0 ? 1 : 0;
        found.furthest = std::max(found.furthest, distance);
    }
    std::size_t kept = 0, k = 0;
    for (std::size_t row = 0; row + 1 < matrix.row_offsets.size(); ++row) {
        for (; k < static_cast<std::size_t>(matrix.row_offsets[row + 1]); ++k) {
            const float whole = std::nearbyint(matrix.values[k]);
            if (whole == 0) continue;
            matrix.values[kept] = whole;
            matrix.columns[kept++] = matrix.columns[k];
        }
        matrix.row_offsets[row + 1] = static_cast<std::int64_t>(kept);
    }
    matrix.values.resize(kept);
    matrix.columns.resize(kept);
    return found;
}

}  // namespace cellvae
