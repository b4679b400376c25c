// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cellvae/io/hdf5_bytes.hpp"

namespace cellvae::io_detail {

/// How a heap of texts begins.
inline constexpr std::string_view heap_signature{"GCOL\1\0\0\0", 8};

/// One object of a heap of texts: its number in the heap and its length in bytes.
struct HeapObject {
    std::uint64_t number;
    std::uint64_t length;
};

/// Walks through the heap of texts ("GCOL", HDF5's global heap collection) at `position`. Nothing where its objects do
/// not follow one another to its end.
///
/// A heap begins with the signature, version 1, three zeros and its size (8 bytes); each object with its number (2
/// bytes, 0 is free room), references (2), four zeros and its size (8), which for free room includes these 16 bytes.
/// @param room the bytes that the heap may have at most; on return, less what it has
inline std::optional<std::vector<HeapObject>> heap_objects(std::ifstream& file, std::uint64_t position,
                                                           std::uint64_t& room) {
    char head[16] = {};
    file.clear();
    file.seekg(static_cast<std::streamoff>(position));
    if (!file.read(head, sizeof head) || std::string_view(head, heap_signature.size()) != heap_signature)
        return std::nullopt;
    const std::uint64_t size = little_endian(head + 8);
    if (size < sizeof head || size > room) return std::nullopt;
    room -= size;
    std::vector<char> heap(static_cast<std::size_t>(size) - sizeof head);
    if (!file.read(heap.data(), static_cast<std::streamsize>(heap.size()))) return std::nullopt;
    std::vector<HeapObject> objects;
    for (std::size_t at = 0; heap.size() - at >= 16;) {
        const std::uint64_t number = little_endian(heap.data() + at) & 0xffff;
        const std::uint64_t left = heap.size() - at;
        const std::uint64_t length = little_endian(heap.data() + at + 8);
        if (length > left) return std::nullopt;
        const std::uint64_t whole = number == 0 ? length : 16 + (length + 7) / 8 * 8;
        if (whole < 16 || whole > left) return std::nullopt;
        if (number != 0) objects.push_back({number, length});
        at += static_cast<std::size_t>(whole);
    }
    return objects;
}

/// Looks for a damaged heap of texts and returns its position. HDF5 1.10 loops for ever in a heap with an object of
/// size zero, so this comes first. Heaps lie beside one another: ones that have more bytes together than the file are
/// damaged too, and the time that this takes grows with the file.
/// @param numbers parts of the file, by address, that hold nothing but numbers: no heap is looked for there
inline std::optional<std::uint64_t> damaged_heap(const std::filesystem::path& path, std::uint64_t file_bytes,
                                                 std::span<const FileRange> numbers = {}) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> buffer(std::size_t{1} << 20);
    std::vector<std::uint64_t> heaps;
    const auto look = [&](std::uint64_t start, std::uint64_t end) {
        file.clear();
        file.seekg(static_cast<std::streamoff>(start));
        std::size_t kept = 0;
        while (start + kept < end) {
            const auto most = std::min<std::uint64_t>(buffer.size() - kept, end - start - kept);
            file.read(buffer.data() + kept, static_cast<std::streamsize>(most));
            if (file.gcount() == 0) return;
            const std::size_t size = kept + static_cast<std::size_t>(file.gcount());
            const std::string_view bytes(buffer.data(), size);
            for (auto at = bytes.find(heap_signature); at != bytes.npos; at = bytes.find(heap_signature, at + 1))
                heaps.push_back(start + at);
            kept = std::min(size, heap_signature.size() - 1);
            std::copy(bytes.end() - kept, bytes.end(), buffer.begin());
            start += size - kept;
        }
    };
    std::uint64_t from = 0;
    for (const FileRange& range : numbers) {
        if (range.address > from) look(from, range.address);
        from = std::max(from, range.address + range.size);
    }
    look(from, file_bytes);
    std::uint64_t room = file_bytes;
    for (const std::uint64_t position : heaps)
        if (!heap_objects(file, position, room)) return position;
    return std::nullopt;
}

/// Checks references to texts, as datasets and attributes of texts of variable length hold them: 16 bytes each, the
/// length (4), the position of the heap (8) and the number of the object in it (4). HDF5 1.10 looks an object up
/// without a check that the heap has it, and copies as much as the heap says to where the reference's length has room.
class TextReferences {
public:
    static constexpr std::size_t bytes = 16;  // of one

    TextReferences(const std::filesystem::path& path, std::uint64_t file_bytes)
        : file_(path, std::ios::binary), room_(file_bytes) {}

    /// The position of the first of `count` references at byte `start` of the file that leads to no text.
    [[nodiscard]] std::optional<std::size_t> broken(std::uint64_t start, std::size_t count) {
        std::vector<char> buffer(bytes * block);
        for (std::size_t first = 0; first < count; first += block) {
            const std::size_t size = std::min(block, count - first);
            file_.clear();
            file_.seekg(static_cast<std::streamoff>(start + bytes * first));
            if (!file_.read(buffer.data(), static_cast<std::streamsize>(bytes * size))) return first;
            for (std::size_t k = 0; k < size; ++k)
                if (!leads_to_text(buffer.data() + bytes * k)) return first + k;
        }
        return std::nullopt;
    }

    /// @param reference its 16 bytes
    [[nodiscard]] bool leads_to_text(const char* reference) {
        const std::uint64_t length = little_endian(reference) & 0xffffffff;
        const std::uint64_t position = little_endian(reference + 4);
        const std::uint64_t number = little_endian(reference + 8) >> 32;
        if (position == 0) return true;  // an empty text
        const auto [found, fresh] = heaps_.try_emplace(position);
        if (fresh) {
            auto objects = heap_objects(file_, position, room_);
            if (!objects) return false;
            found->second = std::move(*objects);
            std::sort(found->second.begin(), found->second.end(),
                      [](const HeapObject& a, const HeapObject& b) { return a.number < b.number; });
        }
        const auto object = std::lower_bound(found->second.begin(), found->second.end(), number,
                                             [](const HeapObject& a, std::uint64_t b) { return a.number < b; });
        return object != found->second.end() && object->number == number && object->length == length;
    }

private:
    static constexpr std::size_t block = 4096;

    std::ifstream file_;
    std::uint64_t room_;
    std::unordered_map<std::uint64_t, std::vector<HeapObject>> heaps_;
};

}  // namespace cellvae::io_detail
