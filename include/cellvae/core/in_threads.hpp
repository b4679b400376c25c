// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace cellvae::core_detail {

/// Calls work(k) for every k below `count`, from several threads: for what is done before Kokkos is initialised.
/// @throws what work() threw first, of the first thread
template <class Work>
void in_threads(std::size_t threads, std::size_t count, const Work& work) {
    std::vector<std::exception_ptr> thrown(threads);
    const auto share = [&](std::size_t first) {
        try {
            for (std::size_t k = first; k < count; k += threads) work(k);
        } catch (...) {
            thrown[first] = std::current_exception();
        }
    };
    std::vector<std::thread> others;
    std::size_t started = 1;
    try {
        others.reserve(threads - 1);
        for (; started < threads; ++started) others.emplace_back(share, started);
    } catch (const std::system_error&) {
        // no more threads are to be had: this one takes their share
    }
    for (std::size_t first = started; first < threads; ++first) share(first);
    share(0);
    for (auto& other : others) other.join();
    for (const auto& one : thrown)
        if (one) std::rethrow_exception(one);
}

/// As many threads as the machine has, but no more than pay.
[[nodiscard]] inline std::size_t reading_threads() {
    return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8);
}

}  // namespace cellvae::core_detail
