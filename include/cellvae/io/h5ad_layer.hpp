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
#include "cellvae/io/hdf5_stream.hpp"

namespace cellvae {

/// Writes what write_h5ad() writes and a dense layer beside it, cells x genes of float32, whose rows come one after
/// another: memory does not grow with the layer, which is not compressed.
///
/// HDF5 lays out the file without the layer's values, for which room on the disk is taken at once; the values are plain
/// writes to their place in it. So a full disk is found before the work. Until commit() the target is the old file.
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
        Hdf5Stream stream(target_, name_);
        const H5adWriter writer(name_, stream.get(), extras.compression);
        writer.write(matrix, extras);
        const std::uint64_t begin = writer.make_layer(layer, cells_, genes_);
        file_.emplace(stream.finish());
        const off_t room = ::lseek(file_->get(), 0, SEEK_END);
        if (const int reason = ::posix_fallocate(file_->get(), 0, room)) refuse_to_write(name_, reason);
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
    std::string name_;
    AtomicFile target_;
    std::optional<io_detail::Descriptor> file_;
    Index cells_, genes_, written_ = 0;
};

}  // namespace cellvae
