// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/gene_selection.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "small_cells.hpp"

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;

namespace {

/// The counts of gene_selection_scanpy.py.
CountMatrix marked_cells() {
    std::uint32_t state = 2024;
    const auto uniform = [&] {
        state = state * 1664525u + 1013904223u;
        return static_cast<double>(state >> 8) / 16777216.0;
    };
    std::vector<std::vector<float>> dense(150, std::vector<float>(400));
    for (std::size_t cell = 0; cell < 150; ++cell) {
        double level = 0.05;
        for (std::size_t gene = 0; gene < 400; ++gene) {
            level *= 1.014;
            const double marker = gene % 10 == 0 && gene / 10 % 5 == cell % 5 ? 6.0 : 1.0;
            const double first = level * marker * uniform();
            dense[cell][gene] = static_cast<float>(static_cast<int>(first * 4.0 * uniform()));
        }
        dense[cell][200] = 3;
        dense[cell][300] = 0;
    }
    return cellvae_tests::count_matrix(dense);
}

}  // namespace

TEST_CASE("variable genes are scanpy's") {
    std::ifstream file(CELLVAE_TESTS_DIR "/data/gene_selection_scanpy.csv");
    std::string line;
    std::getline(file, line);
    REQUIRE(line == "mean,variance,standardised_variance");
    std::vector<double> mean, variance, standardised;
    char comma{};
    for (double m{}, v{}, s{}; file >> m >> comma >> v >> comma >> s;) {
        mean.push_back(m);
        variance.push_back(v);
        standardised.push_back(s);
    }
    REQUIRE(mean.size() == 400);
    const auto counts = marked_cells();
    const auto result = select_variable_genes(counts, {.genes = 50});
    for (std::size_t gene = 0; gene < 400; ++gene) {
        INFO("gene " << gene);
        CHECK(result.mean[gene] == Approx(mean[gene]).epsilon(1e-12));
        CHECK(result.variance[gene] == Approx(variance[gene]).epsilon(1e-10));
        CHECK(result.standardised_variance[gene] == Approx(standardised[gene]).epsilon(1e-9));
    }
    std::vector<GeneIndex> order(400);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](GeneIndex i, GeneIndex j) {
        return standardised[static_cast<std::size_t>(i)] > standardised[static_cast<std::size_t>(j)];
    });
    order.resize(50);
    std::sort(order.begin(), order.end());
    CHECK(result.genes == order);
    // and most of them are markers: forty of the genes differ between the groups, some too rare to see
    CHECK(std::count_if(result.genes.begin(), result.genes.end(), [](GeneIndex gene) { return gene % 10 == 0; }) >= 30);
}

TEST_CASE("where fewer genes vary than are asked for, those are chosen") {
    const auto counts = marked_cells();
    const auto result = select_variable_genes(counts, {.genes = 2000});
    CHECK(static_cast<std::ptrdiff_t>(result.genes.size()) ==
          std::count_if(result.variance.begin(), result.variance.end(), [](double variance) { return variance > 0; }));
    CHECK(result.genes.size() > 250);
    CHECK(std::count(result.genes.begin(), result.genes.end(), 200) == 0);
    CHECK(std::count(result.genes.begin(), result.genes.end(), 300) == 0);
    // two cells and two genes are few, but no error
    const auto few = cellvae_tests::count_matrix({{1, 0}, {2, 5}});
    CHECK(select_variable_genes(few).genes == std::vector<GeneIndex>{0, 1});
}

