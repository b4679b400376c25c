// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <utility>

#include "cellvae/core/product.hpp"
#include "cellvae/data/minibatch.hpp"
#include "cellvae/nn/likelihood_pass.hpp"
#include "cellvae/nn/pass.hpp"

// The output layer on the host. Panels of genes are dealt to a fixed number of lanes, which threads share. A lane works
// through its panels one after another and adds what it finds to sums of its own, and the lanes' sums are added in the
// lanes' order: the same bits for any number of threads. What a panel needs stays in the cache of the core that works
// on it.

namespace cellvae::nn_detail {

/// Rows are worked on in blocks of this many, so that a block's parameters stay in the cache.
inline constexpr Index rows_per_block = 128;

/// The largest number of lanes, and so of threads that the layer can use.
inline constexpr Index most_lanes = 32;

[[nodiscard]] inline Index lane_count(Index genes) { return std::min(panel_count(genes), most_lanes); }

/// Elements of a lane's own memory: what products pack, and one block's parameters.
template <class Real, std::size_t Count>
inline constexpr Index lane_memory_size = core_detail::packing_size +
                                          static_cast<Index>(Count) * rows_per_block* genes_per_panel;

/// The sum of a row, in double: eight sums side by side, a fixed order, and one that vectorises. Inlined for the sake
/// of its caller: where a row's address leaves the loop over the genes, GCC 12 does not vectorise that loop.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION double sum_in_order(const Real* values, Index count) {
    double sums[8] = {};
    Index i = 0;
    for (; i + 8 <= count; i += 8)
        for (Index j = 0; j < 8; ++j) sums[j] += static_cast<double>(values[i + j]);
    for (; i < count; ++i) sums[0] += static_cast<double>(values[i]);
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// The likelihood of one row of one panel. On entry eta[n][g] holds the unbounded parameters; with `Gradient`, on
/// return the gradient by them times `weight`. Every entry is first taken as if its count were zero, in one loop that
/// the compiler vectorises; the few nonzeros are computed from their gathered parameters and then overwrite it.
///
/// @param eta one array of `genes` values a parameter
/// @param gene_of, targets the row's nonzeros in this panel, `nonzeros` of them, numbered from gene `first_gene` on
/// @returns the sum of the log-probabilities, without base measures
template <class Likelihood, bool Gradient, class Real, std::size_t Count>
double likelihood_row(const Kokkos::Array<Real*, Count>& eta, Index genes, const GeneIndex* gene_of,
                      const Real* targets, Index nonzeros, Index first_gene, const Heads<Real, Count>& heads,
                      Real weight) {
    alignas(64) Real log_prob[genes_per_panel];
    alignas(64)
        Real found[Count + 1][genes_per_panel];  // the nonzeros' parameters, then their gradient; last, their value
    for (Index j = 0; j < nonzeros; ++j) {
        const Index g = gene_of[j] - first_gene;
        for (std::size_t n = 0; n < Count; ++n) found[n][j] = eta[n][g];
    }
    for (Index j = 0; j < nonzeros; ++j) {
        Parameters<Real, Count> at{};
        for (std::size_t n = 0; n < Count; ++n) at[n] = found[n][j];
        const auto result = bounded_log_prob<Likelihood>(targets[j], at, heads, weight);
        found[Count][j] = result.value;
        for (std::size_t n = 0; n < Count; ++n) found[n][j] = result.d_log_prob[n];
    }
    [&]<std::size_t... N>(std::index_sequence<N...>) {
        const Kokkos::Array<Real * KOKKOS_RESTRICT, Count> at{eta[N]...};
        for (Index g = 0; g < genes; ++g) {
            const auto result =
                bounded_log_prob<Likelihood>(Zero{}, Parameters<Real, Count>{at[N][g]...}, heads, weight);
            log_prob[g] = result.value;
            if constexpr (Gradient) ((at[N][g] = result.d_log_prob[N]), ...);
        }
    }
    (std::make_index_sequence<Count>{});
    for (Index j = 0; j < nonzeros; ++j) {
        const Index g = gene_of[j] - first_gene;
        log_prob[g] = found[Count][j];
        if constexpr (Gradient)
            for (std::size_t n = 0; n < Count; ++n) eta[n][g] = found[n][j];
    }
    return sum_in_order(log_prob, genes);
}

/// The arrays that the lanes of one pass read and write.
template <class Real, class Exec, std::size_t Count>
struct HostOutputPass {
    using Space = typename Exec::memory_space;

