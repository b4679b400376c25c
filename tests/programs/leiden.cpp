// SPDX-License-Identifier: Apache-2.0
#include "leiden.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <igraph/igraph.h>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/random.hpp"

using namespace cellvae;
using program::NeighbourGraph;

namespace {

constexpr Index cells = 150;

/// Three groups of cells far from one another, the first the largest.
std::vector<float> groups() {
    RandomStream random(1, Purpose::test);
    std::vector<float> coordinates;
    for (Index cell = 0; cell < cells; ++cell) {
        const int group = cell < 70 ? 0 : cell < 120 ? 1 : 2;
        coordinates.push_back(static_cast<float>(30 * group + random.normal<double>()));
        coordinates.push_back(static_cast<float>(random.normal<double>()));
    }
    return coordinates;
}

}  // namespace

TEST_CASE("groups that lie apart are Leiden's clusters, the largest first, the same from the same seed") {
    const NeighbourGraph graph(nearest_neighbours({}, groups(), cells, 2, 14));
    const auto labels = graph.leiden(0.05, 3);
    REQUIRE(labels.size() == cells);
    for (Index cell = 0; cell < cells; ++cell)
        CHECK(labels[static_cast<std::size_t>(cell)] == (cell < 70 ? 0 : cell < 120 ? 1 : 2));
    CHECK(graph.leiden(1, 3) == graph.leiden(1, 3));
}

TEST_CASE("Leiden ends where nearly every cell would be a group of its own") {
    RandomStream random(2, Purpose::test);
    std::vector<float> few;
    for (int i = 0; i < 20 * 10; ++i) few.push_back(static_cast<float>(random.normal<double>()));
    const NeighbourGraph graph(nearest_neighbours({}, few, 20, 10, 14));
    for (const double resolution : {2.0, 5.0, 7.0, 10.0, 50.0}) CHECK(graph.leiden(resolution, 1).size() == 20);
}

TEST_CASE("an error of igraph's does not end the program") {
    const NeighbourGraph graph(nearest_neighbours({}, groups(), cells, 2, 14));
    CHECK(graph.leiden(0.05, 3).size() == cells);
    // by default it aborts; it hands out the one that it had
    CHECK(igraph_set_error_handler(igraph_error_handler_ignore) == igraph_error_handler_ignore);
    for (const double resolution : {std::nan(""), -1.0, static_cast<double>(INFINITY)})
        CHECK_THROWS_AS(graph.leiden(resolution, 1), OptionError);
}
