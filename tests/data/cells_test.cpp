// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/cells.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <tuple>
#include <type_traits>
#include <vector>

#include "small_cells.hpp"

using namespace cellvae;
using Catch::Matchers::Message;
using cellvae_tests::count_matrix;

namespace {

const std::vector<std::vector<float>> three_cells{{0, 2, 0, 5}, {0, 0, 0, 0}, {1, 0, 0, 7}};

void check_three_cells(const CellsView& cells) {
    CHECK_NOTHROW(cells.check());
    REQUIRE(cells.cells() == 3);
    REQUIRE(cells.genes() == 4);
    REQUIRE(cells.nonzeros() == 4);
    CHECK(std::vector<std::int64_t>(cells.row_offsets.begin(), cells.row_offsets.end()) ==
          std::vector<std::int64_t>{0, 2, 2, 4});
    CHECK(std::vector<GeneIndex>(cells.columns.begin(), cells.columns.end()) == std::vector<GeneIndex>{1, 3, 0, 3});
    CHECK(std::vector<float>(cells.values.begin(), cells.values.end()) == std::vector<float>{2, 5, 1, 7});
}

}  // namespace

TEST_CASE("cells come from a count matrix, from spans and from views, without a copy") {
    const CountMatrix matrix = count_matrix(three_cells);
    const CellsView from_matrix = matrix;
    check_three_cells(from_matrix);
    CHECK(from_matrix.values.data() == matrix.values.data());
    CHECK(from_matrix.cell_name(2) == "cell 2 (c2)");
    CHECK(from_matrix.gene_name(3) == "gene 3 (g3)");

    const std::vector<double> library{10, 20, 30};
    const CellsView from_spans(matrix.row_offsets, matrix.columns, matrix.values, 4, library);
    check_three_cells(from_spans);
    CHECK(from_spans.columns.data() == matrix.columns.data());
    CHECK(from_spans.library_sizes[1] == 20);
    CHECK(from_spans.cell_name(2) == "cell 2");
    CHECK(from_spans.gene_name(3) == "gene 3");

    const Kokkos::View<std::int64_t*, Kokkos::HostSpace> offsets("offsets", 4);
    const Kokkos::View<GeneIndex*, Kokkos::HostSpace> columns("columns", 4);
    const Kokkos::View<float*, Kokkos::HostSpace> values("values", 4);
    for (std::size_t i = 0; i < 4; ++i) {
        offsets(i) = matrix.row_offsets[i];
        columns(i) = matrix.columns[i];
        values(i) = matrix.values[i];
    }
    const CellsView from_views(offsets, columns, values, 4);
    check_three_cells(from_views);
    CHECK(from_views.row_offsets.data() == offsets.data());
    const Kokkos::View<const float*, Kokkos::HostSpace> constant = values;
    check_three_cells(CellsView(offsets, columns, constant, 4));
}

using EigenMatrices =
    std::tuple<Eigen::SparseMatrix<double, Eigen::RowMajor, int>, Eigen::SparseMatrix<double, Eigen::ColMajor, int>,
               Eigen::SparseMatrix<double, Eigen::RowMajor, std::int64_t>,
               Eigen::SparseMatrix<double, Eigen::ColMajor, std::int64_t>,
               Eigen::SparseMatrix<float, Eigen::ColMajor, int>, Eigen::SparseMatrix<int, Eigen::RowMajor, int>>;

TEMPLATE_LIST_TEST_CASE("cells come from any sparse matrix of Eigen", "", EigenMatrices) {
    using Scalar = typename TestType::Scalar;
    for (const bool compressed : {true, false}) {
        TestType eigen(3, 4);
        eigen.insert(2, 3) = Scalar(7);  // against the order of both storages
        eigen.insert(0, 3) = Scalar(5);
        eigen.insert(2, 0) = Scalar(1);
        eigen.insert(1, 2) = Scalar(0);  // stored, and yet a zero
        eigen.insert(0, 1) = Scalar(2);
        if (compressed) eigen.makeCompressed();
        const CountMatrix matrix = to_count_matrix(eigen);
        check_three_cells(matrix);
        CHECK(matrix.obs.names == std::vector<std::string>{"0", "1", "2"});
        CHECK(matrix.var.names == std::vector<std::string>{"0", "1", "2", "3"});
    }
}

