// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>

#include "cellvae/nn/input_noise.hpp"
#include "cellvae/nn/input_shift.hpp"
#include "cellvae/nn/linear.hpp"

namespace cellvae {

namespace nn_detail {

template <class Real, class Exec, class Slice>
void sparse_forward(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& weight, const Slice& bias,
                    const Slice& y) {
    const auto columns = batch.columns;
    const auto inputs = batch.inputs;
    const auto outputs = static_cast<Index>(y.extent(1));
    if constexpr (runs_on_host<Exec>) {
        // A block of rows takes the panels of genes in turn, so that a panel's weights are read once a block and not
        // once a row. A row's sum runs over its genes in their order, however many rows are in a block.
        const auto panel_offsets = batch.panel_offsets;
        const Index rows = batch.cells();
        const Index panels = panel_count(batch.genes());
        const Index block = rows / exec.concurrency() + 1;
        Kokkos::parallel_for(
            KernelLabel("cellvae::sparse_forward"),
            Kokkos::RangePolicy<Exec>(exec, 0, (rows + block - 1) / block).set_chunk_size(1), [=](const Index task) {
                const Index first = task * block;
                const Index last = first + block < rows ? first + block : rows;
                for (Index row = first; row < last; ++row)
                    for (Index o = 0; o < outputs; ++o) y(row, o) = bias(0, o);
                for (Index panel = 0; panel < panels; ++panel)
                    for (Index row = first; row < last; ++row) {
                        Real* sums = &y(row, 0);
                        for (Index k = panel_offsets(row, panel); k < panel_offsets(row, panel + 1); ++k) {
                            const Real value = inputs(k);
                            const Real* gene_weights = &weight(columns(k), 0);
                            for (Index o = 0; o < outputs; ++o) sums[o] += value * gene_weights[o];
                        }
                    }
            });
    } else {
        const auto row_offsets = batch.row_offsets;
        for_each_row(
            exec, KernelLabel("cellvae::sparse_forward"), batch.cells(), static_cast<Index>(y.size()),
            KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
                along.columns(outputs, [&](const Index o) {
                    Real sum = bias(0, o);
                    for (Index k = row_offsets(row); k < row_offsets(row + 1); ++k)
                        sum += inputs(k) * weight(columns(k), o);
                    y(row, o) = sum;
                });
            });
    }
}

template <class Real, class Exec, class Slice>
void sparse_backward(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& d_y, const Slice& d_weight) {
    const auto panel_offsets = batch.panel_offsets;
    const auto columns = batch.columns;
    const auto inputs = batch.inputs;
    const auto outputs = static_cast<Index>(d_y.extent(1));
    const Index genes = batch.genes();
    const Index rows = batch.cells();
    if constexpr (runs_on_host<Exec>) {
        Kokkos::parallel_for(
            KernelLabel("cellvae::sparse_backward"),
            Kokkos::RangePolicy<Exec, Kokkos::Schedule<Kokkos::Dynamic>>(exec, 0, panel_count(genes)).set_chunk_size(1),
            [=](const Index panel) {
                const Index begin = panel * genes_per_panel;
                const Index end = begin + genes_per_panel < genes ? begin + genes_per_panel : genes;
                for (Index gene = begin; gene < end; ++gene)
                    for (Index o = 0; o < outputs; ++o) d_weight(gene, o) = 0;
                for (Index row = 0; row < rows; ++row) {
                    const Real* d_row = &d_y(row, 0);
                    for (Index k = panel_offsets(row, panel); k < panel_offsets(row, panel + 1); ++k) {
                        const Real value = inputs(k);
                        Real* target = &d_weight(columns(k), 0);
                        for (Index o = 0; o < outputs; ++o) target[o] += value * d_row[o];
                    }
                }
            });
    } else {
        for_each_row(
            exec, KernelLabel("cellvae::sparse_backward"), panel_count(genes), static_cast<Index>(d_weight.size()),
            KOKKOS_LAMBDA(const Index panel, const KernelRow<Exec>& along) {
                const Index begin = panel * genes_per_panel;
                const Index end = begin + genes_per_panel < genes ? begin + genes_per_panel : genes;
                // one thread an output: it alone touches that column of the panel's gradient
                along.columns(outputs, [&](const Index o) {
                    for (Index gene = begin; gene < end; ++gene) d_weight(gene, o) = 0;
                    for (Index row = 0; row < rows; ++row)
                        for (Index k = panel_offsets(row, panel); k < panel_offsets(row, panel + 1); ++k)
                            d_weight(columns(k), o) += inputs(k) * d_y(row, o);
                });
            });
    }
}

/// y (clusters x cells rows): row k * cells + cell becomes the cell's row, which stands in the first block, plus that
/// of cluster k.
template <class Real, class Exec, class Slice>
void add_clusters(const Exec& exec, const Slice& cluster_weight, Index cells, const Slice& y) {
    for_each_row(
        exec, KernelLabel("cellvae::add_clusters"), cells, static_cast<Index>(y.size()) / 2,
        KOKKOS_LAMBDA(const Index cell, const KernelRow<Exec>& along) {
            for (Index k = static_cast<Index>(cluster_weight.extent(0));
                 k-- > 0;)  // the first block last: all others read it
                along.columns(static_cast<Index>(y.extent(1)),
                              [&](const Index o) { y(k * cells + cell, o) = y(cell, o) + cluster_weight(k, o); });
        });
}

/// d_cluster_weight (clusters x outputs): each cluster's rows summed in the cells' order; and the first block of d_y
/// becomes the sum of all blocks.
template <class Real, class Exec, class Slice>
void add_clusters_backward(const Exec& exec, const Slice& d_y, Index cells, const Slice& d_cluster_weight) {
    const auto clusters = static_cast<Index>(d_cluster_weight.extent(0));
    for_each_index(
        exec, KernelLabel("cellvae::add_clusters_backward"), clusters * static_cast<Index>(d_y.extent(1)),
        static_cast<Index>(d_y.size()), KOKKOS_LAMBDA(const Index i) {
            const Index k = i % clusters;
            const Index o = i / clusters;
            Real sum = 0;
            for (Index cell = 0; cell < cells; ++cell) sum += d_y(k * cells + cell, o);
            d_cluster_weight(k, o) = sum;
        });
    for_each_row(
        exec, KernelLabel("cellvae::sum_clusters"), cells, static_cast<Index>(d_y.size()) / 2,
        KOKKOS_LAMBDA(const Index cell, const KernelRow<Exec>& along) {
            for (Index k = 1; k < clusters; ++k)
                along.columns(static_cast<Index>(d_y.extent(1)),
                              [&](const Index o) { d_y(cell, o) += d_y(k * cells + cell, o); });
        });
}

/// y (cells x outputs or more rows): each cell's row += the row of its condition.
template <class Real, class Exec, class Slice>
void add_conditions(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& condition_weight,
                    const Slice& y) {
    const auto condition = batch.condition;
    for_each_element(
        exec, KernelLabel("cellvae::add_conditions"), batch.cells(), static_cast<Index>(y.extent(1)),
        static_cast<Index>(y.size()) / 2,
        KOKKOS_LAMBDA(const Index cell, const Index o) { y(cell, o) += condition_weight(condition(cell), o); });
}

/// d_condition_weight (conditions x outputs): the rows of each condition's cells summed in the cells' order.
template <class Real, class Exec, class Slice>
void add_conditions_backward(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& d_y,
                             const Slice& d_condition_weight) {
    const auto condition = batch.condition;
    const Index cells = batch.cells();
    const auto outputs = static_cast<Index>(d_y.extent(1));
    for_each_index(
        exec, KernelLabel("cellvae::add_conditions_backward"), outputs, static_cast<Index>(d_y.size()),
        KOKKOS_LAMBDA(const Index o) {
            for (Index c = 0; c < static_cast<Index>(d_condition_weight.extent(0)); ++c)
                d_condition_weight(c, o) = Real(0);
            for (Index cell = 0; cell < cells; ++cell) d_condition_weight(condition(cell), o) += d_y(cell, o);
        });
}

}  // namespace nn_detail

