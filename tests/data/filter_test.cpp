// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/filter.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "small_cells.hpp"

using cellvae::CountMatrix;
using cellvae::filter_counts;
using cellvae::FilterOptions;

namespace {

using Names = std::vector<std::string>;
using Numbers = std::vector<cellvae::GeneIndex>;

/// Totals 10, 3, 200, 8, 9; detected genes 4, 1, 2, 3, 2; mitochondrial shares .1, 0, 0, .5, 0.
CountMatrix five_cells() {
    CountMatrix counts =
        cellvae_tests::count_matrix({{1, 4, 3, 2}, {0, 3, 0, 0}, {0, 199, 1, 0}, {4, 3, 1, 0}, {0, 8, 1, 0}});
    counts.var.names = {"mt-Co1", "Actb", "Ins1", "Gcg"};
    counts.obs.set({"number", std::vector<double>{0, 1, 2, 3, 4}});
    return counts;
}

std::string refusal(const FilterOptions& options, CountMatrix counts = five_cells()) {
    try {
        (void)filter_counts(counts, options);
    } catch (const cellvae::Error& error) {
        return error.what();
    }
    return "(accepted)";
}

}  // namespace

TEST_CASE("filters without options keep everything") {
    CountMatrix counts = five_cells();
    const auto report = filter_counts(counts, {});
    CHECK(report.notes.empty());
    CHECK(report.cells == Numbers{0, 1, 2, 3, 4});
    CHECK(report.genes == Numbers{0, 1, 2, 3});
    CHECK(counts.values == five_cells().values);
    CHECK(counts.library_sizes.empty());
}

TEST_CASE("each filter drops what it says, and says so") {
    CountMatrix counts = five_cells();
    FilterOptions options;
    options.min_counts = 8;
    options.max_counts = 100;
    options.min_genes = 3;
    options.max_mitochondrial = 0.4;
    options.min_cells = 1;
    const auto report = filter_counts(counts, options);
    CHECK(report.cells == Numbers{0});
    CHECK(report.notes == Names{"dropped: 1 cells with a total count below 8",
                                "dropped: 1 cells with a total count above 100",
                                "dropped: 1 cells with fewer than 3 detected genes",
                                "dropped: 1 cells with a mitochondrial share above 0.4"});
    CHECK(counts.cells() == 1);
    CHECK(counts.obs.names == Names{"c0"});
    CHECK(std::get<std::vector<double>>(counts.obs.find("number")->values) == std::vector<double>{0});
    CHECK(counts.values == std::vector<float>{1, 4, 3, 2});
}

TEST_CASE("zeros that are stored are not detected") {
    CountMatrix counts = five_cells();
    counts.values[1] = 0;  // Actb of the first cell
    FilterOptions options;
    options.min_genes = 2;
    options.min_cells = 4;
    CountMatrix kept = counts;
    CHECK(filter_counts(kept, options).genes == Numbers{2});  // Actb is in three cells
    options.min_genes = 4;
    options.min_cells = 0;
    CHECK(refusal(options, counts).find("no cell is left") != std::string::npos);
}

TEST_CASE("genes are counted in the cells that stay; the library size is that of all genes") {
    CountMatrix counts = five_cells();
    FilterOptions options;
    options.min_counts = 8;
    options.min_cells = 3;
    const auto report = filter_counts(counts, options);
    CHECK(report.cells == Numbers{0, 2, 3, 4});
    CHECK(report.genes == Numbers{1, 2});  // mt-Co1 in two of them, Gcg in one
    CHECK(report.notes.back() == "dropped: 2 genes detected in fewer than 3 cells");
    CHECK(counts.var.names == Names{"Actb", "Ins1"});
    CHECK(counts.row_offsets == std::vector<std::int64_t>{0, 2, 4, 6, 8});
    CHECK(counts.columns == Numbers{0, 1, 0, 1, 0, 1, 0, 1});
    CHECK(counts.values == std::vector<float>{4, 3, 199, 1, 3, 1, 8, 1});
    CHECK(counts.library_sizes == std::vector<double>{10, 200, 8, 9});
    // and cells with library sizes of their own keep them
    filter_counts(counts, {.min_counts = 9});
    CHECK(counts.library_sizes == std::vector<double>{10, 200, 9});
}

TEST_CASE("filters that leave nothing, and shares that cannot be known, are refused") {
    CHECK(refusal({.min_counts = 1000}) ==
          "filters: no cell is left of 5; dropped: 5 cells with a total count below 1000");
    CHECK(refusal({.min_cells = 6}) ==
          "filters: no gene is left of 4; dropped: 4 genes detected in fewer than 6 cells");
    CHECK(refusal({.max_mitochondrial = 0.1}, cellvae_tests::count_matrix({{1, 2}, {3, 4}})) ==
          "largest mitochondrial share: no gene's name begins with MT-; expected genes named by their symbols");
    CHECK(refusal({.min_counts = 5, .max_counts = 2}).find("counts of a cell to keep: found 5 to 2") == 0);
    CHECK(refusal({.max_mitochondrial = 1.5}).find("largest mitochondrial share: found 1.5") == 0);
    CHECK(refusal({.min_genes = -1}).find("least genes of a cell and cells of a gene: found -1 and 0") == 0);
}

TEST_CASE("cells and genes that a list names are kept, and no others; a name that is not there is refused") {
    CountMatrix counts = five_cells();
    const auto report =
        filter_counts(counts, {.min_cells = 2, .cells = {"c3", "c0", "c2"}, .genes = {"Gcg", "Actb", "Ins1"}});
    CHECK(report.cells == Numbers{0, 2, 3});
    CHECK(report.notes == Names{"dropped: 2 cells that are not in the list",
                                "dropped: 1 genes that are not in the list",
                                "dropped: 1 genes detected in fewer than 2 cells"});
    CHECK(counts.var.names == Names{"Actb", "Ins1"});
    CHECK(counts.library_sizes == std::vector<double>{10, 200, 8});
    CHECK(refusal({.cells = {"c0", "x", "y"}}) == "2 of the 3 cells to keep are not there: x, y");
    CHECK(refusal({.genes = {"g1", "g2", "g3", "g4", "g5", "g6", "Actb"}}) ==
          "6 of the 7 genes to keep are not there: g1, g2, g3, g4, g5, ...");
}

TEST_CASE("mitochondrial genes are those with the prefix that is asked for, in any case") {
    CountMatrix counts = five_cells();
    counts.var.names[0] = "MITO_a";
    const auto report = filter_counts(counts, {.max_mitochondrial = 0.4, .mitochondrial_prefix = "mito_"});
    CHECK(report.cells == Numbers{0, 1, 2, 4});
    CHECK(refusal({.max_mitochondrial = 0.4, .mitochondrial_prefix = "mt:"}) ==
          "largest mitochondrial share: no gene's name begins with mt:; expected genes named by their symbols");
}