    Minibatch<Real, Exec> batch;  ///< what the likelihood explains
    RowCells<Space> row_cells;
    MatrixSlice<const Real, Space> hidden;   ///< rows x hidden
    VectorSlice<const Real, Space> weights;  ///< of each row in the gradient
    Heads<Real, Count> heads;
    Matrix<double, Space> lane_log_prob;                              ///< lanes x rows
    Kokkos::View<Real***, Kokkos::LayoutRight, Space> lane_d_hidden;  ///< lanes x rows x hidden
    Matrix<Real, Space> lane_memory;                                  ///< lanes x lane_memory_size
    Index genes = 0;
    Index lanes = 0;

    /// Where a lane keeps one block of each head's parameters: genes_per_panel apart from row to row.
    [[nodiscard]] Kokkos::Array<Real*, Count> block(Index lane) const {
        Kokkos::Array<Real*, Count> eta{};
        for (std::size_t n = 0; n < Count; ++n)
            eta[n] = &lane_memory(lane, 0) + core_detail::packing_size +
                     static_cast<Index>(n) * rows_per_block * genes_per_panel;
        return eta;
    }

    /// One head's parameters of a block: its products plus biases, or shared values, and what is added to each cell.
    /// Of a head that becomes a share they are the logits, to which nothing is added yet.
    void decode(const Head<Real>& head, Real* eta, Real* packing, Index first_row, Index rows, Index first_gene,
                Index width) const {
        const auto depth = static_cast<Index>(hidden.extent(1));
        const Real* bias = head.bias + first_gene;
        for (Index r = 0; r < rows; ++r) {
            const Real offset = head.share ? Real(0) : offset_of(head, batch, row_cells.cell(first_row + r));
            Real* row = eta + r * genes_per_panel;
            for (Index g = 0; g < width; ++g) row[g] = bias[g] + offset;
        }
        if (head.weight != nullptr)
            multiply_add<Operand::as_is, Operand::transposed, Real>(rows, width, depth, &hidden(first_row, 0), depth,
                                                                    head.weight + first_gene * depth, depth, eta,
                                                                    genes_per_panel, packing);
    }

    void clear_gradient(const Head<Real>& head, Index first_gene, Index width) const {
        const auto depth = static_cast<Index>(hidden.extent(1));
        std::fill_n(head.d_bias + first_gene, width, Real(0));
        if (head.weight != nullptr) std::fill_n(head.d_weight + first_gene * depth, width * depth, Real(0));
    }

    /// The likelihood of a block; with `Gradient` eta becomes the gradient, which is added to the biases', but for a
    /// share's: the gradient of its logits is not known yet.
    template <class Likelihood, bool Gradient>
    void likelihood(Index lane, const Kokkos::Array<Real*, Count>& eta, Index first_row, Index rows, Index panel_number,
                    Index width) const {
        const Index first_gene = panel_number * genes_per_panel;
        for (Index r = 0; r < rows; ++r) {
            const Index cell = row_cells.cell(first_row + r);
            const Index begin = batch.panel_offsets(cell, panel_number);
            const Index end = batch.panel_offsets(cell, panel_number + 1);
            Kokkos::Array<Real*, Count> row{};
            for (std::size_t n = 0; n < Count; ++n) row[n] = eta[n] + r * genes_per_panel;
            const Real weight = Gradient ? weights(first_row + r) : Real(0);
            lane_log_prob(lane, first_row + r) += likelihood_row<Likelihood, Gradient>(
                row, width, batch.columns.data() + begin, batch.targets.data() + begin, end - begin, first_gene, heads,
                weight);
            if constexpr (Gradient) {
                for (std::size_t n = 0; n < Count; ++n) {
                    if (heads[n].share) continue;
                    Real* d_bias = heads[n].d_bias + first_gene;
                    for (Index g = 0; g < width; ++g) d_bias[g] += row[n][g];
                }
            }
        }
    }

    /// From the gradient by one head's parameters of a block to that by its weights and by the hidden rows.
    void products_backward(const Head<Real>& head, const Real* d, Index lane, Index first_row, Index rows,
                           Index first_gene, Index width) const {
        if (head.weight == nullptr) return;
        const auto depth = static_cast<Index>(hidden.extent(1));
        Real* packing = &lane_memory(lane, 0);
        multiply_add<Operand::transposed, Operand::as_is, Real>(width, depth, rows, d, genes_per_panel,
                                                                &hidden(first_row, 0), depth,
                                                                head.d_weight + first_gene * depth, depth, packing);
        multiply_add<Operand::as_is, Operand::as_is, Real>(rows, depth, width, d, genes_per_panel,
                                                           head.weight + first_gene * depth, depth,
                                                           &lane_d_hidden(lane, first_row, 0), depth, packing);
    }