TEST_CASE("what the choice of genes refuses") {
    const auto choose = [](const std::vector<std::vector<float>>& counts, const GeneSelectionOptions& options = {}) {
        const auto cells = cellvae_tests::count_matrix(counts);
        return select_variable_genes(cells, options);
    };
    CHECK_THROWS_MATCHES(choose({{1, 2}, {3, 4}}, {.genes = 0}), OptionError,
                         Message("variable genes to choose: found 0, expected 1 or more"));
    CHECK_THROWS_MATCHES(choose({{1, 2}, {3, 4}}, {.span = 2}), OptionError,
                         Message("share of the points of a local regression: found 2, expected above 0 and at most 1"));
    CHECK_THROWS_MATCHES(choose({{1, 2}}), InputError,
                         Message("choice of variable genes: found 1 cell, expected 2 or more"));
    CHECK_THROWS_MATCHES(choose({{1, 2}, {1, 2}}), InputError,
                         Message("choice of variable genes: every gene has the same count in all cells"));
    CHECK_THROWS_MATCHES(choose({{1, 2}, {3, -4}}), InputError,
                         Message("choice of variable genes: cell 1 (c1), gene 1 (g1) is -4, expected 0 or more"));
}

TEST_CASE("kept genes have their counts, names and annotations, and the library of all genes") {
    auto counts = cellvae_tests::count_matrix({{1, 0, 2, 5}, {0, 0, 0, 3}, {4, 7, 0, 0}});
    counts.obs.set({"type", Categorical{{"a", "b"}, {0, -1, 1}}});
    counts.var.set({"length", std::vector<std::int64_t>{10, 20, 30, 40}});
    counts.var.set({"coding", std::vector<bool>{true, false, false, true}});
    counts.var.set({"family", Categorical{{"x", "y"}, {1, 0, -1, 1}, true}});
    const auto kept = keep_genes(counts, std::array<GeneIndex, 2>{0, 3});
    CHECK(kept.row_offsets == std::vector<std::int64_t>{0, 2, 3, 4});
    CHECK(kept.columns == std::vector<GeneIndex>{0, 1, 1, 0});
    CHECK(kept.values == std::vector<float>{1, 5, 3, 4});
    CHECK(kept.library_sizes == std::vector<double>{8, 3, 11});
    CHECK(kept.obs.names == counts.obs.names);
    CHECK(std::get<Categorical>(kept.obs.find("type")->values).codes == std::vector<std::int32_t>{0, -1, 1});
    CHECK(kept.var.names == std::vector<std::string>{"g0", "g3"});
    CHECK(std::get<std::vector<std::int64_t>>(kept.var.find("length")->values) == std::vector<std::int64_t>{10, 40});
    CHECK(std::get<std::vector<bool>>(kept.var.find("coding")->values) == std::vector<bool>{true, true});
    const auto& family = std::get<Categorical>(kept.var.find("family")->values);
    CHECK((family.codes == std::vector<std::int32_t>{1, 1} && family.ordered && family.categories.size() == 2));
    // a second choice keeps the library of the first
    const auto fewer = keep_genes(kept, std::array<GeneIndex, 1>{1});
    CHECK(fewer.values == std::vector<float>{5, 3});
    CHECK(fewer.library_sizes == kept.library_sizes);

    CHECK_THROWS_MATCHES(keep_genes(counts, std::array<GeneIndex, 1>{4}), OptionError,
                         Message("genes to keep: found gene 4, but there are 4"));
    CHECK_THROWS_MATCHES(keep_genes(counts, std::array<GeneIndex, 2>{2, 2}), OptionError,
                         Message("genes to keep: found gene 2 after 2, expected them to ascend, each once"));
}

TEST_CASE("variable genes of cells that stay in their file are those of the cells in memory, to the last bit") {
    const auto cells = marked_cells();
    const auto expected = select_variable_genes(cells, {.genes = 40});
    cellvae_tests::MatrixReader reader(cells);
    const auto found = select_variable_genes(reader, {.genes = 40}, 7);
    CHECK(found.genes == expected.genes);
    CHECK(found.mean == expected.mean);
    CHECK(found.variance == expected.variance);
    CHECK(found.standardised_variance == expected.standardised_variance);
    CHECK(reader.most_cells == 7);
    auto negative = cells;
    negative.values[100] = -1;
    cellvae_tests::MatrixReader wrong(negative);
    CHECK_THROWS_AS(select_variable_genes(wrong, {}, 7), InputError);
}
