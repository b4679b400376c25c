// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cellvae/io/hdf5.hpp"

namespace cellvae::io_detail {

/// The values of a one-dimensional dataset that lie in the file as they are in memory, in one piece or in chunks
/// without filters. They are read without HDF5, so any thread may.
class PlainValues {
public:
    /// Values that lie beside one another.
    struct Piece {
        std::size_t first, count;  ///< elements
        std::uint64_t address;     ///< in the file, or `nowhere`: they were never written
    };
    static constexpr std::uint64_t nowhere = HADDR_UNDEF;

    /// @param type that of the values in memory
    PlainValues(const Dataset& dataset, hid_t type)
        : dataset_(dataset), width_(H5Tget_size(type)), chunk_(static_cast<std::size_t>(dataset.chunk(0))) {
        if (!dataset.filters().empty() || H5Tequal(dataset.type(), type) <= 0) return;
        const Handle creation(H5Fget_create_plist(dataset.file().handle.get()));
        hsize_t user_block = 0;  // whether addresses begin behind it differs between versions of HDF5
        if (H5Pget_userblock(creation.get(), &user_block) < 0 || user_block > 0) return;
        if (chunk_ == 0) {
            const std::uint64_t bytes = dataset.length() * width_, file_bytes = dataset.file().bytes;
            address_ = H5Dget_offset(dataset.get());
            if (address_ == nowhere || H5Dget_storage_size(dataset.get()) != bytes) return;
            if (bytes > file_bytes || address_ > file_bytes - bytes) return;
        }
        if (chunk_ > 0) {
            const auto found = dataset.file().plain_chunks.find(header_address(dataset.get()));
            if (found == dataset.file().plain_chunks.end()) return;  // none yet, or an index that is not walked
            chunks_ = &found->second;
        }
        file_ = ::open(dataset.file().name.c_str(), O_RDONLY | O_CLOEXEC);
    }
    ~PlainValues() {
        if (file_ >= 0) ::close(file_);
    }
    PlainValues(const PlainValues&) = delete;
    PlainValues& operator=(const PlainValues&) = delete;

    /// Whether the dataset is one of these.
    [[nodiscard]] bool readable() const { return file_ >= 0; }

    /// The pieces of the elements from `start`, where a chunk begins, on.
    [[nodiscard]] std::vector<Piece> pieces(std::size_t start, std::size_t count) const {
        const std::size_t at_once = chunk_ > 0 ? chunk_ : (std::size_t{1} << 18) / width_;
        std::vector<Piece> result;
        for (std::size_t first = start; first < start + count; first += at_once) {
            Piece piece{first, std::min(at_once, start + count - first), address_ + first * width_};
            if (chunk_ > 0) {
                const auto found = chunks_->find(first);
                piece.address = found == chunks_->end() ? nowhere : found->second.address;
                if (found != chunks_->end() && found->second.size != chunk_ * width_) damaged(first);
            }
            result.push_back(piece);
        }
        return result;
    }

    /// @returns false where the file could not be read
    [[nodiscard]] bool read(const Piece& piece, void* to) const {
        auto* bytes = static_cast<char*>(to);
        auto at = static_cast<off_t>(piece.address);
        for (std::size_t left = piece.count * width_; left > 0;) {
            const ssize_t got = ::pread(file_, bytes, left, at);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) return false;
            bytes += got;
            at += got;
            left -= static_cast<std::size_t>(got);
        }
        return true;
    }

    [[noreturn]] void damaged(std::size_t first) const {
        dataset_.file().fail(dataset_.place(), "the values from position ", first,
                             " on cannot be read; expected undamaged data");
    }

private:
    static std::uint64_t header_address(hid_t object) {
#if H5_VERSION_GE(1, 12, 0)
        H5O_info1_t info{};
#else
        H5O_info_t info{};
#endif
        return H5Oget_info1(object, &info) < 0 ? nowhere : info.addr;
    }

    const Dataset& dataset_;
    std::size_t width_, chunk_;
    const ChunkPlaces* chunks_ = nullptr;
    std::uint64_t address_ = 0;
    int file_ = -1;
};

}  // namespace cellvae::io_detail