/// The first layer of an encoder: y = x W + b for the sparse cells of a minibatch. Forward and backward touch nonzeros
/// alone, and the dense input never exists. `weight` is stored genes x outputs, so that a gene's weights lie together.
///
/// With clusters the layer sees the cell and a cluster: y has a row for each pair, clusters x cells, the product with
/// the cell is taken once and the cluster's row of `cluster_weight` (clusters x outputs) added. Or it is given how much
/// of each cluster a cell is (memberships, cells x clusters): then y has a row a cell, and the clusters' rows are added
/// in these proportions.
///
/// With conditions each cell's row gets that of its condition, of `condition_weight` (conditions x outputs): as if the
/// input had the condition as one-hot columns besides the genes.
///
/// Without clusters, dense rows of inputs may be given beside the cells: y has their rows after the cells'.
/// They have no condition.
template <class Real, class Exec>
class SparseLinear {
public:
    using Slice = MatrixSlice<Real, typename Exec::memory_space>;

    SparseLinear(ParameterStore<Real, Exec>& store, const std::string& name, Index genes, Index outputs,
                 Index clusters = 0, Index conditions = 0)
        : genes_(genes),
          outputs_(outputs),
          weight_(store.add(name + "/weight", genes, outputs)),
          bias_(store.add(name + "/bias", 1, outputs)),
          cluster_weight_(clusters == 0 ? -1 : store.add(name + "/cluster_weight", clusters, outputs)),
          condition_weight_(conditions == 0 ? -1 : store.add(name + "/condition_weight", conditions, outputs)) {}

