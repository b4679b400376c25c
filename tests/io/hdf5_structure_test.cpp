// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/hdf5_structure.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cellvae/io/h5ad_read.hpp"
#include "io_files.hpp"

using cellvae::io_detail::StructureWalk;
using io_files::Folder;
using io_files::H5adParts;
using io_files::Handle;
using io_files::refusal;
using io_files::word;

namespace hdf5_structure_test {

namespace {

std::string with(std::string bytes, std::size_t place, const std::string& other) {
    REQUIRE(place + other.size() <= bytes.size());
    return bytes.replace(place, other.size(), other);
}

/// The place of `part`, which must be there, from `start` on.
std::size_t place_of(const std::string& bytes, const std::string& part, std::size_t start = 0) {
    const auto place = bytes.find(part, start);
    REQUIRE(place != std::string::npos);
    return place;
}

bool is_damaged(const Folder& folder, const std::string& bytes) {
    return StructureWalk(folder.text("file", bytes), bytes.size()).damage().has_value();
}

/// A file with a group, attributes of texts, an enumeration, a compound type, chunks and a contiguous dataset.
std::string small_file(const Folder& folder, H5F_libver_t format = H5F_LIBVER_EARLIEST) {
    {
        const Handle access(H5Pcreate(H5P_FILE_ACCESS));
        H5Pset_libver_bounds(access.get(), format, H5F_LIBVER_LATEST);
        const Handle file(H5Fcreate(folder.path("made").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()));
        const Handle group = io_files::group(file.get(), "group");
        io_files::text_attribute(group.get(), "encoding-type", "first");
        io_files::texts_attribute(group.get(), "column-order", {"one", "three", "fives"});
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        const hsize_t chunk = 3;
        H5Pset_chunk(properties.get(), 1, &chunk);
        (void)io_files::numbers<double>(group.get(), "chunks", H5T_IEEE_F64LE, {1, 2, 3, 4, 5, 6, 7, 8}, {},
                                        properties.get());
        H5Pset_deflate(properties.get(), 4);
        (void)io_files::numbers<std::int32_t>(group.get(), "filtered", H5T_STD_I32LE, {1, 2, 3, 4, 5}, {},
                                              properties.get());
        (void)io_files::numbers<std::int64_t>(file.get(), "piece", H5T_STD_I64LE, {10, 20, 30});
        const Handle flag(H5Tenum_create(H5T_NATIVE_INT8));
        for (const std::int8_t value : {std::int8_t{0}, std::int8_t{1}})
            H5Tenum_insert(flag.get(), value == 0 ? "FALSE" : "TRUE", &value);
        const Handle pair(H5Tcreate(H5T_COMPOUND, 17));
        H5Tinsert(pair.get(), "number", 0, H5T_NATIVE_DOUBLE);
        H5Tinsert(pair.get(), "flag", 16, flag.get());
        const hsize_t two = 2;
        const Handle array(H5Tarray_create2(H5T_NATIVE_INT, 1, &two));
        H5Tinsert(pair.get(), "array", 8, array.get());
        const Handle space(H5Screate_simple(1, &two, nullptr));
        const Handle made(
            H5Dcreate2(file.get(), "pairs", pair.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        H5Lcreate_soft("/piece", group.get(), "soft", H5P_DEFAULT, H5P_DEFAULT);
    }
    return io_files::content_of(folder.path("made"));
}

}  // namespace

TEST_CASE("whole files of every format of HDF5 are not damaged") {
    const Folder folder;
    for (const auto format : {H5F_LIBVER_EARLIEST, H5F_LIBVER_V18, H5F_LIBVER_LATEST}) {
        CAPTURE(static_cast<int>(format));
        CHECK_FALSE(is_damaged(folder, small_file(folder, format)));
    }
    CHECK_FALSE(is_damaged(folder, ""));
    CHECK_FALSE(is_damaged(folder, std::string(300, 'x')));  // no HDF5: its to say
    const std::string group_of_many = [&] {                  // its tree has more than one node
        {
            const Handle file(H5Fcreate(folder.path("many").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
            for (int k = 0; k < 700; ++k) (void)io_files::group(file.get(), "group" + std::to_string(k));
        }
        return io_files::content_of(folder.path("many"));
    }();
    CHECK_FALSE(is_damaged(folder, group_of_many));
    const std::string many_chunks = [&] {
        {
            const Handle file(H5Fcreate(folder.path("many").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
            const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
            const hsize_t chunk = 2;
            H5Pset_chunk(properties.get(), 1, &chunk);
            (void)io_files::numbers(file.get(), "many", H5T_IEEE_F64LE, std::vector<double>(1001, 1), {},
                                    properties.get());
        }
        return io_files::content_of(folder.path("many"));
    }();
    CHECK_FALSE(is_damaged(folder, many_chunks));
}

TEST_CASE("what HDF5 would follow or copy beyond its bounds is damage") {
    const Folder folder;
    const std::string whole = small_file(folder);
    const auto damaged = [&](std::size_t place, const std::string& other) {
        return is_damaged(folder, with(whole, place, other));
    };
    const std::size_t heap = place_of(whole, "GCOL");

    SECTION("references of attributes to texts") {
        const auto reference = place_of(whole, word(5, 4) + word(heap, 8));
        CHECK(damaged(reference + 12, word(77, 4)));       // no such text
        CHECK(damaged(reference, word(6, 4)));             // a longer one
        CHECK(damaged(reference + 4, word(heap + 8, 8)));  // no heap
    }
    SECTION("the tree of one group with the names of another") {
        const auto names = place_of(whole, "HEAP", place_of(whole, "HEAP") + 1);
        const auto second = place_of(whole, word(names, 8));
        REQUIRE(whole.substr(80, 8) != whole.substr(second - 8, 8));
        CHECK(damaged(second - 8, whole.substr(80, 8)));  // the root's, of the superblock
    }
    SECTION("addresses and sizes beyond the file") {
        const auto tree = place_of(whole, std::string("TREE\0", 5));
        CHECK(damaged(tree + 6, word(500, 2)));                  // children
        CHECK(damaged(tree + 32, word(whole.size() - 100, 8)));  // a child that does not fit
        const auto leaf = place_of(whole, "SNOD");
        CHECK(damaged(leaf + 6, word(200, 2)));                // names
        CHECK(damaged(leaf + 8, word(5000, 8)));               // a name
        CHECK(damaged(leaf + 16, word(whole.size() - 3, 8)));  // an object's header
        const auto local = place_of(whole, "HEAP");
        CHECK(damaged(local + 8, word(whole.size(), 8)));  // its bytes
        CHECK(damaged(local + 16, word(3, 8)));            // room inside a name
        const auto chunks = place_of(whole, std::string("TREE\1", 5));
        CHECK(damaged(chunks + 24, word(23, 4)));                      // three doubles have 24 bytes
        CHECK(damaged(chunks + 24 + 24, word(whole.size() - 10, 8)));  // where they lie
    }
    SECTION("a header's messages") {
        // the header of "piece" has its three integers' place: of version 3, class 1, 24 bytes
        const auto layout =
            place_of(whole, std::string("\3\1", 2) + word(place_of(whole, word(10, 8) + word(20, 8)), 8));
        CHECK(damaged(layout + 10, word(whole.size(), 8)));
        const auto compound = place_of(whole, std::string("\x26\3\0\0", 4) + word(17, 4));
        CHECK(damaged(compound + 1, word(9, 2)));   // members
        CHECK(damaged(compound + 4, word(12, 4)));  // their size
        const auto order = place_of(whole, "column-order");
        CHECK(damaged(order - 6, word(600, 2)));  // the attribute's name
        const auto continued = order - 8;
        CHECK(damaged(continued - 6, word(0x7fff, 2)));  // the message itself
    }
}

TEST_CASE("a file of other structures is refused before HDF5 reads it, naming the place") {
    const Folder folder;
    const auto path = H5adParts().write(folder.path("cells.h5ad"));
    const std::string bytes = io_files::content_of(path);
    const auto reference = place_of(bytes, word(10, 4) + word(place_of(bytes, "GCOL"), 8));  // "csr_matrix"
    const auto read = [](const auto& name) { return cellvae::read_h5ad(name); };
    CHECK(refusal(path, read) == "(accepted)");
    folder.text("cells.h5ad", with(bytes, reference + 12, word(50, 4)));
    CHECK(refusal(path, read) ==
          "cells.h5ad: the structure at byte " + std::to_string(reference) + " is damaged; expected a whole HDF5 file");
}

TEST_CASE("texts in chunks, compressed or not, must lead to texts") {
    const Folder folder;
    for (const int filters : {0, 1, 2, 3}) {
        CAPTURE(filters);
        const auto path = folder.path("cells.h5ad");
        {
            const cellvae::io_detail::QuietHdf5 quiet;
            H5adParts().write(path, [&](hid_t, hid_t obs) {
                const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
                const hsize_t chunk = 2, size = 3;
                H5Pset_chunk(properties.get(), 1, &chunk);
                if ((filters & 1) != 0) H5Pset_shuffle(properties.get());
                if ((filters & 2) != 0) H5Pset_deflate(properties.get(), 6);
                const Handle type = io_files::variable_text();
                const Handle space(H5Screate_simple(1, &size, nullptr));
                const char* const values[] = {"left", "right", ""};
                const Handle made(
                    H5Dcreate2(obs, "side", type.get(), space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
                H5Dwrite(made.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
            });
        }
        const auto read = [](const auto& name) { return cellvae::read_h5ad(name); };
        REQUIRE(refusal(path, read) == "(accepted)");
        const auto cells = read(path);
        REQUIRE(cells.obs.find("side") != nullptr);
        CHECK(std::get<std::vector<std::string>>(cells.obs.find("side")->values) ==
              std::vector<std::string>{"left", "right", ""});
        // the heap calls the text "left" another number: the reference to it leads nowhere
        std::string bytes = io_files::content_of(path);
        const auto text = place_of(bytes, word(4, 8) + "left") - 8;
        folder.text("cells.h5ad", with(bytes, text, word(999, 2)));
        CHECK(refusal(path, read) ==
              "cells.h5ad: obs/side: the text at position 0 lies nowhere in the file; expected undamaged data");
    }
}

}  // namespace hdf5_structure_test
