// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cellvae/clustering/assignments.hpp"
#include "cellvae/clustering/contingency_table.hpp"

namespace cellvae {

/// The groups of a coarse clustering, and beside them the small ones of a finer clustering of the same rows: a coarse
/// one by a neighbour graph's modularity takes in what is rare for its size alone (Fortunato and Barthelemy 2007,
/// Proceedings of the National Academy of Sciences 104, 36: the resolution limit), while a finer one divides what is
/// frequent. A small group that is at least half of the coarse one with most of its rows is there already.
///
/// @param coarse, fine the group of each row, from 0 on @param most rows of a small group
/// @returns the group of each row, numbered by size from 0, the largest first
/// @throws ShapeError where the two are of different rows; OptionError for a row without a group
[[nodiscard]] inline std::vector<std::int32_t> with_small_groups(std::span<const std::int32_t> coarse,
                                                                 std::span<const std::int32_t> fine, Index most) {
    for (const auto& groups : {coarse, fine})
        if (std::any_of(groups.begin(), groups.end(), [](std::int32_t group) { return group < 0; }))
            throw OptionError("a row has no group: all rows have one, numbered from 0");
    const ContingencyTable table = contingency_table(coarse, fine);
    if (table.total == 0) return {};
    const std::int32_t coarse_end = table.rows.back() + 1, fine_end = table.columns.back() + 1;
    std::vector<bool> apart(static_cast<std::size_t>(fine_end));
    for (std::size_t f = 0; f < table.columns.size(); ++f) {
        std::size_t main = 0;
        for (std::size_t c = 1; c < table.rows.size(); ++c)
            if (table.count(c, f) > table.count(main, f)) main = c;
        apart[static_cast<std::size_t>(table.columns[f])] =
            table.column_sums[f] <= most && 2 * table.count(main, f) < table.row_sums[main];
    }
    std::vector<std::int32_t> groups(coarse.begin(), coarse.end());
    std::vector<Index> sizes(static_cast<std::size_t>(coarse_end + fine_end));
    for (std::size_t row = 0; row < groups.size(); ++row) {
        if (apart[static_cast<std::size_t>(fine[row])]) groups[row] = coarse_end + fine[row];
        ++sizes[static_cast<std::size_t>(groups[row])];
    }
    const auto number = clustering_detail::numbers_by_size(sizes).numbers;
    for (auto& group : groups) group = number[static_cast<std::size_t>(group)];
    return groups;
}

}  // namespace cellvae
