// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/hdf5_chunks.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "io_files.hpp"

namespace hdf5_chunks_test {

using Catch::Matchers::ContainsSubstring;
using cellvae::io_detail::damaged_heap;
using cellvae::io_detail::Dataset;
using cellvae::io_detail::FilteredChunks;
using cellvae::io_detail::Handle;
using cellvae::io_detail::open_hdf5;
using cellvae::io_detail::PlainValues;
using cellvae::io_detail::QuietHdf5;
using cellvae::io_detail::StructureWalk;
using io_files::Folder;

namespace {

constexpr hsize_t size = 123456, chunk = 1000, gap = 30;  // the chunk `gap` is never written, and reads as sevens

std::vector<std::int32_t> written() {
    std::vector<std::int32_t> values(size);
    for (std::size_t k = 0; k < size; ++k)
        values[k] = k / chunk == gap ? 7 : static_cast<std::int32_t>(k * 2654435761U >> 20);
    return values;
}

/// A file with the dataset "values". @param lay_out how they lie in the file
template <class LayOut>
std::filesystem::path write_as(const Folder& folder, const LayOut& lay_out, hsize_t user_block = 0) {
    auto path = folder.path("values.h5");
    const Handle creation(H5Pcreate(H5P_FILE_CREATE));
    H5Pset_userblock(creation.get(), user_block);
    const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), H5P_DEFAULT));
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
    const std::int32_t seven = 7;
    H5Pset_fill_value(properties.get(), H5T_NATIVE_INT32, &seven);
    lay_out(properties.get());
    const Handle space(H5Screate_simple(1, &size, nullptr));
    const Handle dataset(
        H5Dcreate2(file.get(), "values", H5T_STD_I32LE, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
    const auto values = written();
    for (const auto& [from, to] : {std::pair<hsize_t, hsize_t>{0, gap * chunk}, {(gap + 1) * chunk, size}}) {
        const hsize_t start = from, count = to - from;
        const Handle memory(H5Screate_simple(1, &count, nullptr));
        H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, &start, nullptr, &count, nullptr);
        H5Dwrite(dataset.get(), H5T_NATIVE_INT32, memory.get(), space.get(), H5P_DEFAULT, values.data() + from);
    }
    return path;
}

/// In chunks that are filtered as asked.
std::filesystem::path write(const Folder& folder, bool shuffle, bool checksum) {
    return write_as(folder, [&](hid_t properties) {
        H5Pset_chunk(properties, 1, &chunk);
        if (shuffle) H5Pset_shuffle(properties);
        H5Pset_deflate(properties, 4);
        if (checksum) H5Pset_fletcher32(properties);
    });
}

const auto in_chunks = [](hid_t properties) { H5Pset_chunk(properties, 1, &chunk); };
const auto in_one_piece = [](hid_t) {};

template <class Value>
std::vector<Value> read(const std::filesystem::path& path) {
    const QuietHdf5 quiet;
    const auto file = open_hdf5(path);
    const Dataset dataset(file, file.handle.get(), "values", "values");
    std::vector<Value> buffer, all;
    cellvae::io_detail::for_each_block(dataset, buffer, [&](std::size_t start, const Value* values, std::size_t count) {
        CHECK(start == all.size());
        all.insert(all.end(), values, values + count);
    });
    return all;
}

}  // namespace

TEST_CASE("chunks are read the same by threads and by HDF5, gaps between them included") {
    const auto expected = written();
    for (const bool shuffle : {false, true})
        for (const bool checksum : {false, true}) {  // which HDF5 reads
            const Folder folder;
            const auto path = write(folder, shuffle, checksum);
            CAPTURE(shuffle, checksum);
            CHECK(read<std::int32_t>(path) == expected);
            // another type in memory: HDF5 converts
            CHECK(read<std::int64_t>(path) == std::vector<std::int64_t>(expected.begin(), expected.end()));
        }
}

TEST_CASE("values without filters are read the same past HDF5 and by it") {
    const auto expected = written();
    const std::vector<std::int64_t> wide(expected.begin(), expected.end());
    const auto check = [&](const auto& lay_out, hsize_t user_block, bool past_hdf5) {
        const Folder folder;
        const auto path = write_as(folder, lay_out, user_block);
        CAPTURE(user_block, past_hdf5);
        CHECK(read<std::int32_t>(path) == expected);
        CHECK(read<std::int64_t>(path) == wide);
        const auto file = open_hdf5(path);
        const Dataset dataset(file, file.handle.get(), "values", "values");
        CHECK(PlainValues(dataset, H5T_NATIVE_INT32).readable() == past_hdf5);
        CHECK(!PlainValues(dataset, H5T_NATIVE_INT64).readable());
        CHECK(!PlainValues(dataset, H5T_NATIVE_FLOAT).readable());
    };
    check(in_chunks, 0, true);
    check(in_chunks, 512, false);
    check(in_one_piece, 0, true);
    check(in_one_piece, 512, false);
    const auto filtered = [](hid_t properties) {
        H5Pset_chunk(properties, 1, &chunk);
        H5Pset_fletcher32(properties);
    };
    check(filtered, 0, false);
}

