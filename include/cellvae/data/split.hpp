// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/random.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

/// How cells are divided.
struct SplitOptions {
    double held_out = 0.1;  ///< share of the cells that are not trained on, 0 or more and below 1
    std::uint64_t seed = 1;
};

/// Two sets of cells without a common one, each ascending; together they are all cells.
struct Split {
    std::vector<Index> train;
    std::vector<Index> held_out;
};

namespace data_detail {

inline void check_split(Index cells, double held_out) {
    if (!(held_out >= 0 && held_out < 1))
        throw OptionError(message("share of held-out cells: found ", held_out, ", expected 0 or more and below 1"));
    if (cells < 1 || cells > static_cast<Index>(std::numeric_limits<std::uint32_t>::max()))
        throw ShapeError(
            message("cells to split: found ", cells, ", expected 1 to ", std::numeric_limits<std::uint32_t>::max()));
}

/// So many cells are held out: the nearest number, but at least one where any are asked for, and never all.
inline Index held_out_cells(Index cells, double held_out) {
    if (held_out == 0 || cells < 2) return 0;
    return std::clamp(static_cast<Index>(std::llround(held_out * static_cast<double>(cells))), Index{1}, cells - 1);
}

/// Shuffles from the front until `count` positions are final (Fisher and Yates; the standard library's shuffle differs
/// from one implementation to another).
inline void draw_first(std::span<Index> cells, std::size_t count, RandomStream random) {
    for (std::size_t i = 0; i < count; ++i)
        std::swap(cells[i], cells[i + random.below(static_cast<std::uint32_t>(cells.size() - i))]);
}

}  // namespace data_detail

/// Divides cells 0 .. cells - 1 at random. The same seed gives the same split on every machine.
/// @throws OptionError if the share is outside [0, 1); ShapeError if there are no cells.
[[nodiscard]] inline Split split_cells(Index cells, const SplitOptions& options = {}) {
    data_detail::check_split(cells, options.held_out);
    std::vector<Index> order(static_cast<std::size_t>(cells));
    std::iota(order.begin(), order.end(), Index{0});
    const auto count = data_detail::held_out_cells(cells, options.held_out);
    data_detail::draw_first(order, static_cast<std::size_t>(count), RandomStream(options.seed, Purpose::split));
    Split split;
    split.held_out.assign(order.begin(), order.begin() + count);
    split.train.assign(order.begin() + count, order.end());
    std::sort(split.held_out.begin(), split.held_out.end());
    std::sort(split.train.begin(), split.train.end());
    return split;
}

/// Divides cells at random so that every label has its share on both sides, to within one cell. `labels` holds one code
/// a cell; cells whose label is missing (a negative code) form a group of their own. The sizes are those of the plain
/// split.
[[nodiscard]] inline Split split_cells(std::span<const std::int32_t> labels, const SplitOptions& options = {}) {
    const auto cells = static_cast<Index>(labels.size());
    data_detail::check_split(cells, options.held_out);
    std::map<std::int32_t, std::vector<Index>> groups;
    for (std::size_t cell = 0; cell < labels.size(); ++cell)
        groups[std::max(labels[cell], -1)].push_back(static_cast<Index>(cell));

    // each group the whole part of its share, then one more to those with the largest remainders
    const Index wanted = data_detail::held_out_cells(cells, options.held_out);
    const double share = static_cast<double>(wanted) / static_cast<double>(cells);
    std::vector<std::size_t> counts;
    std::vector<std::pair<double, std::size_t>> remainders;
    Index given = 0;
    for (const auto& [label, members] : groups) {
        const double quota = share * static_cast<double>(members.size());
        const double whole = std::floor(quota);
        remainders.emplace_back(whole - quota, counts.size());
        counts.push_back(static_cast<std::size_t>(whole));
        given += static_cast<Index>(whole);
    }
    std::sort(remainders.begin(), remainders.end());
    for (std::size_t i = 0; given < wanted; ++i, ++given) ++counts[remainders[i].second];

    Split split;
    std::size_t number = 0;
    for (auto& [label, members] : groups) {
        const std::size_t count = counts[number];
        data_detail::draw_first(members, count,
                                RandomStream(options.seed, Purpose::split, 1, static_cast<std::uint32_t>(label)));
        split.held_out.insert(split.held_out.end(), members.begin(),
                              members.begin() + static_cast<std::ptrdiff_t>(count));
        split.train.insert(split.train.end(), members.begin() + static_cast<std::ptrdiff_t>(count), members.end());
        ++number;
    }
    std::sort(split.held_out.begin(), split.held_out.end());
    std::sort(split.train.begin(), split.train.end());
    return split;
}

}  // namespace cellvae
