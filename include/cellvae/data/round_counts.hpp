// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/in_threads.hpp"

namespace cellvae {

/// What round_counts() did.
struct RoundedCounts {
    Index values = 0;     ///< that were no whole numbers
    double furthest = 0;  ///< that any of them was from its whole number
};

/// How far a count may be from a whole number.
inline constexpr double most_rounded = 1e-3;

/// 0 for a whole number and what is none at all, not 0 for the others. Without comparisons, which keep a loop from
/// being vectorised, and std::floor or std::nearbyint, which are calls without SSE4.1.
[[nodiscard]] inline std::int32_t fraction_bits(float value) {
    constexpr float all_whole = 0x1p23F;  // there is nothing between whole numbers from here on
    // sizes are ordered as their bits are
    const std::int32_t size =
        std::min(std::bit_cast<std::int32_t>(value) & 0x7fffffff, std::bit_cast<std::int32_t>(all_whole));
    const auto looked_at = std::bit_cast<float>(size);
    return std::bit_cast<std::int32_t>(static_cast<float>(static_cast<std::int32_t>(looked_at)) - looked_at);
}

/// Makes whole numbers of counts that went through arithmetic (2.9999995), where each value is within 1e-3 of one;
/// those next to zero go. Does nothing where a single value is not: those are no counts.
inline RoundedCounts round_counts(CountMatrix& matrix) {
    // Most matrices are whole, which a loop without branches sees several times as fast.
    constexpr std::size_t at_once = std::size_t{1} << 20;
    const std::size_t size = matrix.values.size();
    std::atomic<bool> fractions{false};
    core_detail::in_threads(core_detail::reading_threads(), (size + at_once - 1) / at_once, [&](std::size_t block) {
        const float* const values = matrix.values.data() + block * at_once;
        const std::size_t count = std::min(at_once, size - block * at_once);
        std::int32_t bits = 0;
        for (std::size_t k = 0; k < count; ++k) bits |= fraction_bits(values[k]);
        if (bits != 0) fractions = true;
    });
    RoundedCounts found;
    if (!fractions) return found;
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
