// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/loom.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <variant>
#include <vector>

#include "cellvae/io/counts.hpp"
#include "io_files.hpp"

using cellvae::read_loom_with_notes;
using io_files::dense;
using io_files::expected_dense;
using io_files::Folder;
using io_files::refusal;
using io_files::write_loom;

namespace {

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("loom files") {
    const Folder folder;
    const auto path = write_loom(folder.path("a.loom"), [](hid_t, hid_t columns) {
        (void)io_files::numbers(columns, "Embedding", H5T_IEEE_F64LE, std::vector<double>{1, 2, 3, 4, 5, 6}, {3, 2});
    });
    const auto read = cellvae::read_counts_with_notes(path);
    CHECK(dense(read.counts) == expected_dense);
    CHECK(io_files::is_tidy(read.counts));
    CHECK(read.form == "loom, matrix");
    CHECK(read.counts.obs.names == Names{"c0", "c1", "c2"});
    CHECK(read.counts.var.names == Names{"g0", "g1", "g2", "g3"});
    CHECK(std::get<Names>(read.counts.var.find("Accession")->values)[3] == "E3");
    CHECK(std::get<std::vector<std::int64_t>>(read.counts.obs.find("Age")->values)[2] == 3);
    CHECK(read.notes ==
          Names{"left out: col_attrs/Embedding, whose form is not known here", "left out: layers/spliced"});
    CHECK(dense(read_loom_with_notes(path, "layers/spliced").counts) ==
          std::vector<float>{0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    CHECK(refusal(path, [](const auto& file) { return read_loom_with_notes(file, "layers/none"); }) ==
          "a.loom: layers/none: is missing; expected X or layers/NAME");
}

TEST_CASE("wrong loom files are refused") {
    const Folder folder;
    const auto says = [&](const auto& more) {
        return refusal(write_loom(folder.path("a.loom"), more),
                       [](const auto& path) { return read_loom_with_notes(path); });
    };
    CHECK(says([](hid_t, hid_t columns) { (void)io_files::texts(columns, "short", {"x"}); }) ==
          "a.loom: col_attrs/short: has 1 values; expected 3, as the matrix has");
    CHECK(says([](hid_t file, hid_t) { H5Ldelete(file, "matrix", H5P_DEFAULT); }) ==
          "a.loom: matrix: is missing or no dataset; expected a dataset of that name");
    CHECK(says([](hid_t file, hid_t) {
              H5Ldelete(file, "matrix", H5P_DEFAULT);
              (void)io_files::numbers(file, "matrix", H5T_STD_I32LE,
                                      std::vector<double>{0, 0, 0, 0, -2, 0, 0, 0, 0, 0, 0, 0}, {4, 3});
          }).find("a.loom: matrix: value -2 at cell 'c1', gene 'g1'") == 0);
    CHECK(says([](hid_t, hid_t columns) { H5Ldelete(columns, "CellID", H5P_DEFAULT); }) == "(accepted)");
    CHECK(read_loom_with_notes(folder.path("a.loom")).counts.obs.names == Names{"cell1", "cell2", "cell3"});
}
