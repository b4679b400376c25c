// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/hdf5_heaps.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>

#include "io_files.hpp"

using cellvae::io_detail::damaged_heap;
using io_files::Folder;
using io_files::word;

namespace hdf5_heaps_test {

namespace {

/// The head of a heap of `size` bytes and that of its first object, which fills the rest.
std::string heads(std::uint64_t size) {
    return std::string(cellvae::io_detail::heap_signature) + word(size, 8) + word(1, 2) + word(1, 2) + word(0, 4) +
           word(size - 32, 8);
}

}  // namespace

TEST_CASE("whole heaps beside one another are not damaged, one that ends too late is") {
    const Folder folder;
    const std::string heap = heads(64) + std::string(32, 'x');
    const auto found = [&](const std::string& bytes) { return damaged_heap(folder.text("file", bytes), bytes.size()); };
    CHECK_FALSE(found("before" + heap + heap + "behind").has_value());
    CHECK(found("before" + heap + heap.substr(0, 63)) == 70);
    // An object of size zero, in which HDF5 1.10 loops.
    std::string zero = heap;
    zero.replace(16, 16, std::string(16, '\0'));
    CHECK(found(zero) == 0);
}

TEST_CASE("heaps inside heaps are damaged: following each to the end of all would take the square of the file") {
    const Folder folder;
    constexpr std::uint64_t depth = 2000;
    std::string bytes;
    for (std::uint64_t k = 0; k < depth; ++k) bytes += heads(32 * (depth - k));
    CHECK(damaged_heap(folder.text("file", bytes), bytes.size()) == 32);
}

}  // namespace hdf5_heaps_test
