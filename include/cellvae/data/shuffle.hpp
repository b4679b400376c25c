// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "cellvae/data/split.hpp"

namespace cellvae {

/// How the order of an epoch's cells is drawn.
struct ShuffleOptions {
    /// So many consecutive cells stay near each other, rounded up to whole minibatches; 0: every order is as likely.
    /// Cells that are streamed need it: what is near in the file is then near in the order, and read at once.
    Index chunk = 0;
    Index chunks = 16;  ///< the cells of so many chunks are shuffled among themselves and held in memory together
    /// Each minibatch takes as many cells from one half, third, ... of those chunks as from another, in this order: so
    /// many processes then read chunks of their own. It divides chunks and minibatch.
    Index parts = 1;
};

/// The cells that are shuffled among themselves and held together, a multiple of the minibatch; 0: all of them.
/// @throws OptionError for options out of range
[[nodiscard]] inline Index shuffle_window(const ShuffleOptions& options, Index minibatch) {
    if (options.chunk < 0 || options.chunks < 1)
        throw OptionError(
            message("cells are shuffled in chunks of 0 or more cells, 1 or more of them at a time; found ",
                    options.chunk, " and ", options.chunks));
    if (options.parts < 1 || options.chunks % options.parts != 0 || minibatch % options.parts != 0)
        throw OptionError(message("the parts of which a minibatch takes cells divide the chunks that are shuffled (",
                                  options.chunks, ") and the minibatch (", minibatch, "); found ", options.parts));
    return (options.chunk + minibatch - 1) / minibatch * minibatch * options.chunks;
}

/// Brings cells into the order of an epoch, which depends on seed and epoch alone, and on the cells' order before.
///
/// By chunks: the cells are turned by a random number of places, cut into chunks, the chunks put in random order (what
/// is left over comes last), and the cells of each window, which is so many chunks, shuffled among themselves. With
/// parts, those of each part of the window are, and every minibatch of a whole window takes as many of each.
/// @throws OptionError for options out of range
inline void shuffle_cells(std::vector<Index>& cells, const ShuffleOptions& options, Index minibatch, std::uint64_t seed,
                          Index epoch) {
    const auto number = static_cast<std::uint32_t>(epoch);
    const auto window = static_cast<std::size_t>(shuffle_window(options, minibatch));
    if (window == 0) {
        data_detail::draw_first(cells, cells.size(), RandomStream(seed, Purpose::shuffle, number));
        return;
    }
    const std::size_t chunk = window / static_cast<std::size_t>(options.chunks);
    RandomStream random(seed, Purpose::shuffle, number, 1);
    if (!cells.empty())
        std::rotate(cells.begin(),
                    cells.begin() + static_cast<std::ptrdiff_t>(random.below(static_cast<std::uint32_t>(cells.size()))),
                    cells.end());
    std::vector<Index> order(cells.size() / chunk);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i * chunk);
    data_detail::draw_first(order, order.size(), random);
    std::vector<Index> shuffled;
    shuffled.reserve(cells.size());
    for (const Index first : order)
        shuffled.insert(shuffled.end(), cells.begin() + first, cells.begin() + first + static_cast<Index>(chunk));
    shuffled.insert(shuffled.end(), cells.begin() + static_cast<std::ptrdiff_t>(order.size() * chunk), cells.end());
    cells.swap(shuffled);
    std::uint32_t stream = 2;
    for (std::size_t first = 0; first < cells.size(); first += window) {
        const std::span<Index> near(cells.data() + first, std::min(window, cells.size() - first));
        // the last window may not be cut evenly
        const std::size_t parts = near.size() == window ? static_cast<std::size_t>(options.parts) : 1;
        const std::size_t size = near.size() / parts, share = static_cast<std::size_t>(minibatch) / parts;
        for (std::size_t part = 0; part < parts; ++part, ++stream)
            data_detail::draw_first(near.subspan(part * size, size), size,
                                    RandomStream(seed, Purpose::shuffle, number, stream));
        if (parts == 1) continue;
        shuffled.assign(near.begin(), near.end());
        for (std::size_t i = 0; i < near.size(); ++i) {
            const std::size_t minibatch_number = i / (share * parts), part = i / share % parts;
            near[i] = shuffled[part * size + minibatch_number * share + i % share];
        }
    }
}

}  // namespace cellvae
