// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "cellvae/core/error.hpp"
#include "cellvae/io/hdf5.hpp"

namespace cellvae::io_detail {

/// A new HDF5 file that lives in memory; its bytes go to the disk in one piece.
///
/// HDF5 writes its caches when a file is closed. Where that fails, as on a full disk, the file stays open inside the
/// library and the process ends in a crash. In memory nothing can fail half-way, and the disk is left to plain writes,
/// whose errors are ours to handle.
class Hdf5Image {
public:
    /// @param name the target, for errors @param checked HDF5 1.10's format, whose metadata have checksums
    explicit Hdf5Image(std::string name, bool checked = false) : name_(std::move(name)) {
        const Handle access = in_memory(checked);
        const Handle creation(H5Pcreate(H5P_FILE_CREATE));
        H5Pset_obj_track_times(creation.get(), false);  // equal contents, equal bytes
        file_ = Handle(H5Fcreate(name_.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()));
        if (!file_.valid()) fail();
    }

    /// The same with the contents of a file of HDF5 1.10's format, to which more is to be added.
    Hdf5Image(std::string name, std::string bytes) : name_(std::move(name)) {
        const Handle access = in_memory(true);
        if (H5Pset_file_image(access.get(), bytes.data(), bytes.size()) < 0) fail();
        // of a name that there is no file of: HDF5 would take it for a mistake
        file_ = Handle(H5Fopen((name_ + " in memory").c_str(), H5F_ACC_RDWR, access.get()));
        if (!file_.valid()) fail();
    }

    Hdf5Image(const Hdf5Image&) = delete;
    Hdf5Image& operator=(const Hdf5Image&) = delete;

    [[nodiscard]] hid_t get() const { return file_.get(); }

    /// Closes the file, since one that is open for writing says so in its first bytes. @returns the whole file as it
    /// belongs on the disk; it lives as long as this.
    [[nodiscard]] std::string_view close() {
        if (H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) < 0) fail();
        const auto size = H5Fget_file_image(file_.get(), nullptr, 0);
        if (size <= 0 || !file_.close() || memory_.start == nullptr) fail();
        return {static_cast<const char*>(memory_.start), static_cast<std::size_t>(size)};
    }

private:
    struct Memory {
        void* start = nullptr;
        Memory() = default;
        Memory(const Memory&) = delete;
        Memory& operator=(const Memory&) = delete;
        ~Memory() { std::free(start); }
    };

    [[nodiscard]] Handle in_memory(bool checked) {
        Handle access(H5Pcreate(H5P_FILE_ACCESS));
        if (checked) H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
        constexpr std::size_t increment = std::size_t{1} << 22;
        H5Pset_fapl_core(access.get(), increment, false);
        H5FD_file_image_callbacks_t callbacks{};
        callbacks.image_malloc = [](std::size_t size, H5FD_file_image_op_t, void*) { return std::malloc(size); };
        callbacks.image_memcpy = [](void* to, const void* from, std::size_t size, H5FD_file_image_op_t, void*) {
            return std::memcpy(to, from, size);
        };
        callbacks.image_realloc = [](void* memory, std::size_t size, H5FD_file_image_op_t, void*) {
            return std::realloc(memory, size);
        };
        callbacks.image_free = [](void* memory, H5FD_file_image_op_t operation, void* kept) -> herr_t {
            if (operation == H5FD_FILE_IMAGE_OP_FILE_CLOSE) std::swap(memory, static_cast<Memory*>(kept)->start);
            std::free(memory);
            return 0;
        };
        callbacks.udata_copy = [](void* kept) { return kept; };
        callbacks.udata_free = [](void*) -> herr_t { return 0; };
        callbacks.udata = &memory_;
        H5Pset_file_image_callbacks(access.get(), &callbacks);
        return access;
    }

    [[noreturn]] void fail() const {
        throw InputError(
            message(name_, ": cannot be composed in memory (", hdf5_reason(), "); expected enough free memory"));
    }

    std::string name_;
    Memory memory_;  // of the closed file
    Handle file_;
};

}  // namespace cellvae::io_detail
