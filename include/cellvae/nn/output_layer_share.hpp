// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

#include "cellvae/math/log_mean_exp.hpp"
#include "cellvae/nn/output_layer_host.hpp"

// The output layer on the host where one head goes through a log-softmax over the genes: that head's values are needed
// for all genes at once, and its gradient d_g - s_g sum(d) once more. They are kept for one block of rows at a time, so
// that memory grows with the genes but not with the rows; everything else is in the threads' own. Each block is
// three passes over the lanes: logits and their log-sum-exp, the likelihood, and the gradient of the logits.

namespace cellvae::nn_detail {

/// What the passes over one block of rows keep for the head that becomes a share. Panels lie one after another, so that
/// a block of a panel looks as it does in a thread's memory.
template <class Real, class Space>
struct HostShare {
    using Panels = Kokkos::View<Real***, Kokkos::LayoutRight, Space>;

    Panels parameters;             ///< panels x rows_per_block x genes_per_panel: logits, log shares, the gradient
    Panels exponentials;           ///< the same shape: of each logit less the largest of its panel and row
    Matrix<Real, Space> largest;   ///< panels x rows_per_block
    Matrix<double, Space> part;    ///< lanes x (3 rows_per_block): largest logits, sums of exponentials, sums of d
    Vector<Real, Space> combined;  ///< 2 rows_per_block: log-sum-exp, sum of d

    HostShare() = default;

    template <class Exec>
    HostShare(const Exec& exec, Index genes)
        : parameters(blocks(exec, "cellvae::output_layer::logits", genes)),
          exponentials(blocks(exec, "cellvae::output_layer::exponentials", genes)),
          largest(Kokkos::view_alloc(exec, "cellvae::output_layer::largest"),
                  static_cast<std::size_t>(panel_count(genes)), static_cast<std::size_t>(rows_per_block)),
          part(Kokkos::view_alloc(exec, "cellvae::output_layer::share_part"),
               static_cast<std::size_t>(lane_count(genes)), static_cast<std::size_t>(3 * rows_per_block)),
          combined(Kokkos::view_alloc(exec, "cellvae::output_layer::share_combined"),
                   static_cast<std::size_t>(2 * rows_per_block)) {}

private:
    template <class Exec>
    static Panels blocks(const Exec& exec, const char* label, Index genes) {
        return Panels(Kokkos::view_alloc(exec, std::string(label)), static_cast<std::size_t>(panel_count(genes)),
                      static_cast<std::size_t>(rows_per_block), static_cast<std::size_t>(genes_per_panel));
    }
};

/// Of `count` values, at least one. Sixteen side by side, in a fixed order, so that the loops vectorise.
/// @param exponentials of the values less the largest: `count`, written where `Keep`
template <bool Keep, class Real>
LogMeanExp log_mean_exp_of(const Real* KOKKOS_RESTRICT values, Index count, Real* KOKKOS_RESTRICT exponentials) {
    constexpr Index width = 16;
    const Index whole = count / width * width;
    Real most[width], sums[width] = {};
    for (Real& each : most) each = values[0];
    for (Index i = 0; i < whole; i += width)
        for (Index j = 0; j < width; ++j) most[j] = values[i + j] > most[j] ? values[i + j] : most[j];
    for (Index i = whole; i < count; ++i) most[0] = values[i] > most[0] ? values[i] : most[0];
    const Real largest = *std::max_element(most, most + width);
    const auto exponential = [&](Index i) {
        const Real value = math::exp(values[i] - largest);
        if constexpr (Keep) exponentials[i] = value;
        return value;
    };
    for (Index i = 0; i < whole; i += width)
        for (Index j = 0; j < width; ++j) sums[j] += exponential(i + j);
    for (Index i = whole; i < count; ++i) sums[0] += exponential(i);
    double sum = 0;
    for (const Real part : sums) sum += static_cast<double>(part);
    return {static_cast<double>(largest), sum};
}

/// The passes over one block of rows.
template <class Real, class Exec, std::size_t Count>
struct HostSharePass {
    HostOutputPass<Real, Exec, Count> all;
    HostShare<Real, typename Exec::memory_space> memory;
    std::size_t head = 0;  ///< the one that becomes a share
    Index first_row = 0;
    Index rows = 0;

    [[nodiscard]] Real& log_sum_exp(Index row) const { return memory.combined(row); }
    [[nodiscard]] Real& d_sum(Index row) const { return memory.combined(rows_per_block + row); }

    [[nodiscard]] Index width(Index panel) const {
        return std::min(genes_per_panel, all.genes - panel * genes_per_panel);
    }

    /// Before the first block adds to a panel's gradient: it is in the cache when that is done.
    void clear_gradient(std::size_t n, Index first_gene, Index genes) const {
        if (first_row == 0) all.clear_gradient(all.heads[n], first_gene, genes);
    }

    template <bool Gradient>
    void logits(Lane lane) const {
        const auto depth = static_cast<Index>(all.hidden.extent(1));
        std::fill_n(&all.lane_log_prob(lane.number, first_row), rows, 0.0);
        if constexpr (Gradient) std::fill_n(&all.lane_d_hidden(lane.number, first_row, 0), rows * depth, Real(0));
        LogMeanExp sums[rows_per_block];
        for (Index p = all.first_panel(lane); p < all.last_panel(lane); ++p) {
            Real* values = &memory.parameters(p, 0, 0);
            all.round_weights(head, lane, p * genes_per_panel, width(p));
            all.decode(head, values, lane, first_row, rows, p * genes_per_panel, width(p));
            for (Index r = 0; r < rows; ++r) {
                const auto found =
                    log_mean_exp_of<Gradient>(values + r * genes_per_panel, width(p), &memory.exponentials(p, r, 0));
                memory.largest(p, r) = static_cast<Real>(found.largest);
                sums[r].add(found);
            }
        }
        for (Index r = 0; r < rows; ++r) {
            memory.part(lane.number, r) = sums[r].largest;
            memory.part(lane.number, rows_per_block + r) = sums[r].sum;
        }
    }

