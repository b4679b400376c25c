// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/dataset.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "../distributions/shipped.hpp"
#include "cellvae/data/minibatch.hpp"
#include "small_cells.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;
using Catch::Matchers::WithinRel;

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

template <class L>
void refused(const CountMatrix& cells, const DatasetOptions& options, const std::string& text) {
    CHECK_THROWS_MATCHES((make_dataset<L, Exec>(Exec(), cells, options)), InputError, Message(text));
}

/// A likelihood that has no mass at zero.
struct AboveZero : Poisson {
    static constexpr std::string_view name = "above_zero";
    static constexpr bool supports(double x) { return x > 0 && Poisson::supports(x); }
};

}  // namespace

TEST_CASE("conditions come with the cells, every cell has one, and minibatches carry them") {
    const CountMatrix cells = count_matrix({{0, 2}, {1, 0}, {1, 3}});
    const std::vector<std::int32_t> codes{2, 0, 1}, missing{0, -1, 1}, few{0, 1};
    const auto data = make_dataset<Poisson, Exec>(Exec(), cells, {.conditions = codes});
    CHECK(data.condition_count == 3);
    CHECK(data.condition(0) == 2);
    Minibatch<double, Exec> batch(Exec(), data, 2);
    CHECK(batch.conditions() == 3);
    const Kokkos::View<Index*, Exec> order("order", 2);
    order(0) = 2;
    batch.assemble(Exec(), data, order);
    Exec().fence();
    CHECK(batch.condition(0) == 1);
    CHECK(batch.condition(1) == 2);
    const auto without = make_dataset<Poisson, Exec>(Exec(), cells);
    CHECK(without.condition_count == 0);
    batch.assemble(Exec(), without, order);
    Exec().fence();
    CHECK(batch.conditions() == 0);
    CHECK(batch.condition(1) == 0);
    refused<Poisson>(cells, {.conditions = missing},
                     "cell 1 (c1) has the condition -1: every cell needs one, numbered from 0 on");
    CHECK_THROWS_MATCHES((make_dataset<Poisson, Exec>(Exec(), cells, {.conditions = few})), ShapeError,
                         Message("conditions of the cells: found 2, expected 3"));
}

TEST_CASE("a data set looks into the cells' memory and keeps each cell's library size and largest count") {
    const CountMatrix cells = count_matrix({{0, 2, 0, 5}, {0, 0, 0, 0}, {1, 0, 16777216, 7}});
    const auto data = make_dataset<Poisson, Exec>(Exec(), cells);
    CHECK(data.cells() == 3);
    CHECK(data.genes() == 4);
    CHECK(data.values.data() == cells.values.data());
    CHECK(data.columns.data() == cells.columns.data());
    CHECK(data.row_offsets.data() == cells.row_offsets.data());
    CHECK(data.input == Input::log1p);
    CHECK(data.target == Target::counts);
    CHECK(data.library(0) == 7);
    CHECK(data.library(1) == 0);
    CHECK(data.library(2) == 16777224);
    CHECK(data.maximum(0) == 5);
    CHECK(data.maximum(1) == 0);
    CHECK(data.maximum(2) == 16777216);
}

TEST_CASE("the target is the likelihood's own unless one is given") {
    const CountMatrix cells = count_matrix({{1, 0}, {0, 1}});
    CHECK(make_dataset<Gaussian, Exec>(Exec(), cells).target == Target::log_normalised);
    CHECK(make_dataset<ContinuousBernoulli, Exec>(Exec(), cells).target == Target::unit_maximum);
    CHECK(make_dataset<ContinuousBernoulli, Exec>(Exec(), cells, {.target = Target::counts}).target == Target::counts);
    CHECK(make_dataset<Gaussian, Exec>(Exec(), cells, {.input = Input::target, .target = Target::counts}).input ==
          Input::target);
}

TEST_CASE("library sizes of the whole file are kept when genes are chosen") {
    CountMatrix cells = count_matrix({{3, 1}, {0, 2}});
    cells.library_sizes = {1000, 500};  // of all genes, of which two were chosen
    const auto data = make_dataset<Gaussian, Exec>(Exec(), cells);
    CHECK(data.library(0) == 1000);
    CHECK(data.library(1) == 500);
    CHECK(data.maximum(0) == 3);
    // and so are the targets: log(1 + 3 x 10,000 / 1000)
    const double target = std::log1p(30.0);
    const double expected = Gaussian::log_base_measure(target) + Gaussian::log_base_measure(std::log1p(10.0));
    CHECK(std::abs(data.base_measure(0) - expected) < 1e-12);
}