    /// Weights and biases uniform in +-1/sqrt(genes), as PyTorch's linear layers start.
    void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, std::uint64_t seed) const {
        const double limit = 1.0 / std::sqrt(static_cast<double>(genes_));
        nn_detail::fill_uniform(exec, store, weight_, limit, seed);
        nn_detail::fill_uniform(exec, store, bias_, limit, seed);
        if (condition_weight_ >= 0) nn_detail::fill_uniform(exec, store, condition_weight_, limit, seed);
        // on the scale of a layer with a handful of inputs: a cluster must be seen beside thousands of genes
        if (cluster_weight_ >= 0) nn_detail::fill_uniform(exec, store, cluster_weight_, 0.5, seed);
    }

    /// Makes the memory for noise on the inputs, and for the shift of standardised ones.
    void reserve(const Exec& exec) {
        const auto outputs = static_cast<std::size_t>(outputs_);
        panel_sums_ = nn_detail::PanelSums<Exec>(
            Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, "cellvae::sparse_linear::panel_sums"),
            static_cast<std::size_t>(panel_count(genes_)), outputs);
        if constexpr (runs_on_host<Exec>)
            memory_ = Matrix<Real, typename Exec::memory_space>(
                Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, "cellvae::sparse_linear::memory"),
                nn_detail::input_noise_tasks, nn_detail::input_noise_memory<Real>);
    }

    /// @param y cells x outputs, or clusters x cells x outputs, or (cells + extra rows) x outputs; overwritten
    /// @param memberships cells x clusters, or empty: all pairs of a cluster and a cell
    /// @param extra extra rows x genes, or empty
    void forward(const Pass<Real, Exec>& pass, const Slice& y, const Slice& memberships = Slice(),
                 const Slice& extra = Slice()) const {
        nn_detail::sparse_forward(pass.exec, *pass.batch, pass.parameters->value(weight_),
                                  pass.parameters->value(bias_), y);
        if (condition_weight_ >= 0)
            nn_detail::add_conditions(pass.exec, *pass.batch, pass.parameters->value(condition_weight_), y);
        if (has_shift(pass))
            nn_detail::subtract_shift(pass.exec, *pass.batch, pass.parameters->value(weight_), panel_sums_, y);
        if (pass.input_noise > 0) nn_detail::input_noise_forward(pass, pass.parameters->value(weight_), y, memory_);
        if (cluster_weight_ >= 0) add_clusters(pass, y, memberships);
        if (extra.extent(0) == 0) return;
        const Slice y_extra = extra_rows(pass, y, extra);
        nn_detail::fill_rows(pass.exec, y_extra, pass.parameters->value(bias_));
        pass.products->template multiply<Operand::as_is, Operand::as_is>(pass.exec, y_extra, extra,
                                                                         pass.parameters->value(weight_), true);
    }

    /// Writes the gradients of its parameters; they are overwritten.
    /// @param d_y as y in forward(); with clusters its first block is used for sums
    /// @param memberships as in forward() @param d_memberships cells x clusters, overwritten; not written without
    /// memberships
    /// @param extra as in forward() @param d_extra extra rows x genes, overwritten with their gradient
    void backward(const Pass<Real, Exec>& pass, const Slice& d_y, const Slice& memberships = Slice(),
                  const Slice& d_memberships = Slice(), const Slice& extra = Slice(),
                  const Slice& d_extra = Slice()) const {
        const Index cells = pass.batch->cells();
        if (cluster_weight_ >= 0 && memberships.extent(0) == 0)
            nn_detail::add_clusters_backward<Real>(pass.exec, d_y, cells, pass.parameters->gradient(cluster_weight_));
        if (cluster_weight_ >= 0 && memberships.extent(0) != 0) {
            pass.products->template multiply<Operand::transposed, Operand::as_is>(
                pass.exec, pass.parameters->gradient(cluster_weight_), memberships, d_y);
            pass.products->template multiply<Operand::as_is, Operand::transposed>(
                pass.exec, d_memberships, d_y, pass.parameters->value(cluster_weight_));
        }
        const Slice d_cells(d_y.data(), static_cast<std::size_t>(cells), d_y.extent(1));
        nn_detail::sparse_backward(pass.exec, *pass.batch, d_cells, pass.parameters->gradient(weight_));
        if (condition_weight_ >= 0)
            nn_detail::add_conditions_backward(pass.exec, *pass.batch, d_cells,
                                               pass.parameters->gradient(condition_weight_));
        nn_detail::sum_rows(pass.exec, d_cells, pass.parameters->gradient(bias_));
        if (has_shift(pass))
            nn_detail::subtract_shift_backward(pass.exec, *pass.batch, pass.parameters->gradient(bias_),
                                               pass.parameters->gradient(weight_));
        if (pass.input_noise > 0)
            nn_detail::input_noise_backward(pass, d_cells, pass.parameters->gradient(weight_), memory_);
        if (extra.extent(0) == 0) return;
        const Slice d_y_extra = extra_rows(pass, d_y, extra);
        pass.products->template multiply<Operand::transposed, Operand::as_is>(
            pass.exec, pass.parameters->gradient(weight_), extra, d_y_extra, true);
        pass.products->template multiply<Operand::as_is, Operand::transposed>(pass.exec, d_extra, d_y_extra,
                                                                              pass.parameters->value(weight_));
        nn_detail::sum_rows(pass.exec, d_y, pass.parameters->gradient(bias_));
    }

