// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "cellvae/core/launch.hpp"
#include "cellvae/data/dataset.hpp"

namespace cellvae {

/// Genes are worked on in panels of this many, on every backend: the first layer's backward pass and the output layer
/// find a cell's nonzeros of a panel through `Minibatch::panel_offsets`. The number fixes the order of all sums over
/// genes.
inline constexpr Index genes_per_panel = 128;

[[nodiscard]] KOKKOS_INLINE_FUNCTION constexpr Index panel_count(Index genes) {
    return (genes + genes_per_panel - 1) / genes_per_panel;
}

/// The cells of one step on a backend. Its memory is made once, for the largest minibatch that a data set can give;
/// what is in use are the first cells() rows.
template <class Real, class Exec>
class Minibatch {
public:
    using Space = typename Exec::memory_space;

    /// @param most_cells the size of the largest minibatch
    /// @throws OptionError if that is not one cell or more
    Minibatch(const Exec& exec, const CellStatistics<Exec>& data, Index most_cells)
        : most_cells_(std::min(most_cells, data.cells())), genes_(data.genes()) {
        if (most_cells < 1) throw OptionError(message("a minibatch has at least one cell, found ", most_cells));
        take_facts(data);
        const auto rows = static_cast<std::size_t>(most_cells_);
        const auto nonzeros = static_cast<std::size_t>(data.most_nonzeros(most_cells_));
        const auto panels = static_cast<std::size_t>(panel_count(genes_));
        cell = Vector<Index, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::cell"), rows);
        row_offsets = Vector<Index, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::row_offsets"), rows + 1);
        columns = Vector<GeneIndex, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::columns"), nonzeros);
        inputs = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::inputs"), nonzeros);
        targets = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::targets"), nonzeros);
        panel_offsets =
            Matrix<Index, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::panel_offsets"), rows, panels + 1);
        log_library = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::log_library"), rows);
        log_total = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::log_total"), rows);
        base_measure = Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::base_measure"), rows);
        condition = Vector<std::int32_t, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::condition"), rows);
        label = Vector<std::int32_t, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::label"), rows);
        if (data.input_shift.extent(0) != 0) {
            input_shift = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::minibatch::input_shift"),
                                              data.input_shift.extent(0));
            Kokkos::deep_copy(exec, input_shift, data.input_shift);
        }
    }

    Vector<Index, Space> cell;           ///< the number of each row's cell in the data set
    Vector<Index, Space> row_offsets;    ///< cells() + 1
    Vector<GeneIndex, Space> columns;    ///< the gene of each nonzero
    Vector<Real, Space> inputs;          ///< what the encoder sees of each nonzero
    Vector<Real, Space> targets;         ///< what the likelihood explains of each nonzero
    Matrix<Index, Space> panel_offsets;  ///< cells() x (panels + 1): where each panel's nonzeros start
    Vector<Real, Space>
        log_library;                ///< log of each cell's total count over all genes of the file; 0 for an empty cell
    Vector<Real, Space> log_total;  ///< log of each cell's total count over the data set's genes; 0 for an empty cell
    Vector<double, Space> base_measure;  ///< of each cell, see Dataset
    Vector<std::int32_t, Space> label;   ///< each cell's known cluster, or -1
    Vector<Real, Space> input_shift;     ///< of each gene: what standardised inputs are less; else empty

    Vector<std::int32_t, Space> condition;  ///< each cell's condition; 0 where the data set has none

    [[nodiscard]] Index cells() const { return cells_; }
    [[nodiscard]] Index genes() const { return genes_; }
    [[nodiscard]] Index most_cells() const { return most_cells_; }
    /// Of the data set that it was filled from last.
    [[nodiscard]] Index conditions() const { return conditions_; }
    [[nodiscard]] std::int32_t largest_label() const { return largest_label_; }
    [[nodiscard]] std::string_view likelihood() const { return likelihood_; }

    /// Fills the minibatch with the cells whose numbers stand in `order`, in that order; none may stand there twice.
    /// @throws ShapeError if there are more of them than most_cells(), or the data set has other genes or denser cells
    /// than the one that this was made for
    template <class Order>
    void assemble(const Exec& exec, const Dataset<Exec>& data, const Order& order) {
        assemble(exec, data, data, order, order);
    }

