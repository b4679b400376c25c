// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cellvae::io_detail {

/// Room for `size` values, for which the system may take pages of megabytes where it has them: half of the time in
/// which a file is read that is not compressed goes to pages of 4096 bytes. Without such pages it is reserve() alone.
template <class Value>
void reserve_in_large_pages(std::vector<Value>& values, std::size_t size) {
    values.reserve(size);
#ifdef MADV_HUGEPAGE
    constexpr std::uintptr_t page = std::uintptr_t{1} << 21;
    const auto begin = reinterpret_cast<std::uintptr_t>(values.data());
    const std::uintptr_t first = (begin + page - 1) / page * page;
    const std::uintptr_t last = (begin + size * sizeof(Value)) / page * page;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the pages within the vector's memory
    if (first < last) (void)::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

}  // namespace cellvae::io_detail
