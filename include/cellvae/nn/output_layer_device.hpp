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

/// Rows of one block where a head becomes a share, whose values are kept for all genes.
inline constexpr Index device_share_rows = 512;

/// The device's arrays for one wide panel and, where a head becomes a share, for one block of its rows.
template <class Real, class Space, std::size_t Count>
struct DevicePanel {
    using Array = Kokkos::View<Real***, Kokkos::LayoutRight, Space>;

    Array eta;                     ///< parameters x rows x genes: parameters, then gradients
    Matrix<Real, Space> log_prob;  ///< rows x genes
    Array found;                   ///< (parameters + 1) x samples x nonzeros: results at the nonzeros
    Matrix<Real, Space> logits;    ///< rows x all genes, of the head that becomes a share: logits, then log shares
    Matrix<Real, Space> d_logits;  ///< the same shape: the gradient
    DevicePanel() = default;

    template <class Exec>
    DevicePanel(const Exec& exec, std::size_t rows, std::size_t width, std::size_t samples, std::size_t nonzeros)
        : eta(Kokkos::view_alloc(exec, "cellvae::output_layer::eta"), Count, rows, width),
          log_prob(Kokkos::view_alloc(exec, "cellvae::output_layer::log_prob"), rows, width),
          found(Kokkos::view_alloc(exec, "cellvae::output_layer::found"), Count + 1, samples, nonzeros) {}

    template <class Exec>
    void reserve_share(const Exec& exec, std::size_t rows, std::size_t genes) {
        logits = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::output_layer::logits"), rows, genes);
        d_logits = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::output_layer::d_logits"), rows, genes);
    }
};

/// What every kernel of one wide panel is given. Rows are numbered inside the block.
template <class Likelihood, class Real, class Exec>
struct DeviceStage {
    static constexpr std::size_t count = parameter_count<Likelihood>;
    using Space = typename Exec::memory_space;

    DevicePanel<Real, Space, count> panel;
    Heads<Real, count> heads;
    Minibatch<Real, Exec> batch;
    RowCells<Space> row_cells;
    VectorSlice<const Real, Space> weights;
    Index first_row;
    Index rows;
    Index first_gene;
    Index width;

    /// 0 where no gradient is asked for.
    KOKKOS_INLINE_FUNCTION Real weight(Index row) const {
        return weights.extent(0) == 0 ? Real(0) : weights(first_row + row);
    }

    KOKKOS_INLINE_FUNCTION Index cell(Index row) const { return row_cells.cell(first_row + row); }
    KOKKOS_INLINE_FUNCTION Index sample(Index row) const { return row_cells.block(first_row + row); }

    KOKKOS_INLINE_FUNCTION Parameters<Real, count> parameters(Index row, Index gene) const {
        Parameters<Real, count> eta{};
        for (std::size_t n = 0; n < count; ++n) eta[n] = panel.eta(n, row, gene);
        return eta;
    }

    /// Where the nonzeros of a row's cell in this panel begin (0) and end (1).
    KOKKOS_INLINE_FUNCTION Index nonzeros(Index row, Index which) const {
        const Index first_panel = first_gene / genes_per_panel;
        return batch.panel_offsets(cell(row), which == 0 ? first_panel : first_panel + panel_count(width));
    }
};

/// Biases, shared values and offsets: what the products are added to. A share is complete with that.
template <class Stage, class Exec>
void device_start(const Exec& exec, const Stage& stage) {
    for_each_element(
        exec, KernelLabel("cellvae::output_layer::start"), stage.rows, stage.width, stage.rows * stage.width,
        KOKKOS_LAMBDA(const Index row, const Index gene) {
            for (std::size_t n = 0; n < Stage::count; ++n) {
                const auto& head = stage.heads[n];
                const Index column = stage.first_gene + gene;
                stage.panel.eta(n, row, gene) = (head.share ? stage.panel.logits(row, column) : head.bias[column]) +
                                                offset_of(head, stage.batch, stage.cell(row));
            }
        });
}

