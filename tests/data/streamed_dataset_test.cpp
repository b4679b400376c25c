// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/streamed_dataset.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>

#include "cellvae/data/shuffle.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "small_cells.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;

template <class View>
std::vector<typename View::non_const_value_type> values_of(const View& view) {
    return {view.data(), view.data() + view.size()};
}

template <class View>
std::vector<typename View::non_const_value_type> first_of(const View& view, Index count) {
    return {view.data(), view.data() + count};
}

CountMatrix some_cells(Index cells = 43) {
    CountMatrix matrix = count_matrix(random_counts(cells, 150, 0.2));
    std::vector<double> library_sizes;  // beside the matrix, which takes what it has for all cells
    for (Index cell = 0; cell < cells; ++cell) library_sizes.push_back(matrix.library_size(cell) + 5);
    matrix.library_sizes = library_sizes;
    return matrix;
}

}  // namespace

TEST_CASE("streamed cells have the statistics of cells in memory, bit for bit, whatever the window") {
    const CountMatrix cells = some_cells();
    const Input input = GENERATE(Input::log1p, Input::standardised);
    const Index window = GENERATE(1, 7, 43, 100);
    const Exec exec;
    const DatasetOptions options{.input = input};
    const auto resident = make_dataset<Gaussian, Exec>(exec, cells, options);
    const auto streamed = make_streamed_dataset<Gaussian>(exec, std::make_shared<MatrixReader>(cells), options, window);
    CHECK(streamed.host_offsets == resident.host_offsets);
    CHECK(streamed.host_library == resident.host_library);
    CHECK(streamed.host_total == resident.host_total);
    CHECK(streamed.host_maximum == resident.host_maximum);
    CHECK(streamed.target_sum == resident.target_sum);
    CHECK(streamed.target_square_sum == resident.target_square_sum);
    CHECK(values_of(streamed.library) == values_of(resident.library));
    CHECK(values_of(streamed.base_measure) == values_of(resident.base_measure));
    CHECK(values_of(streamed.input_shift) == values_of(resident.input_shift));
    CHECK(values_of(streamed.input_scale) == values_of(resident.input_scale));
    CHECK(streamed.most_nonzeros(5) == resident.most_nonzeros(5));
    CHECK(streamed.cells() == 43);
    CHECK(streamed.genes() == 150);
    CHECK(streamed.times->reading > 0);
}

TEST_CASE("minibatches of streamed cells are those of cells in memory, and no more than two windows are held") {
    const CountMatrix cells = some_cells();
    const Exec exec;
    constexpr Index minibatch = 4;
    const ShuffleOptions shuffle{.chunk = 4, .chunks = 3};
    const auto resident = make_dataset<Poisson, Exec>(exec, cells);
    const auto reader = std::make_shared<MatrixReader>(cells);
    const auto streamed = make_streamed_dataset<Poisson>(exec, reader, {}, 5);
    CHECK(reader->most_cells == 5);
    std::vector<Index> order{1, 2, 3, 5, 7};
    for (Index cell = 9; cell < 43; ++cell) order.push_back(cell);
    shuffle_cells(order, shuffle, minibatch, 3, 1);
    const Index window = shuffle_window(shuffle, minibatch);
    auto of_resident = begin_pass(exec, resident, order, window);
    auto of_streamed = begin_pass(exec, streamed, order, window);
    Minibatch<float, Exec> expected(exec, resident, minibatch), found(exec, streamed, minibatch);
    for (Index first = 0; first < static_cast<Index>(order.size()); first += minibatch) {
        const Index count = std::min(minibatch, static_cast<Index>(order.size()) - first);
        of_resident.assemble(exec, expected, first, count);
        of_streamed.assemble(exec, found, first, count);
        REQUIRE(found.cells() == count);
        CHECK(first_of(found.cell, count) == first_of(expected.cell, count));
        CHECK(first_of(found.row_offsets, count + 1) == first_of(expected.row_offsets, count + 1));
        const Index nonzeros = expected.row_offsets(count);
        CHECK(first_of(found.columns, nonzeros) == first_of(expected.columns, nonzeros));
        CHECK(first_of(found.inputs, nonzeros) == first_of(expected.inputs, nonzeros));
        CHECK(first_of(found.targets, nonzeros) == first_of(expected.targets, nonzeros));
        CHECK(first_of(found.log_library, count) == first_of(expected.log_library, count));
        CHECK(first_of(found.base_measure, count) == first_of(expected.base_measure, count));
        const Index offsets = count * (panel_count(150) + 1);
        CHECK(first_of(found.panel_offsets, offsets) == first_of(expected.panel_offsets, offsets));
    }
    CHECK(reader->most_cells == 12);

    // a pass may start in the middle, and be paused there
    auto later = begin_pass(exec, streamed, order, window, 16);
    const int reads = reader->reads;
    of_resident.assemble(exec, expected, 16, minibatch);
    later.assemble(exec, found, 16, minibatch);
    CHECK(first_of(found.cell, minibatch) == first_of(expected.cell, minibatch));
    CHECK(first_of(found.columns, found.row_offsets(minibatch)) ==
          first_of(expected.columns, expected.row_offsets(minibatch)));
    (void)later.pause();
    CHECK(reader->reads <= reads + 3);  // what came before the window is not read
}

