// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "cellvae/data/dataset.hpp"

namespace cellvae {

namespace data_detail {

/// Calls visit(cell, genes, counts) with a row of compressed rows.
template <class Visit>
void visit_row(std::span<const std::int64_t> offsets, std::span<const GeneIndex> columns, std::span<const float> values,
               Index row, Index cell, const Visit& visit) {
    const auto begin = static_cast<std::size_t>(offsets[static_cast<std::size_t>(row)]);
    const auto size = static_cast<std::size_t>(offsets[static_cast<std::size_t>(row) + 1]) - begin;
    visit(cell, columns.subspan(begin, size), values.subspan(begin, size));
}

}  // namespace data_detail

/// Visits the counts of cells on the host, in the order that is given: visit(cell, genes, counts). Streamed cells are
/// visited by a function of this name too (streamed_dataset.hpp).
template <class Exec, class Visit>
void visit_counts(const Dataset<Exec>& data, std::span<const Index> order, const Visit& visit) {
    const CellsView& cells = data.cells_view;
    for (const Index cell : order)
        data_detail::visit_row(cells.row_offsets, cells.columns, cells.values, cell, cell, visit);
}

}  // namespace cellvae