    /// The same where the cells' counts lie in rows of their own. @param places of each cell of `order`: its row
    template <class Places, class Order>
    void assemble(const Exec& exec, const CellStatistics<Exec>& data, const CountRows<Exec>& rows, const Places& places,
                  const Order& order);

private:
    void take_facts(const CellStatistics<Exec>& data) {
        conditions_ = data.condition_count;
        largest_label_ = data.largest_label;
        likelihood_ = data.likelihood;
    }

    Index most_cells_;
    Index genes_;
    Index cells_ = 0;
    Index conditions_ = 0;
    std::int32_t largest_label_ = -1;
    std::string_view likelihood_;
};

namespace data_detail {

template <class Real, class Exec, class Places, class Order>
void assemble_minibatch(const Exec& exec, const Minibatch<Real, Exec>& batch, const CellStatistics<Exec>& data,
                        const CountRows<Exec>& rows, const Places& places, const Order& order) {
    const auto cell = batch.cell;
    const auto row_offsets = batch.row_offsets;
    const auto columns = batch.columns;
    const auto inputs = batch.inputs;
    const auto targets = batch.targets;
    const auto panel_offsets = batch.panel_offsets;
    const auto log_library = batch.log_library;
    const auto log_total = batch.log_total;
    const auto base_measure = batch.base_measure;
    const auto source_offsets = rows.row_offsets;
    const auto source_columns = rows.columns;
    const auto source_values = rows.values;
    const auto library = data.library;
    const auto total = data.total;
    const auto maximum = data.maximum;
    const auto source_measure = data.base_measure;
    const auto label = batch.label;
    const auto source_label = data.label;
    const auto condition = batch.condition;
    const auto source_condition = data.condition;
    const auto input_shift = data.input_shift;
    const auto input_scale = data.input_scale;
    const Input input = data.input;
    const Target target = data.target;
    const Index panels = panel_count(data.genes());

    if constexpr (runs_on_host<Exec>) {  // a hundred additions: two parallel regions take longer
        Index before = 0;
        for (Index row = 0; row < batch.cells(); ++row) {
            row_offsets(row) = before;
            before += source_offsets(places(row) + 1) - source_offsets(places(row));
        }
        row_offsets(batch.cells()) = before;
    } else {
        Kokkos::parallel_scan(
            KernelLabel("cellvae::minibatch::row_offsets"), Kokkos::RangePolicy<Exec>(exec, 0, batch.cells()),
            KOKKOS_LAMBDA(const Index row, Index& before, const bool final) {
                const Index place = places(row);
                if (final) row_offsets(row) = before;
                before += source_offsets(place + 1) - source_offsets(place);
                if (final) row_offsets(row + 1) = before;
            });
    }
    Kokkos::parallel_for(
        KernelLabel("cellvae::minibatch::rows"), Kokkos::RangePolicy<Exec>(exec, 0, batch.cells()),
        KOKKOS_LAMBDA(const Index row) {
            const Index source = order(row);
            const Index begin = source_offsets(places(row));
            const Index count = source_offsets(places(row) + 1) - begin;
            const Index start = row_offsets(row);
            const auto cell_library = static_cast<Real>(library(source));
            const auto cell_maximum = static_cast<Real>(maximum(source));
            cell(row) = source;
            log_library(row) =
                cell_library > Real(0) ? Kokkos::log(cell_library) : Real(0);  // an empty cell counts as one
            const auto cell_total = static_cast<Real>(total(source));
            log_total(row) = cell_total > Real(0) ? Kokkos::log(cell_total) : Real(0);
            base_measure(row) = source_measure(source);
            label(row) = source_label(source);
            condition(row) = source_condition.extent(0) == 0 ? 0 : source_condition(source);
            Index panel = 0;
            panel_offsets(row, 0) = start;
            for (Index k = 0; k < count; ++k) {
                const GeneIndex gene = source_columns(begin + k);
                const auto value = static_cast<Real>(source_values(begin + k));
                for (; panel < gene / genes_per_panel; ++panel) panel_offsets(row, panel + 1) = start + k;
                columns(start + k) = gene;
                Real seen = input_value(input, target, value, cell_library, cell_maximum);
                if (input == Input::standardised) {
                    // the shift comes off in the first layer, for zeros as well
                    const auto shift = static_cast<Real>(input_shift(gene));
                    seen = standardised_value(seen, static_cast<Real>(input_scale(gene)), shift) + shift;
                }
                inputs(start + k) = seen;
                targets(start + k) = target_value(target, value, cell_library, cell_maximum);
            }
            for (; panel < panels; ++panel) panel_offsets(row, panel + 1) = start + count;
        });
}

}  // namespace data_detail