TEST_CASE("a pass ends with what reading threw, and may be left at any place") {
    const CountMatrix cells = some_cells();
    const Exec exec;
    const auto reader = std::make_shared<MatrixReader>(cells, 9 + 3);  // nine windows for the statistics
    const auto streamed = make_streamed_dataset<Poisson>(exec, reader, {}, 5);
    std::vector<Index> order(40);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
    Minibatch<float, Exec> batch(exec, streamed, 5);
    {
        auto pass = begin_pass(exec, streamed, order, 5);
        pass.assemble(exec, batch, 0, 5);
        pass.assemble(exec, batch, 5, 5);
        CHECK_THROWS_MATCHES(pass.assemble(exec, batch, 10, 5), InputError, Message("the disk is on fire"));
    }
    for (const Index minibatches : {0, 1, 3}) {  // what was thrown at one pass is not at the next
        auto pass = begin_pass(exec, streamed, order, 10);
        for (Index i = 0; i < minibatches; ++i) pass.assemble(exec, batch, 5 * i, 5);
    }
    auto pass = begin_pass(exec, streamed, order, 10);
    CHECK_THROWS_AS(pass.assemble(exec, batch, 10, 5), ShapeError);  // the first window comes first
    CHECK_THROWS_MATCHES(begin_pass(exec, streamed, order, 0), OptionError,
                         Message("cells that are read while they are trained on cannot be shuffled freely: give the "
                                 "size of a chunk (shuffle.chunk)"));
}

TEST_CASE("values that are refused, and cells that change, are named by their number in the file") {
    const Exec exec;
    CountMatrix bad = some_cells();
    bad.values[static_cast<std::size_t>(bad.row_offsets[17])] = 0.5f;
    const auto gene = bad.columns[static_cast<std::size_t>(bad.row_offsets[17])];
    CHECK_THROWS_MATCHES(make_streamed_dataset<Poisson>(exec, std::make_shared<MatrixReader>(bad), {}, 5), InputError,
                         Message(message("cell 17 (c17), gene ", gene, " (g", gene,
                                         "): the value 0.5 is outside the support of the likelihood poisson, which "
                                         "wants whole counts from 0 on; give the raw counts, not normalised values")));

    const auto reader = std::make_shared<MatrixReader>(some_cells(4));
    const auto streamed = make_streamed_dataset<Poisson>(exec, reader);
    reader->change();
    const std::vector<Index> order{0, 1, 2, 3};
    Minibatch<float, Exec> batch(exec, streamed, 4);
    auto pass = begin_pass(exec, streamed, order, 4);
    const auto before = streamed.host_offsets[4] - streamed.host_offsets[3];
    CHECK_THROWS_MATCHES(pass.assemble(exec, batch, 0, 4), InputError,
                         Message(message("cell 3 (c3) has ", before + 1, " nonzero counts, but had ", before,
                                         " when the file was opened: it must not change while it is trained on")));
}
