// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/visit_counts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <vector>

#include "cellvae/data/streamed_dataset.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "small_cells.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace visit_counts_test {

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;

/// "cell: gene=count gene=count" of each cell, as they are visited.
template <class Cells>
std::vector<std::string> visited(const Cells& cells, const std::vector<Index>& order) {
    std::vector<std::string> all;
    visit_counts(cells, order, [&](Index cell, std::span<const GeneIndex> genes, std::span<const float> counts) {
        REQUIRE(genes.size() == counts.size());
        all.push_back(message(cell, ':'));
        for (std::size_t k = 0; k < genes.size(); ++k) all.back() += message(' ', genes[k], '=', counts[k]);
    });
    return all;
}

}  // namespace

TEST_CASE("counts are visited in the order that is given, in memory and streamed") {
    const CountMatrix matrix = count_matrix({{0, 2, 3}, {1, 0, 0}, {0, 0, 0}, {4, 5, 6}});
    const auto resident = make_dataset<Poisson, Exec>(Exec(), matrix);
    const std::vector<std::string> expected{"3: 0=4 1=5 2=6", "0: 1=2 2=3", "2:"};
    CHECK(visited(resident, {3, 0, 2}) == expected);
    CHECK(visited(resident, {}).empty());
    const auto streamed = make_streamed_dataset<Poisson>(Exec(), std::make_shared<MatrixReader>(matrix));
    CHECK(visited(streamed, {3, 0, 2}) == expected);
    CHECK(visited(streamed, {}).empty());
    CHECK_THROWS_AS(visited(streamed, {4}), ShapeError);

    // more cells than are held at once
    const CountMatrix many = count_matrix(random_counts(5000, 3));
    std::vector<Index> order;
    for (Index cell = 0; cell < 5000; ++cell) order.push_back(cell * 7 % 5000);
    CHECK(visited(make_streamed_dataset<Poisson>(Exec(), std::make_shared<MatrixReader>(many)), order) ==
          visited(make_dataset<Poisson, Exec>(Exec(), many), order));
}

}  // namespace visit_counts_test
