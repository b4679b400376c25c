// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <utility>

#include "cellvae/data/minibatch.hpp"
#include "cellvae/nn/likelihood_pass.hpp"
#include "cellvae/nn/pass.hpp"

// The output layer on a device: wide panels, whole products of the vendor's library, and one kernel a stage. It runs on
// host backends as well, where tests hold it against the other.

namespace cellvae::nn_detail {

/// Genes of one wide panel: a multiple of genes_per_panel, wide enough to fill a device.
inline constexpr Index device_panel_width = 32 * genes_per_panel;

/// The device's arrays for one wide panel.
template <class Real, class Space, std::size_t Count>
struct DevicePanel {
    Kokkos::View<Real***, Kokkos::LayoutRight, Space> eta;  ///< parameters x rows x genes: parameters, then gradients
    Matrix<Real, Space> log_prob;                           ///< rows x genes
    Kokkos::View<Real***, Kokkos::LayoutRight, Space>
        found;  ///< (parameters + 1) x samples x nonzeros: results at the nonzeros
};

/// What every kernel of one wide panel is given.
template <class Likelihood, class Real, class Exec>
struct DeviceStage {
    static constexpr std::size_t count = parameter_count<Likelihood>;
    using Space = typename Exec::memory_space;

    DevicePanel<Real, Space, count> panel;
    Heads<Real, count> heads;
    Minibatch<Real, Exec> batch;
    RowCells<Space> row_cells;
    VectorSlice<const Real, Space> weights;
    Index first_gene;
    Index width;
    Index rows;

    /// 0 where no gradient is asked for.
    KOKKOS_INLINE_FUNCTION Real weight(Index row) const { return weights.extent(0) == 0 ? Real(0) : weights(row); }

    KOKKOS_INLINE_FUNCTION Parameters<Real, count> parameters(Index row, Index gene) const {
        Parameters<Real, count> eta{};
        for (std::size_t n = 0; n < count; ++n) eta[n] = panel.eta(n, row, gene);
        return eta;
    }
};

/// Biases, shared values and offsets: what the products are added to.
template <class Stage, class Exec>
void device_start(const Exec& exec, const Stage& stage) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::output_layer::start"),
        Kokkos::MDRangePolicy<Exec, Kokkos::Rank<2>, Kokkos::IndexType<Index>>(exec, {0, 0}, {stage.rows, stage.width}),
        KOKKOS_LAMBDA(const Index row, const Index gene) {
            for (std::size_t n = 0; n < Stage::count; ++n) {
                auto value = stage.heads[n].bias[stage.first_gene + gene];
                if (stage.heads[n].adds_library) value += stage.batch.log_library(stage.row_cells.cell(row));
                stage.panel.eta(n, row, gene) = value;
            }
        });
}

/// The nonzeros' results, kept aside before the pass over all entries overwrites their parameters.
template <class Likelihood, class Stage, class Exec>
void device_nonzeros(const Exec& exec, const Stage& stage) {
    using Member = typename Kokkos::TeamPolicy<Exec>::member_type;
    Kokkos::parallel_for(
        KernelLabel("cellvae::output_layer::nonzeros"),
        Kokkos::TeamPolicy<Exec>(exec, static_cast<int>(stage.rows), Kokkos::AUTO), KOKKOS_LAMBDA(const Member& team) {
            const Index row = team.league_rank();
            const Index cell = stage.row_cells.cell(row);
            const Index sample = stage.row_cells.block(row);
            const Index first_panel = stage.first_gene / genes_per_panel;
            const Index begin = stage.batch.panel_offsets(cell, first_panel);
            const Index end = stage.batch.panel_offsets(cell, first_panel + panel_count(stage.width));
            Kokkos::parallel_for(Kokkos::TeamThreadRange(team, begin, end), [&](const Index k) {
                const auto eta = stage.parameters(row, stage.batch.columns(k) - stage.first_gene);
                const auto result =
                    bounded_log_prob<Likelihood>(stage.batch.targets(k), eta, stage.heads, stage.weight(row));
                for (std::size_t n = 0; n < Stage::count; ++n) stage.panel.found(n, sample, k) = result.d_log_prob[n];
                stage.panel.found(Stage::count, sample, k) = result.value;
            });
        });
}

/// Every entry as if its count were zero.
template <class Likelihood, class Stage, class Exec>
void device_zeros(const Exec& exec, const Stage& stage) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::output_layer::zeros"),
        Kokkos::MDRangePolicy<Exec, Kokkos::Rank<2>, Kokkos::IndexType<Index>>(exec, {0, 0}, {stage.rows, stage.width}),
        KOKKOS_LAMBDA(const Index row, const Index gene) {
            const auto result =
                bounded_log_prob<Likelihood>(Zero{}, stage.parameters(row, gene), stage.heads, stage.weight(row));
            for (std::size_t n = 0; n < Stage::count; ++n) stage.panel.eta(n, row, gene) = result.d_log_prob[n];
            stage.panel.log_prob(row, gene) = result.value;
        });
}

