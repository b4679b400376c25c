// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "cellvae/core/count_matrix.hpp"

namespace cellvae {

/// What round_counts() did.
struct RoundedCounts {
    Index values = 0;     ///< that were no whole numbers
    double furthest = 0;  ///< that any of them was from its whole number
};

/// Makes whole numbers of counts that went through arithmetic (2.9999995), where each value is within 1e-3 of one.
/// Does nothing where a single value is not: those are no counts.
inline RoundedCounts round_counts(CountMatrix& matrix) {
    RoundedCounts found;
    for (const float value : matrix.values) {
        const double distance = std::abs(static_cast<double>(value) - std::nearbyint(static_cast<double>(value)));
        if (!(distance <= 1e-3)) return {};
        found.values += distance > 0 ? 1 : 0;
        found.furthest = std::max(found.furthest, distance);
    }
    if (found.values > 0)
        for (float& value : matrix.values) value = std::nearbyint(value);
    return found;
}

}  // namespace cellvae
