// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/counts.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "io_files.hpp"

using cellvae::read_counts;
using cellvae::read_counts_with_notes;
using io_files::dense;
using io_files::expected_dense;
using io_files::Folder;
using io_files::group;
using io_files::H5adParts;
using io_files::Handle;
using io_files::refusal;

namespace counts_test {

namespace {

std::string read_refusal(const std::filesystem::path& path) {
    return refusal(path, [](const auto& file) { return read_counts(file); });
}

Handle new_hdf5(const std::filesystem::path& path) {
    return Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
}

const std::string forms = "expected h5ad, 10x HDF5, 10x MEX, loom, Matrix Market, CSV or TSV (text plain or gzip)";
const std::string refused_end = ", which is not read; " + forms;

}  // namespace

TEST_CASE("the content decides the form, not the name") {
    const Folder folder;
    const std::string text = "cell,g0,g1,g2,g3\nc0,1,0,5,0\nc1,0,2,0,0\nc2,0,0,0,7\n";
    CHECK(read_counts_with_notes(H5adParts().write(folder.path("a.csv"))).form == "h5ad, X as csr_matrix");
    for (const auto& path : {folder.text("b.h5ad", text), folder.gzip("c.h5ad", text), folder.path("a.csv")}) {
        const auto matrix = read_counts(path);
        CHECK(dense(matrix) == expected_dense);
        CHECK(matrix.obs.names == std::vector<std::string>{"c0", "c1", "c2"});
    }
    cellvae::ReadOptions options;
    options.delimited.orientation = cellvae::Orientation::genes_by_cells;
    CHECK(read_counts(folder.path("b.h5ad"), options).cells() == 4);
    CHECK(refusal<cellvae::OptionError>(folder.path("a.csv"), [&](const auto& path) {
              return read_counts(path, options);
          }) == "a.csv: says itself what its rows are; an orientation is of CSV, TSV and Matrix Market");
    options.delimited.orientation = cellvae::Orientation::automatic;
    options.h5ad.matrix = "layers/counts";
    CHECK(refusal(folder.path("a.csv"), [&](const auto& path) { return read_counts(path, options); }) ==
          "a.csv: layers/counts: is missing; expected a matrix of counts of that name (the file has: X; counts: "
          "X)");
}

TEST_CASE("counts that went through arithmetic are rounded, and values that are no counts are left") {
    const Folder folder;
    const auto near =
        read_counts_with_notes(folder.text("near.csv", "cell,Actb,Gapdh\nc1,2.9999995,0\nc2,6.0000005,1\n"));
    CHECK(dense(near.counts) == std::vector<float>{3, 0, 6, 1});
    CHECK(near.notes.back() == "2 counts are up to 4.76837e-07 from a whole number, and were rounded to it");
    const auto tiny = read_counts(folder.text("tiny.csv", "cell,Actb,Gapdh\nc1,0.0004,2\nc2,0,1e-30\nc3,1,0\n"));
    CHECK(tiny.values == std::vector<float>{2, 1});  // no zero is stored
    CHECK(tiny.columns == std::vector<cellvae::GeneIndex>{1, 0});
    CHECK(tiny.row_offsets == std::vector<std::int64_t>{0, 1, 1, 2});
    const auto far = read_counts_with_notes(folder.text("far.csv", "cell,Actb,Gapdh\nc1,2.9999995,0\nc2,6.002,1\n"));
    CHECK(dense(far.counts) == std::vector<float>{2.9999995f, 0, 6.002f, 1});
    CHECK(far.notes.back().find("rounded") == std::string::npos);
}

TEST_CASE("names that are not UTF-8 are taken as Latin-1") {
    const Folder folder;
    const auto read = read_counts_with_notes(folder.text("latin.csv", "cell,g\xe9n,Gapdh\nc1,2,0\nc\xfc,6,1\n"));
    CHECK(read.counts.var.names == std::vector<std::string>{"gén", "Gapdh"});
    CHECK(read.counts.obs.names == std::vector<std::string>{"c1", "cü"});
    CHECK(read.notes.back() == "1 text of the cells are not UTF-8 and were taken as Latin-1: cü");
    for (const char* text : {"", "plain", "gén", "€", "𝄞", "\x7f", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
        CHECK(cellvae::io_detail::is_utf8(text));
    for (const char* text : {"\x80", "\xc0\xaf", "\xc3", "a\xc3z", "\xe0\x80\xaf", "\xed\xa0\x80", "\xe2\x82",
                             "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"})
        CHECK_FALSE(cellvae::io_detail::is_utf8(text));
}

TEST_CASE("other forms are named") {
    const Folder folder;
    using namespace std::string_literals;
    CHECK(read_refusal(folder.text("a.zip", "PK\3\4...")) ==
          "a.zip: is a zip archive (also npz and xlsx)" + refused_end);
    CHECK(read_refusal(folder.gzip("a.rds", "X\n\0\0\0\3..."s)) == "a.rds: is an R object (.rds)" + refused_end);
    CHECK(read_refusal(folder.gzip("a.RData", "RDX3\nX\n"s)) == "a.RData: is an R data file" + refused_end);
    CHECK(read_refusal(folder.text("a.bz2", "BZh91AY")) == "a.bz2: is compressed with bzip2" + refused_end);
    CHECK(read_refusal(folder.text("a.xz", "\xfd"s + "7zXZ\0\0"s)) == "a.xz: is compressed with xz" + refused_end);
    CHECK(read_refusal(folder.text("a.tar", std::string(257, 'x') + "ustar")) ==
          "a.tar: is a tar archive" + refused_end);
    CHECK(read_refusal(folder.text("a.csv", "<!DOCTYPE html>\n")) == "a.csv: is a web page" + refused_end);
    CHECK(read_refusal(folder.text("a.csv", "")) == "a.csv: the file is empty (0 bytes); expected a file of counts");
    CHECK(read_refusal(folder.text("a.bin", std::string("\1\2\0\3", 4))) ==
          "a.bin: byte 3 is zero, so this is no text; expected CSV or TSV, plain or gzip");
    cellvae::ReadOptions layer;
    layer.h5ad.matrix = "layers/counts";
    CHECK(refusal<cellvae::OptionError>(folder.text("b.csv", ",g0,g1\nc0,1,2\n"), [&](const auto& path) {
              return read_counts(path, layer);
          }) == "b.csv: has one matrix only, so there is no 'layers/counts'; expected an h5ad or a loom file");
    CHECK(read_refusal(folder.path("absent")).find("absent: no such file; expected a file of counts") == 0);
}

TEST_CASE("folders and HDF5 files of other kinds are named") {
    const Folder folder;
    std::filesystem::create_directory(folder.path("plain"));
    CHECK(read_refusal(folder.path("plain")) == "plain: is a folder without a file of counts; " + forms);
    std::filesystem::create_directory(folder.path("store"));
    folder.text("store/.zgroup", "x");
    CHECK(read_refusal(folder.path("store")) == "store: is a Zarr store; " + forms);
    {
        const Handle file = new_hdf5(folder.path("d.h5"));
        (void)group(file.get(), "weights");
    }
    CHECK(read_refusal(folder.path("d.h5")) ==
          "d.h5: is an HDF5 file of another kind (it holds: weights)" + refused_end);
    const std::string whole = io_files::content_of(folder.path("d.h5"));
    CHECK(read_refusal(folder.text("e.h5", whole.substr(0, 100))).find("e.h5: is cut short: has 100 of the ") == 0);
}

}  // namespace counts_test
