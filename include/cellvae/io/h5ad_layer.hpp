// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/h5ad_write.hpp"

namespace cellvae {

/// Writes what write_h5ad() writes and a dense layer beside it, cells x genes of float32, whose rows come one after
/// another: memory does not grow with the layer, which is not compressed.
///
/// HDF5 lays out a file without the layer's values, for which room on the disk is taken first; the values are plain
/// writes to their place in it. So a full disk is found before the work or is an error of a write, and never one inside
/// HDF5, which does not survive it. Until commit() the target is the old file.
class H5adLayerWriter {
public:
    /// @param layer its name @throws as write_h5ad(); OptionError for a name that is empty or has a '/'
    H5adLayerWriter(const std::filesystem::path& path, const CountMatrix& matrix, const std::string& layer,
                    const H5adExtras& extras = {})
        : name_(path.string()), target_(path), cells_(matrix.cells()), genes_(matrix.genes()) {
        using namespace io_detail;
        check_writable(matrix, extras);
        if (!can_be_named(layer))
            throw OptionError(message("layers: the name '", layer, "' is empty or has a '/'; expected a plain name"));
        const QuietHdf5 quiet;
        {
            Hdf5Image image(name_);
            H5adWriter(name_, image.get(), extras.compression).write(matrix, extras);
            const std::string_view bytes = image.close();
            const Descriptor file = open_to_write(target_, name_, O_CREAT | O_EXCL);
            write_bytes(file, name_, bytes);
            constexpr std::size_t for_hdf5 = std::size_t{1} << 20;  // what the layer's own description takes, and more
            const auto room = bytes.size() + for_hdf5 + static_cast<std::size_t>(cells_ * genes_) * sizeof(float);
            if (const int reason = ::posix_fallocate(file.get(), 0, static_cast<off_t>(room)))
                refuse_to_write(name_, reason);
        }
        const std::uint64_t begin = lay_out(layer);
        file_.emplace(open_to_write(target_, name_, 0));
        if (cells_ * genes_ > 0 && ::lseek(file_->get(), static_cast<off_t>(begin), SEEK_SET) < 0)
            refuse_to_write(name_, errno);
    }

    /// The next rows of the layer. @throws ShapeError where they are not whole rows, or too many
    void append(std::span<const float> values) {
        const auto more = static_cast<Index>(values.size());
        if (genes_ == 0 || more % genes_ != 0 || written_ + more > cells_ * genes_)
            throw ShapeError(message("values of a layer: found ", more, " after ", written_, "; expected rows of ",
                                     genes_, ", ", cells_ * genes_, " in all"));
        written_ += more;
        io_detail::write_bytes(*file_, name_, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
    }

    /// The file takes its name. @throws ShapeError where rows are missing, InputError where the system refuses
    void commit() {
        require_size(written_, cells_ * genes_, "values of a layer");
        if (!file_->close()) io_detail::refuse_to_write(name_, errno);
        target_.commit();
    }

private:
    std::uint64_t lay_out(const std::string& layer) const {
        using namespace io_detail;
        const Handle access(H5Pcreate(H5P_FILE_ACCESS));
#if (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0)) || H5_VERSION_GE(1, 12, 1)
        H5Pset_file_locking(access.get(), false, true);  // nobody else knows its name
#endif
        Handle file(H5Fopen(target_.path().c_str(), H5F_ACC_RDWR, access.get()));
        if (!file.valid()) refuse_to_write(name_, EIO);
        const std::uint64_t begin = H5adWriter(name_, file.get(), 0).make_layer(layer, cells_, genes_);
        if (!file.close()) refuse_to_write(name_, EIO);
        return begin;
    }

    std::string name_;
    AtomicFile target_;
    std::optional<io_detail::Descriptor> file_;
    Index cells_, genes_, written_ = 0;
};

}  // namespace cellvae