/// The nonzeros' results, kept aside before the pass over all entries overwrites their parameters.
template <class Likelihood, class Stage, class Exec>
void device_nonzeros(const Exec& exec, const Stage& stage) {
    for_each_row(
        exec, KernelLabel("cellvae::output_layer::nonzeros"), stage.rows, stage.rows * stage.width,
        KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const Index sample = stage.sample(row);
            const Index begin = stage.nonzeros(row, 0), end = stage.nonzeros(row, 1);
            along.columns(end - begin, [&](const Index nonzero) {
                const Index k = begin + nonzero;
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
    for_each_element(
        exec, KernelLabel("cellvae::output_layer::zeros"), stage.rows, stage.width, stage.rows * stage.width,
        KOKKOS_LAMBDA(const Index row, const Index gene) {
            const auto result =
                bounded_log_prob<Likelihood>(Zero{}, stage.parameters(row, gene), stage.heads, stage.weight(row));
            for (std::size_t n = 0; n < Stage::count; ++n) stage.panel.eta(n, row, gene) = result.d_log_prob[n];
            stage.panel.log_prob(row, gene) = result.value;
        });
}

/// The nonzeros' results come to their places, and each row is summed; a share's gradient is kept for the whole row.
template <class Stage, class Exec, class LogProbView>
void device_rows(const Exec& exec, const Stage& stage, const LogProbView& log_prob) {
    for_each_row(
        exec, KernelLabel("cellvae::output_layer::rows"), stage.rows, stage.rows * stage.width,
        KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const Index sample = stage.sample(row);
            const Index begin = stage.nonzeros(row, 0), end = stage.nonzeros(row, 1);
            along.columns(end - begin, [&](const Index nonzero) {
                const Index k = begin + nonzero;
                const Index gene = stage.batch.columns(k) - stage.first_gene;
                for (std::size_t n = 0; n < Stage::count; ++n)
                    stage.panel.eta(n, row, gene) = stage.panel.found(n, sample, k);
                stage.panel.log_prob(row, gene) = stage.panel.found(Stage::count, sample, k);
            });
            along.wait();
            const double sum = along.sum(stage.width, [&](const Index gene) {
                for (std::size_t n = 0; n < Stage::count; ++n)
                    if (stage.heads[n].share)
                        stage.panel.d_logits(row, stage.first_gene + gene) = stage.panel.eta(n, row, gene);
                return static_cast<double>(stage.panel.log_prob(row, gene));
            });
            along.once([&]() { log_prob(stage.first_row + row) += sum; });
        });
}

/// The gradients of biases and shared values, but for a share's: columns' sums in the rows' order.
template <class Stage, class Exec>
void device_biases(const Exec& exec, const Stage& stage) {
    for_each_index(
        exec, KernelLabel("cellvae::output_layer::biases"), stage.width, stage.rows * stage.width,
        KOKKOS_LAMBDA(const Index gene) {
            for (std::size_t n = 0; n < Stage::count; ++n) {
                if (stage.heads[n].share) continue;
                auto& d_bias = stage.heads[n].d_bias[stage.first_gene + gene];
                auto sum = stage.panel.eta(n, 0, gene);
                for (Index row = 1; row < stage.rows; ++row) sum += stage.panel.eta(n, row, gene);
                d_bias = stage.first_row == 0 ? sum : d_bias + sum;
            }
        });
}

/// Logits (rows x genes) = biases, or shared values.
template <class Real, class Exec, class LogitsView>
void device_logits_start(const Exec& exec, const Head<Real>& head, const LogitsView& logits) {
    for_each_element(
        exec, KernelLabel("cellvae::output_layer::logits_start"), static_cast<Index>(logits.extent(0)),
        static_cast<Index>(logits.extent(1)), static_cast<Index>(logits.size()),
        KOKKOS_LAMBDA(const Index row, const Index gene) { logits(row, gene) = head.bias[gene]; });
}

/// Each row of logits (rows x genes) becomes its log-softmax.
template <class Real, class Exec, class LogitsView>
void device_log_shares(const Exec& exec, const LogitsView& logits) {
    const auto genes = static_cast<Index>(logits.extent(1));
    for_each_row(
        exec, KernelLabel("cellvae::output_layer::log_shares"), static_cast<Index>(logits.extent(0)),
        static_cast<Index>(logits.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const auto largest =
                along.template largest<Real>(genes, [&](const Index gene) { return logits(row, gene); });
            const double sum = along.sum(
                genes, [&](const Index gene) { return static_cast<double>(math::exp(logits(row, gene) - largest)); });
            const auto normaliser = static_cast<Real>(static_cast<double>(largest) + Kokkos::log(sum));
            along.columns(genes, [&](const Index gene) { logits(row, gene) -= normaliser; });
        });
}

/// The gradient of the logits: d_g - s_g sum(d).
template <class Real, class Exec, class LogitsView>
void device_logits_backward(const Exec& exec, const LogitsView& log_shares, const LogitsView& d) {
    const auto genes = static_cast<Index>(d.extent(1));
    for_each_row(
        exec, KernelLabel("cellvae::output_layer::logits_backward"), static_cast<Index>(d.extent(0)),
        static_cast<Index>(d.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const double sum = along.sum(genes, [&](const Index gene) { return static_cast<double>(d(row, gene)); });
            along.columns(genes, [&](const Index gene) {
                d(row, gene) -= math::exp(log_shares(row, gene)) * static_cast<Real>(sum);
            });
        });
}

/// The gradient of a share's biases: columns' sums in the rows' order, on top of what is there with `accumulate`.
template <class Real, class Exec, class LogitsView>
void device_share_biases(const Exec& exec, const Head<Real>& head, const LogitsView& d, bool accumulate) {
    for_each_index(
        exec, KernelLabel("cellvae::output_layer::share_biases"), static_cast<Index>(d.extent(1)),
        static_cast<Index>(d.size()), KOKKOS_LAMBDA(const Index gene) {
            Real sum = accumulate ? head.d_bias[gene] : Real(0);
            for (Index row = 0; row < static_cast<Index>(d.extent(0)); ++row) sum += d(row, gene);
            head.d_bias[gene] = sum;
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
    const auto& products = *pass.products;
    const Index genes = pass.batch->genes();
    const auto all_rows = static_cast<Index>(hidden.extent(0));
    const auto depth = hidden.extent(1);
    const auto stride = static_cast<Index>(depth);
    std::size_t share = Count;  // the head that becomes one, if there is
    for (std::size_t n = 0; n < Count; ++n)
        if (heads[n].share) share = n;
    const Index block_rows = share == Count ? all_rows : device_share_rows;
    fill(exec, KernelLabel("cellvae::output_layer::clear"), log_prob, 0.0);
    if constexpr (Gradient) fill(exec, KernelLabel("cellvae::output_layer::clear"), d_hidden, Real(0));
    for (Index first_row = 0; first_row < all_rows; first_row += block_rows) {
        const Index rows = std::min(block_rows, all_rows - first_row);
        const auto block = [&](const HiddenView& matrix) {
            return Slice(matrix.data() + first_row * stride, static_cast<std::size_t>(rows), depth);
        };
        // the weights of some genes, or their gradient
        const auto weights_of = [&](const Real* start, Index first_gene, Index width) {
            return Slice(const_cast<Real*>(start) + first_gene * stride, static_cast<std::size_t>(width), depth);
        };
        const auto products_backward = [&](std::size_t n, const auto& d, Index first_gene, Index width) {
            if (heads[n].weight == nullptr) return;
            products.template multiply<Operand::transposed, Operand::as_is>(
                exec, weights_of(heads[n].d_weight, first_gene, width), d, block(hidden), first_row > 0);
            products.template multiply<Operand::as_is, Operand::as_is>(
                exec, block(d_hidden), d, weights_of(heads[n].weight, first_gene, width), true);
        };
        const auto all_genes = [&](const Matrix<Real, Space>& matrix) {
            return Slice(matrix.data(), static_cast<std::size_t>(rows), matrix.extent(1));
        };
        if (share < Count) {
            const Slice logits = all_genes(panel.logits);
            device_logits_start(exec, heads[share], logits);
            if (heads[share].weight != nullptr)
                products.template multiply<Operand::as_is, Operand::transposed>(
                    exec, logits, block(hidden), weights_of(heads[share].weight, 0, genes), true);
            device_log_shares<Real>(exec, logits);
        }
        for (Index first_gene = 0; first_gene < genes; first_gene += device_panel_width) {
            const Index width = std::min(device_panel_width, genes - first_gene);
            const DeviceStage<Likelihood, Real, Exec> stage{
                panel, heads, *pass.batch, pass.row_cells(), weights, first_row, rows, first_gene, width};
            const auto eta = [&](std::size_t n) {
                return Kokkos::subview(panel.eta, n, std::make_pair(Index{0}, rows), std::make_pair(Index{0}, width));
            };
            device_start(exec, stage);
            for (std::size_t n = 0; n < Count; ++n)
                if (heads[n].weight != nullptr && n != share)
                    products.template multiply<Operand::as_is, Operand::transposed>(
                        exec, eta(n), block(hidden), weights_of(heads[n].weight, first_gene, width), true);
            device_nonzeros<Likelihood>(exec, stage);
            device_zeros<Likelihood>(exec, stage);
            device_rows(exec, stage, log_prob);
            if constexpr (Gradient) {
                device_biases(exec, stage);
                for (std::size_t n = 0; n < Count; ++n)
                    if (n != share) products_backward(n, eta(n), first_gene, width);
            }
        }
        if constexpr (Gradient) {
            if (share < Count) {
                const Slice d = all_genes(panel.d_logits);
                device_logits_backward<Real>(exec, all_genes(panel.logits), d);
                device_share_biases(exec, heads[share], d, first_row > 0);
                products_backward(share, d, 0, genes);
            }
        }
    }
}

}  // namespace cellvae::nn_detail
