// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>

#include "cellvae/core/views.hpp"

namespace cellvae {

/// Told how much of some work is done, by the thread that asked for it. What is counted (cells, genes, restarts), and
/// how much of it there is, stands where one is taken. Empty where nobody asks: then nothing is counted.
using Progress = std::function<void(Index done)>;

namespace core_detail {

/// Calls part(first, last) for the parts of 0 to `count` in their order, and tells after each how much of `total` is
/// done; all is one part where nobody asks. Parts have at least `least`, so that threads have something to share.
template <class Part>
void in_parts(Index count, Index least, Index total, const Progress& progress, const Part& part) {
    const Index size = progress ? std::max(least, (count + 199) / 200) : count;
    for (Index first = 0; first < count; first += size) {
        const Index last = std::min(count, first + size);
        part(first, last);
        if (progress) progress(total * last / count);
    }
}

}  // namespace core_detail
}  // namespace cellvae