TEST_CASE("base measures are the sums over every entry of the targets, zeros included") {
    const auto dense = random_counts(6, 50);
    const CountMatrix cells = count_matrix(dense);
    for_each_likelihood([&]<class L>() {
        INFO(L::name);
        const auto data = make_dataset<L, Exec>(Exec(), cells);
        for (std::size_t cell = 0; cell < dense.size(); ++cell) {
            double library = 0, maximum = 0;
            for (const float count : dense[cell]) {
                library += static_cast<double>(count);
                maximum = std::max(maximum, static_cast<double>(count));
            }
            double sum = 0;
            for (const float count : dense[cell])
                sum += L::log_base_measure(target_value(data.target, static_cast<double>(count), library, maximum));
            CHECK(std::abs(data.base_measure(cell) - sum) <= 1e-12 * std::abs(sum));
        }
    });
}

TEST_CASE("the most nonzeros of a minibatch are those of the fullest cells") {
    const CountMatrix cells = count_matrix({{1, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 0, 0}, {0, 1, 1, 0}});
    const auto data = make_dataset<Poisson, Exec>(Exec(), cells);
    CHECK(data.most_nonzeros(0) == 0);
    CHECK(data.most_nonzeros(1) == 4);
    CHECK(data.most_nonzeros(2) == 6);
    CHECK(data.most_nonzeros(4) == 7);
    CHECK(data.most_nonzeros(100) == 7);
}

TEST_CASE("values outside the likelihood's support are refused with cell, gene and value") {
    // a normalised matrix where raw counts belong
    const std::string counts = "which wants whole counts from 0 on; give the raw counts, not normalised values";
    const std::string whole = "which wants whole counts from 0 on";
    const CountMatrix normalised = count_matrix({{1, 0, 3}, {0, 0, 2.5}});
    refused<Poisson>(
        normalised, {},
        "cell 1 (c1), gene 2 (g2): the value 2.5 is outside the support of the likelihood poisson, " + counts);
    refused<ZeroInflated<NegativeBinomialMean>>(normalised, {},
                                                "cell 1 (c1), gene 2 (g2): the value 2.5 is outside the support of the "
                                                "likelihood zero_inflated_negative_binomial_mean, " +
                                                    counts);
    // what is no whole number is written as none
    refused<Poisson>(
        count_matrix({{2.9999995f}}), {},
        "cell 0 (c0), gene 0 (g0): the value 2.9999995 is outside the support of the likelihood poisson, " + counts);
    refused<Poisson>(
        count_matrix({{1, -2}}), {},
        "cell 0 (c0), gene 1 (g1): the value -2 is outside the support of the likelihood poisson, " + whole);
    refused<Poisson>(
        count_matrix({{1, 1}, {0, not_a_number}}), {},
        "cell 1 (c1), gene 1 (g1): the value nan is outside the support of the likelihood poisson, " + whole);
    refused<Poisson>(
        count_matrix({{std::numeric_limits<float>::infinity()}}), {},
        "cell 0 (c0), gene 0 (g0): the value inf is outside the support of the likelihood poisson, " + whole);

    const std::string share = "which wants values in [0, 1]; use the target unit_maximum";
    const CountMatrix above_one = count_matrix({{0.5, 1.5}});
    refused<Bernoulli>(
        above_one, {.target = Target::counts},
        "cell 0 (c0), gene 1 (g1): the value 1.5 is outside the support of the likelihood bernoulli, " + share);
    refused<ContinuousBernoulli>(
        above_one, {.target = Target::counts},
        "cell 0 (c0), gene 1 (g1): the value 1.5 is outside the support of the likelihood continuous_bernoulli, " +
            share);
    CHECK_NOTHROW(make_dataset<Bernoulli, Exec>(Exec(), above_one));  // its own target brings them into [0, 1]

    refused<Gaussian>(count_matrix({{1, not_a_number}}), {.target = Target::counts},
                      "cell 0 (c0), gene 1 (g1): the value nan is outside the support of the likelihood gaussian, "
                      "which wants finite values");
}

TEST_CASE("negative values are for the raw input, and normalisation is for counts") {
    const CountMatrix centred = count_matrix({{0.5, -1.25, 3}});
    refused<Gaussian>(
        centred, {.target = Target::counts},
        "cell 0 (c0), gene 1 (g1): the count -1.25 is negative, and the encoder's input log1p wants counts from 0 on; "
        "use the input raw for other values");
    CHECK_NOTHROW(make_dataset<Gaussian, Exec>(Exec(), centred, {.input = Input::raw, .target = Target::counts}));
    CHECK_NOTHROW(make_dataset<Gaussian, Exec>(Exec(), centred, {.input = Input::target, .target = Target::counts}));

    const CountMatrix negative = count_matrix({{1, 2}, {-3, 1}});
    refused<Gaussian>(
        negative, {},
        "cell 1 (c1) has the library size -2: normalised values need counts from 0 on that add up to more than 0");
    // a cell without counts has nothing to divide
    const CountMatrix empty = count_matrix({{1, 2}, {0, 0}});
    CHECK_NOTHROW(make_dataset<Gaussian, Exec>(Exec(), empty));
}

