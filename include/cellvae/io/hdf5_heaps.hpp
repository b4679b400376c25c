// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cellvae::io_detail {

/// The number of eight bytes, least significant first.
inline std::uint64_t little_endian(const char* bytes) {
    std::uint64_t number = 0;
    for (int k = 7; k >= 0; --k) number = number << 8 | static_cast<unsigned char>(bytes[k]);
    return number;
}

/// Looks for a heap of texts ("GCOL", HDF5's global heap collection) whose objects do not follow one another to its
/// end, and returns its position. HDF5 1.10 loops for ever in a heap with an object of size zero, so this comes first.
///
/// A heap begins with the signature, version 1, three zeros and its size (8 bytes); each object with its number (2
/// bytes, 0 is free room), references (2), four zeros and its size (8), which for free room includes these 16 bytes.
inline std::optional<std::uint64_t> damaged_heap(const std::filesystem::path& path, std::uint64_t file_bytes) {
    using namespace std::string_view_literals;
    constexpr std::string_view signature = "GCOL\1\0\0\0"sv;
    const std::boyer_moore_horspool_searcher searcher(signature.begin(), signature.end());
    std::ifstream file(path, std::ios::binary);
    std::vector<char> buffer(std::size_t{1} << 20);
    std::vector<std::uint64_t> heaps;
    std::size_t kept = 0;
    std::uint64_t start = 0;  // of the buffer, in the file
    while (file.read(buffer.data() + kept, static_cast<std::streamsize>(buffer.size() - kept)), file.gcount() > 0) {
        const std::size_t size = kept + static_cast<std::size_t>(file.gcount());
        const auto end = buffer.begin() + static_cast<std::ptrdiff_t>(size);
        for (auto at = std::search(buffer.begin(), end, searcher); at != end; at = std::search(at + 1, end, searcher))
            heaps.push_back(start + static_cast<std::uint64_t>(at - buffer.begin()));
        kept = std::min(size, signature.size() - 1);
        std::copy(end - static_cast<std::ptrdiff_t>(kept), end, buffer.begin());
        start += size - kept;
    }
    std::vector<char> heap;
    for (const std::uint64_t position : heaps) {
        char head[16] = {};
        file.clear();
        file.seekg(static_cast<std::streamoff>(position));
        if (!file.read(head, sizeof head)) return position;
        const std::uint64_t size = little_endian(head + 8);
        if (size < sizeof head || size > file_bytes - position) return position;
        heap.resize(static_cast<std::size_t>(size) - sizeof head);
        if (!file.read(heap.data(), static_cast<std::streamsize>(heap.size()))) return position;
        for (std::size_t at = 0; heap.size() - at >= 16;) {
            const bool free_room = heap[at] == 0 && heap[at + 1] == 0;
            const std::uint64_t room = heap.size() - at;
            const std::uint64_t length = little_endian(heap.data() + at + 8);
            if (length > room) return position;
            const std::uint64_t whole = free_room ? length : 16 + (length + 7) / 8 * 8;
            if (whole < 16 || whole > room) return position;
            at += static_cast<std::size_t>(whole);
        }
    }
    return std::nullopt;
}

}  // namespace cellvae::io_detail
