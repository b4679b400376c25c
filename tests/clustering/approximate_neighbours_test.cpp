// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/approximate_neighbours.hpp"

#include <catch2/catch_test_macros.hpp>

#ifndef CELLVAE_WITH_HNSWLIB

TEST_CASE("approximate neighbours") { SKIP("there is no hnswlib here"); }

#else

#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <limits>

#include "cellvae/core/random.hpp"

using namespace cellvae;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace approximate_neighbours_test {

TEST_CASE("nearly all approximate neighbours are the nearest, and distances and order are exact") {
    const Kokkos::DefaultHostExecutionSpace host;
    RandomStream random(3, Purpose::test);
    constexpr Index rows = 3000, columns = 10;
    constexpr int count = 14;
    std::vector<float> values;
    for (Index row = 0; row < rows; ++row)  // ten groups, and rows that are there twice
        for (Index c = 0; c < columns; ++c)
            values.push_back((c == row % 10 ? 5.0f : 0.0f) + static_cast<float>(random.normal()));
    std::copy_n(values.begin() + 100 * columns, columns, values.begin() + 2000 * columns);
    const auto exact = nearest_neighbours(host, values, rows, columns, count);
    const auto found = approximate_neighbours(host, values, rows, columns, count);
    REQUIRE(found.index.size() == exact.index.size());
    std::size_t same = 0;
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
        const auto* mine = found.index.data() + row * count;
        const auto* true_ones = exact.index.data() + row * count;
        for (std::size_t n = 0; n < count; ++n) {
            same += std::find(true_ones, true_ones + count, mine[n]) != true_ones + count ? 1 : 0;
            if (mine[n] == static_cast<std::int32_t>(row)) CHECK(mine[n] != static_cast<std::int32_t>(row));
            const double distance = std::sqrt(clustering_detail::squared_distance(
                values, columns, static_cast<Index>(row), static_cast<Index>(mine[n])));
            const auto place = row * count + n;
            if (std::abs(static_cast<double>(found.distance[place]) - distance) > 1e-6)
                CHECK(static_cast<double>(found.distance[place]) == distance);
            if (n > 0 && found.distance[place] < found.distance[place - 1])
                CHECK(found.distance[place] >= found.distance[place - 1]);
        }
    }
    const double recall = static_cast<double>(same) / static_cast<double>(found.index.size());
    INFO("recall " << recall);
    CHECK(recall > 0.98);
    constexpr std::size_t twice = std::size_t{100} * count;
    CHECK(found.index[twice] == 2000);
    CHECK(found.distance[twice] == 0);

    const auto again = approximate_neighbours(host, values, rows, columns, count);
    CHECK(again.index == found.index);
    CHECK(again.distance == found.distance);
    const auto narrow =
        approximate_neighbours(host, values, rows, columns, count, {.links = 2, .build_width = 2, .search_width = 1});
    CHECK(narrow.index != found.index);
}

TEST_CASE("every row has its neighbours, however few there are and however many are alike") {
    const Kokkos::DefaultHostExecutionSpace host;
    const std::vector<float> alike(400, 1.0f);
    const auto found = approximate_neighbours(host, alike, 200, 2, 199, {.links = 2, .build_width = 1});
    for (std::ptrdiff_t row = 0; row < 200; ++row) {
        std::vector<std::int32_t> mine(found.index.begin() + row * 199, found.index.begin() + (row + 1) * 199);
        std::sort(mine.begin(), mine.end());
        mine.erase(std::unique(mine.begin(), mine.end()), mine.end());
        if (mine.size() != 199) CHECK(mine.size() == 199);
    }
}

TEST_CASE("approximate neighbours are refused where they cannot be") {
    const Kokkos::DefaultHostExecutionSpace host;
    std::vector<float> values{0, 1, 2};
    CHECK_THROWS_AS(approximate_neighbours(host, values, 3, 1, 3), OptionError);
    CHECK_THROWS_AS(approximate_neighbours(host, values, 3, 1, 0), OptionError);
    CHECK_THROWS_AS(approximate_neighbours(host, values, 2, 1, 1), ShapeError);
    CHECK_THROWS_MATCHES(approximate_neighbours(host, values, 3, 1, 1, {.links = 1}), OptionError,
                         MessageMatches(ContainsSubstring("2 links or more")));
    values[1] = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(approximate_neighbours(host, values, 3, 1, 1), InputError);
}

}  // namespace approximate_neighbours_test

#endif