    void combine_logits(Index row) const {
        LogMeanExp sum;
        for (Index lane = 0; lane < all.lanes; ++lane)
            sum.add(LogMeanExp{memory.part(lane, row), memory.part(lane, rows_per_block + row)});
        log_sum_exp(row) = static_cast<Real>(sum.log_sum());
    }

    template <class Likelihood, bool Gradient>
    void likelihood(Lane lane) const {
        double sums[rows_per_block] = {};
        Kokkos::Array<Real*, Count> eta = all.block(lane);
        for (Index p = all.first_panel(lane); p < all.last_panel(lane); ++p) {
            const Index first_gene = p * genes_per_panel;
            eta[head] = &memory.parameters(p, 0, 0);
            for (Index r = 0; r < rows; ++r) {
                const Real offset = offset_of(all.heads[head], all.batch, all.row_cells.cell(first_row + r));
                const Real normaliser = log_sum_exp(r);
                Real* parameter = eta[head] + r * genes_per_panel;
                for (Index g = 0; g < width(p); ++g) parameter[g] = (parameter[g] - normaliser) + offset;
            }
            for (std::size_t n = 0; n < Count; ++n) {
                if (n == head) continue;
                if constexpr (Gradient) clear_gradient(n, first_gene, width(p));
                all.round_weights(n, lane, first_gene, width(p));
                all.decode(n, eta[n], lane, first_row, rows, first_gene, width(p));
            }
            all.template likelihood<Likelihood, Gradient>(lane, eta, first_row, rows, p, width(p));
            if constexpr (Gradient) {
                for (Index r = 0; r < rows; ++r) sums[r] += sum_in_order(eta[head] + r * genes_per_panel, width(p));
                for (std::size_t n = 0; n < Count; ++n)
                    if (n != head) all.products_backward(n, eta[n], lane, first_row, rows, first_gene, width(p));
            }
        }
        for (Index r = 0; r < rows; ++r) memory.part(lane.number, 2 * rows_per_block + r) = sums[r];
    }

    void combine_gradient(Index row) const {
        double sum = 0;
        for (Index lane = 0; lane < all.lanes; ++lane) sum += memory.part(lane, 2 * rows_per_block + row);
        d_sum(row) = static_cast<Real>(sum);
    }

    /// d_g - s_g sum(d), and from there on as for any head. A share is exp(logit - log_sum_exp).
    void logits_backward(Lane lane) const {
        const Head<Real>& own = all.heads[head];
        for (Index p = all.first_panel(lane); p < all.last_panel(lane); ++p) {
            const Index first_gene = p * genes_per_panel;
            clear_gradient(head, first_gene, width(p));
            Real* KOKKOS_RESTRICT d_bias = own.d_bias + first_gene;
            for (Index r = 0; r < rows; ++r) {
                const Real sum = math::exp(memory.largest(p, r) - log_sum_exp(r)) * d_sum(r);
                const Real* KOKKOS_RESTRICT exponential = &memory.exponentials(p, r, 0);
                Real* KOKKOS_RESTRICT d = &memory.parameters(p, r, 0);
                for (Index g = 0; g < width(p); ++g) {
                    d[g] -= exponential[g] * sum;
                    d_bias[g] += d[g];
                }
            }
            all.round_weights(head, lane, first_gene, width(p));
            all.products_backward(head, &memory.parameters(p, 0, 0), lane, first_row, rows, first_gene, width(p));
        }
    }
};

/// As run_on_host, for heads of which `head` becomes a share.
template <class Likelihood, bool Gradient, class Real, class Exec, std::size_t Count, class LogProbView,
          class HiddenView>
void run_share_on_host(const Exec& exec, const HostOutputPass<Real, Exec, Count>& all,
                       const HostShare<Real, typename Exec::memory_space>& memory, std::size_t head,
                       const LogProbView& log_prob, const HiddenView& d_hidden) {
    const auto all_rows = static_cast<Index>(all.hidden.extent(0));
    all.round_hidden(exec);
    for (Index first_row = 0; first_row < all_rows; first_row += rows_per_block) {
        const HostSharePass<Real, Exec, Count> pass{all, memory, head, first_row,
                                                    std::min(rows_per_block, all_rows - first_row)};
        const Kokkos::RangePolicy<Exec> block(exec, 0, pass.rows);
        for_each_lane(exec, KernelLabel("cellvae::output_layer::logits"), all,
                      [=](const Lane lane) { pass.template logits<Gradient>(lane); });
        Kokkos::parallel_for(KernelLabel("cellvae::output_layer::combine_logits"), block,
                             [=](const Index row) { pass.combine_logits(row); });
        for_each_lane(exec, KernelLabel("cellvae::output_layer::share"), all,
                      [=](const Lane lane) { pass.template likelihood<Likelihood, Gradient>(lane); });
        if constexpr (Gradient) {
            Kokkos::parallel_for(KernelLabel("cellvae::output_layer::combine_gradient"), block,
                                 [=](const Index row) { pass.combine_gradient(row); });
            for_each_lane(exec, KernelLabel("cellvae::output_layer::logits_backward"), all,
                          [=](const Lane lane) { pass.logits_backward(lane); });
        }
    }
    add_lanes<Gradient>(exec, all, log_prob, d_hidden);
}

}  // namespace cellvae::nn_detail
