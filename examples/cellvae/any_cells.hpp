// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <variant>

#include "cellvae/data/streamed_dataset.hpp"

namespace cellvae::program {

/// Cells in memory, or in their file, from which they are read as they are wanted: the program decides when it runs.
/// Training and evaluation are compiled once for both; the choice is one branch a minibatch. Of cells in their file
/// there are no rows here: what takes a Dataset takes in_memory().
template <class Exec>
struct AnyCells : Dataset<Exec> {
    std::shared_ptr<CellReader> reader;  ///< null: the cells are in memory
    std::shared_ptr<StreamTimes> times = std::make_shared<StreamTimes>();

    explicit AnyCells(Dataset<Exec> cells) : Dataset<Exec>(std::move(cells)) {}
    explicit AnyCells(StreamedDataset<Exec> cells) : reader(std::move(cells.reader)), times(std::move(cells.times)) {
        static_cast<CellStatistics<Exec>&>(*this) = std::move(cells);
    }

    [[nodiscard]] const Dataset<Exec>& in_memory() const {
        if (reader) throw OptionError("this needs the counts of all cells in memory: leave --stream out");
        return *this;
    }
};

template <class Exec>
class AnyPass {
public:
    explicit AnyPass(DatasetPass<Exec> pass) : pass_(std::move(pass)) {}
    explicit AnyPass(StreamedPass<Exec> pass) : pass_(std::move(pass)) {}

    template <class Real>
    void assemble(const Exec& exec, Minibatch<Real, Exec>& batch, Index first, Index count) {
        std::visit([&](auto& pass) { pass.assemble(exec, batch, first, count); }, pass_);
    }

    /// See StreamedPass.
    [[nodiscard]] std::unique_lock<std::mutex> pause() {
        auto* const streamed = std::get_if<StreamedPass<Exec>>(&pass_);
        return streamed == nullptr ? std::unique_lock<std::mutex>() : streamed->pause();
    }

private:
    std::variant<DatasetPass<Exec>, StreamedPass<Exec>> pass_;
};

template <class Exec>
[[nodiscard]] AnyPass<Exec> begin_pass(const Exec& exec, const AnyCells<Exec>& cells, std::span<const Index> order,
                                       Index window, Index first = 0) {
    if (!cells.reader) return AnyPass<Exec>(cellvae::begin_pass(exec, cells.in_memory(), order, window, first));
    cells.require_cells(order);
    return AnyPass<Exec>(StreamedPass<Exec>(exec, cells, *cells.reader, *cells.times, order, window, first));
}

template <class Exec, class Visit>
void visit_counts(const AnyCells<Exec>& cells, std::span<const Index> order, const Visit& visit) {
    if (cells.reader)
        data_detail::visit_streamed_counts(*cells.reader, *cells.times, order, visit);
    else
        cellvae::visit_counts(cells.in_memory(), order, visit);
}

}  // namespace cellvae::program