TEST_CASE("cells that are not compressed rows are refused, with what is wrong where") {
    const CountMatrix good = count_matrix(three_cells);
    CountMatrix bad = good;
    const auto refused = [&](const std::string& text) {
        CHECK_THROWS_MATCHES(CellsView(bad).check(), ShapeError, Message(text));
    };

    bad.row_offsets = {};
    refused("row offsets of the cells: they must start with 0 and have one entry more than there are cells");
    bad.row_offsets = {1, 2, 2, 4};
    refused("row offsets of the cells: they must start with 0 and have one entry more than there are cells");
    bad.columns = {0, 1, 2, 3};
    bad.row_offsets = {0, 3, 2, 4};
    refused("row offsets of the cells descend at cell 1 (c1): 3 then 2");
    bad.row_offsets = {0, 2, 2, 3};
    refused("the last row offset, which is the number of nonzeros: found 3, expected 4");
    bad.row_offsets = {0, 9, 2, 4};  // found before anything is read at 9
    refused("row offsets of the cells descend at cell 0 (c0): 0 then 9");

    bad = good;
    bad.columns.pop_back();
    refused("genes of the nonzeros: found 3, expected 4");
    bad = good;
    bad.columns = {1, 3, 0, 4};
    refused("cell 2 (c2) has a count for gene 4, but there are 4 genes");
    bad.columns = {-1, 3, 0, 3};
    refused("cell 0 (c0) has a count for gene -1, but there are 4 genes");
    bad.columns = {3, 1, 0, 3};
    refused("cell 0 (c0): its genes must ascend and none may appear twice, found 1 after 3");
    bad.columns = {1, 3, 3, 3};
    refused("cell 2 (c2): its genes must ascend and none may appear twice, found 3 after 3");
    bad.columns = {1, 3, 0, 3};
    bad.library_sizes = {1, 2};
    refused("library sizes: found 2, expected 3");

    const std::vector<GeneIndex> repeated{1, 3, 2, 2};
    CHECK_THROWS_MATCHES(CellsView(good.row_offsets, repeated, good.values, 4).check(), ShapeError,
                         Message("cell 2: its genes must ascend and none may appear twice, found 2 after 2"));
}

// A matrix that nobody keeps would be gone before its cells are read.
static_assert(std::is_constructible_v<CellsView, const CountMatrix&> &&
              std::is_constructible_v<CellsView, CountMatrix&>);
static_assert(!std::is_constructible_v<CellsView, CountMatrix>);
static_assert(!std::is_constructible_v<CellsView, const CountMatrix>);

TEST_CASE("views of cells must be contiguous") {
    const Kokkos::View<std::int64_t*, Kokkos::HostSpace> offsets("offsets", 2);
    const Kokkos::View<GeneIndex*, Kokkos::HostSpace> columns("columns", 3);
    const Kokkos::View<float* [2], Kokkos::LayoutRight, Kokkos::HostSpace> two("values", 3);
    const auto apart = Kokkos::subview(two, Kokkos::ALL(), 0);
    CHECK_THROWS_MATCHES(
        CellsView(offsets, columns, apart, 4), ShapeError,
        Message("views of cells must be contiguous: copy row offsets, genes and counts to arrays of their own"));
}

TEST_CASE("a matrix whose genes have no names has no genes, and says so") {
    CountMatrix nameless = count_matrix({{0, 2}, {1, 0}});
    nameless.var.names.clear();
    CHECK_THROWS_MATCHES(CellsView(nameless), ShapeError,
                         Message("the counts have no genes, since a CountMatrix has one for each name: fill var.names, "
                                 "or make the CellsView from row_offsets, columns and values with a number of genes"));
    CHECK_NOTHROW(CellsView(nameless.row_offsets, nameless.columns, nameless.values, 2).check());
}
