// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/hdf5_stream.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cellvae/io/h5ad.hpp"
#include "io_files.hpp"

using cellvae::io_detail::Handle;
using cellvae::io_detail::Hdf5Stream;
using io_files::content_of;
using io_files::Folder;
using io_files::FullDisk;

namespace {

/// Cells with long names, which HDF5 keeps in heaps, and with more values than fit in one of its chunks.
cellvae::CountMatrix many_cells() {
    cellvae::CountMatrix matrix;
    for (int gene = 0; gene < 50; ++gene) matrix.var.names.push_back(cellvae::message("gene", gene));
    for (int cell = 0; cell < 3000; ++cell) {
        matrix.obs.names.push_back(cellvae::message("a cell with a rather long name, number ", cell));
        for (int gene = cell % 2; gene < 50; gene += 2) {
            matrix.columns.push_back(gene);
            matrix.values.push_back(static_cast<float>(1 + (cell * 7919 + gene * 104729) % 1009));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
    }
    return matrix;
}

void write_cells(hid_t file, const cellvae::CountMatrix& matrix) {
    cellvae::io_detail::H5adWriter("cells.h5ad", file, 4).write(matrix, {});
}

}  // namespace

TEST_CASE("a streamed file has the bytes that HDF5's own driver writes") {
    const Folder folder;
    const auto matrix = many_cells();
    {
        const Handle creation(H5Pcreate(H5P_FILE_CREATE));
        H5Pset_obj_track_times(creation.get(), false);
        const Handle file(H5Fcreate(folder.path("own.h5ad").c_str(), H5F_ACC_TRUNC, creation.get(), H5P_DEFAULT));
        write_cells(file.get(), matrix);
    }
    cellvae::AtomicFile target(folder.path("streamed.h5ad"));
    Hdf5Stream stream(target, "streamed.h5ad");
    write_cells(stream.get(), matrix);
    // it is on the disk, but for what HDF5 still holds, before it is whole
    CHECK(std::filesystem::file_size(target.path()) > 100000);
    stream.commit();
    CHECK((content_of(folder.path("streamed.h5ad")) == content_of(folder.path("own.h5ad"))));
    CHECK(folder.names().size() == 2);
}

TEST_CASE("a streamed file that the disk has no room for is refused, wherever that is, and HDF5 goes on") {
    const Folder folder;
    const auto matrix = many_cells();
    cellvae::write_h5ad(folder.path("whole.h5ad"), matrix);
    const auto size = std::filesystem::file_size(folder.path("whole.h5ad"));
    REQUIRE(size > 200000);
    for (std::uintmax_t limit = 0; limit < size; limit += size / 40) {
        INFO(limit);
        cellvae::AtomicFile target(folder.path("cells.h5ad"));
        const FullDisk full(limit);
        Hdf5Stream stream(target, "cells.h5ad");
        CHECK_NOTHROW(write_cells(stream.get(), matrix));
        CHECK_THROWS_WITH(stream.commit(),
                          "cells.h5ad: cannot be written (File too large); expected a folder with room "
                          "where files may be written");
        CHECK(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), H5F_OBJ_ALL) == 0);
    }
    CHECK(folder.names() == std::vector<std::string>{"whole.h5ad"});
}

TEST_CASE("a streamed file goes on from the contents of another") {
    const Folder folder;
    const auto group_in = [&](Hdf5Stream& stream, const char* name) {
        const Handle group(H5Gcreate2(stream.get(), name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        CHECK(group.valid());
    };
    {
        cellvae::AtomicFile target(folder.path("first.h5"));
        Hdf5Stream stream(target, "first.h5", true);
        group_in(stream, "first");
        stream.commit();
    }
    const std::string first = content_of(folder.path("first.h5"));
    cellvae::AtomicFile target(folder.path("second.h5"));
    Hdf5Stream stream(target, "second.h5", first);
    group_in(stream, "second");
    stream.commit();
    CHECK((content_of(folder.path("first.h5")) == first));
    const Handle file(H5Fopen(folder.path("second.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
    CHECK(H5Lexists(file.get(), "first", H5P_DEFAULT) > 0);
    CHECK(H5Lexists(file.get(), "second", H5P_DEFAULT) > 0);
}
