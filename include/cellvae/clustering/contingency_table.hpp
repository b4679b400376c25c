// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

/// How often each pair of labels occurs together.
struct ContingencyTable {
    std::vector<std::int32_t> rows;     ///< the first labelling's codes, ascending
    std::vector<std::int32_t> columns;  ///< the second labelling's codes, ascending
    std::vector<std::int64_t> counts;   ///< rows x columns, row-major
    std::vector<std::int64_t> row_sums;
    std::vector<std::int64_t> column_sums;
    std::int64_t total = 0;  ///< cells counted

    [[nodiscard]] std::int64_t count(std::size_t row, std::size_t column) const {
        return counts[row * columns.size() + column];
    }
};

/// Counts pairs of labels. A cell with a negative code (missing) on either side is left out.
/// @throws ShapeError if the labellings differ in length.
[[nodiscard]] inline ContingencyTable contingency_table(std::span<const std::int32_t> first,
                                                        std::span<const std::int32_t> second) {
    require_size(static_cast<Index>(second.size()), static_cast<Index>(first.size()), "labels compared with others");
    ContingencyTable table;
    for (std::size_t cell = 0; cell < first.size(); ++cell)
        if (first[cell] >= 0 && second[cell] >= 0) {
            table.rows.push_back(first[cell]);
            table.columns.push_back(second[cell]);
        }
    for (auto* codes : {&table.rows, &table.columns}) {
        std::sort(codes->begin(), codes->end());
        codes->erase(std::unique(codes->begin(), codes->end()), codes->end());
    }
    table.counts.assign(table.rows.size() * table.columns.size(), 0);
    table.row_sums.assign(table.rows.size(), 0);
    table.column_sums.assign(table.columns.size(), 0);
    const auto position = [](const std::vector<std::int32_t>& codes, std::int32_t code) {
        return static_cast<std::size_t>(std::lower_bound(codes.begin(), codes.end(), code) - codes.begin());
    };
    for (std::size_t cell = 0; cell < first.size(); ++cell)
        if (first[cell] >= 0 && second[cell] >= 0) {
            const std::size_t row = position(table.rows, first[cell]), column = position(table.columns, second[cell]);
            ++table.counts[row * table.columns.size() + column];
            ++table.row_sums[row];
            ++table.column_sums[column];
            ++table.total;
        }
    return table;
}

}  // namespace cellvae
