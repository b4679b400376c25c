// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/data/minibatch.hpp"
#include "cellvae/data/visit_counts.hpp"
#include "cellvae/data/window_reader.hpp"

namespace cellvae {

/// Cells whose counts are read while they are trained on. In memory are their statistics and names, about 100 bytes a
/// cell, and two windows of counts.
///
/// While a pass lasts, which is an epoch's training or an evaluation, a thread reads. HDF5 as most systems have it is
/// not safe for threads: until the pass has ended nothing else in the program may call it. Callbacks after an epoch
/// come between passes.
template <class Exec>
struct StreamedDataset : CellStatistics<Exec> {
    std::shared_ptr<CellReader> reader;
    std::shared_ptr<StreamTimes> times = std::make_shared<StreamTimes>();  ///< of all passes so far
};

/// Reads all counts once, checks them against a likelihood and takes their statistics.
///
/// @param window cells that are held at once in this pass
/// @throws InputError, ShapeError as make_dataset; and what the reader throws
template <class Likelihood, class Exec = Kokkos::DefaultExecutionSpace>
[[nodiscard]] StreamedDataset<Exec> make_streamed_dataset(const Exec& exec, const std::shared_ptr<CellReader>& reader,
                                                          const DatasetOptions& options = {}, Index window = 4096) {
    const CountMatrix& names = reader->annotations();
    StreamedDataset<Exec> data;
    data.cells_view.source = &names;
    const auto cells = static_cast<Index>(names.obs.names.size());
    StatisticsBuilder<Likelihood> statistics(data.cells_view, cells, names.genes(), options);
    data_detail::for_each_block_of_cells(*reader, window, *data.times,
                                         [&](const CellsView& block) { statistics.add(block); });
    statistics.finish(exec, data);
    data.reader = reader;
    return data;
}

/// As DatasetPass, for cells that are streamed.
template <class Exec>
class StreamedPass {
public:
    /// @param data, reader, times see StreamedDataset
    StreamedPass(const Exec& exec, const CellStatistics<Exec>& data, CellReader& reader, StreamTimes& times,
                 std::span<const Index> order, Index window, Index first)
        : exec_(exec), data_(&data), times_(&times), begin_(first / window * window), end_(begin_) {
        windows_ = std::make_unique<data_detail::WindowReader>(reader, order.subspan(static_cast<std::size_t>(begin_)),
                                                               window);
    }
    StreamedPass(StreamedPass&&) noexcept = default;
    StreamedPass& operator=(StreamedPass&&) noexcept = default;
    ~StreamedPass() { exec_.fence(KernelLabel("cellvae::streamed_pass")); }  // before the rows go

    /// @throws InputError, or what the reader throws, where the counts cannot be read or are others than before
    template <class Real>
    void assemble(const Exec& exec, Minibatch<Real, Exec>& batch, Index first, Index count) {
        if (first >= end_) take_window(exec);
        if (first < begin_ || first + count > end_)
            throw ShapeError(message("cells ", first, " to ", first + count, " of a pass were asked for, but ", begin_,
                                     " to ", end_, " are in memory: windows are whole minibatches, taken in order"));
        const auto part = std::make_pair(first - begin_, first - begin_ + count);
        batch.assemble(exec, *data_, rows_, Kokkos::subview(places_, part), Kokkos::subview(order_, part));
    }

    /// While what is returned lives nothing is read, and HDF5 may be called.
    [[nodiscard]] auto pause() { return windows_->pause(); }

private:
    void take_window(const Exec& exec) {
        exec.fence(KernelLabel("cellvae::streamed_pass"));  // nothing reads the rows that go
        const auto& window = windows_->next(*times_);
        const auto& offsets = window.rows.row_offsets;
        for (std::size_t row = 0; row < window.cells.size(); ++row) {
            const auto cell = static_cast<std::size_t>(window.cells[row]);
            const auto before = data_->host_offsets[cell + 1] - data_->host_offsets[cell];
            if (offsets[row + 1] - offsets[row] != before)
                throw InputError(message(data_->cells_view.cell_name(window.cells[row]), " has ",
                                         offsets[row + 1] - offsets[row], " nonzero counts, but had ", before,
                                         " when the file was opened: it must not change while it is trained on"));
        }
        rows_ = count_rows(exec, CellsView(offsets, window.rows.columns, window.rows.values, data_->genes()));
        places_ =
            data_detail::on_backend(exec, std::span<const Index>(window.places), "cellvae::streamed_pass::places");
        order_ = data_detail::on_backend(exec, std::span<const Index>(window.order), "cellvae::streamed_pass::order");
        begin_ = end_;
        end_ += static_cast<Index>(window.order.size());
    }

    Exec exec_;
    const CellStatistics<Exec>* data_;
    StreamTimes* times_;
    Index begin_, end_;  // positions in the order of the cells in memory
    std::unique_ptr<data_detail::WindowReader> windows_;
    CountRows<Exec> rows_;
    Kokkos::View<const Index*, typename Exec::memory_space> places_, order_;
};

/// Starts a pass: the cells are read in windows of that size.
/// @throws OptionError for the window 0, which stands for all cells @throws ShapeError for a cell that is not there,
/// or twice in the order
template <class Exec>
[[nodiscard]] StreamedPass<Exec> begin_pass(const Exec& exec, const StreamedDataset<Exec>& data,
                                            std::span<const Index> order, Index window, Index first = 0) {
    if (window < 1)
        throw OptionError(
            "cells that are read while they are trained on cannot be shuffled freely: give the size of a chunk "
            "(shuffle.chunk)");
    data.require_cells(order);
    return {exec, data, *data.reader, *data.times, order, window, first};
}

namespace data_detail {

template <class Visit>
void visit_streamed_counts(CellReader& reader, StreamTimes& times, std::span<const Index> order, const Visit& visit) {
    constexpr Index window = 4096;
    WindowReader windows(reader, order, window);
    for (std::size_t first = 0; first < order.size(); first += static_cast<std::size_t>(window)) {
        const auto& found = windows.next(times);
        for (std::size_t i = 0; i < found.order.size(); ++i)
            visit_row(found.rows.row_offsets, found.rows.columns, found.rows.values, found.places[i], found.order[i],
                      visit);
    }
}

}  // namespace data_detail

/// As for a Dataset; the counts are there for the length of the call.
/// @throws ShapeError for a cell that is not there, or twice in the order, and what the reader throws
template <class Exec, class Visit>
void visit_counts(const StreamedDataset<Exec>& data, std::span<const Index> order, const Visit& visit) {
    data.require_cells(order);
    data_detail::visit_streamed_counts(*data.reader, *data.times, order, visit);
}

}  // namespace cellvae
