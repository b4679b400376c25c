// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/count_matrix.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>

using namespace cellvae;

TEST_CASE("a matrix without cells has no cells, genes or nonzeros") {
    const CountMatrix matrix;
    CHECK(matrix.cells() == 0);
    CHECK(matrix.genes() == 0);
    CHECK(matrix.nonzeros() == 0);
}

TEST_CASE("library sizes are the rows' sums until others are kept") {
    CountMatrix matrix;
    matrix.row_offsets = {0, 2, 2, 3};
    matrix.columns = {0, 3, 1};
    matrix.values = {1, 16777216, 5};
    matrix.var.names = {"a", "b", "c", "d"};
    CHECK(matrix.cells() == 3);
    CHECK(matrix.genes() == 4);
    CHECK(matrix.nonzeros() == 3);
    CHECK(matrix.library_size(0) == 16777217);  // a sum of floats would lose the one
    CHECK(matrix.library_size(1) == 0);
    CHECK(matrix.library_size(2) == 5);
    matrix.library_sizes = {100, 200, 300};
    CHECK(matrix.library_size(1) == 200);
}

TEST_CASE("annotation columns are found by name, and one of the same name is replaced in its place") {
    Annotations annotations;
    annotations.set({"n_counts", std::vector<double>{1, 2}});
    annotations.set({"labels", Categorical{{"x", "y"}, {0, -1}, false}});
    annotations.set({"n_counts", std::vector<std::int64_t>{3, 4}});
    REQUIRE(annotations.columns.size() == 2);
    CHECK(annotations.columns[0].name == "n_counts");
    REQUIRE(annotations.find("n_counts") == &annotations.columns[0]);
    CHECK(std::get<std::vector<std::int64_t>>(annotations.find("n_counts")->values) == std::vector<std::int64_t>{3, 4});
    CHECK(std::get<Categorical>(annotations.find("labels")->values).codes[1] == -1);
    CHECK(annotations.find("label") == nullptr);
}

TEST_CASE("whole numbers of which some are missing are labels, decimal numbers are none") {
    const double missing = std::numeric_limits<double>::quiet_NaN();
    const auto labels = as_labels({"cluster", std::vector<double>{3, missing, -1, 3}});
    REQUIRE(labels);
    CHECK(labels->categories == std::vector<std::string>{"3", "-1"});
    CHECK(labels->codes == std::vector<std::int32_t>{0, -1, 1, 0});
    CHECK_FALSE(as_labels({"weight", std::vector<double>{3, 0.5}}));
    CHECK_FALSE(as_labels({"weight", std::vector<double>{1e300}}));
    CHECK(as_labels({"none", std::vector<double>{missing, missing}})->categories.empty());
}
