// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "cellvae/core/product.hpp"
#include "cellvae/core/thread_numbers.hpp"
#include "cellvae/data/minibatch.hpp"
#include "cellvae/nn/likelihood_pass.hpp"
#include "cellvae/nn/output_layer_bfloat16.hpp"
#include "cellvae/nn/pass.hpp"

// The output layer on the host. Panels of genes are dealt to a fixed number of lanes, which threads share. A lane works
// through its panels one after another and adds what it finds to sums of its own, and the lanes' sums are added in the
// lanes' order: the same bits for any number of threads. What a panel needs beside is a thread's own memory, and stays
// in its core's cache.

namespace cellvae::nn_detail {

/// The largest number of lanes, and so of threads that the layer can use.
inline constexpr Index most_lanes = 32;

[[nodiscard]] inline Index lane_count(Index genes) { return std::min(panel_count(genes), most_lanes); }

/// A lane that is worked on, and the number of the thread that does.
struct Lane {
    Index number, thread;
};

/// Elements of a thread's own memory: what products pack, and one block's parameters.
template <class Real, std::size_t Count>
inline constexpr Index thread_memory_size = core_detail::packing_size +
                                            static_cast<Index>(Count) * rows_per_block* genes_per_panel;

/// The sum of a row, in double: sixteen sums side by side, a fixed order. GCC and Clang are told the width of their
/// registers: left to themselves they make a third of a light likelihood's time of it.
template <class Real>
KOKKOS_FORCEINLINE_FUNCTION double sum_in_order(const Real* values, Index count) {
    constexpr Index sums_at_once = 16;
    double sums[sums_at_once] = {};
    Index i = 0;
#if defined(__GNUC__) && !defined(__CUDACC__)
#if defined(__AVX512F__)
    constexpr Index width = 8;
#elif defined(__AVX__)
    constexpr Index width = 4;
#else
    constexpr Index width = 2;
#endif
    constexpr Index packs = sums_at_once / width;
    using Reals [[gnu::vector_size(width * sizeof(Real))]] = Real;
    using Doubles [[gnu::vector_size(width * sizeof(double))]] = double;
    Doubles wide[packs] = {};
    for (; i + sums_at_once <= count; i += sums_at_once)
        for (Index p = 0; p < packs; ++p) {
            Reals part;
            __builtin_memcpy(&part, values + i + p * width, sizeof(part));
            wide[p] += __builtin_convertvector(part, Doubles);
        }
    __builtin_memcpy(sums, wide, sizeof(sums));
#else
    for (; i + sums_at_once <= count; i += sums_at_once)
        for (Index j = 0; j < sums_at_once; ++j) sums[j] += static_cast<double>(values[i + j]);
#endif
    for (; i < count; ++i) sums[0] += static_cast<double>(values[i]);
    for (Index half = sums_at_once / 2; half > 0; half /= 2)
        for (Index j = 0; j < half; ++j) sums[j] += sums[j + half];
    return sums[0];
}

// The two loops over entries in which most of a step's time that is not products goes. They are functions that a
// compiler must inline, not lambdas that it may: where the heads are reached through a closure, g++ 14 and clang 14
// vectorise neither, and a step takes three times as long. clang 14 makes branches of some selections unless it is told
// that the loop is to be vectorised.
#ifdef __clang__
#define CELLVAE_VECTORISE _Pragma("clang loop vectorize(enable)")
#else
#define CELLVAE_VECTORISE
#endif

/// Log-probabilities of `count` entries that are all zero, and with `Gradient` their gradient in place of the
/// parameters.
/// @param eta one array of `count` unbounded parameters each
template <class Likelihood, bool Gradient, class Real, std::size_t Count, std::size_t... N>
KOKKOS_FORCEINLINE_FUNCTION void log_prob_of_zeros(const Kokkos::Array<Real*, Count>& eta,
                                                   Real* KOKKOS_RESTRICT log_prob, Index count,
                                                   const Heads<Real, Count>& all_heads, Real weight,
                                                   std::index_sequence<N...> /*parameters*/) {
    const Kokkos::Array<Real * KOKKOS_RESTRICT, Count> at{eta[N]...};
    const Heads<Real, Count> heads = all_heads;
    CELLVAE_VECTORISE
    for (Index g = 0; g < count; ++g) {
        const auto result = bounded_log_prob<Likelihood>(Zero{}, Parameters<Real, Count>{at[N][g]...}, heads, weight);
        log_prob[g] = result.value;
        if constexpr (Gradient) ((at[N][g] = result.d_log_prob[N]), ...);
    }
}

/// Turns `count` entries' parameters into gradients, and their values into log-probabilities.
template <class Likelihood, class Real, std::size_t Count, std::size_t... N>
KOKKOS_FORCEINLINE_FUNCTION void log_prob_of_values(const Kokkos::Array<Real*, Count>& eta,
                                                    Real* KOKKOS_RESTRICT values, const Real* KOKKOS_RESTRICT weight,
                                                    Index count, const Heads<Real, Count>& all_heads,
                                                    std::index_sequence<N...> /*parameters*/) {
    const Kokkos::Array<Real * KOKKOS_RESTRICT, Count> at{eta[N]...};
    const Heads<Real, Count> heads = all_heads;
    CELLVAE_VECTORISE
    for (Index j = 0; j < count; ++j) {
        const auto result =
            bounded_log_prob<Likelihood>(values[j], Parameters<Real, Count>{at[N][j]...}, heads, weight[j]);
        values[j] = result.value;
        ((at[N][j] = result.d_log_prob[N]), ...);
    }
}

#undef CELLVAE_VECTORISE

/// Rows whose nonzeros in a panel are computed together: one row has too few of them for a vectorised loop.
inline constexpr Index rows_per_group = 16;

/// The nonzeros of a group of rows in one panel, row after row.
template <class Real, std::size_t Count>
struct GroupNonzeros {
    static constexpr Index most = rows_per_group * genes_per_panel;
    static constexpr Index multiple = 64 / static_cast<Index>(sizeof(Real));  ///< fills the widest registers

