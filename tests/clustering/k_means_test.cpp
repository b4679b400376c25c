// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/k_means.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <vector>

#include "boxes.hpp"

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;
using clustering_test::boxes;

namespace k_means_test {

namespace {

Kokkos::DefaultHostExecutionSpace host() { return {}; }

}  // namespace

TEST_CASE("k-means finds inertias as good as scikit-learn's best of 600 seedings") {
    // sklearn.cluster.KMeans(K, n_init=200, tol=0, max_iter=1000), least inertia of random_state 0, 1, 2; version 1.9.1
    const auto [clusters, reference] =
        GENERATE(std::pair{3, 234.5906667233525}, std::pair{5, 145.50182893362495}, std::pair{8, 111.00759202028732});
    const auto values = boxes();
    const auto result =
        k_means(host(), values, 300, 3, {.clusters = clusters, .restarts = 600, .iterations = 1000, .tolerance = 0});
    CHECK(result.inertia <= reference * (1 + 1e-9));
    CHECK(result.inertia >= reference * 0.99);  // it is an optimum: nothing can be far below it
    CHECK(result.iterations >= 1);

    // labels, centres and inertia belong together, computed anew
    double inertia = 0;
    std::vector<double> sums(static_cast<std::size_t>(clusters) * 3, 0.0),
        sizes(static_cast<std::size_t>(clusters), 0.0);
    for (std::size_t row = 0; row < 300; ++row) {
        double nearest = std::numeric_limits<double>::infinity();
        for (std::size_t k = 0; k < static_cast<std::size_t>(clusters); ++k) {
            double distance = 0;
            for (std::size_t c = 0; c < 3; ++c) {
                const double difference = static_cast<double>(values[row * 3 + c]) - result.centres[k * 3 + c];
                distance += difference * difference;
            }
            if (static_cast<std::int32_t>(k) == result.labels[row]) inertia += distance;
            nearest = std::min(nearest, distance);
            if (static_cast<std::int32_t>(k) == result.labels[row])
                for (std::size_t c = 0; c < 3; ++c) sums[k * 3 + c] += static_cast<double>(values[row * 3 + c]);
        }
        sizes[static_cast<std::size_t>(result.labels[row])] += 1;
        const auto own = static_cast<std::size_t>(result.labels[row]);
        double distance = 0;
        for (std::size_t c = 0; c < 3; ++c) {
            const double difference = static_cast<double>(values[row * 3 + c]) - result.centres[own * 3 + c];
            distance += difference * difference;
        }
        CHECK(distance == Approx(nearest).epsilon(1e-12));
    }
    CHECK(inertia == Approx(result.inertia).epsilon(1e-12));
    for (std::size_t k = 0; k < sizes.size(); ++k)
        for (std::size_t c = 0; c < 3; ++c)
            CHECK(sums[k * 3 + c] / sizes[k] == Approx(result.centres[k * 3 + c]).epsilon(1e-9));
}

TEST_CASE("the same seed gives the same clustering, and far from the origin too") {
    const auto values = boxes();
    const KMeansOptions options{.clusters = 5, .restarts = 5, .seed = 9};
    const auto first = k_means(host(), values, 300, 3, options), second = k_means(host(), values, 300, 3, options);
    CHECK(first.labels == second.labels);
    CHECK(first.centres == second.centres);
    CHECK(first.inertia == second.inertia);

    std::vector<float> apart;
    for (int i = 0; i < 40; ++i) {
        const int round = i / 4;
        apart.push_back(10000.0f + static_cast<float>(i % 4) + 0.01f * static_cast<float>(round));
    }
    const auto shifted = k_means(host(), apart, 40, 1, {.clusters = 4});
    for (std::size_t i = 4; i < 40; ++i) CHECK(shifted.labels[i] == shifted.labels[i % 4]);
}

TEST_CASE("no cluster stays empty while there are enough different rows") {
    // one far point and many copies of few points: seedings often coincide
    std::vector<float> values;
    for (int i = 0; i < 200; ++i) values.push_back(static_cast<float>(i % 6));
    const auto result = k_means(host(), values, 200, 1, {.clusters = 6, .restarts = 3});
    CHECK(std::set<std::int32_t>(result.labels.begin(), result.labels.end()).size() == 6);
    CHECK(result.inertia == 0.0);

    const std::vector<float> same(50, 3.0f);
    const auto one = k_means(host(), same, 50, 1, {.clusters = 4});
    CHECK(one.inertia == 0.0);
    CHECK(std::set<std::int32_t>(one.labels.begin(), one.labels.end()).size() == 1);

    const auto each = k_means(host(), std::vector<float>{5, 1, 3}, 3, 1, {.clusters = 3});
    CHECK(std::set<std::int32_t>(each.labels.begin(), each.labels.end()).size() == 3);
}

TEST_CASE("k-means says what is wrong with its arguments") {
    const std::vector<float> values{1, 2, 3, 4};
    CHECK_THROWS_MATCHES(k_means(host(), values, 3, 1, {.clusters = 2}), ShapeError,
                         Message("values given to k-means: found 4, expected 3"));
    CHECK_THROWS_MATCHES(k_means(host(), values, 4, 1, {.clusters = 5}), OptionError,
                         Message("clusters of k-means: found 5, expected 1 to the number of rows, 4"));
    CHECK_THROWS_MATCHES(k_means(host(), values, 4, 1, {.clusters = 2, .restarts = 0}), OptionError,
                         Message("restarts of k-means: found 0, expected at least 1"));
    const std::vector<float> broken{1, 2, 3, std::numeric_limits<float>::quiet_NaN()};
    CHECK_THROWS_MATCHES(k_means(host(), broken, 2, 2, {.clusters = 2}), InputError,
                         Message("values given to k-means: row 1, column 1 is nan, expected a finite number"));
}

}  // namespace k_means_test
