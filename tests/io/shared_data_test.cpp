// SPDX-License-Identifier: Apache-2.0
// Real files, which the repository does not hold: skipped, with a word, unless CELLVAE_DATA_DIR names their folder.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "cellvae/data/gene_selection.hpp"
#include "cellvae/io/counts.hpp"
#include "io_files.hpp"

using cellvae::Categorical;

namespace {

std::filesystem::path shared_file(const char* name) {
    const char* const folder = std::getenv("CELLVAE_DATA_DIR");
    if (folder == nullptr || !std::filesystem::exists(std::filesystem::path(folder) / name))
        SKIP("CELLVAE_DATA_DIR names no folder with " << name);
    return std::filesystem::path(folder) / name;
}

double density(const cellvae::CountMatrix& matrix) {
    return static_cast<double>(matrix.nonzeros()) /
           (static_cast<double>(matrix.cells()) * static_cast<double>(matrix.genes()));
}

/// The label of every row as text.
std::vector<std::string> labels_of(const cellvae::Annotations& table, const char* column) {
    const auto& labels = std::get<Categorical>(table.find(column)->values);
    std::vector<std::string> result;
    for (const auto code : labels.codes) result.push_back(labels.categories.at(static_cast<std::size_t>(code)));
    return result;
}

}  // namespace

TEST_CASE("the mouse pancreas as GEO serves it equals its h5ad") {
    const auto csv = cellvae::read_counts(shared_file("GSM2230761_mouse1_umifm_counts.csv.gz"));
    const auto h5ad = cellvae::read_counts(shared_file("baron_mouse1.h5ad"));
    CHECK(csv.cells() == 822);
    CHECK(csv.genes() == 14878);
    CHECK(csv.nonzeros() == 1164056);
    CHECK((density(csv) > 0.095 && density(csv) < 0.0955));
    CHECK(io_files::is_tidy(csv));
    CHECK((csv.row_offsets == h5ad.row_offsets && csv.columns == h5ad.columns && csv.values == h5ad.values));
    CHECK(csv.obs.names == h5ad.obs.names);
    CHECK(csv.var.names == h5ad.var.names);
    CHECK(labels_of(csv.obs, "assigned_cluster") == labels_of(h5ad.obs, "cell_type"));
    CHECK(std::get<Categorical>(csv.obs.find("assigned_cluster")->values).categories.size() == 13);
    CHECK(std::get<std::vector<std::string>>(csv.obs.find("barcode")->values) == labels_of(h5ad.obs, "barcode"));
}

TEST_CASE("the blood populations") {
    const auto matrix = cellvae::read_counts(shared_file("zheng_pbmc_facs.h5ad"));
    CHECK(matrix.cells() == 3774);
    CHECK(matrix.genes() == 16791);
    CHECK((density(matrix) > 0.0425 && density(matrix) < 0.043));
    CHECK(io_files::is_tidy(matrix));
    CHECK(std::get<Categorical>(matrix.obs.find("cell_type")->values).categories.size() == 10);
    CHECK(std::get<Categorical>(matrix.obs.find("subpop")->values).categories.size() == 5);
    CHECK(std::get<std::vector<std::string>>(matrix.var.find("gene_ids")->values).size() == 16791);
}

TEST_CASE("a real file survives the round trip") {
    const auto matrix = cellvae::read_counts(shared_file("pbmc3k.h5ad"));
    const io_files::Folder folder;
    cellvae::write_h5ad(folder.path("again.h5ad"), matrix);
    const auto again = cellvae::read_counts(folder.path("again.h5ad"));
    CHECK(
        (matrix.row_offsets == again.row_offsets && matrix.columns == again.columns && matrix.values == again.values));
    CHECK(matrix.obs.names == again.obs.names);
    CHECK(labels_of(matrix.obs, "cell_type") == labels_of(again.obs, "cell_type"));
}

TEST_CASE("10x's two forms of the same cells give the same matrix") {
    const auto folder = shared_file("pbmc300_10x");
    const auto mex = cellvae::read_counts(folder / "filtered_feature_bc_matrix");
    const auto hdf5 = cellvae::read_counts(folder / "filtered_feature_bc_matrix.h5");
    CHECK(mex.cells() == 300);
    CHECK(mex.genes() == 13714);
    CHECK(mex.nonzeros() == 256815);
    CHECK((mex.row_offsets == hdf5.row_offsets && mex.columns == hdf5.columns && mex.values == hdf5.values));
    CHECK(mex.obs.names == hdf5.obs.names);
    CHECK(mex.var.names == hdf5.var.names);
    CHECK(std::get<std::vector<std::string>>(mex.var.find("gene_ids")->values) ==
          std::get<std::vector<std::string>>(hdf5.var.find("gene_ids")->values));
}

TEST_CASE("the genes that mark the pancreas's hormones and the blood's cells are chosen") {
    const auto missing = [](const cellvae::CountMatrix& counts, const std::vector<std::string>& markers) {
        const auto chosen = cellvae::select_variable_genes(counts);
        CHECK(chosen.genes.size() == 2000);
        const auto kept = cellvae::keep_genes(counts, chosen.genes);
        CHECK(io_files::is_tidy(kept));
        CHECK(kept.library_size(0) == counts.library_size(0));
        std::string names;
        for (const auto& marker : markers)
            if (std::find(kept.var.names.begin(), kept.var.names.end(), marker) == kept.var.names.end())
                names += marker + " ";
        return names;
    };
    // read outside of the checks: a test cannot be skipped from within one
    const auto pancreas = cellvae::read_counts(shared_file("baron_mouse1.h5ad"));
    const auto blood = cellvae::read_counts(shared_file("pbmc3k.h5ad"));
    CHECK(missing(pancreas, {"Gcg", "Sst", "Ppy"}) == "");
    CHECK(missing(blood, {"LYZ", "NKG7", "PPBP", "MS4A1", "FCGR3A"}) == "");
}
