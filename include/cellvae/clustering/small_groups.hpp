// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cellvae/clustering/assignments.hpp"

namespace cellvae {

/// The groups of a coarse clustering, and beside them the small ones of a finer clustering of the same rows: a coarse
/// one by a neighbour graph's modularity takes in what is rare for its size alone (Fortunato and Barthelemy 2007,
/// Proceedings of the National Academy of Sciences 104, 36: the resolution limit), while a finer one divides what is
/// frequent. A small group that is at least half of the coarse one with most of its rows is there already.
///
/// @param coarse, fine the group of each row, from 0 on @param most rows of a small group
/// @returns the group of each row, numbered by size from 0, the largest first
/// @throws ShapeError where the two are of different rows
[[nodiscard]] inline std::vector<std::int32_t> with_small_groups(std::span<const std::int32_t> coarse,
                                                                 std::span<const std::int32_t> fine, Index most) {
    require_size(static_cast<Index>(fine.size()), static_cast<Index>(coarse.size()), "groups of a finer clustering");
    if (coarse.empty()) return {};
    const auto coarse_count = static_cast<std::size_t>(1 + *std::max_element(coarse.begin(), coarse.end()));
    const auto fine_count = static_cast<std::size_t>(1 + *std::max_element(fine.begin(), fine.end()));
    std::vector<Index> shared(coarse_count * fine_count), coarse_size(coarse_count), fine_size(fine_count);
    for (std::size_t row = 0; row < coarse.size(); ++row) {
        const auto c = static_cast<std::size_t>(coarse[row]), f = static_cast<std::size_t>(fine[row]);
        ++shared[f * coarse_count + c];
        ++coarse_size[c];
        ++fine_size[f];
    }
    std::vector<bool> apart(fine_count);
    for (std::size_t f = 0; f < fine_count; ++f) {
        const auto* row = &shared[f * coarse_count];
        const auto main = static_cast<std::size_t>(std::max_element(row, row + coarse_count) - row);
        apart[f] = fine_size[f] <= most && 2 * row[main] < coarse_size[main];
    }
    std::vector<std::int32_t> groups(coarse.begin(), coarse.end());
    std::vector<Index> sizes(coarse_count + fine_count);
    for (std::size_t row = 0; row < groups.size(); ++row) {
        if (apart[static_cast<std::size_t>(fine[row])])
            groups[row] = static_cast<std::int32_t>(coarse_count) + fine[row];
        ++sizes[static_cast<std::size_t>(groups[row])];
    }
    const auto number = clustering_detail::numbers_by_size(sizes);
    for (auto& group : groups) group = number[static_cast<std::size_t>(group)];
    return groups;
}

}  // namespace cellvae
