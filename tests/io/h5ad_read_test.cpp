// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/h5ad_read.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <variant>
#include <vector>

#include "io_files.hpp"

using cellvae::Categorical;
using cellvae::read_h5ad_with_notes;
using io_files::Folder;
using io_files::group;
using io_files::H5adParts;
using io_files::Handle;

using Names = std::vector<std::string>;

TEST_CASE("coordinates are kept; what else a file has beside is named") {
    const Folder folder;
    const auto path = H5adParts().write(folder.path("a.h5ad"), [](hid_t file, hid_t) {
        const Handle obsm = group(file, "obsm");
        (void)io_files::numbers(obsm.get(), "X_umap", H5T_IEEE_F64LE, std::vector<double>{1, 2, 3, 4, 5, 6}, {3, 2});
        (void)io_files::numbers(obsm.get(), "short", H5T_IEEE_F64LE, std::vector<double>{1, 2}, {1, 2});
        (void)group(obsm.get(), "table");
        const Handle layers = group(file, "layers");
        (void)io_files::numbers(layers.get(), "logged", H5T_IEEE_F32LE, std::vector<double>(12, 0.5), {3, 4});
        const Handle uns = group(file, "uns");
        (void)io_files::texts(uns.get(), "source", {"x"});
        const Handle raw = group(file, "raw");
        (void)group(file, "obsp");
    });
    const auto read = read_h5ad_with_notes(path);
    REQUIRE(read.obsm.size() == 1);
    CHECK(read.obsm[0].name == "X_umap");
    CHECK(read.obsm[0].columns == 2);
    CHECK(read.obsm[0].values == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(read.notes == Names{"left out: obsm/short; arrays of numbers, one row a cell, are kept",
                              "left out: obsm/table; arrays of numbers, one row a cell, are kept",
                              "left out: raw/X, layers/logged, uns/source"});
    CHECK(read_h5ad_with_notes(path, {"layers/logged"}).notes.back() == "left out: X, raw/X, uns/source");
}

TEST_CASE("pandas' own strings, as names and as categories") {
    const Folder folder;
    const auto nullable = [](hid_t parent, const char* name, const Names& values) {
        const Handle texts = group(parent, name);
        io_files::text_attribute(texts.get(), "encoding-type", "nullable-string-array");
        (void)io_files::texts(texts.get(), "values", values);
        (void)io_files::numbers(texts.get(), "mask", H5T_STD_I8LE, std::vector<std::int32_t>(values.size(), 0));
    };
    const auto path = H5adParts().write(folder.path("a.h5ad"), [&](hid_t, hid_t obs) {
        H5Ldelete(obs, "_index", H5P_DEFAULT);
        nullable(obs, "_index", {"x", "y", "z"});
        const Handle label = group(obs, "label");
        io_files::text_attribute(label.get(), "encoding-type", "categorical");
        (void)io_files::numbers(label.get(), "codes", H5T_STD_I8LE, std::vector<std::int32_t>{1, -1, 0});
        nullable(label.get(), "categories", {"B", "T"});
    });
    const auto read = read_h5ad_with_notes(path);
    CHECK(read.counts.obs.names == Names{"x", "y", "z"});
    const auto& label = std::get<Categorical>(read.counts.obs.find("label")->values);
    CHECK(label.categories == Names{"B", "T"});
    CHECK(label.codes == std::vector<std::int32_t>{1, -1, 0});
    CHECK(read.notes.empty());
}

TEST_CASE("reading that takes long says how far it is") {
    // two seconds pass before the first call
    std::vector<cellvae::ReadProgress> calls;
    const cellvae::ReadProgressCallback callback = [&](const auto& progress) { calls.push_back(progress); };
    cellvae::io_detail::ProgressMeter quick(callback, "a", 10, "MB", 1);
    quick.add(5);
    quick.finish();
    CHECK(calls.empty());
    cellvae::ReadProgress progress;
    progress.done = 25;
    progress.total = 100;
    progress.seconds = 5;
    CHECK(progress.rate() == 5);
    CHECK(progress.seconds_left() == 15);
}
