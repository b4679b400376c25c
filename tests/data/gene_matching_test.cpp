// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/gene_matching.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "small_cells.hpp"

using namespace cellvae;
using namespace cellvae_tests;

TEST_CASE("genes are found by name, brought to the list's order, and zero where they are absent") {
    const auto cells = count_matrix({{1, 2, 0, 4}, {0, 5, 6, 0}});
    const std::vector<std::string> genes{"g3", "missing", "g1", "g0"};
    const auto matched = match_genes(cells, genes);
    const auto& counts = matched.counts;
    CHECK(matched.absent == std::vector<std::string>{"missing"});
    CHECK(counts.var.names == genes);
    CHECK(counts.obs.names == cells.obs.names);
    CHECK(counts.row_offsets == std::vector<std::int64_t>{0, 3, 4});
    CHECK(counts.columns == std::vector<GeneIndex>{0, 2, 3, 2});
    CHECK(counts.values == std::vector<float>{4, 2, 1, 5});
    CHECK(counts.library_sizes == std::vector<double>{7, 11});  // over all genes of the file
}

TEST_CASE("too few genes in common, and a gene that comes twice, are refused") {
    using Catch::Matchers::Message;
    auto cells = count_matrix({{1, 2, 3}});
    const std::vector<std::string> others{"ENSG1", "ENSG2", "g1"};
    CHECK_THROWS_MATCHES(match_genes(cells, others), InputError,
                         Message("only 1 of the model's 3 genes are there by name (ENSG1, ... against g0, ...); "
                                 "expected the same names, and at least 0.5 of them"));
    CHECK(match_genes(cells, others, 0.3).absent.size() == 2);
    CHECK_THROWS_AS(match_genes(cells, std::vector<std::string>{"other"}, 0), InputError);
    cells.var.names[2] = "g1";
    CHECK_THROWS_MATCHES(match_genes(cells, others, 0), InputError,
                         Message("the gene g1 comes twice; each of the model's may come once"));
}
