// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

#include "cellvae/core/product_amx.hpp"
#include "cellvae/core/views.hpp"

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#include <immintrin.h>
#endif

// Products of float matrices whose entries are rounded to bfloat16 (float's upper half: its exponent, 8 bits of its
// precision), while their sums stay float. An operand is rounded into one of the layouts below, and serves any number
// of products from there.
//
// With AVX512-BF16 they take half the time of float's on a Zen 4, and 1.7 times it on an Intel Xeon, which has AMX for
// them (product_amx.hpp). Elsewhere a plain loop gives the same up to the order of sums, and is slower than float.
// Rounding is to nearest, ties to even; what is too small for a normal number becomes zero, whatever the processor's
// mode (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, VCVTNEPS2BF16 and VDPBF16PS).

#ifdef __NVCC__  // the host's compiler heeds what follows; nvcc only warns of it, in every source that includes it
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675
#endif

namespace cellvae {

/// What the entries of a product's operands are rounded to.
enum class ProductPrecision {
    float32,   ///< nothing: the model's own type
    bfloat16,  ///< bfloat16, where it pays and the model is of float: in the output layer, in training
    fastest,   ///< bfloat16 for a model of float on a processor whose instructions for it are faster, else float32
};

[[nodiscard]] constexpr std::string_view name_of(ProductPrecision precision) {
    switch (precision) {
        case ProductPrecision::bfloat16:
            return "bfloat16";
        case ProductPrecision::fastest:
            return "auto";
        default:
            return "float32";
    }
}

/// Whether products of bfloat16 take less time than float's here: in tiles (product_amx.hpp), and in vectors on a Zen 4
/// or later. Intel's vectors for them are slower than those for float.
[[nodiscard]] inline bool bfloat16_is_faster() {
#ifdef CELLVAE_AMX
    if (core_detail::has_tiles()) return true;
#endif
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
    return __builtin_cpu_is("amd") != 0;
#else
    return false;
#endif
}

namespace core_detail {

/// Two neighbours along a product's depth, the first in the lower half.
using Bfloat16Pair = std::uint32_t;

/// Rows and columns of a result that one pass over the depth computes; operands are padded to them.
inline constexpr Index tile_rows = 8;
inline constexpr Index tile_columns = 16;

[[nodiscard]] constexpr Index pairs_of(Index depth) { return (depth + 1) / 2; }
[[nodiscard]] constexpr Index padded(Index size, Index unit) { return (size + unit - 1) / unit * unit; }

/// Elements of a product's right operand.
[[nodiscard]] constexpr Index right_size(Index depth, Index columns) {
    return padded(columns, tile_columns) * pairs_of(depth);
}

#if defined(__AVX512BF16__) && defined(__AVX512BW__)

/// The first `count` of sixteen.
inline __mmask16 first_lanes(Index count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

/// The first `count` floats, at most 32, as pairs of neighbours; the others are zero.
inline __m512i neighbours(const float* source, Index count) {
    const __m512 low = _mm512_maskz_loadu_ps(first_lanes(count), source);
    const __m512 high = _mm512_maskz_loadu_ps(first_lanes(count - 16), source + std::min<Index>(count, 16));
    return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

/// The first `count` columns of a row, at most 16, each paired with what stands below it, or with zero.
inline __m512i two_rows(const float* source, Index stride, Index count, bool alone) {
    const __mmask16 lanes = first_lanes(count);
    const __m512 low = _mm512_maskz_loadu_ps(lanes, source);
    const __m512 high = alone ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(lanes, source + stride);
    const __m512i pair = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                          21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(pair, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
}

/// Transposes sixteen by sixteen: exchanges ever smaller squares beside the diagonal.
inline void transpose(__m512i (&row)[16]) {
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
#pragma GCC unroll 4
    for (int side = 8; side > 0; side /= 2) {
        const __mmask16 right = _mm512_test_epi32_mask(lane, _mm512_set1_epi32(side));
        const __m512i upper = _mm512_mask_add_epi32(lane, right, lane, _mm512_set1_epi32(16 - side));
        const __m512i lower = _mm512_add_epi32(upper, _mm512_set1_epi32(side));
#pragma GCC unroll 16
        for (int r = 0; r < 16; ++r) {
            if ((r & side) != 0) continue;
            const __m512i above = row[r];
            row[r] = _mm512_permutex2var_epi32(above, upper, row[r + side]);
            row[r + side] = _mm512_permutex2var_epi32(above, lower, row[r + side]);
        }
    }
}

#else

inline Bfloat16Pair bfloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7f800000u) == 0) return bits >> 31 << 15;
    if (value != value) return bits >> 16 | 0x40u;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

#endif

/// Rounds rows x depth as a left operand: row after row, `target_stride` pairs apart, at least pairs_of(depth).
inline void round_left(Index rows, Index depth, const float* source, Index stride, Bfloat16Pair* target,
                       Index target_stride) {
    for (Index r = 0; r < rows; ++r) {
        const float* from = source + r * stride;
        Bfloat16Pair* to = target + r * target_stride;
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
        for (Index k = 0; k < depth; k += 32)
            _mm512_mask_storeu_epi32(to + k / 2, first_lanes(pairs_of(depth - k)), neighbours(from + k, depth - k));
#else
        for (Index p = 0; p < pairs_of(depth); ++p)
            to[p] = bfloat16(from[2 * p]) | (2 * p + 1 < depth ? bfloat16(from[2 * p + 1]) << 16 : 0u);
#endif
    }
}

/// Rounds depth x columns as a right operand: 16 columns of all pairs after one another, columns padded to 16.
inline void round_right(Index depth, Index columns, const float* source, Index stride, Bfloat16Pair* target) {
    const Index pairs = pairs_of(depth);
    for (Index p = 0; p < pairs; ++p) {
        const float* first = source + 2 * p * stride;
        const bool alone = 2 * p + 1 == depth;
        for (Index c = 0; c < columns; c += tile_columns) {
            Bfloat16Pair* to = target + p * tile_columns + c * pairs;
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
            _mm512_storeu_si512(to, two_rows(first + c, stride, columns - c, alone));
#else
            for (Index j = 0; j < tile_columns; ++j)
                to[j] = c + j >= columns
                            ? 0u
                            : bfloat16(first[c + j]) | (alone ? 0u : bfloat16(first[stride + c + j]) << 16);
#endif
        }
    }
}

/// Rounds a left operand that is stored transposed: depth x rows. Arguments as in round_left().
inline void round_left_transposed(Index rows, Index depth, const float* source, Index stride, Bfloat16Pair* target,
                                  Index target_stride) {
    const Index pairs = pairs_of(depth);
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
    for (Index r = 0; r < rows; r += 16)
        for (Index first = 0; first < pairs; first += 16) {
            __m512i block[16];
#pragma GCC unroll 16
            for (Index p = 0; p < 16; ++p) {
                const Index k = 2 * (first + p);
                block[p] = k < depth ? two_rows(source + k * stride + r, stride, rows - r, k + 1 == depth)
                                     : _mm512_setzero_si512();
            }
            transpose(block);
            const __mmask16 lanes = first_lanes(pairs - first);
#pragma GCC unroll 16
            for (Index j = 0; j < 16; ++j)
                if (r + j < rows) _mm512_mask_storeu_epi32(target + (r + j) * target_stride + first, lanes, block[j]);
        }
#else
    for (Index p = 0; p < pairs; ++p) {
        const float* from = source + 2 * p * stride;
        const bool alone = 2 * p + 1 == depth;
        for (Index r = 0; r < rows; ++r)
            target[r * target_stride + p] = bfloat16(from[r]) | (alone ? 0u : bfloat16(from[stride + r]) << 16);
    }
#endif
}

/// Rounds a right operand that is stored transposed: columns x depth.
inline void round_right_transposed(Index depth, Index columns, const float* source, Index stride,
                                   Bfloat16Pair* target) {
    const Index pairs = pairs_of(depth);
    for (Index c = 0; c < columns; c += tile_columns) {
        Bfloat16Pair* to = target + c * pairs;
        const Index count = std::min(columns - c, tile_columns);
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
        for (Index k = 0; k < depth; k += 32) {
            __m512i block[16];
#pragma GCC unroll 16
            for (Index j = 0; j < 16; ++j)
                block[j] = j < count ? neighbours(source + (c + j) * stride + k, depth - k) : _mm512_setzero_si512();
            transpose(block);
            const Index left = pairs - k / 2;
#pragma GCC unroll 16
            for (Index p = 0; p < 16; ++p)
                if (p < left) _mm512_storeu_si512(to + (k / 2 + p) * tile_columns, block[p]);
        }
#else
        for (Index j = 0; j < tile_columns; ++j)
            for (Index p = 0; p < pairs; ++p) {
                const float* from = source + (c + j) * stride + 2 * p;
                to[p * tile_columns + j] =
                    j >= count ? 0u : bfloat16(from[0]) | (2 * p + 1 < depth ? bfloat16(from[1]) << 16 : 0u);
            }
#endif
    }
}

/// Eight rows of `Blocks` blocks of sixteen columns: arguments as in multiply_bfloat16. Sums start from zero, and what
/// is in the result is added last.
template <int Blocks>
void multiply_tile(Index rows, Index columns, Index pairs, const Bfloat16Pair* left, Index left_stride,
                   const Bfloat16Pair* right, float* result, Index result_stride, bool accumulate) {
#if defined(__AVX512BF16__) && defined(__AVX512BW__)
    __m512 sum[tile_rows][Blocks];
#pragma GCC unroll 8
    for (Index r = 0; r < tile_rows; ++r)
#pragma GCC unroll 3
        for (int b = 0; b < Blocks; ++b) sum[r][b] = _mm512_setzero_ps();
    for (Index p = 0; p < pairs; ++p) {
        __m512i column[Blocks];
#pragma GCC unroll 3
        for (int b = 0; b < Blocks; ++b) column[b] = _mm512_loadu_si512(right + (b * pairs + p) * tile_columns);
#pragma GCC unroll 8
        for (Index r = 0; r < tile_rows; ++r) {
            const __m512i row = _mm512_set1_epi32(static_cast<int>(left[r * left_stride + p]));
#pragma GCC unroll 3
            for (int b = 0; b < Blocks; ++b)
                sum[r][b] =
                    _mm512_dpbf16_ps(sum[r][b], std::bit_cast<__m512bh>(row), std::bit_cast<__m512bh>(column[b]));
        }
    }
#pragma GCC unroll 8
    for (Index r = 0; r < tile_rows; ++r) {
        if (r >= rows) break;
#pragma GCC unroll 3
        for (int b = 0; b < Blocks; ++b) {
            float* target = result + r * result_stride + b * tile_columns;
            const __mmask16 lanes = first_lanes(columns - b * tile_columns);
            if (accumulate) sum[r][b] = _mm512_add_ps(sum[r][b], _mm512_maskz_loadu_ps(lanes, target));
            _mm512_mask_storeu_ps(target, lanes, sum[r][b]);
        }
    }
#else
    for (Index r = 0; r < rows; ++r)
        for (Index b = 0; b < Blocks; ++b) {
            float sum[tile_columns] = {};
            const Bfloat16Pair* column = right + b * pairs * tile_columns;
            for (Index p = 0; p < pairs; ++p, column += tile_columns) {
                const Bfloat16Pair row = left[r * left_stride + p];
                const auto first = std::bit_cast<float>(row << 16), second = std::bit_cast<float>(row & 0xffff0000u);
                for (Index c = 0; c < tile_columns; ++c)
                    sum[c] += first * std::bit_cast<float>(column[c] << 16) +
                              second * std::bit_cast<float>(column[c] & 0xffff0000u);
            }
            float* target = result + r * result_stride + b * tile_columns;
            for (Index c = 0; c < std::min(columns - b * tile_columns, tile_columns); ++c)
                target[c] = accumulate ? target[c] + sum[c] : sum[c];
        }
#endif
}

}  // namespace core_detail

/// result (rows x columns) = left (rows x depth) right (depth x columns), or += with `accumulate`, of operands that
/// core_detail's functions have rounded. Runs in the calling thread alone and allocates nothing.
///
/// @param pairs of the depth, which is padded with zero where it is odd
/// @param left rows of pairs, left_stride apart; rows are read, not used, up to a multiple of 8
inline void multiply_bfloat16(Index rows, Index columns, Index pairs, const core_detail::Bfloat16Pair* left,
                              Index left_stride, const core_detail::Bfloat16Pair* right, float* result,
                              Index result_stride, bool accumulate) {
    using namespace core_detail;
#ifdef CELLVAE_AMX
    if (pairs > 0 && has_tiles())
        return multiply_by_tiles(rows, columns, pairs, left, left_stride, right, result, result_stride, accumulate);
#endif
    const Index blocks = (columns + tile_columns - 1) / tile_columns;
    Index taken = 0;
    for (Index block = 0; block < blocks; block += taken) {
        const Index left_over = blocks - block;
        taken = left_over == 4 ? 2 : std::min<Index>(left_over, 3);  // one block alone does not keep the adders busy
        const auto tile = taken == 3 ? multiply_tile<3> : taken == 2 ? multiply_tile<2> : multiply_tile<1>;
        for (Index row = 0; row < rows; row += tile_rows)
            tile(std::min(rows - row, tile_rows), columns - block * tile_columns, pairs, left + row * left_stride,
                 left_stride, right + block * tile_columns * pairs, result + row * result_stride + block * tile_columns,
                 result_stride, accumulate);
    }
}

}  // namespace cellvae

#ifdef __NVCC__
#pragma nv_diagnostic pop
#endif