/// The nonzeros' results come to their places, and each row is summed.
template <class Stage, class Exec, class LogProbView>
void device_rows(const Exec& exec, const Stage& stage, const LogProbView& log_prob) {
    using Member = typename Kokkos::TeamPolicy<Exec>::member_type;
    Kokkos::parallel_for(
        KernelLabel("cellvae::output_layer::rows"),
        Kokkos::TeamPolicy<Exec>(exec, static_cast<int>(stage.rows), Kokkos::AUTO), KOKKOS_LAMBDA(const Member& team) {
            const Index row = team.league_rank();
            const Index cell = stage.row_cells.cell(row);
            const Index sample = stage.row_cells.block(row);
            const Index first_panel = stage.first_gene / genes_per_panel;
            const Index begin = stage.batch.panel_offsets(cell, first_panel);
            const Index end = stage.batch.panel_offsets(cell, first_panel + panel_count(stage.width));
            Kokkos::parallel_for(Kokkos::TeamThreadRange(team, begin, end), [&](const Index k) {
                const Index gene = stage.batch.columns(k) - stage.first_gene;
                for (std::size_t n = 0; n < Stage::count; ++n)
                    stage.panel.eta(n, row, gene) = stage.panel.found(n, sample, k);
                stage.panel.log_prob(row, gene) = stage.panel.found(Stage::count, sample, k);
            });
            team.team_barrier();
            double sum = 0;
            Kokkos::parallel_reduce(
                Kokkos::TeamThreadRange(team, stage.width),
                [&](const Index gene, double& partial) {
                    partial += static_cast<double>(stage.panel.log_prob(row, gene));
                },
                sum);
            Kokkos::single(Kokkos::PerTeam(team), [&]() { log_prob(row) += sum; });
        });
}

/// The gradients of biases and shared values: columns' sums in the rows' order.
template <class Stage, class Exec>
void device_biases(const Exec& exec, const Stage& stage) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::output_layer::biases"), Kokkos::RangePolicy<Exec>(exec, 0, stage.width),
        KOKKOS_LAMBDA(const Index gene) {
            for (std::size_t n = 0; n < Stage::count; ++n) {
                auto sum = stage.panel.eta(n, 0, gene);
                for (Index row = 1; row < stage.rows; ++row) sum += stage.panel.eta(n, row, gene);
                stage.heads[n].d_bias[stage.first_gene + gene] = sum;
            }
        });
}

/// Arguments as in run_on_host.
template <class Likelihood, bool Gradient, class Real, class Exec, std::size_t Count, class HiddenView,
          class WeightsView, class LogProbView>
void run_on_device(const Pass<Real, Exec>& pass, const DevicePanel<Real, typename Exec::memory_space, Count>& panel,
                   const Heads<Real, Count>& heads, const HiddenView& hidden, const WeightsView& weights,
                   const LogProbView& log_prob, const HiddenView& d_hidden) {
    using Space = typename Exec::memory_space;
    using Slice = MatrixSlice<Real, Space>;
    const auto& exec = pass.exec;
    const Index genes = pass.batch->genes();
    const auto rows = static_cast<Index>(hidden.extent(0));
    const auto depth = hidden.extent(1);
    fill(exec, KernelLabel("cellvae::output_layer::clear"), log_prob, 0.0);
    if constexpr (Gradient) fill(exec, KernelLabel("cellvae::output_layer::clear"), d_hidden, Real(0));
    for (Index first_gene = 0; first_gene < genes; first_gene += device_panel_width) {
        const Index width = std::min(device_panel_width, genes - first_gene);
        const auto block_width = static_cast<std::size_t>(width);
        const DeviceStage<Likelihood, Real, Exec> stage{panel,   heads,      *pass.batch, pass.row_cells(),
                                                        weights, first_gene, width,       rows};
        const auto eta = [&](std::size_t n) {
            return Kokkos::subview(panel.eta, n, std::make_pair(Index{0}, rows), std::make_pair(Index{0}, width));
        };
        const auto weight = [&](std::size_t n) {
            return Slice(const_cast<Real*>(heads[n].weight) + first_gene * static_cast<Index>(depth), block_width,
                         depth);
        };
        device_start(exec, stage);
        for (std::size_t n = 0; n < Count; ++n)
            if (heads[n].weight != nullptr)
                pass.products->template multiply<Operand::as_is, Operand::transposed>(exec, eta(n), hidden, weight(n),
                                                                                      true);
        device_nonzeros<Likelihood>(exec, stage);
        device_zeros<Likelihood>(exec, stage);
        device_rows(exec, stage, log_prob);
        if constexpr (Gradient) {
            device_biases(exec, stage);
            for (std::size_t n = 0; n < Count; ++n) {
                if (heads[n].weight == nullptr) continue;
                const Slice d_weight(heads[n].d_weight + first_gene * static_cast<Index>(depth), block_width, depth);
                pass.products->template multiply<Operand::transposed, Operand::as_is>(exec, d_weight, eta(n), hidden);
                pass.products->template multiply<Operand::as_is, Operand::as_is>(exec, d_hidden, eta(n), weight(n),
                                                                                 true);
            }
        }
    }
}

}  // namespace cellvae::nn_detail
