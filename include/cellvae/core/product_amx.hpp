// SPDX-License-Identifier: Apache-2.0
#pragma once

// Products of bfloat16 in the tile registers of Intel's Advanced Matrix Extensions, where the compiler may use them:
// sixteen times the multiply-adds a cycle that float's vectors do. A tile has up to 16 rows of 64 bytes; its
// instruction multiplies 16 rows x 16 pairs of the left operand by 16 pairs x 16 columns of the right one, in which
// products' operands lie as they are. (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter
// 18, and volume 2, TDPBF16PS.)

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__x86_64__) && defined(__linux__)
#define CELLVAE_AMX

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "cellvae/core/views.hpp"

namespace cellvae::core_detail {

/// Whether this process may use tiles: Linux gives them to those who ask, once for all threads, where it knows them.
inline bool has_tiles() {
    static const bool granted = [] {
        constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
        return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    }();
    return granted;
}

inline constexpr Index tile_side = 16;   // rows of any tile, columns of sums, pairs of operands
inline constexpr Index tile_block = 32;  // rows and columns of a result that are in registers at once: four tiles

/// The tiles' shapes as the processor takes them. Tiles 0 to 3 are sums, rows first, 4 and 5 of the left operand, 6 and
/// 7 of the right one.
class alignas(64) TileShapes {
public:
    TileShapes(Index rows, Index columns, Index pairs) {
        const auto first = [](Index size) { return static_cast<std::uint8_t>(std::min(size, tile_side)); };
        const auto second = [](Index size) {
            return static_cast<std::uint8_t>(std::clamp<Index>(size - tile_side, 1, tile_side));
        };
        const auto bytes = [](Index entries) { return static_cast<std::uint16_t>(4 * entries); };
        for (int t = 0; t < 4; ++t) {
            rows_[t] = t < 2 ? first(rows) : second(rows);
            bytes_[t] = bytes(t % 2 == 0 ? first(columns) : second(columns));
        }
        for (int t = 4; t < 6; ++t) {
            rows_[t] = rows_[t == 4 ? 0 : 2];
            bytes_[t] = bytes(pairs);
        }
        for (int t = 6; t < 8; ++t) {
            rows_[t] = static_cast<std::uint8_t>(pairs);
            bytes_[t] = bytes_[t - 6];
        }
    }

    /// Every tile is zero afterwards. All of the object is an operand, which the compiler's own intrinsic does not say.
    void load() const { __asm__ volatile("ldtilecfg %0" ::"m"(*this)); }

private:
    std::uint8_t palette_ = 1, start_row_ = 0;
    std::uint8_t reserved_[14] = {};
    std::uint16_t bytes_[16] = {};  // of a row
    std::uint8_t rows_[16] = {};
};
static_assert(sizeof(TileShapes) == 64);

/// Sums of one or two tiles' rows by one or two tiles' columns, over `steps` times `step_pairs`, as the shapes say.
/// @param left_stride pairs from row to row @param block_stride pairs from 16 columns to the next
template <bool TwoRows, bool TwoColumns>
void multiply_in_tiles(Index steps, Index step_pairs, const std::uint32_t* left, Index left_stride,
                       const std::uint32_t* right, Index block_stride, float* result, Index result_stride,
                       bool accumulate) {
    float* const second = result + tile_side * result_stride;
    const auto left_bytes = left_stride * 4, right_bytes = tile_side * 4, result_bytes = result_stride * 4;
    if (accumulate) {
        _tile_loadd(0, result, result_bytes);
        if constexpr (TwoColumns) _tile_loadd(1, result + tile_side, result_bytes);
        if constexpr (TwoRows) _tile_loadd(2, second, result_bytes);
        if constexpr (TwoRows && TwoColumns) _tile_loadd(3, second + tile_side, result_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (Index step = 0; step < steps; ++step, left += step_pairs, right += step_pairs * tile_side) {
        _tile_loadd(4, left, left_bytes);
        _tile_loadd(6, right, right_bytes);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (TwoColumns) {
            _tile_loadd(7, right + block_stride, right_bytes);
            _tile_dpbf16ps(1, 4, 7);
        }
        if constexpr (TwoRows) {
            _tile_loadd(5, left + tile_side * left_stride, left_bytes);
            _tile_dpbf16ps(2, 5, 6);
        }
        if constexpr (TwoRows && TwoColumns) _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, result, result_bytes);
    if constexpr (TwoColumns) _tile_stored(1, result + tile_side, result_bytes);
    if constexpr (TwoRows) _tile_stored(2, second, result_bytes);
    if constexpr (TwoRows && TwoColumns) _tile_stored(3, second + tile_side, result_bytes);
}

/// Sums over `steps` times `step_pairs` of the depth, from `first` on, for every block of the result.
inline void multiply_steps(Index rows, Index columns, Index pairs, Index first, Index steps, Index step_pairs,
                           const std::uint32_t* left, Index left_stride, const std::uint32_t* right, float* result,
                           Index result_stride, bool accumulate) {
    Index last_rows = 0, last_columns = 0;
    for (Index row = 0; row < rows; row += tile_block) {
        const Index block_rows = std::min(rows - row, tile_block);
        for (Index column = 0; column < columns; column += tile_block) {
            const Index block_columns = std::min(columns - column, tile_block);
            if (block_rows != last_rows || block_columns != last_columns)
                TileShapes(block_rows, block_columns, step_pairs).load();
            last_rows = block_rows;
            last_columns = block_columns;
            const bool two_rows = block_rows > tile_side, two_columns = block_columns > tile_side;
            const auto multiply =
                two_rows ? (two_columns ? multiply_in_tiles<true, true> : multiply_in_tiles<true, false>)
                         : (two_columns ? multiply_in_tiles<false, true> : multiply_in_tiles<false, false>);
            multiply(steps, step_pairs, left + row * left_stride + first, left_stride,
                     right + column * pairs + first * tile_side, tile_side * pairs,
                     result + row * result_stride + column, result_stride, accumulate);
        }
    }
}

/// As multiply_bfloat16(), for a process that has tiles and at least one pair. What is in the result is where sums
/// start, if it is added to.
inline void multiply_by_tiles(Index rows, Index columns, Index pairs, const std::uint32_t* left, Index left_stride,
                              const std::uint32_t* right, float* result, Index result_stride, bool accumulate) {
    __asm__ volatile("" ::: "memory");  // g++'s loads of tiles do not say that they read what was written before
    Index step_pairs = tile_side;       // or a little less, where that leaves nothing over: 50 are five times 10
    while (step_pairs > tile_side / 2 && pairs % step_pairs != 0) --step_pairs;
    if (pairs % step_pairs != 0) step_pairs = tile_side;
    const Index steps = pairs / step_pairs, left_over = pairs % step_pairs;
    if (steps > 0)
        multiply_steps(rows, columns, pairs, 0, steps, step_pairs, left, left_stride, right, result, result_stride,
                       accumulate);
    if (left_over > 0)  // in tiles of another shape
        multiply_steps(rows, columns, pairs, pairs - left_over, 1, left_over, left, left_stride, right, result,
                       result_stride, accumulate || steps > 0);
    _tile_release();
}

}  // namespace cellvae::core_detail

#endif
