// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/model_cells.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "../data/small_cells.hpp"
#include "cellvae/io/h5ad_write.hpp"
#include "io_files.hpp"

using namespace cellvae;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace model_cells_test {

namespace {

/// Six cells x eight genes g0 to g7, of the donors b, a, c, b, a, c.
CountMatrix cells() {
    auto matrix = cellvae_tests::count_matrix(cellvae_tests::random_counts(6, 8, 0.6));
    matrix.obs.names = {"AAC", "ACC", "CAC", "CCA", "GAC", "GCA"};
    for (std::size_t gene = 0; gene < 8; ++gene) matrix.var.names[gene] = message("g", gene);
    matrix.obs.columns = {{"weight", std::vector<double>(6, 0.5)},
                          {"donor", std::vector<std::string>{"b", "a", "c", "b", "a", "c"}}};
    return matrix;
}

/// A model of the genes g6, g1 and g4, which knows the donors a, b, c.
ModelDescription model() {
    ModelDescription description;
    description.genes = {"g6", "g1", "g4"};
    description.options.conditions = 3;
    description.condition_names = {"a", "b", "c"};
    return description;
}

}  // namespace

TEST_CASE("cells come to a model by the names of genes and conditions, whatever their order and codes") {
    const auto matrix = cells();
    const auto found = cells_for_model(model(), matrix);
    CHECK(found.counts.var.names == model().genes);
    CHECK(found.absent.empty());
    CHECK(found.unknown == 5);
    CHECK(found.conditions == std::vector<std::int32_t>{1, 0, 2, 1, 0, 2});
    CHECK(found.counts.library_size(2) == matrix.library_size(2));

    auto coded = matrix;  // the same donors in another order of codes, beside a column that is none
    coded.obs.set({"donor", Categorical{{"c", "b", "a"}, {1, 2, 0, 1, 2, 0}, false}});
    coded.obs.columns.insert(coded.obs.columns.begin(), {"a_flag", std::vector<bool>(6, true)});
    CHECK(cells_for_model(model(), coded).conditions == found.conditions);
    CHECK(cells_for_model(model(), coded, {.condition = "donor"}).conditions == found.conditions);
    auto plain = model();
    plain.options.conditions = 0;
    CHECK(cells_for_model(plain, matrix).conditions.empty());
}

TEST_CASE("of several columns with a model's conditions that of its training is taken, or none") {
    auto matrix = cells();
    CHECK(cells_for_model(model(), matrix).condition_column == "donor");
    matrix.obs.columns.insert(matrix.obs.columns.begin(),
                              {"replicate", std::vector<std::string>{"a", "a", "b", "b", "c", "c"}});
    CHECK_THROWS_MATCHES(cells_for_model(model(), matrix), InputError,
                         MessageMatches(ContainsSubstring("the columns replicate and donor both have the model's "
                                                          "conditions as their values (a, b, c), and not the same of "
                                                          "each cell")));
    CHECK(cells_for_model(model(), matrix, {.condition = "replicate"}).conditions ==
          std::vector<std::int32_t>{0, 0, 1, 1, 2, 2});
    auto named = model();
    named.condition_column = "donor";
    const auto found = cells_for_model(named, matrix);
    CHECK(found.condition_column == "donor");
    CHECK(found.conditions == std::vector<std::int32_t>{1, 0, 2, 1, 0, 2});
    named.condition_column = "patient";  // which these cells do not have
    CHECK_THROWS_AS(cells_for_model(named, matrix), InputError);
    matrix.obs.columns.front() = {"again", std::vector<std::string>{"b", "a", "c", "b", "a", "c"}};
    CHECK(cells_for_model(named, matrix).conditions == found.conditions);  // both say the same
}

TEST_CASE("cells that stay in their file come to a model as those in memory") {
    const io_files::Folder folder;
    const auto path = folder.path("cells.h5ad");
    const auto matrix = cells();
    write_h5ad(path, matrix);
    const auto expected = cells_for_model(model(), matrix);
    H5adCells file(path);
    const auto found = cells_for_model(model(), file);
    CHECK(found.counts.var.names == expected.counts.var.names);
    CHECK(found.absent == expected.absent);
    CHECK(found.unknown == expected.unknown);
    CHECK(found.conditions == expected.conditions);
    CountMatrix rows;
    file.read(std::vector<Index>{0, 1, 2, 3, 4, 5}, rows);
    CHECK(rows.row_offsets == expected.counts.row_offsets);
    CHECK(rows.columns == expected.counts.columns);
    CHECK(rows.values == expected.counts.values);
    CHECK(rows.library_sizes == expected.counts.library_sizes);
    auto description = model();
    description.genes.emplace_back("x1");
    H5adCells again(path);
    CHECK_THROWS_MATCHES(cells_for_model(description, again), MissingGenes,
                         MessageMatches(ContainsSubstring("1 of the model's 4 genes are missing: x1")));
}

TEST_CASE("genes that are missing are refused by name, or taken as zero where that is asked for") {
    auto description = model();
    description.genes = {"x1", "g6", "x2", "g1", "x3", "x4", "x5", "x6", "x7"};
    const auto matrix = cells();
    CHECK_THROWS_MATCHES(
        cells_for_model(description, matrix), InputError,
        MessageMatches(ContainsSubstring("7 of the model's 9 genes are missing: x1, x2, x3, x4, x5, ...")));
    CHECK_THROWS_AS(cells_for_model(description, matrix, {.least_genes = 0.5}), InputError);
    const auto found = cells_for_model(description, matrix, {.least_genes = 0.2});
    CHECK(found.absent.size() == 7);
    CHECK(found.counts.genes() == 9);
    for (const auto gene : found.counts.columns) CHECK((gene == 1 || gene == 3));
}

TEST_CASE("cells without a condition of the model are named, with what they have") {
    auto matrix = cells();
    const auto refuses = [&](const std::string& column, const std::string& words) {
        CHECK_THROWS_MATCHES(cells_for_model(model(), matrix, {.condition = column}), InputError,
                             MessageMatches(ContainsSubstring(words)));
    };
    matrix.obs.set({"donor", std::vector<std::string>{"b", "new", "c", "newer", "", "new"}});
    refuses(
        "donor",
        "in the column donor 3 cells (ACC, CCA, GCA) have new, newer and 1 cell (GAC) have no value; the model knows "
        "the conditions a, b, c");
    refuses("", "no column has the model's conditions as its values in all cells (a, b, c)");
    refuses("nobody", "there is no column nobody");
    refuses("weight", "the column weight holds decimal numbers");
}

}  // namespace model_cells_test
