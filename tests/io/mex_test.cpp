// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/mex.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "cellvae/io/counts.hpp"
#include "io_files.hpp"

using cellvae::CountMatrix;
using cellvae::Orientation;
using cellvae::read_counts;
using cellvae::read_matrix_market_with_notes;
using io_files::dense;
using io_files::expected_dense;
using io_files::Folder;
using io_files::is_tidy;
using io_files::refusal;

namespace mex_test {

namespace {

using Names = std::vector<std::string>;

// Four genes x three cells, as 10x has them: the counts of io_files::expected_dense.
const std::string header = "%%MatrixMarket matrix coordinate integer general\n";
const std::string in_order = header + "%metadata_json: {}\n4 3 4\n1 1 1\n3 1 5\n2 2 2\n4 3 7\n";
const std::string features =
    "E0\tg0\tGene Expression\nE1\tg1\tGene Expression\nE2\tg1\tGene Expression\nE3\tg3\tGene "
    "Expression\n";
const std::string barcodes = "c0\nc1\nc2\n";

std::string read_refusal(const std::filesystem::path& path) {
    return refusal(path, [](const auto& file) { return read_matrix_market_with_notes(file); });
}

void check_matrix(const CountMatrix& matrix) {
    CHECK(dense(matrix) == expected_dense);
    CHECK(is_tidy(matrix));
    CHECK(matrix.cells() == 3);
}

}  // namespace

TEST_CASE("10x MEX folders, old and new, plain and gzip") {
    const Folder folder;
    std::filesystem::create_directory(folder.path("new ä"));
    folder.gzip("new ä/matrix.mtx.gz", in_order);
    folder.gzip("new ä/features.tsv.gz", features);
    folder.gzip("new ä/barcodes.tsv.gz", barcodes);
    const auto read = cellvae::read_counts_with_notes(folder.path("new ä"));
    check_matrix(read.counts);
    CHECK(read.form == "10x MEX, features.tsv.gz");
    CHECK(read.counts.var.names == Names{"g0", "g1", "g1-1", "g3"});
    CHECK(read.notes == Names{"1 gene name that came before has a number now (A, A became A, A-1)"});
    CHECK(std::get<Names>(read.counts.var.find("gene_ids")->values) == Names{"E0", "E1", "E2", "E3"});
    CHECK(read.counts.obs.names == Names{"c0", "c1", "c2"});

    // the older form, with a prefix as GEO's files have it, and Windows' ends of lines
    std::filesystem::create_directories(folder.path("old/hg19"));
    folder.text("old/hg19/GSM1_matrix.mtx", in_order);
    folder.text("old/hg19/GSM1_genes.tsv", "E0\tg0\r\nE1\tg1\r\nE2\tg2\r\nE3\tg3\r\n");
    folder.text("old/hg19/GSM1_barcodes.tsv", "c0\r\nc1\r\nc2");
    check_matrix(read_counts(folder.path("old")));
    check_matrix(read_counts(folder.path("old/hg19/GSM1_matrix.mtx")));
    CHECK(read_counts(folder.path("old")).var.names == Names{"g0", "g1", "g2", "g3"});
}

TEST_CASE("features of other kinds are left out, and said to be") {
    const Folder folder;
    folder.text("matrix.mtx", in_order);
    folder.text("features.tsv",
                "E0\tg0\tGene Expression\nE1\tg1\tGene Expression\nA\tCD3\tAntibody Capture\nE3\tg3\tGene "
                "Expression\n");
    folder.text("barcodes.tsv", barcodes);
    const auto read = cellvae::read_counts_with_notes(folder.path());
    CHECK(dense(read.counts) == std::vector<float>{1, 0, 0, 0, 2, 0, 0, 0, 7});
    CHECK(read.counts.var.names == Names{"g0", "g1", "g3"});
    CHECK(read.notes ==
          Names{"left out: features 1 of the type 'Antibody Capture'; 3 of the type 'Gene Expression' are "
                "kept"});
    cellvae::ReadOptions all;
    all.tenx.feature_type.clear();
    CHECK(read_counts(folder.path(), all).genes() == 4);
    all.tenx.feature_type = "CRISPR";
    CHECK(refusal(folder.path("features.tsv"), [&](const auto&) { return read_counts(folder.path(), all); }) ==
          "features.tsv: has no features of the type 'CRISPR'; it has 1 of the type 'Antibody Capture', 3 of the type "
          "'Gene Expression'");
}

TEST_CASE("Matrix Market without lists, in any order, of real numbers") {
    const Folder folder;
    const auto read = read_matrix_market_with_notes(folder.gzip("a.mtx.gz", in_order));
    check_matrix(read.counts);
    CHECK(read.counts.obs.names == Names{"cell1", "cell2", "cell3"});
    CHECK(read.counts.var.names == Names{"gene1", "gene2", "gene3", "gene4"});
    CHECK(read.notes.size() == 2);
    const auto mixed = folder.text("b.mtx", header + "\n4 3 5\n4 3 7.0\n3 1 5e0\n\n2 3 0\n2\t2\t 2 \n1 1 1\n");
    check_matrix(read_matrix_market_with_notes(mixed).counts);
    // cells in rows
    const auto turned =
        folder.text("c.mtx", "%%matrixmarket MATRIX coordinate real general\n3 4 4\n1 1 1\n3 4 7\n2 2 2\n1 3 5\n");
    CHECK(read_refusal(turned).find("has no %%MatrixMarket") != std::string::npos);
    const auto upper =
        folder.text("c.mtx", "%%MatrixMarket MATRIX Coordinate Real General\n3 4 4\n1 1 1\n3 4 7\n2 2 2\n1 3 5\n");
    check_matrix(read_matrix_market_with_notes(upper, Orientation::cells_by_genes).counts);
    // a list's length tells the side
    folder.text("matrix.mtx", "%%MatrixMarket matrix coordinate real general\n3 4 4\n1 1 1\n3 4 7\n2 2 2\n1 3 5\n");
    folder.text("features.tsv", features);
    folder.text("barcodes.tsv", barcodes);
    const auto told = read_matrix_market_with_notes(folder.path("matrix.mtx"));
    check_matrix(told.counts);
    CHECK(told.notes.front() == "cells are in rows, as the lengths of the lists say");
    // a last cell without counts, no end of line
    CHECK(read_matrix_market_with_notes(folder.text("d.mtx", header + "4 3 1\n1 1 1")).counts.row_offsets ==
          std::vector<std::int64_t>{0, 1, 1, 1});
}

TEST_CASE("what kallisto|bustools writes: cells in rows, lists that are named after the matrix") {
    const Folder folder;
    folder.text("cells_x_genes.mtx",
                "%%MatrixMarket matrix coordinate real general\n3 4 4\n1 1 1\n3 4 7\n2 2 2\n1 3 5\n");
    folder.text("cells_x_genes.barcodes.txt", "c0\nc1\nc2\n");
    folder.text("cells_x_genes.genes.txt", "E0\nE1\nE2\nE3\n");
    auto read = cellvae::read_counts_with_notes(folder.path());
    check_matrix(read.counts);
    CHECK(read.counts.var.names == Names{"E0", "E1", "E2", "E3"});
    CHECK(read.form == "Matrix Market, cells_x_genes.genes.txt");
    folder.text("cells_x_genes.genes.names.txt", "g0\ng1\ng2\ng3\n");
    read = cellvae::read_counts_with_notes(folder.path());
    CHECK(read.counts.var.names == Names{"g0", "g1", "g2", "g3"});
    CHECK(std::get<Names>(read.counts.var.find("gene_ids")->values) == Names{"E0", "E1", "E2", "E3"});
    CHECK(read.notes == Names{"cells are in rows, as the lengths of the lists say"});
    folder.text("cells_x_genes.genes.names.txt", "g0\n");
    CHECK(refusal(folder.path("cells_x_genes.genes.names.txt"), [&](const auto&) {
              return read_counts(folder.path());
          }) == "cells_x_genes.genes.names.txt: has 1 lines; expected 4, one for each of cells_x_genes.genes.txt");
    std::filesystem::remove(folder.path("cells_x_genes.genes.txt"));
    CHECK(read_refusal(folder.path("cells_x_genes.mtx")) ==
          "cells_x_genes.mtx: has no cells_x_genes.genes.txt beside it (plain or .gz), but cells_x_genes.barcodes.txt; "
          "expected both lists or neither");
}

TEST_CASE("wrong Matrix Market files are refused with file and line") {
    const Folder folder;
    const auto says = [&](const std::string& content) { return read_refusal(folder.text("a.mtx", content)); };
    CHECK(says(in_order) == "(accepted)");
    CHECK(says(header + "4 3 1\n5 1 1\n") == "a.mtx: line 3: row 5; expected 1 to 4");
    CHECK(says(header + "4 3 1\n1 0 1\n") == "a.mtx: line 3: column 0; expected 1 to 3");
    CHECK(says(header + "4 3 1\n-1 1 1\n") == "a.mtx: line 3: row -1; expected 1 to 4");
    CHECK(says(header + "4 3 1\n1.5 1 1\n") ==
          "a.mtx: line 3: is '1.5 1 1'; expected a row, a column (whole numbers) and a count");
    CHECK(says(header + "4 3 1\n1 1\n") ==
          "a.mtx: line 3: is '1 1'; expected a row, a column (whole numbers) and a count");
    CHECK(says(header + "4 3 1\n99999999999999999999 1 1\n").find("a.mtx: line 3: is '9999") == 0);
    CHECK(says(header + "4 3 1\n1 1 -2\n") == "a.mtx: line 3: value '-2'; expected a count, finite and at least 0");
    CHECK(says(header + "4 3 1\n1 1 nan\n") == "a.mtx: line 3: value 'nan'; expected a count, finite and at least 0");
    CHECK(says(header + "4 3 1\n1 1 1 1\n") == "a.mtx: line 3: value '1 1'; expected a count, finite and at least 0");
    CHECK(says(header + "4 3 3\n1 1 1\n2 1 1\n") ==
          "a.mtx: ends after 2 entries; expected 3, as the line of sizes says");
    CHECK(says(header + "4 3 1\n1 1 1\n2 1 1\n") ==
          "a.mtx: line 4: follows the last of 1 entries; expected the end of the file, as the sizes say");
    CHECK(says(header + "4 3 2\n1 1 1\n1 1 1\n") ==
          "a.mtx: cell 'cell1', gene 'gene1' has two entries; expected one at most");
    CHECK(says(header + "4 3 3\n1 2 1\n3 1 1\n1 2 1\n").find("cell 'cell2', gene 'gene1' has two entries") !=
          std::string::npos);
    CHECK(says(header + "4 3\n") == "a.mtx: line 2: is '4 3'; expected three whole numbers: rows, columns and entries");
    CHECK(says(header + "4 3 -1\n").find("line 2: is '4 3 -1'; expected three whole numbers") != std::string::npos);
    CHECK(says(header + "0 3 0\n") == "a.mtx: line 2: declares 0 x 3; expected at least one row and one column");
    CHECK(says(header) == "a.mtx: ends after its header; expected rows, columns and entries");
    CHECK(says(header + "4 3 999999999999\n").find("line 2: declares 999999999999 entries, more than the file's") !=
          std::string::npos);
    CHECK(says(header + "2000000000 3 1\n1 1 1\n")
              .find("line 2: declares 2000000000 x 3 for 1 entries; expected sizes") != std::string::npos);
    CHECK(says("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n") ==
          "a.mtx: line 1: is '%%MatrixMarket matrix array real general'; expected '%%MatrixMarket matrix coordinate', "
          "then integer or real, then general");
    CHECK(says("%%MatrixMarket matrix coordinate pattern general\n1 1 1\n1 1\n").find("line 1: is") !=
          std::string::npos);
    CHECK(says("%%MatrixMarket matrix coordinate integer symmetric\n1 1 1\n1 1 1\n").find("line 1: is") !=
          std::string::npos);
    CHECK(says("1 1 1\n").find("a.mtx: line 1: has no %%MatrixMarket; expected the header") == 0);

    const auto whole = io_files::content_of(folder.gzip("b.mtx.gz", in_order));
    CHECK(read_refusal(folder.text("b.mtx.gz", whole.substr(0, whole.size() - 9))).find("truncated file") !=
          std::string::npos);
    CHECK(read_refusal(folder.path("absent.mtx")).find("absent.mtx: no such file") == 0);
}

TEST_CASE("lists that do not fit the matrix are refused") {
    const Folder folder;
    folder.text("matrix.mtx", in_order);
    folder.text("barcodes.tsv", barcodes);
    const auto says = [&](const std::string& list) {
        folder.text("features.tsv", list);
        return refusal(folder.path("features.tsv"),
                       [&](const auto&) { return read_matrix_market_with_notes(folder.path("matrix.mtx")); });
    };
    CHECK(
        read_refusal(folder.path("matrix.mtx")) ==
        "matrix.mtx: has no features.tsv or genes.tsv beside it (plain or .gz), but barcodes.tsv; expected both lists "
        "or neither");
    CHECK(says(features) == "(accepted)");
    CHECK(says("E0\tg0\nE1\tg1\n") ==
          "features.tsv: has 2 lines, but matrix.mtx has 4 rows; expected one line for each");
    CHECK(says("E0\tg0\nE1\nE2\tg2\nE3\tg3\n") ==
          "features.tsv: line 2: has 1 field; expected 2, as the first line has, divided by tabs");
    CHECK(says("") == "features.tsv: the file is empty (0 bytes); expected a file of counts");
    CHECK(says("E0\nE1\nE2\nE3\n") == "(accepted)");  // ids alone
    folder.text("barcodes.tsv", "c0\nc1\n");
    CHECK(says(features) ==
          std::string("barcodes.tsv: has 2 lines, but matrix.mtx has 3 columns; expected one line for each"));
}

}  // namespace mex_test
