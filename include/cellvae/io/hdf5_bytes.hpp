// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cellvae::io_detail {

/// The number of eight bytes, least significant first.
inline std::uint64_t little_endian(const char* bytes) {
    std::uint64_t number = 0;
    for (int k = 7; k >= 0; --k) number = number << 8 | static_cast<unsigned char>(bytes[k]);
    return number;
}

/// Consecutive bytes of a file.
struct FileRange {
    std::uint64_t address;
    std::uint64_t size;
};

/// Where the chunks of a one-dimensional dataset lie, by their first element.
using ChunkPlaces = std::map<std::uint64_t, FileRange>;

/// Thrown, and caught, by what looks at a file's structures before HDF5 does.
struct Hdf5Damage {
    std::uint64_t position;
};

/// Bytes of a file that are read from the front on. Reading beyond their end is damage.
class FileBytes {
public:
    /// @param position of the first byte in the file
    FileBytes(std::string_view bytes, std::uint64_t position) : bytes_(bytes), position_(position) {}

    [[nodiscard]] std::size_t left() const { return bytes_.size(); }
    [[nodiscard]] std::uint64_t position() const { return position_; }

    std::string_view text(std::uint64_t size) {
        require(size <= bytes_.size());
        const std::string_view front = bytes_.substr(0, static_cast<std::size_t>(size));
        bytes_.remove_prefix(front.size());
        position_ += size;
        return front;
    }
    /// The same as bytes to be read in their turn.
    FileBytes part(std::uint64_t size) {
        const std::uint64_t start = position_;
        return {text(size), start};
    }
    void skip(std::uint64_t size) { (void)text(size); }
    /// A number of `width` bytes, at most 8.
    std::uint64_t number(std::size_t width) {
        char bytes[8] = {};
        text(width).copy(bytes, width);
        return little_endian(bytes);
    }
    /// A text that a zero ends; `padded` to a multiple of 8 bytes.
    std::string_view terminated(bool padded) {
        const std::size_t length = bytes_.find('\0');
        require(length != std::string_view::npos);
        return text(padded ? length / 8 * 8 + 8 : length + 1).substr(0, length);
    }

    void require(bool whole) const {
        if (!whole) throw Hdf5Damage{position_};
    }

private:
    std::string_view bytes_;
    std::uint64_t position_;
};

/// A file of which parts are read at places that it names itself.
class FileParts {
public:
    FileParts(const std::filesystem::path& path, std::uint64_t bytes)
        : file_(path, std::ios::binary), size_(bytes), room_(4 * bytes + (1 << 16)) {}

    [[nodiscard]] std::uint64_t size() const { return size_; }

    /// @param position where the place is named, for the damage that a place beyond the file is
    std::string read(std::uint64_t place, std::uint64_t size) {
        require_inside(place, size);
        // What refers to the same bytes over and over would take for ever.
        if (size > room_) throw Hdf5Damage{place};
        room_ -= size;
        std::string bytes(static_cast<std::size_t>(size), '\0');
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(place));
        if (!file_.read(bytes.data(), static_cast<std::streamsize>(size))) throw Hdf5Damage{place};
        return bytes;
    }

    void require_inside(std::uint64_t place, std::uint64_t size) const {
        if (place > size_ || size > size_ - place) throw Hdf5Damage{place};
    }

private:
    std::ifstream file_;
    std::uint64_t size_;
    std::uint64_t room_;  // bytes that may still be read
};

/// How many bytes an HDF5 file says that it has; 0 where its first bytes do not say so here.
inline std::uint64_t declared_bytes(const std::filesystem::path& path) {
    std::string head(52, '\0');
    if (!std::ifstream(path, std::ios::binary).read(head.data(), static_cast<std::streamsize>(head.size()))) return 0;
    FileBytes from(head, 0);
    if (from.text(8) != std::string_view("\x89HDF\r\n\x1a\n", 8)) return 0;
    const std::uint64_t version = from.number(1);
    from.skip(version < 2 ? 4 : 0);
    if (version > 3 || from.number(1) != 8 || from.number(1) != 8) return 0;  // addresses and sizes of 8 bytes
    // what lies between, and two addresses
    from.skip((version < 2 ? 9 : 1) + (version == 1 ? 4 : 0) + 16);
    return from.number(8);
}

/// What gzip's filter made smaller, where it was no more than `most` bytes and is not damaged.
inline std::optional<std::string> inflated(std::string_view bytes, std::size_t most) {
    std::string plain(most, '\0');
    auto size = static_cast<uLongf>(most);
    if (uncompress(reinterpret_cast<Bytef*>(plain.data()), &size, reinterpret_cast<const Bytef*>(bytes.data()),
                   static_cast<uLong>(bytes.size())) != Z_OK)
        return std::nullopt;
    plain.resize(size);
    return plain;
}

}  // namespace cellvae::io_detail