TEST_CASE("numbers are not taken for heaps of texts, and heaps beside them are found") {
    const Folder folder;
    const auto path = write_as(folder, in_chunks);
    const auto bytes = std::filesystem::file_size(path);
    StructureWalk walk(path, bytes);
    REQUIRE(!walk.damage());
    const auto numbers = walk.numbers();
    CHECK(numbers.empty());  // chunks of 4,000 bytes are too small to be worth it
    const auto whole = write_as(folder, in_one_piece);
    StructureWalk other(whole, std::filesystem::file_size(whole));
    REQUIRE(!other.damage());
    REQUIRE(other.numbers().size() == 1);
    CHECK(other.numbers().front().size == size * sizeof(std::int32_t));
    // what looks like a heap, among the numbers
    std::fstream(whole, std::ios::binary | std::ios::in | std::ios::out)
        .seekp(static_cast<std::streamoff>(other.numbers().front().address) + 4000)
        .write("GCOL\1\0\0\0damaged_", 16);
    CHECK(damaged_heap(whole, std::filesystem::file_size(whole)).has_value());
    CHECK(!damaged_heap(whole, std::filesystem::file_size(whole), other.numbers()));
    CHECK(read<std::int32_t>(whole).size() == size);
    std::ofstream(whole, std::ios::binary | std::ios::app).write("GCOL\1\0\0\0damaged_", 16);
    CHECK(damaged_heap(whole, std::filesystem::file_size(whole), other.numbers()).has_value());
}

TEST_CASE("a damaged chunk is named") {
    const Folder folder;
    const auto path = write(folder, true, false);
    haddr_t place = 0;
    {
        const auto file = open_hdf5(path);
        const Dataset dataset(file, file.handle.get(), "values", "values");
        const Handle space(H5Dget_space(dataset.get()));
        hsize_t start = 0, stored = 0;
        unsigned left_out = 0;
        REQUIRE(H5Dget_chunk_info(dataset.get(), space.get(), 40, &start, &left_out, &place, &stored) >= 0);
        REQUIRE(start == 41 * chunk);  // the 41st that was written
        // what a thread unpacks, by itself
        const FilteredChunks chunks(dataset, sizeof(std::int32_t));
        auto damaged = chunks.stored(start);
        CHECK(chunks.values(damaged).has_value());
        damaged.bytes[20] = static_cast<char>(~damaged.bytes[20]);
        CHECK(!chunks.values(damaged));
        CHECK(chunks.stored(gap * chunk).bytes.empty());
    }
    std::fstream(path, std::ios::binary | std::ios::in | std::ios::out)
        .seekp(static_cast<std::streamoff>(place) + 20)
        .write("damage", 6);
    CHECK_THAT(io_files::refusal(path, [](const auto& file) { return read<std::int32_t>(file); }),
               ContainsSubstring("values.h5: values: ") && ContainsSubstring("expected undamaged data"));
}

TEST_CASE("chunks are packed by threads to the bytes that HDF5 makes of them") {
    const Folder folder;
    const QuietHdf5 quiet;
    const auto values = written();
    const auto make = [&](const char* name, bool in_threads) {
        auto path = folder.path(name);
        const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_chunk(properties.get(), 1, &chunk);
        H5Pset_shuffle(properties.get());
        H5Pset_deflate(properties.get(), 4);
        const Handle space(H5Screate_simple(1, &size, nullptr));
        const Handle dataset(
            H5Dcreate2(file.get(), "values", H5T_STD_I32LE, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
        std::size_t told = 0;
        const auto tell = [&](std::size_t count) { told += count; };
        if (in_threads)
            CHECK(cellvae::io_detail::write_chunks(dataset.get(), values.data(), values.size(), chunk, 4, tell));
        else
            H5Dwrite(dataset.get(), H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
        CHECK(told == (in_threads ? values.size() : 0));
        return path;
    };
    const auto path = make("threads.h5", true), by_hdf5 = make("hdf5.h5", false);
    CHECK(read<std::int32_t>(path) == values);
    const auto file = open_hdf5(path), other = open_hdf5(by_hdf5);
    const Dataset ours(file, file.handle.get(), "values", "values"), theirs(other, other.handle.get(), "values", "");
    const FilteredChunks a(ours, sizeof(std::int32_t)), b(theirs, sizeof(std::int32_t));
    int equal = 0;
    for (hsize_t start = 0; start < size; start += chunk) equal += a.stored(start).bytes == b.stored(start).bytes;
    CHECK(equal == 124);
}

TEST_CASE("what a thread throws arrives") {
    for (const std::size_t place : {0, 1, 5})
        CHECK_THROWS_AS(cellvae::core_detail::in_threads(2, 6,
                                                         [&](std::size_t k) {
                                                             if (k == place) throw cellvae::InputError("no");
                                                         }),
                        cellvae::InputError);
}

TEST_CASE("work is done once by any number of threads") {
    for (const std::size_t threads : {1, 2, 7}) {
        std::vector<std::atomic<int>> done(100);
        cellvae::core_detail::in_threads(threads, done.size(), [&](std::size_t k) { ++done[k]; });
        int sum = 0;
        for (const auto& one : done) sum += one == 1 ? 1 : 100;
        CHECK(sum == 100);
    }
}

}  // namespace hdf5_chunks_test
