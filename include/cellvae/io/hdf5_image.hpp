// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <cstddef>
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
    /// @param name the target, for errors
    explicit Hdf5Image(std::string name) : name_(std::move(name)) {
        const Handle access(H5Pcreate(H5P_FILE_ACCESS));
        constexpr std::size_t increment = std::size_t{1} << 22;
        H5Pset_fapl_core(access.get(), increment, false);
        file_ = Handle(H5Fcreate(name_.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()));
        if (!file_.valid()) fail();
    }

    [[nodiscard]] hid_t get() const { return file_.get(); }

    /// The whole file as it belongs on the disk; valid until the next change.
    [[nodiscard]] std::string_view bytes() {
        void** memory = nullptr;
        if (H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) < 0) fail();
        const auto size = H5Fget_file_image(file_.get(), nullptr, 0);
        if (size <= 0 || H5Fget_vfd_handle(file_.get(), H5P_DEFAULT, reinterpret_cast<void**>(&memory)) < 0 ||
            memory == nullptr)
            fail();
        return {static_cast<const char*>(*memory), static_cast<std::size_t>(size)};
    }

private:
    [[noreturn]] void fail() const {
        throw InputError(
            message(name_, ": cannot be composed in memory (", hdf5_reason(), "); expected enough free memory"));
    }

    std::string name_;
    Handle file_;
};

}  // namespace cellvae::io_detail
