// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/neighbours.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cmath>
#include <limits>

#include "cellvae/core/random.hpp"

using namespace cellvae;

TEST_CASE("the nearest neighbours are those that all distances give, in their order") {
    const Kokkos::DefaultHostExecutionSpace host;
    RandomStream random(3, Purpose::test);
    constexpr Index rows = 203, columns = 7;
    constexpr int count = 9;
    std::vector<float> values;
    // far from the origin, where the products' distances would cancel, and with rows that are there twice; at last in
    // two groups so far from each other that within a group they do cancel
    const float apart = GENERATE(0.0F, 10000.0F);
    for (Index i = 0; i < rows * columns; ++i)
        values.push_back(1000 + static_cast<float>(random.normal()) + (i / columns % 2 == 0 ? apart : 0));
    for (Index c = 0; c < columns; ++c)
        values[static_cast<std::size_t>(5 * columns + c)] = values[static_cast<std::size_t>(101 * columns + c)];
    const auto found = nearest_neighbours(host, values, rows, columns, count);
    for (Index row = 0; row < rows; ++row) {
        std::vector<std::pair<double, std::int32_t>> all;
        for (Index other = 0; other < rows; ++other) {
            if (other == row) continue;
            double sum = 0;
            for (Index c = 0; c < columns; ++c) {
                const double d = static_cast<double>(values[static_cast<std::size_t>(row * columns + c)]) -
                                 static_cast<double>(values[static_cast<std::size_t>(other * columns + c)]);
                sum += d * d;
            }
            all.emplace_back(sum, static_cast<std::int32_t>(other));
        }
        std::sort(all.begin(), all.end());
        for (std::size_t n = 0; n < count; ++n) {
            const auto place = static_cast<std::size_t>(row) * count + n;
            const double distance = std::sqrt(all[n].first);
            // of the far groups the mean that is subtracted rounds the coordinates, and near ties may turn around
            if (apart == 0 && found.index[place] != all[n].second) CHECK(found.index[place] == all[n].second);
            if (std::abs(static_cast<double>(found.distance[place]) - distance) > (apart == 0 ? 1e-3 : 5e-3))
                CHECK(static_cast<double>(found.distance[place]) == distance);
        }
    }
    CHECK(found.index[std::size_t{5} * count] == 101);
    CHECK(found.distance[std::size_t{5} * count] == 0);
}

TEST_CASE("neighbours are refused where there are too few rows") {
    const Kokkos::DefaultHostExecutionSpace host;
    const std::vector<float> values{0, 1, 2};
    CHECK_THROWS_AS(nearest_neighbours(host, values, 3, 1, 3), OptionError);
    CHECK_THROWS_AS(nearest_neighbours(host, values, 3, 1, 0), OptionError);
    CHECK_THROWS_AS(nearest_neighbours(host, values, 2, 1, 1), ShapeError);
}

TEST_CASE("neighbours among values that are not finite are refused") {
    std::vector<float> values{0, 1, 2, 3};
    values[2] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_MATCHES(
        cellvae::nearest_neighbours({}, values, 4, 1, 2), cellvae::InputError,
        Catch::Matchers::Message("values to find neighbours in: row 2, column 0 is nan, expected a finite number"));
    // squares of distances would be infinite, and of equal length
    CHECK_THROWS_MATCHES(cellvae::nearest_neighbours({}, std::vector<float>{0, 1, 3e19F, 3}, 4, 1, 2),
                         cellvae::InputError,
                         Catch::Matchers::Message("values to find neighbours in: row 2 lies too far from the others "
                                                  "for squares of distances in float"));
    CHECK(cellvae::nearest_neighbours({}, std::vector<float>{0, 1, 3e18F, 3}, 4, 1, 1).index[0] == 1);
}
