// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "cellvae/core/in_threads.hpp"

namespace cellvae::io_detail {

/// Takes from the system the pages of `size` values from `to` on, which were reserved, before they are written: by
/// several threads, and many pages a call, where one thread would come by them one at a time. Of the time in which a
/// file is read that is not compressed a third would go there. Pages of 4 KB: those of 2 MB are quicker to come where
/// the system has them at hand, and take ten times as long where a virtual machine must ask its host for them. Where
/// the system cannot be asked, or the values take less than 1 MB, nothing happens.
template <class Value>
void populate_pages(Value* to, std::size_t size, std::size_t threads) {
#ifdef MADV_POPULATE_WRITE
    constexpr std::size_t least = std::size_t{1} << 20;  // below it threads take longer to start than pages to come
    if (size * sizeof(Value) < least) return;
    constexpr std::uintptr_t page = std::uintptr_t{1} << 12;
    const auto begin = reinterpret_cast<std::uintptr_t>(to);
    const std::uintptr_t first = (begin + page - 1) / page;  // pages that hold nothing else
    const std::uintptr_t last = (begin + size * sizeof(Value)) / page;
    if (first >= last) return;
    core_detail::in_threads(threads, threads, [&](std::size_t k) {
        const std::uintptr_t from = first + (last - first) * k / threads,
                             end = first + (last - first) * (k + 1) / threads;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): pages within the values' memory
        if (from < end) (void)::madvise(reinterpret_cast<void*>(from * page), (end - from) * page, MADV_POPULATE_WRITE);
    });
#else
    (void)to, (void)size, (void)threads;
#endif
}

}  // namespace cellvae::io_detail
