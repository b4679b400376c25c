// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/nn/pass.hpp"

// Standardised inputs are less a number for each gene, zero counts included. The number is the same in every cell, so
// what it adds to a layer is one row, found once a minibatch, and no zero is ever written out.

namespace cellvae::nn_detail {

/// Of each panel of genes: panels x outputs. In double: they add up thousands of genes.
template <class Exec>
using PanelSums = Matrix<double, typename Exec::memory_space>;

/// y (cells x outputs) -= shift (genes) times weight (genes x outputs), one row for all cells.
/// @param sums panels x outputs, overwritten
template <class Real, class Exec, class Slice>
void subtract_shift(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& weight,
                    const PanelSums<Exec>& sums, const Slice& y) {
    constexpr Index width = runs_on_host<Exec> ? 16 : 1;  // outputs that one index of the first kernel sums
    const auto shift = batch.input_shift;
    const Index outputs = static_cast<Index>(y.extent(1)), blocks = (outputs + width - 1) / width;
    const Index genes = batch.genes(), panels = panel_count(genes);
    Kokkos::parallel_for(
        KernelLabel("cellvae::shift_of_panels"), Kokkos::RangePolicy<Exec>(exec, 0, panels * blocks),
        KOKKOS_LAMBDA(const Index i) {
            const Index panel = i / blocks, output = i % blocks * width;
            const Index count = output + width < outputs ? width : outputs - output;
            const Index first = panel * genes_per_panel;
            const Index last = first + genes_per_panel < genes ? first + genes_per_panel : genes;
            double sum[width] = {};
            for (Index gene = first; gene < last; ++gene) {
                const Real* row = &weight(gene, output);
                for (Index o = 0; o < count; ++o) sum[o] += static_cast<double>(shift(gene) * row[o]);
            }
            for (Index o = 0; o < count; ++o) sums(panel, output + o) = sum[o];
        });
    Kokkos::parallel_for(
        KernelLabel("cellvae::shift_of_genes"), Kokkos::RangePolicy<Exec>(exec, 0, outputs),
        KOKKOS_LAMBDA(const Index o) {
            for (Index panel = 1; panel < panels; ++panel) sums(0, o) += sums(panel, o);
        });
    for_each_element(
        exec, KernelLabel("cellvae::subtract_shift"), batch.cells(), outputs, static_cast<Index>(y.size()) / 4,
        KOKKOS_LAMBDA(const Index cell, const Index o) { y(cell, o) -= static_cast<Real>(sums(0, o)); });
}

/// d_weight (genes x outputs) -= shift (genes) times what d_y sums to over the cells.
/// @param d_y_sum 1 x outputs
template <class Real, class Exec, class Slice>
void subtract_shift_backward(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& d_y_sum,
                             const Slice& d_weight) {
    const auto shift = batch.input_shift;
    for_each_element(
        exec, KernelLabel("cellvae::subtract_shift_backward"), batch.genes(), static_cast<Index>(d_weight.extent(1)),
        static_cast<Index>(d_weight.size()) / 4,
        KOKKOS_LAMBDA(const Index gene, const Index o) { d_weight(gene, o) -= shift(gene) * d_y_sum(0, o); });
}

}  // namespace cellvae::nn_detail
