// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/merge.hpp"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "cellvae/io/counts.hpp"
#include "io_files.hpp"

using cellvae::Categorical;
using cellvae::read_counts_with_notes;
using io_files::dense;
using io_files::Folder;

namespace {

using Names = std::vector<std::string>;

void write_mex(const Folder& folder, const std::string& name, const std::string& genes, const std::string& entries) {
    std::filesystem::create_directories(folder.path(name));
    folder.text(name + "/matrix.mtx", "%%MatrixMarket matrix coordinate integer general\n" + entries);
    folder.text(name + "/genes.tsv", genes);
    folder.text(name + "/barcodes.tsv", "AAA-1\nCCC-1\n");
}

std::vector<std::string> labels(const cellvae::CountMatrix& counts, const char* column) {
    const auto& values = std::get<Categorical>(counts.obs.find(column)->values);
    Names result;
    for (const auto code : values.codes)
        result.push_back(code < 0 ? "" : values.categories.at(static_cast<std::size_t>(code)));
    return result;
}

}  // namespace

TEST_CASE("a folder of 10x folders, one a cell type, is merged on common genes") {
    const Folder folder;
    // the second has its genes in another order, one of its own, and lacks E1
    write_mex(folder, "sets/b cells/filtered_matrices_mex/hg19", "E0\tg0\nE1\tg1\nE2\tg2\n",
              "3 2 3\n1 1 4\n2 1 9\n3 2 5\n");
    write_mex(folder, "sets/nk/filtered_matrices_mex/hg19", "E2\tg2\nE9\tg9\nE0\tg0\n", "3 2 3\n1 1 6\n2 2 8\n3 1 7\n");
    folder.text("sets/README.txt", "not counts");
    const auto read = read_counts_with_notes(folder.path("sets"));
    CHECK(read.counts.var.names == Names{"g0", "g2"});
    CHECK(std::get<Names>(read.counts.var.find("gene_ids")->values) == Names{"E0", "E2"});
    CHECK(dense(read.counts) == std::vector<float>{4, 0, 0, 5, 7, 6, 0, 0});
    CHECK(io_files::is_tidy(read.counts));
    CHECK(labels(read.counts, "cell_type") == Names{"b cells", "b cells", "nk", "nk"});
    CHECK(labels(read.counts, "origin")[2] == "nk/filtered_matrices_mex/hg19/matrix.mtx");
    CHECK(read.counts.obs.names == Names{"AAA-1", "CCC-1", "AAA-1-1", "CCC-1-1"});
    CHECK(read.form == "2 inputs, the first 10x MEX, genes.tsv");
    CHECK(read.notes ==
          Names{"2 inputs merged on the 2 genes that all have, by gene_ids; dropped: 2 genes of single inputs "
                "that others lack",
                "2 cell names that came before have a number now (A, A became A, A-1)"});
}

TEST_CASE("several files are merged by names; columns that all have are kept") {
    const Folder folder;
    const std::vector<std::filesystem::path> paths{
        folder.text("one.csv", "cell,cluster,x,g0,g1\na,T,p,1,0\nb,B,q,0,2\n"),
        folder.text("two_counts.csv", "cell,cluster,g1,g0\na,NK,3,0\nc,B,0,4\n")};
    const auto read = read_counts_with_notes(paths);
    CHECK(dense(read.counts) == std::vector<float>{1, 0, 0, 2, 0, 3, 4, 0});
    CHECK(labels(read.counts, "cell_type") == Names{"one", "one", "two", "two"});
    CHECK(labels(read.counts, "origin") == Names{"one.csv", "one.csv", "two_counts.csv", "two_counts.csv"});
    CHECK(labels(read.counts, "cluster") == Names{"T", "B", "NK", "B"});
    CHECK(read.counts.obs.names == Names{"a", "b", "a-1", "c"});
    CHECK(read.counts.obs.find("x") == nullptr);
    CHECK(std::find(read.notes.begin(), read.notes.end(), "left out: columns that not every input has alike: x") !=
          read.notes.end());
    // a column of types of their own is not written over
    const std::vector<std::filesystem::path> typed{folder.text("one.csv", "cell,cell_type,g0\na,T,1\nb,T,1\n"),
                                                   folder.text("two.csv", "cell,cell_type,g0\na,B,1\nb,B,1\n")};
    CHECK(labels(read_counts_with_notes(typed).counts, "cell_type") == Names{"T", "T", "B", "B"});
}

TEST_CASE("several inputs are merged on all genes where that is asked for: what one lacks is zero") {
    const Folder folder;
    write_mex(folder, "sets/b/hg19", "E0\tg0\nE1\tg1\n", "2 2 2\n1 1 4\n2 2 5\n");
    write_mex(folder, "sets/nk/hg19", "E2\tg2\nE0\tg0\n", "2 2 3\n1 1 6\n2 1 7\n2 2 8\n");
    cellvae::ReadOptions options;
    options.merged_genes = cellvae::MergedGenes::all;
    const auto read = read_counts_with_notes(folder.path("sets"), options);
    CHECK(read.counts.var.names == Names{"g0", "g1", "g2"});
    CHECK(std::get<Names>(read.counts.var.find("gene_ids")->values) == Names{"E0", "E1", "E2"});
    CHECK(dense(read.counts) == std::vector<float>{4, 0, 0, 0, 5, 0, 7, 0, 6, 8, 0, 0});
    CHECK(io_files::is_tidy(read.counts));
    CHECK(read.notes.front() == "2 inputs merged on the 3 genes that any has, by gene_ids; 1 of them in all inputs");
}

TEST_CASE("inputs without a common gene, and folders without counts, are refused") {
    const Folder folder;
    const std::vector<std::filesystem::path> paths{folder.text("one.csv", "cell,g0\na,1\nb,2\n"),
                                                   folder.text("two.csv", "cell,h0\na,1\nb,2\n")};
    CHECK(io_files::refusal(folder.path("x"), [&](const auto&) { return read_counts_with_notes(paths); }) ==
          "one.csv and 1 more inputs have no gene in common; expected the same ids or names");
    std::filesystem::create_directory(folder.path("empty"));
    CHECK(io_files::refusal(folder.path("empty"), [](const auto& path) {
              return read_counts_with_notes(path);
          }).find("empty: is a folder without a file of counts; expected h5ad") == 0);
}

TEST_CASE("10x's filtered matrix is chosen among what its pipeline leaves") {
    const Folder folder;
    write_mex(folder, "outs/raw_feature_bc_matrix", "E0\tg0\n", "1 2 1\n1 1 4\n");
    write_mex(folder, "outs/filtered_feature_bc_matrix", "E0\tg0\n", "1 2 1\n1 1 5\n");
    folder.text("outs/metrics_summary.csv", "a,b\n1,2\n");
    CHECK(dense(read_counts_with_notes(folder.path("outs")).counts) == std::vector<float>{5, 0});
}

TEST_CASE("names that repeat are made unique as anndata does") {
    // anndata 0.12: AnnData.var_names_make_unique of these
    Names names{"a", "a", "a-1", "b", "a", "a-1", "b"};
    CHECK(cellvae::io_detail::make_unique(names) == 4);
    CHECK(names == Names{"a", "a-2", "a-1", "b", "a-3", "a-1-1", "b-1"});
    CHECK(cellvae::io_detail::make_unique(names) == 0);
}
