// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/hdf5.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "cellvae/io/h5ad_read.hpp"
#include "cellvae/io/hdf5_texts.hpp"
#include "io_files.hpp"

namespace hdf5_test {

using cellvae::io_detail::Dataset;
using cellvae::io_detail::open_hdf5;
using cellvae::io_detail::open_object;
using cellvae::io_detail::QuietHdf5;
using cellvae::io_detail::read_texts;
using io_files::Folder;
using io_files::group;
using io_files::H5adParts;
using io_files::Handle;
using io_files::refusal;
using io_files::word;

namespace {

std::string read_refusal(const std::filesystem::path& path) {
    return refusal(path, [](const auto& file) { return cellvae::read_h5ad(file); });
}

/// What reading the texts of the dataset "texts" says.
std::string texts_refusal(const std::filesystem::path& path) {
    const QuietHdf5 quiet;
    return refusal(path, [](const auto& name) {
        const auto file = open_hdf5(name);
        return read_texts(Dataset(file, file.handle.get(), "texts", "texts"));
    });
}

/// A file of the texts "first", "second" and "third!", whose bytes a test can change.
std::string three_texts(const Folder& folder) {
    {
        const Handle file(H5Fcreate(folder.path("texts").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        (void)io_files::texts(file.get(), "texts", {"first", "second", "third!"});
    }
    return io_files::content_of(folder.path("texts"));
}

/// Where the reference to the n-th of these texts lies: its length, the heap's position, its number.
std::size_t reference(const std::string& bytes, std::uint64_t number, std::uint64_t length) {
    const auto heap = bytes.find("GCOL");
    const auto place = bytes.find(word(length, 4) + word(heap, 8) + word(number, 4));
    REQUIRE(heap != std::string::npos);
    REQUIRE(place != std::string::npos);
    return place;
}

}  // namespace

TEST_CASE("HDF5 loads no plug-in while files are read, and the caller's choice comes back") {
    unsigned before = 0;
    H5PLset_loading_state(H5PL_FILTER_PLUGIN);
    {
        const QuietHdf5 quiet;
        unsigned inside = 1;
        H5PLget_loading_state(&inside);
        CHECK(inside == 0);
    }
    H5PLget_loading_state(&before);
    CHECK(before == H5PL_FILTER_PLUGIN);
}

TEST_CASE("what lies in another file is not read") {
    const Folder folder;
    const QuietHdf5 quiet;
    H5adParts().write(folder.path("other.h5ad"));
    folder.text("secret", std::string(64, 'x'));
    {
        const Handle file(H5Fcreate(folder.path("links").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        H5Lcreate_external(folder.path("other.h5ad").c_str(), "/obs", file.get(), "obs", H5P_DEFAULT, H5P_DEFAULT);
        H5Lcreate_soft("/obs", file.get(), "soft", H5P_DEFAULT, H5P_DEFAULT);
        (void)group(file.get(), "inside");
        H5Lcreate_soft("/inside", file.get(), "within", H5P_DEFAULT, H5P_DEFAULT);
    }
    const auto links = open_hdf5(folder.path("links"));
    CHECK_FALSE(open_object(links.handle.get(), "obs").valid());
    CHECK_FALSE(open_object(links.handle.get(), "soft").valid());
    CHECK(open_object(links.handle.get(), "within").valid());

    H5adParts().write(folder.path("outside.h5ad"), [&](hid_t, hid_t obs) {
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_external(properties.get(), folder.path("secret").c_str(), 0, 24);
        const hsize_t size = 3;
        const Handle space(H5Screate_simple(1, &size, nullptr));
        const Handle column(
            H5Dcreate2(obs, "column", H5T_STD_I64LE, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
    });
    CHECK(read_refusal(folder.path("outside.h5ad")) ==
          "outside.h5ad: obs/column: has its data in another file; expected the data themselves");

    H5adParts().write(folder.path("virtual.h5ad"), [&](hid_t, hid_t obs) {
        const hsize_t size = 3;
        const Handle space(H5Screate_simple(1, &size, nullptr));
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_virtual(properties.get(), space.get(), folder.path("other.h5ad").c_str(), "obs/number", space.get());
        const Handle column(
            H5Dcreate2(obs, "column", H5T_STD_I64LE, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
    });
    CHECK(read_refusal(folder.path("virtual.h5ad")) ==
          "virtual.h5ad: obs/column: has its data in another file; expected the data themselves");
}

TEST_CASE("a dataset that was never written does not take memory that its file has not") {
    const Folder folder;
    {
        const Handle file(H5Fcreate(folder.path("texts").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        const hsize_t size = hsize_t{1} << 24;  // of one byte each: 512 MB once they are strings
        const hsize_t chunk = 1024;
        const Handle space(H5Screate_simple(1, &size, nullptr));
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_chunk(properties.get(), 1, &chunk);
        const Handle texts(
            H5Dcreate2(file.get(), "texts", H5T_C_S1, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
    }
    CHECK(texts_refusal(folder.path("texts")).substr(0, 50) == "texts: texts: declares 1.67772e+07 values, but the");
}

TEST_CASE("references to texts that lead nowhere are found before HDF5 follows them") {
    const Folder folder;
    const std::string whole = three_texts(folder);
    CHECK(texts_refusal(folder.path("texts")) == "(accepted)");
    const auto changed = [&](std::size_t offset, const std::string& bytes) {
        std::string copy = whole;
        copy.replace(reference(whole, 2, 6) + offset, bytes.size(), bytes);
        return texts_refusal(folder.text("changed", copy));
    };
    const std::string expected =
        "changed: texts: the text at position 1 lies nowhere in the file; expected undamaged data";
    CHECK(changed(0, word(3, 4)) == expected);                       // HDF5 copies six bytes to room for three
    CHECK(changed(4, word(whole.find("GCOL") + 8, 8)) == expected);  // no heap
    CHECK(changed(4, word(std::uint64_t{1} << 60, 8)) == expected);  // outside the file
    CHECK(changed(12, word(4, 4)) == expected);                      // no object
    CHECK(changed(12, word(1000000, 4)) == expected);                // HDF5 reads beyond its table
}

TEST_CASE("texts that share their bytes take no more memory than the file could fill") {
    const Folder folder;
    constexpr std::size_t length = 60000;
    constexpr std::size_t count = 2000;
    {
        const Handle file(H5Fcreate(folder.path("texts").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        std::vector<std::string> texts(count, "x");
        texts.front() = std::string(length, 'x');
        (void)io_files::texts(file.get(), "texts", texts);
    }
    CHECK(texts_refusal(folder.path("texts")) == "(accepted)");
    std::string bytes = io_files::content_of(folder.path("texts"));
    // The long text has a heap of its own.
    auto heap = bytes.find("GCOL");
    auto first = std::string::npos;
    for (; heap != std::string::npos && first == std::string::npos; heap = bytes.find("GCOL", heap + 1))
        first = bytes.find(word(length, 4) + word(heap, 8) + word(1, 4));
    REQUIRE(first != std::string::npos);
    const std::string shared = bytes.substr(first, 16);
    for (std::size_t k = 1; k < count; ++k) bytes.replace(first + 16 * k, 16, shared);
    // Together 120 MB in a file of 160 KB.
    CHECK(texts_refusal(folder.text("shared", bytes)).substr(0, 29) == "shared: texts: cannot be read");
}

TEST_CASE("an attribute does not take memory that its file has not") {
    const Folder folder;
    const QuietHdf5 quiet;
    const Handle access(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);  // before, 64 KB were the most
    const Handle file(H5Fcreate(folder.path("file").c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()));
    const auto attribute = [&](const char* name, std::size_t width) {
        const Handle type(H5Tcopy(H5T_C_S1));
        H5Tset_size(type.get(), width);
        const Handle space(H5Screate(H5S_SCALAR));
        const Handle made(H5Acreate2(file.get(), name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
        const std::string value(width, 'x');
        return made.valid() && H5Awrite(made.get(), type.get(), value.data()) >= 0;
    };
    REQUIRE(attribute("small", 60000));
    CHECK(cellvae::io_detail::text_attribute(file.get(), "small").value_or("").size() == 60000);
    CHECK(cellvae::io_detail::texts_attribute(file.get(), "small").size() == 1);
    REQUIRE(attribute("large", std::size_t{1} << 21));
    CHECK_FALSE(cellvae::io_detail::text_attribute(file.get(), "large").has_value());
    CHECK(cellvae::io_detail::texts_attribute(file.get(), "large").empty());
}

}  // namespace hdf5_test