private:
    [[nodiscard]] static bool has_shift(const Pass<Real, Exec>& pass) { return pass.batch->input_shift.extent(0) != 0; }

    void add_clusters(const Pass<Real, Exec>& pass, const Slice& y, const Slice& memberships) const {
        const Slice cluster_weight = pass.parameters->value(cluster_weight_);
        if (memberships.extent(0) == 0)
            nn_detail::add_clusters<Real>(pass.exec, cluster_weight, pass.batch->cells(), y);
        else
            pass.products->template multiply<Operand::as_is, Operand::as_is>(pass.exec, y, memberships, cluster_weight,
                                                                             true);
    }

    [[nodiscard]] Slice extra_rows(const Pass<Real, Exec>& pass, const Slice& y, const Slice& extra) const {
        const Index cells = pass.batch->cells();
        require_size(static_cast<Index>(y.extent(0)), cells + static_cast<Index>(extra.extent(0)),
                     "rows of the first layer, extra inputs among them");
        return Slice(y.data() + cells * static_cast<Index>(y.extent(1)), extra.extent(0), y.extent(1));
    }

    Index genes_;
    Index outputs_;
    int weight_;
    int bias_;
    int cluster_weight_;
    int condition_weight_;
    Matrix<Real, typename Exec::memory_space> memory_;
    nn_detail::PanelSums<Exec> panel_sums_;
};

}  // namespace cellvae
