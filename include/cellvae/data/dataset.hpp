// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "cellvae/core/launch.hpp"
#include "cellvae/data/cell_statistics.hpp"

namespace cellvae {

namespace data_detail {

/// A view of host memory where the backend can read it, else a copy in the backend's memory.
template <class Exec, class Value>
Kokkos::View<const Value*, typename Exec::memory_space> on_backend([[maybe_unused]] const Exec& exec,
                                                                   std::span<const Value> values,
                                                                   [[maybe_unused]] const char* label) {
    using Space = typename Exec::memory_space;
    if constexpr (runs_on_host<Exec>) {
        return Kokkos::View<const Value*, Space>(values.data(), values.size());
    } else {
        return to_backend(exec, values, label);
    }
}

}  // namespace data_detail

/// Counts of cells in compressed rows where a backend reads them.
template <class Exec>
struct CountRows {
    using Space = typename Exec::memory_space;

    Kokkos::View<const std::int64_t*, Space> row_offsets;  ///< rows + 1
    Kokkos::View<const GeneIndex*, Space> columns;         ///< the gene of each nonzero
    Kokkos::View<const float*, Space> values;              ///< the count of each nonzero
};

/// On host backends a view of the host's rows, which must outlive it; else a copy.
template <class Exec>
[[nodiscard]] CountRows<Exec> count_rows(const Exec& exec, const CellsView& cells) {
    return {data_detail::on_backend(exec, cells.row_offsets, "cellvae::dataset::row_offsets"),
            data_detail::on_backend(exec, cells.columns, "cellvae::dataset::columns"),
            data_detail::on_backend(exec, cells.values, "cellvae::dataset::values")};
}

/// Cells as one backend reads them, checked against a likelihood: their counts and their statistics.
///
/// On host backends it looks into the memory of the CellsView that it was made from, which must outlive it; counts that
/// were given away to make_dataset it keeps.
template <class Exec>
struct Dataset : CellStatistics<Exec>, CountRows<Exec> {
    using Space = typename Exec::memory_space;

    std::shared_ptr<const CountMatrix> kept{};  ///< the counts, where nobody else has them
};

/// Checks cells against a likelihood and makes them readable for a backend.
///
/// @throws ShapeError if the arrays are not compressed rows of cells x genes
/// @throws InputError if there is no cell or gene, if the counts of a cell are to be divided by a library size that is
/// not
///         above 0, if a target lies outside the likelihood's support, or if a condition is negative; the message names
///         cell, gene and value
template <class Likelihood, class Exec = Kokkos::DefaultExecutionSpace>
[[nodiscard]] Dataset<Exec> make_dataset(const Exec& exec, const CellsView& cells, const DatasetOptions& options = {}) {
    cells.check();
    StatisticsBuilder<Likelihood> statistics(cells, cells.cells(), cells.genes(), options);
    statistics.add(cells);
    Dataset<Exec> data;
    statistics.finish(exec, data);
    data.cells_view = cells;
    static_cast<CountRows<Exec>&>(data) = count_rows(exec, cells);
    if constexpr (!runs_on_host<Exec>) exec.fence(KernelLabel("cellvae::dataset::rows"));  // the host's may go now
    return data;
}

/// The same for counts that nobody else keeps, as in make_dataset<L>(exec, read_counts(path)): they stay as long as the
/// data set, and its copies.
template <class Likelihood, class Exec = Kokkos::DefaultExecutionSpace>
[[nodiscard]] Dataset<Exec> make_dataset(const Exec& exec, CountMatrix&& cells, const DatasetOptions& options = {}) {
    const auto kept = std::make_shared<const CountMatrix>(std::move(cells));
    auto data = make_dataset<Likelihood, Exec>(exec, CellsView(*kept), options);
    data.kept = kept;
    return data;
}

/// Without a likelihood there is nothing to check counts against: a compile-time error says so.
template <class Exec, class Cells>
requires(Kokkos::is_execution_space_v<Exec>)
    [[nodiscard]] Dataset<Exec> make_dataset(const Exec&, const Cells&, const DatasetOptions& = {}) {
    static_assert(!std::is_same_v<Exec, Exec>,
                  "name the likelihood that the counts are for, as in make_dataset<Poisson>(exec, cells)");
    return {};
}

/// The same for any sparse matrix of Eigen, cells x genes, of which a copy is kept.
template <class Likelihood, class Exec = Kokkos::DefaultExecutionSpace, class Scalar, int Order, class StorageIndex>
[[nodiscard]] Dataset<Exec> make_dataset(const Exec& exec,
                                         const Eigen::SparseMatrix<Scalar, Order, StorageIndex>& cells,
                                         const DatasetOptions& options = {}) {
    return make_dataset<Likelihood, Exec>(exec, to_count_matrix(cells), options);
}

}  // namespace cellvae