    template <class Likelihood, bool Gradient>
    void panel(Index lane, Index panel_number) const {
        const Index first_gene = panel_number * genes_per_panel;
        const Index width = std::min(genes_per_panel, genes - first_gene);
        const auto all_rows = static_cast<Index>(hidden.extent(0));
        const Kokkos::Array<Real*, Count> eta = block(lane);
        if constexpr (Gradient)
            for (const Head<Real>& head : heads) clear_gradient(head, first_gene, width);
        for (Index first_row = 0; first_row < all_rows; first_row += rows_per_block) {
            const Index rows = std::min(rows_per_block, all_rows - first_row);
            for (std::size_t n = 0; n < Count; ++n)
                decode(heads[n], eta[n], &lane_memory(lane, 0), first_row, rows, first_gene, width);
            likelihood<Likelihood, Gradient>(lane, eta, first_row, rows, panel_number, width);
            if constexpr (Gradient)
                for (std::size_t n = 0; n < Count; ++n)
                    products_backward(heads[n], eta[n], lane, first_row, rows, first_gene, width);
        }
    }

    [[nodiscard]] Index first_panel(Index lane) const { return panel_count(genes) * lane / lanes; }

    /// Works through one lane's panels.
    template <class Likelihood, bool Gradient>
    void lane(Index number) const {
        const auto rows = static_cast<Index>(hidden.extent(0));
        std::fill_n(&lane_log_prob(number, 0), rows, 0.0);
        if constexpr (Gradient)
            std::fill_n(&lane_d_hidden(number, 0, 0), rows * static_cast<Index>(hidden.extent(1)), Real(0));
        for (Index p = first_panel(number); p < first_panel(number + 1); ++p) panel<Likelihood, Gradient>(number, p);
    }
};

/// Calls work(lane) for every lane; threads take the next lane as they are free.
template <class Exec, class Work>
void for_each_lane(const Exec& exec, KernelLabel label, Index lanes, const Work& work) {
    Kokkos::parallel_for(
        label, Kokkos::RangePolicy<Exec, Kokkos::Schedule<Kokkos::Dynamic>>(exec, 0, lanes).set_chunk_size(1), work);
}

/// Adds the lanes' sums in order. Arguments as in run_on_host.
template <bool Gradient, class Real, class Exec, std::size_t Count, class LogProbView, class HiddenView>
void add_lanes(const Exec& exec, const HostOutputPass<Real, Exec, Count>& pass, const LogProbView& log_prob,
               const HiddenView& d_hidden) {
    Kokkos::parallel_for(KernelLabel("cellvae::output_layer::sums"),
                         Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(pass.hidden.extent(0))),
                         [=](const Index row) {
                             double sum = 0;
                             for (Index lane = 0; lane < pass.lanes; ++lane) sum += pass.lane_log_prob(lane, row);
                             log_prob(row) = sum;
                             if constexpr (Gradient) {
                                 const auto depth = static_cast<Index>(pass.hidden.extent(1));
                                 Real* target = &d_hidden(row, 0);
                                 std::fill_n(target, depth, Real(0));
                                 for (Index lane = 0; lane < pass.lanes; ++lane) {
                                     const Real* part = &pass.lane_d_hidden(lane, row, 0);
                                     for (Index h = 0; h < depth; ++h) target[h] += part[h];
                                 }
                             }
                         });
}

/// Runs all lanes and adds their sums in order.
/// @param log_prob rows: of each row, summed over genes, without base measures; overwritten
/// @param d_hidden rows x hidden, overwritten; read only with `Gradient`
template <class Likelihood, bool Gradient, class Real, class Exec, std::size_t Count, class LogProbView,
          class HiddenView>
void run_on_host(const Exec& exec, const HostOutputPass<Real, Exec, Count>& pass, const LogProbView& log_prob,
                 const HiddenView& d_hidden) {
    for_each_lane(exec, KernelLabel("cellvae::output_layer"), pass.lanes,
                  [=](const Index lane) { pass.template lane<Likelihood, Gradient>(lane); });
    add_lanes<Gradient>(exec, pass, log_prob, d_hidden);
}

}  // namespace cellvae::nn_detail