TEST_CASE("no cells, no genes, zeros without mass and misshapen arrays are refused") {
    CountMatrix cells;
    cells.var.names = {"g0"};
    refused<Poisson>(cells, {}, "there are 0 cells and 1 genes: at least one of each is needed");
    cells.row_offsets = {0, 0};
    cells.var.names.clear();
    refused<Poisson>(cells, {}, "there are 1 cells and 0 genes: at least one of each is needed");
    refused<AboveZero>(count_matrix({{1, 0}}), {},
                       "the likelihood above_zero does not support zero, which most counts are");
    const CountMatrix above = count_matrix({{1, 2}});
    CHECK_NOTHROW(make_dataset<AboveZero, Exec>(Exec(), above));
    CountMatrix bad = count_matrix({{1, 2}});
    bad.columns = {0, 0};
    CHECK_THROWS_AS((make_dataset<Poisson, Exec>(Exec(), bad)), ShapeError);
}

TEST_CASE("standardised inputs have mean and deviation of the cells that are to be trained on") {
    const auto counts = random_counts(9, 6, 0.6);
    const std::vector<Index> train{7, 2, 3, 5};
    std::vector<std::vector<float>> trained;
    for (const Index cell : train) trained.push_back(counts[static_cast<std::size_t>(cell)]);
    const CountMatrix all = count_matrix(counts), some = count_matrix(trained);
    const auto data =
        make_dataset<Poisson, Exec>(Exec(), all, {.input = Input::standardised, .standardise_from = train});
    const auto expected = make_dataset<Poisson, Exec>(Exec(), some, {.input = Input::standardised});
    const auto with_held_out = make_dataset<Poisson, Exec>(Exec(), all, {.input = Input::standardised});
    for (std::size_t gene = 0; gene < 6; ++gene) {
        CHECK_THAT(data.input_shift(gene), WithinRel(expected.input_shift(gene), 1e-12));
        CHECK_THAT(data.input_scale(gene), WithinRel(expected.input_scale(gene), 1e-12));
        CHECK_THAT(with_held_out.input_shift(gene), !WithinRel(expected.input_shift(gene), 1e-3));
    }
    const std::vector<Index> none{9};
    CHECK_THROWS_MATCHES(
        (make_dataset<Poisson, Exec>(Exec(), all, {.input = Input::standardised, .standardise_from = none})),
        ShapeError, Message("cell 9 is one to standardise from, but there are 9 cells, numbered from 0"));
}

TEST_CASE("library sizes that are given are finite, and above 0 where there are counts") {
    CountMatrix cells = count_matrix({{1, 2}, {0, 0}});
    const Kokkos::DefaultHostExecutionSpace exec;
    cells.library_sizes = {5, 0};  // an empty cell may have none
    CHECK(make_dataset<Poisson>(exec, cells).cells() == 2);
    for (const auto& [bad, text] :
         {std::pair(std::numeric_limits<double>::quiet_NaN(), "nan"),
          std::pair(std::numeric_limits<double>::infinity(), "inf"), std::pair(-3.0, "-3"), std::pair(0.0, "0")}) {
        cells.library_sizes = {bad, 0};
        CHECK_THROWS_MATCHES(make_dataset<Poisson>(exec, cells), InputError,
                             Message("cell 0 (c0) was given the library size " + std::string(text) +
                                     ": a cell's total count over all genes is finite, and above 0 where it has any"));
    }
}

TEST_CASE("counts that nobody else keeps stay as long as the data set and its copies") {
    const auto counts = random_counts(5, 40);
    const CountMatrix same = count_matrix(counts);
    Dataset<Exec> copy;
    {
        const auto data = make_dataset<Poisson>(Exec(), count_matrix(counts));
        copy = data;
    }
    const std::vector<float> other(same.values.size() * 4, -1);  // what would take the place of freed memory
    CHECK(copy.kept.use_count() == 1);
    for (std::size_t k = 0; k < same.values.size(); ++k) CHECK(copy.values(k) == same.values[k]);
    CHECK(copy.cells_view.cell_name(3) == "cell 3 (c3)");

    Eigen::SparseMatrix<double> eigen(3, 4);
    eigen.insert(1, 2) = 6;
    const auto from_eigen = make_dataset<Poisson>(Exec(), eigen);
    CHECK((from_eigen.cells() == 3 && from_eigen.genes() == 4 && from_eigen.values(0) == 6));
}