template <class Real, class Exec>
template <class Places, class Order>
void Minibatch<Real, Exec>::assemble(const Exec& exec, const CellStatistics<Exec>& data, const CountRows<Exec>& rows,
                                     const Places& places, const Order& order) {
    const auto cells = static_cast<Index>(order.extent(0));
    if (cells > most_cells_)
        throw ShapeError(message("a minibatch of ", cells, " cells was asked of one made for ", most_cells_));
    require_size(data.genes(), genes_, "genes of a minibatch's data set");
    if (data.most_nonzeros(cells) > static_cast<Index>(columns.extent(0)))
        throw ShapeError(message(cells, " cells of this data set may have ", data.most_nonzeros(cells),
                                 " nonzeros, but the minibatch was made for ", columns.extent(0),
                                 ": make it for the data set that it is filled from"));
    cells_ = cells;
    take_facts(data);
    data_detail::assemble_minibatch(exec, *this, data, rows, places, order);
}

/// Numbers of cells, on a backend.
template <class Exec>
using CellOrder = Kokkos::View<Index*, typename Exec::memory_space>;

template <class Exec>
[[nodiscard]] CellOrder<Exec> cell_order(const Exec& exec, std::span<const Index> cells) {
    CellOrder<Exec> order = to_backend(exec, cells, "cellvae::cell_order");
    exec.fence(KernelLabel("cellvae::cell_order"));
    return order;
}

/// Cells of a data set in an order, taken a minibatch at a time from the first to the last.
template <class Exec>
class DatasetPass {
public:
    DatasetPass(const Exec& exec, const Dataset<Exec>& data, std::span<const Index> order)
        : data_(&data), order_(cell_order(exec, order)) {}

    /// Fills a minibatch with the `count` cells from position `first` of the order on, where the last call ended.
    template <class Real>
    void assemble(const Exec& exec, Minibatch<Real, Exec>& batch, Index first, Index count) {
        batch.assemble(exec, *data_, Kokkos::subview(order_, std::make_pair(first, first + count)));
    }

    /// See StreamedPass.
    [[nodiscard]] int pause() const { return 0; }

private:
    const Dataset<Exec>* data_;
    CellOrder<Exec> order_;
};

/// Starts a pass. What trains and evaluates takes its cells so, and any data set that has this function, beside the
/// statistics, will do: see also StreamedDataset.
/// @param window cells that a streamed data set may hold at once, a multiple of the minibatch; nothing to this one
/// @param first position in the order of the first cell that will be asked for
/// @throws ShapeError for a cell that the data set does not have, or that stands in the order twice
template <class Exec>
[[nodiscard]] DatasetPass<Exec> begin_pass(const Exec& exec, const Dataset<Exec>& data, std::span<const Index> order,
                                           [[maybe_unused]] Index window, [[maybe_unused]] Index first = 0) {
    data.require_cells(order);
    return {exec, data, order};
}

/// What the trainer takes cells from: statistics of them, and passes over them in an order.
template <class Cells, class Exec>
concept CellSource = std::derived_from<Cells, CellStatistics<Exec>> &&
    requires(const Exec& exec, const Cells& cells, std::span<const Index> order, Minibatch<float, Exec>& batch) {
    begin_pass(exec, cells, order, Index{1}).assemble(exec, batch, Index{0}, Index{1});
};

}  // namespace cellvae
