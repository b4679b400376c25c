// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/minibatch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "small_cells.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;

Kokkos::View<Index*, Exec> order_of(const std::vector<Index>& cells) {
    Kokkos::View<Index*, Exec> order("order", cells.size());
    std::copy(cells.begin(), cells.end(), order.data());
    return order;
}

/// Every array of the minibatch against the dense rows that it should hold.
template <class Real>
void check_contents(const Minibatch<Real, Exec>& batch, const Dataset<Exec>& data,
                    const std::vector<std::vector<float>>& dense, const std::vector<Index>& cells) {
    REQUIRE(batch.cells() == static_cast<Index>(cells.size()));
    REQUIRE(batch.genes() == static_cast<Index>(dense[0].size()));
    const Index panels = panel_count(batch.genes());
    Index k = 0;
    int wrong = 0;
    for (std::size_t row = 0; row < cells.size(); ++row) {
        const auto& counts = dense[static_cast<std::size_t>(cells[row])];
        double library = 0;
        for (const float count : counts) library += static_cast<double>(count);
        const float maximum = *std::max_element(counts.begin(), counts.end());
        CHECK(batch.cell(row) == cells[row]);
        CHECK(batch.row_offsets(row) == k);
        const Real log_library = library > 0 ? static_cast<Real>(std::log(static_cast<Real>(library))) : Real(0);
        CHECK(batch.log_library(row) == log_library);  // an empty cell counts as one
        CHECK(batch.log_total(row) == log_library);
        CHECK(batch.base_measure(row) == data.base_measure(static_cast<std::size_t>(cells[row])));
        for (Index panel = 0; panel < panels; ++panel) {
            wrong += batch.panel_offsets(row, panel) == k ? 0 : 1;
            const Index end = std::min(batch.genes(), (panel + 1) * genes_per_panel);
            for (Index gene = panel * genes_per_panel; gene < end; ++gene) {
                const float count = counts[static_cast<std::size_t>(gene)];
                if (count == 0) continue;
                const auto value = static_cast<Real>(count);
                const auto l = static_cast<Real>(library);
                const auto m = static_cast<Real>(maximum);
                wrong += batch.columns(k) == gene ? 0 : 1;
                wrong += batch.inputs(k) == input_value(data.input, data.target, value, l, m) ? 0 : 1;
                wrong += batch.targets(k) == target_value(data.target, value, l, m) ? 0 : 1;
                ++k;
            }
        }
        wrong += batch.panel_offsets(row, panels) == k ? 0 : 1;
    }
    CHECK(batch.row_offsets(cells.size()) == k);
    CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("a minibatch holds the cells asked for, and each panel's nonzeros lie between its offsets") {
    const Index genes = GENERATE(1, 2, 127, 128, 129, 255, 256, 257, 600);
    CAPTURE(genes);
    auto dense = random_counts(9, genes, 0.2);
    dense[1].assign(static_cast<std::size_t>(genes), 0);  // a cell without counts
    dense[3].assign(static_cast<std::size_t>(genes), 2);  // and one without zeros
    dense[5].assign(static_cast<std::size_t>(genes), 0);
    dense[5].back() = 4;  // empty panels before the last
    const CountMatrix cells = count_matrix(dense);
    const Exec exec;
    const auto data = make_dataset<Poisson, Exec>(exec, cells);
    Minibatch<double, Exec> batch(exec, data, 6);
    CHECK(batch.most_cells() == 6);
    for (const auto& chosen : {std::vector<Index>{5, 3, 1, 0, 8, 2}, std::vector<Index>{4}, std::vector<Index>{},
                               std::vector<Index>{8, 7, 6, 5, 4, 3}}) {
        batch.assemble(exec, data, order_of(chosen));
        exec.fence();
        if (!chosen.empty()) check_contents(batch, data, dense, chosen);
        CHECK(batch.cells() == static_cast<Index>(chosen.size()));
    }
}

TEST_CASE("inputs and targets follow the data set's policies, in float and in double") {
    const auto dense = random_counts(7, 140);
    const CountMatrix cells = count_matrix(dense);
    const Exec exec;
    const Input input = GENERATE(Input::raw, Input::log1p, Input::log1p_normalised, Input::target);
    const Target target = GENERATE(Target::counts, Target::unit_maximum, Target::log_normalised);
    const auto data = make_dataset<Gaussian, Exec>(exec, cells, {.input = input, .target = target});
    const std::vector<Index> chosen{6, 0, 2};
    Minibatch<double, Exec> in_double(exec, data, 3);
    in_double.assemble(exec, data, order_of(chosen));
    Minibatch<float, Exec> in_float(exec, data, 3);
    in_float.assemble(exec, data, order_of(chosen));
    exec.fence();
    check_contents(in_double, data, dense, chosen);
    check_contents(in_float, data, dense, chosen);
}

TEST_CASE("the library size in a minibatch is the whole file's") {
    CountMatrix cells = count_matrix({{1, 2}, {3, 4}});
    cells.library_sizes = {100, 200};
    const Exec exec;
    const auto data = make_dataset<Poisson, Exec>(exec, cells);
    Minibatch<double, Exec> batch(exec, data, 2);
    batch.assemble(exec, data, order_of({1, 0}));
    exec.fence();
    CHECK(batch.log_library(0) == std::log(200.0));
    CHECK(batch.log_library(1) == std::log(100.0));
    CHECK(batch.log_total(0) == std::log(7.0));  // the genes' that are here
    CHECK(batch.log_total(1) == std::log(3.0));
}

TEST_CASE("a minibatch is no larger than the data set, and takes no more cells than it was made for") {
    const CountMatrix cells = count_matrix(random_counts(5, 10));
    const Exec exec;
    const auto data = make_dataset<Poisson, Exec>(exec, cells);
    CHECK(Minibatch<float, Exec>(exec, data, 100).most_cells() == 5);
    Minibatch<float, Exec> batch(exec, data, 2);
    CHECK_THROWS_MATCHES(batch.assemble(exec, data, order_of({0, 1, 2})), ShapeError,
                         Message("a minibatch of 3 cells was asked of one made for 2"));
    CHECK(batch.cells() == 0);  // and what was refused left it as it was
}

TEST_CASE("a minibatch refuses denser cells and other genes than those it was made for, and holds at least one cell") {
    const CountMatrix sparse = count_matrix({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}});
    const CountMatrix dense = count_matrix({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
    const CountMatrix wide = count_matrix({{1, 0, 0, 0}, {0, 1, 0, 0}});
    const Exec exec;
    const auto sparse_data = make_dataset<Poisson, Exec>(exec, sparse);
    const auto dense_data = make_dataset<Poisson, Exec>(exec, dense);
    const auto wide_data = make_dataset<Poisson, Exec>(exec, wide);
    Minibatch<double, Exec> batch(exec, sparse_data, 2);
    CHECK_THROWS_MATCHES(
        batch.assemble(exec, dense_data, order_of({0, 1})), ShapeError,
        Message("2 cells of this data set may have 6 nonzeros, but the minibatch was made for 2: make it "
                "for the data set that it is filled from"));
    CHECK_THROWS_MATCHES(batch.assemble(exec, wide_data, order_of({0, 1})), ShapeError,
                         Message("genes of a minibatch's data set: found 4, expected 3"));
    CHECK_THROWS_MATCHES((Minibatch<double, Exec>(exec, sparse_data, 0)), OptionError,
                         Message("a minibatch has at least one cell, found 0"));
    CHECK_THROWS_MATCHES(begin_pass(exec, sparse_data, std::vector<Index>{0, 3}, 2), ShapeError,
                         Message("cell 3 is asked for at position 1, but there are 3 cells, numbered from 0: was the "
                                 "split made for other data?"));
    CHECK_THROWS_MATCHES(begin_pass(exec, sparse_data, std::vector<Index>{2, 1, 2}, 2), ShapeError,
                         Message("cell 2 is asked for a second time at position 2: expected each cell once"));
}

TEST_CASE("a cell whose counts are stored zeros is an empty cell") {
    CountMatrix cells = count_matrix({{1, 2}, {3, 4}});
    cells.values = {1, 2, 0, 0};
    const Exec exec;
    for (const auto target : {Target::counts, Target::unit_maximum, Target::log_normalised}) {
        const auto data =
            make_dataset<Gaussian, Exec>(exec, cells, {.input = Input::log1p_normalised, .target = target});
        Minibatch<double, Exec> batch(exec, data, 1);
        batch.assemble(exec, data, order_of({1}));
        exec.fence();
        CHECK(batch.log_library(0) == 0);
        for (Index k = 0; k < 2; ++k) CHECK((batch.inputs(k) == 0 && batch.targets(k) == 0));
    }
}
