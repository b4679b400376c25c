// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <span>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/random.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/split.hpp"

namespace cellvae {

namespace data_detail {

/// `count` of the members at random; all where there are no more. Ascending.
inline void draw(std::vector<Index> members, Index count, RandomStream random, std::vector<GeneIndex>& to) {
    if (static_cast<Index>(members.size()) > count) {
        draw_first(members, static_cast<std::size_t>(count), random);
        members.resize(static_cast<std::size_t>(count));
    }
    for (const Index cell : members) to.push_back(static_cast<GeneIndex>(cell));
}

}  // namespace data_detail

/// `count` of the cells 0 .. cells - 1 at random, ascending; all where there are no more. The same seed gives the same
/// cells on every machine; they are what drop_other_cells() takes.
/// @throws OptionError if the count is below 1
[[nodiscard]] inline std::vector<GeneIndex> subsample_cells(Index cells, Index count, std::uint64_t seed) {
    if (count < 1) throw OptionError(message("cells of a subsample: found ", count, ", expected 1 or more"));
    std::vector<Index> all(static_cast<std::size_t>(cells));
    std::iota(all.begin(), all.end(), Index{0});
    std::vector<GeneIndex> kept;
    data_detail::draw(std::move(all), count, RandomStream(seed, Purpose::split, 2), kept);
    std::sort(kept.begin(), kept.end());
    return kept;
}

/// At most `most` cells of every label at random, ascending. `labels` holds one code a cell; cells whose label is
/// missing (a negative code) form a group of their own. Which cells of a label are drawn does not depend on the other
/// labels.
/// @throws OptionError if the number is below 1
[[nodiscard]] inline std::vector<GeneIndex> subsample_cells(std::span<const std::int32_t> labels, Index most,
                                                            std::uint64_t seed) {
    if (most < 1) throw OptionError(message("cells of a label in a subsample: found ", most, ", expected 1 or more"));
    std::map<std::int32_t, std::vector<Index>> groups;
    for (std::size_t cell = 0; cell < labels.size(); ++cell)
        groups[std::max(labels[cell], -1)].push_back(static_cast<Index>(cell));
    std::vector<GeneIndex> kept;
    for (auto& [label, members] : groups)
        data_detail::draw(std::move(members), most,
                          RandomStream(seed, Purpose::split, 3, static_cast<std::uint32_t>(label)), kept);
    std::sort(kept.begin(), kept.end());
    return kept;
}

}  // namespace cellvae
