// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "cellvae/core/launch.hpp"
#include "cellvae/core/product_bfloat16.hpp"
#include "cellvae/data/minibatch.hpp"

namespace cellvae::nn_detail {

/// Rows are worked on in blocks of this many, so that a block's parameters stay in the cache.
inline constexpr Index rows_per_block = 128;

/// The operands of the output layer's three products, rounded to bfloat16: the hidden rows once a pass, a panel's
/// weights once for all blocks of rows, the gradient by a block's parameters as it comes. A depth of genes or of a
/// block's rows is a whole number of pairs.
template <class Space>
struct Bfloat16Operands {
    using Pair = core_detail::Bfloat16Pair;

    Vector<Pair, Space> hidden;  ///< blocks of rows, each as a left and as a right operand
    Matrix<Pair, Space> thread;  ///< each thread's panel: every head's weights as right operands, a block's gradient

    Bfloat16Operands() = default;

    template <class Exec>
    Bfloat16Operands(const Exec& exec, Index threads, Index heads, Index rows, Index depth)
        : hidden(Kokkos::view_alloc(exec, "cellvae::output_layer::bfloat16_hidden"),
                 static_cast<std::size_t>((rows + rows_per_block - 1) / rows_per_block * block_size(depth))),
          thread(Kokkos::view_alloc(exec, "cellvae::output_layer::bfloat16_thread"), static_cast<std::size_t>(threads),
                 static_cast<std::size_t>(heads * head_size(depth) + 2 * gradient_size)) {}

    [[nodiscard]] bool in_use() const { return thread.extent(0) > 0; }

    template <class Exec, class Rows>
    void round_hidden(const Exec& exec, const Rows& rows) const {
        const auto all_rows = static_cast<Index>(rows.extent(0)), depth = static_cast<Index>(rows.extent(1));
        const auto self = *this;
        Kokkos::parallel_for(
            KernelLabel("cellvae::output_layer::round_hidden"),
            Kokkos::RangePolicy<Exec>(exec, 0, (all_rows + rows_per_block - 1) / rows_per_block),
            [=](const Index block) {
                const Index first = block * rows_per_block, count = std::min(rows_per_block, all_rows - first);
                core_detail::round_left(count, depth, &rows(first, 0), depth, self.hidden_left(first, depth),
                                        core_detail::pairs_of(depth));
                core_detail::round_right(count, depth, &rows(first, 0), depth, self.hidden_right(first, depth));
            });
    }

    /// @param weight width x depth
    void round_weights(std::size_t head, Index number, const float* weight, Index width, Index depth) const {
        // this one first: it reads from end to end, as processors fetch ahead, and leaves the weights in the cache
        core_detail::round_right(width, depth, weight, depth, weight_as_is(number, head, depth));
        core_detail::round_right_transposed(depth, width, weight, depth, weight_transposed(number, head, depth));
    }

    /// Adds the products of a block to its parameters, rows x genes_per_panel of which width are in use.
    void decode(std::size_t head, Index number, Index first_row, Index rows, Index width, Index depth,
                float* eta) const {
        multiply_bfloat16(rows, width, core_detail::pairs_of(depth), hidden_left(first_row, depth),
                          core_detail::pairs_of(depth), weight_transposed(number, head, depth), eta, genes_per_panel,
                          true);
    }

    /// From the gradient d by a block's parameters to that by weights (width x depth), which the first block
    /// overwrites, and that by hidden rows (rows x depth). To both it is added.
    void backward(std::size_t head, Index number, Index first_row, Index rows, Index width, Index depth, const float* d,
                  float* d_weight, float* d_hidden) const {
        constexpr Index by_rows_stride = genes_per_panel / 2, transposed_stride = rows_per_block / 2;
        Pair* const by_rows = gradient(number);
        Pair* const transposed = by_rows + gradient_size;
        core_detail::round_left(rows, width, d, genes_per_panel, by_rows, by_rows_stride);
        core_detail::round_left_transposed(width, rows, d, genes_per_panel, transposed, transposed_stride);
        multiply_bfloat16(width, depth, core_detail::pairs_of(rows), transposed, transposed_stride,
                          hidden_right(first_row, depth), d_weight, depth, first_row > 0);
        multiply_bfloat16(rows, depth, core_detail::pairs_of(width), by_rows, by_rows_stride,
                          weight_as_is(number, head, depth), d_hidden, depth, true);
    }

private:
    static constexpr Index gradient_size = rows_per_block * genes_per_panel / 2;

    static Index block_size(Index depth) {
        return rows_per_block * core_detail::pairs_of(depth) + core_detail::right_size(rows_per_block, depth);
    }
    static Index head_size(Index depth) {
        return core_detail::right_size(depth, genes_per_panel) + core_detail::right_size(genes_per_panel, depth);
    }

    [[nodiscard]] Pair* hidden_left(Index first_row, Index depth) const {
        return hidden.data() + first_row / rows_per_block * block_size(depth);
    }
    [[nodiscard]] Pair* hidden_right(Index first_row, Index depth) const {
        return hidden_left(first_row, depth) + rows_per_block * core_detail::pairs_of(depth);
    }
    [[nodiscard]] Pair* gradient(Index number) const { return &thread(number, 0); }
    [[nodiscard]] Pair* weight_transposed(Index number, std::size_t head, Index depth) const {
        return gradient(number) + 2 * gradient_size + static_cast<Index>(head) * head_size(depth);
    }
    [[nodiscard]] Pair* weight_as_is(Index number, std::size_t head, Index depth) const {
        return weight_transposed(number, head, depth) + core_detail::right_size(depth, genes_per_panel);
    }
};

}  // namespace cellvae::nn_detail
