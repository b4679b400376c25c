// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/gene_sets.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

using namespace cellvae;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

std::filesystem::path written(const std::string& text) {
    const auto path = std::filesystem::temp_directory_path() / "cellvae-gene-sets.gmt";
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

}  // namespace

TEST_CASE("gene sets are read, and make a mask of the genes that are there") {
    const auto sets = read_gene_sets(written("insulin\tno source\tIns1\tIns2\tGcg\r\n\nother\t\tGcg\tSst\tAbsent"));
    REQUIRE(sets.size() == 2);
    CHECK(sets[0].name == "insulin");
    CHECK(sets[0].genes == std::vector<std::string>{"Ins1", "Ins2", "Gcg"});
    CHECK(sets[1].genes == std::vector<std::string>{"Gcg", "Sst", "Absent"});
    const auto mask = gene_set_mask(sets, {"Sst", "Ins1", "Gcg", "Ins2"}, {.least_genes = 2});
    CHECK(mask.names == std::vector<std::string>{"insulin", "other"});
    CHECK(mask.mask == std::vector<std::uint8_t>{0, 1, 1, 0, 1, 1, 1, 0});
    CHECK(mask.absent == 1);
    CHECK(gene_set_mask(sets, {"Sst", "Ins1", "Gcg", "Ins2"}, {.least_genes = 3}).names.size() == 1);
}

TEST_CASE("what is no GMT file is refused with its line") {
    CHECK_THROWS_MATCHES(read_gene_sets(written("a\tb\tc\nd\te\n")), InputError,
                         MessageMatches(ContainsSubstring("line 2") && ContainsSubstring("at least 3")));
    CHECK_THROWS_MATCHES(read_gene_sets(written("a\tb\tc\na\te\tf\n")), InputError,
                         MessageMatches(ContainsSubstring("twice")));
    CHECK_THROWS_AS(read_gene_sets(written("")), InputError);
    CHECK_THROWS_AS(read_gene_sets("/nowhere/sets.gmt"), InputError);
    const auto sets = read_gene_sets(written("a\tb\tc\n"));
    CHECK_THROWS_MATCHES(gene_set_mask(sets, {"x"}), InputError, MessageMatches(ContainsSubstring("same kind")));
}