    Index count = 0;
    alignas(64) Real value[Count][most];  ///< their parameters, then their gradient
    alignas(64) Real target[most];        ///< what was counted, then its log-probability
    alignas(64) Real weight[most];

    /// Takes one row's nonzeros along. Arguments as in likelihood_row.
    void gather(const Kokkos::Array<Real*, Count>& eta, const GeneIndex* gene_of, const Real* targets, Index nonzeros,
                Index first_gene, Real row_weight) {
        for (Index j = 0; j < nonzeros; ++j, ++count) {
            const Index g = gene_of[j] - first_gene;
            for (std::size_t n = 0; n < Count; ++n) value[n][count] = eta[n][g];
            target[count] = targets[j];
            weight[count] = row_weight;
        }
    }

    /// Turns parameters into gradients and targets into log-probabilities, in one loop that the compiler vectorises
    /// where the likelihood lets it. So that none is left over the last one is repeated.
    template <class Likelihood>
    void compute(const Heads<Real, Count>& heads) {
        if (count == 0) return;
        const Index end = (count + multiple - 1) / multiple * multiple;
        for (Index j = count; j < end; ++j) {
            for (std::size_t n = 0; n < Count; ++n) value[n][j] = value[n][count - 1];
            target[j] = target[count - 1];
            weight[j] = weight[count - 1];
        }
        Kokkos::Array<Real*, Count> parameters{};
        for (std::size_t n = 0; n < Count; ++n) parameters[n] = value[n];
        log_prob_of_values<Likelihood>(parameters, target, weight, end, heads, std::make_index_sequence<Count>{});
    }
};

/// The likelihood of one row of one panel. On entry eta[n][g] holds the unbounded parameters; with `Gradient`, on
/// return the gradient by them times `weight`. Every entry is taken as if its count were zero, in one loop that the
/// compiler vectorises; the few nonzeros, which have been computed before, then overwrite it.
///
/// @param eta one array of `genes` values a parameter
/// @param gene_of the row's nonzeros in this panel, `nonzeros` of them, numbered from gene `first_gene` on
/// @param group holds them from number `first_nonzero` on
/// @returns the sum of the log-probabilities, without base measures
template <class Likelihood, bool Gradient, class Real, std::size_t Count>
double likelihood_row(const Kokkos::Array<Real*, Count>& eta, Index genes, const GeneIndex* gene_of, Index nonzeros,
                      Index first_gene, const GroupNonzeros<Real, Count>& group, Index first_nonzero,
                      const Heads<Real, Count>& heads, Real weight) {
    alignas(64) Real log_prob[genes_per_panel];
    log_prob_of_zeros<Likelihood, Gradient>(eta, log_prob, genes, heads, weight, std::make_index_sequence<Count>{});
    for (Index j = 0; j < nonzeros; ++j) {
        const Index g = gene_of[j] - first_gene;
        log_prob[g] = group.target[first_nonzero + j];
        if constexpr (Gradient)
            for (std::size_t n = 0; n < Count; ++n) eta[n][g] = group.value[n][first_nonzero + j];
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
    ThreadNumbers<Exec> threads;
    Matrix<Real, Space> thread_memory;  ///< threads x thread_memory_size
    Bfloat16Operands<Space> bfloat16;   ///< of products, where they are of bfloat16
    Index genes = 0;
    Index lanes = 0;

    /// Where a thread keeps one block of each head's parameters: genes_per_panel apart from row to row.
    [[nodiscard]] Kokkos::Array<Real*, Count> block(Lane lane) const {
        Kokkos::Array<Real*, Count> eta{};
        for (std::size_t n = 0; n < Count; ++n)
            eta[n] = &thread_memory(lane.thread, 0) + core_detail::packing_size +
                     static_cast<Index>(n) * rows_per_block * genes_per_panel;
        return eta;
    }

    /// Rounds the hidden rows, where products are of bfloat16, before any lane starts.
    void round_hidden(const Exec& exec) const {
        if constexpr (std::is_same_v<Real, float>)
            if (bfloat16.in_use()) bfloat16.round_hidden(exec, hidden);
    }

    /// Rounds a head's weights of a panel, where products are of bfloat16, before the panel's products.
    void round_weights(std::size_t n, Lane lane, Index first_gene, Index width) const {
        if constexpr (std::is_same_v<Real, float>) {
            const auto depth = static_cast<Index>(hidden.extent(1));
            if (bfloat16.in_use() && heads[n].weight != nullptr)
                bfloat16.round_weights(n, lane.thread, heads[n].weight + first_gene * depth, width, depth);
        }
    }

    /// One head's parameters of a block: its products plus biases, or shared values, and what is added to each cell.
    /// Of a head that becomes a share they are the logits, to which nothing is added yet.
    void decode(std::size_t n, Real* eta, Lane lane, Index first_row, Index rows, Index first_gene, Index width) const {
        const Head<Real>& head = heads[n];
        const auto depth = static_cast<Index>(hidden.extent(1));
        const Real* bias = head.bias + first_gene;
        for (Index r = 0; r < rows; ++r) {
            const Real offset = head.share ? Real(0) : offset_of(head, batch, row_cells.cell(first_row + r));
            Real* row = eta + r * genes_per_panel;
            for (Index g = 0; g < width; ++g) row[g] = bias[g] + offset;
        }
        if (head.weight == nullptr) return;
        if constexpr (std::is_same_v<Real, float>)
            if (bfloat16.in_use()) return bfloat16.decode(n, lane.thread, first_row, rows, width, depth, eta);
        multiply_add<Operand::as_is, Operand::transposed, Real>(rows, width, depth, &hidden(first_row, 0), depth,
                                                                head.weight + first_gene * depth, depth, eta,
                                                                genes_per_panel, &thread_memory(lane.thread, 0));
    }

    void clear_gradient(const Head<Real>& head, Index first_gene, Index width) const {
        const auto depth = static_cast<Index>(hidden.extent(1));
        std::fill_n(head.d_bias + first_gene, width, Real(0));
        // products of bfloat16 overwrite it with the first block of rows
        if (head.weight != nullptr && (!bfloat16.in_use() || hidden.extent(0) == 0))
            std::fill_n(head.d_weight + first_gene * depth, width * depth, Real(0));
    }

    /// The likelihood of a block; with `Gradient` eta becomes the gradient, which is added to the biases', but for a
    /// share's: the gradient of its logits is not known yet.
    template <class Likelihood, bool Gradient>
    void likelihood(Lane lane, const Kokkos::Array<Real*, Count>& eta, Index first_row, Index rows, Index panel_number,
                    Index width) const {
        const Index first_gene = panel_number * genes_per_panel;
        const auto row_of = [&](Index r) {
            Kokkos::Array<Real*, Count> row{};
            for (std::size_t n = 0; n < Count; ++n) row[n] = eta[n] + r * genes_per_panel;
            return row;
        };
        const auto weight_of = [&](Index r) { return Gradient ? weights(first_row + r) : Real(0); };
        const auto first_nonzero = [&](Index r) {
            return batch.panel_offsets(row_cells.cell(first_row + r), panel_number);
        };
        const auto nonzeros = [&](Index r) {
            return batch.panel_offsets(row_cells.cell(first_row + r), panel_number + 1) - first_nonzero(r);
        };
        GroupNonzeros<Real, Count> group;
        for (Index first = 0; first < rows; first += rows_per_group) {
            const Index last = std::min(first + rows_per_group, rows);
            group.count = 0;
            for (Index r = first; r < last; ++r)
                group.gather(row_of(r), batch.columns.data() + first_nonzero(r),
                             batch.targets.data() + first_nonzero(r), nonzeros(r), first_gene, weight_of(r));
            group.template compute<Likelihood>(heads);
            Index taken = 0;
            for (Index r = first; r < last; ++r) {
                const auto row = row_of(r);
                lane_log_prob(lane.number, first_row + r) +=
                    likelihood_row<Likelihood, Gradient>(row, width, batch.columns.data() + first_nonzero(r),
                                                         nonzeros(r), first_gene, group, taken, heads, weight_of(r));
                taken += nonzeros(r);
                if constexpr (Gradient) {
                    for (std::size_t n = 0; n < Count; ++n) {
                        if (heads[n].share) continue;
                        Real* d_bias = heads[n].d_bias + first_gene;
                        for (Index g = 0; g < width; ++g) d_bias[g] += row[n][g];
                    }
                }
            }
        }
    }

    /// From the gradient by one head's parameters of a block to that by its weights and by the hidden rows.
    void products_backward(std::size_t n, const Real* d, Lane lane, Index first_row, Index rows, Index first_gene,
                           Index width) const {
        const Head<Real>& head = heads[n];
        if (head.weight == nullptr) return;
        const auto depth = static_cast<Index>(hidden.extent(1));
        Real* d_weight = head.d_weight + first_gene * depth;
        Real* d_hidden = &lane_d_hidden(lane.number, first_row, 0);
        if constexpr (std::is_same_v<Real, float>)
            if (bfloat16.in_use())
                return bfloat16.backward(n, lane.thread, first_row, rows, width, depth, d, d_weight, d_hidden);
        Real* packing = &thread_memory(lane.thread, 0);
        multiply_add<Operand::transposed, Operand::as_is, Real>(width, depth, rows, d, genes_per_panel,
                                                                &hidden(first_row, 0), depth, d_weight, depth, packing);
        multiply_add<Operand::as_is, Operand::as_is, Real>(
            rows, depth, width, d, genes_per_panel, head.weight + first_gene * depth, depth, d_hidden, depth, packing);
    }

    template <class Likelihood, bool Gradient>
    void panel(Lane lane, Index panel_number) const {
        const Index first_gene = panel_number * genes_per_panel;
        const Index width = std::min(genes_per_panel, genes - first_gene);
        const auto all_rows = static_cast<Index>(hidden.extent(0));
        const Kokkos::Array<Real*, Count> eta = block(lane);
        if constexpr (Gradient)
            for (const Head<Real>& head : heads) clear_gradient(head, first_gene, width);
        for (std::size_t n = 0; n < Count; ++n) round_weights(n, lane, first_gene, width);
        for (Index first_row = 0; first_row < all_rows; first_row += rows_per_block) {
            const Index rows = std::min(rows_per_block, all_rows - first_row);
            for (std::size_t n = 0; n < Count; ++n) decode(n, eta[n], lane, first_row, rows, first_gene, width);
            likelihood<Likelihood, Gradient>(lane, eta, first_row, rows, panel_number, width);
            if constexpr (Gradient)
                for (std::size_t n = 0; n < Count; ++n)
                    products_backward(n, eta[n], lane, first_row, rows, first_gene, width);
        }
    }

    [[nodiscard]] Index first_panel(Lane lane) const { return panel_count(genes) * lane.number / lanes; }
    [[nodiscard]] Index last_panel(Lane lane) const { return panel_count(genes) * (lane.number + 1) / lanes; }

    /// Works through one lane's panels.
    template <class Likelihood, bool Gradient>
    void lane(Lane lane) const {
        const auto rows = static_cast<Index>(hidden.extent(0));
        std::fill_n(&lane_log_prob(lane.number, 0), rows, 0.0);
        if constexpr (Gradient)
            std::fill_n(&lane_d_hidden(lane.number, 0, 0), rows * static_cast<Index>(hidden.extent(1)), Real(0));
        for (Index p = first_panel(lane); p < last_panel(lane); ++p) panel<Likelihood, Gradient>(lane, p);
    }
};

/// Calls work(lane) for every lane of a pass; threads take the next lane as they are free.
template <class Exec, class OutputPass, class Work>
void for_each_lane(const Exec& exec, KernelLabel label, const OutputPass& pass, const Work& work) {
    const auto numbered = [threads = pass.threads, work](const Index number) {
        threads.with([&](const Index thread) { work(Lane{number, thread}); });
    };
    Kokkos::parallel_for(
        label, Kokkos::RangePolicy<Exec, Kokkos::Schedule<Kokkos::Dynamic>>(exec, 0, pass.lanes).set_chunk_size(1),
        numbered);
}

/// Adds the lanes' sums in order. Arguments as in run_on_host.
template <bool Gradient, class Real, class Exec, std::size_t Count, class LogProbView, class HiddenView>
void add_lanes(const Exec& exec, const HostOutputPass<Real, Exec, Count>& pass, const LogProbView& log_prob,
               const HiddenView& d_hidden) {
    const auto rows = static_cast<Index>(pass.hidden.extent(0));
    const Index cost = pass.lanes * (Gradient ? static_cast<Index>(pass.hidden.size()) / 4 : rows);
    for_each_index(exec, KernelLabel("cellvae::output_layer::sums"), rows, cost, [=](const Index row) {
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
    pass.round_hidden(exec);
    for_each_lane(exec, KernelLabel("cellvae::output_layer"), pass,
                  [=](const Lane lane) { pass.template lane<Likelihood, Gradient>(lane); });
    add_lanes<Gradient>(exec, pass, log_prob, d_hidden);
}

}  // namespace cellvae::nn_detail
