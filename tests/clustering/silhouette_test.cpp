// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/silhouette.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "boxes.hpp"

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;
using clustering_test::boxes;

namespace silhouette_test {

namespace {

Kokkos::DefaultHostExecutionSpace host() { return {}; }

/// Dissimilarities of twelve countries as judged by students: Rousseeuw (1987), table 1, below the diagonal. Order:
/// Belgium, Brazil, China, Cuba, Egypt, France, India, Israel, USA, USSR, Yugoslavia, Zaire.
std::vector<double> countries() {
    const std::array<double, 66> lower{
        5.58, 7.00, 6.50, 7.08, 7.00, 3.83, 4.83, 5.08, 8.17, 5.83, 2.17, 5.75, 6.67, 6.92, 4.92, 6.42, 5.00,
        5.58, 6.00, 4.67, 6.42, 3.42, 5.50, 6.42, 6.42, 5.00, 3.92, 6.17, 2.50, 4.92, 6.25, 7.33, 4.50, 2.25,
        6.33, 2.75, 6.08, 6.67, 4.25, 2.67, 6.00, 6.17, 6.17, 6.92, 6.17, 5.25, 6.83, 4.50, 3.75, 5.75, 5.42,
        6.08, 5.83, 6.67, 3.67, 4.75, 3.00, 6.08, 6.67, 5.00, 5.58, 4.83, 6.17, 5.67, 6.50, 6.92};
    std::vector<double> full(144, 0.0);
    std::size_t next = 0;
    for (std::size_t i = 0; i < 12; ++i)
        for (std::size_t j = 0; j < i; ++j, ++next) full[i * 12 + j] = full[j * 12 + i] = lower[next];
    return full;
}

std::vector<std::int32_t> box_labels() {
    std::vector<std::int32_t> labels;
    for (int i = 0; i < 300; ++i) labels.push_back(i % 5);
    return labels;
}

}  // namespace

TEST_CASE("the silhouettes of Rousseeuw's twelve countries are those he printed") {
    const auto dissimilarities = countries();
    SECTION("two clusters, his figure 2") {
        const std::vector<std::int32_t> labels{1, 1, 2, 2, 1, 1, 2, 1, 1, 2, 2, 1};
        const std::array<double, 12> printed{.39, .22, .33, .40, .20, .35, -.04, .30, .43, .34, .26, .19};
        const auto result = silhouette_of_dissimilarities(host(), dissimilarities, labels);
        for (std::size_t i = 0; i < 12; ++i) CHECK(std::abs(result.cells[i] - printed[i]) < 0.0051);
        CHECK(std::abs(result.mean - .28) < 0.005);
        CHECK(result.mean == Approx(0.2796659054074746).epsilon(1e-12));  // scikit-learn 1.9.1
        CHECK(result.clusters == std::vector<std::int32_t>{1, 2});
        CHECK(result.cluster_sizes == std::vector<std::int64_t>{7, 5});
        CHECK(result.cluster_means[0] ==
              Approx((.3913 + .2232 + .1965 + .3515 + .2979 + .4252 + .1890) / 7).margin(1e-4));
    }
    SECTION("three clusters, his figure 3") {
        const std::vector<std::int32_t> labels{1, 2, 3, 3, 1, 1, 2, 1, 1, 3, 3, 2};
        const std::array<double, 12> printed{.42, .25, .31, .48, .02, .44, .17, .37, .47, .44, .31, .28};
        const auto result = silhouette_of_dissimilarities(host(), dissimilarities, labels);
        for (std::size_t i = 0; i < 12; ++i) CHECK(std::abs(result.cells[i] - printed[i]) < 0.0051);
        CHECK(std::abs(result.mean - .33) < 0.005);
        CHECK(result.mean == Approx(0.3301020809328549).epsilon(1e-12));  // scikit-learn 1.9.1
    }
}

TEST_CASE("Euclidean silhouettes equal scikit-learn's") {
    // silhouette_score and silhouette_samples of scikit-learn 1.9.1 on the same 300 float32 points taken as float64
    const auto values = boxes();
    auto labels = box_labels();
    SECTION("all cells") {
        const auto result = silhouette(host(), values, 300, 3, labels);
        CHECK(result.mean == Approx(0.30402672015551974).epsilon(1e-6));
        const std::array<double, 5> means{0.5121527253727711, 0.19606378099843302, 0.24898185580882745,
                                          0.2752512967130373, 0.28768394188452956};
        for (std::size_t k = 0; k < 5; ++k) CHECK(result.cluster_means[k] == Approx(means[k]).epsilon(1e-6));
        CHECK(result.cells[0] == Approx(0.57964781).margin(1e-6));
        CHECK(result.cells[17] == Approx(0.32122009).margin(1e-6));
        CHECK(result.cells[299] == Approx(0.12183256).margin(1e-6));
    }
    SECTION("a cluster of one scores 0") {
        labels[0] = 7;
        const auto result = silhouette(host(), values, 300, 3, labels);
        CHECK(result.cells[0] == 0.0);
        CHECK(result.mean == Approx(0.23339378489326326).epsilon(1e-6));
        CHECK(result.clusters.back() == 7);
    }
    SECTION("cells without a label are left out, on both sides") {
        for (std::size_t i = 0; i < 300; ++i)
            if (i % 7 == 3) labels[i] = -1;
        const auto result = silhouette(host(), values, 300, 3, labels);
        CHECK(result.mean == Approx(0.2977666663551594).epsilon(1e-6));
        CHECK(std::isnan(result.cells[3]));
        CHECK_FALSE(std::isnan(result.cells[4]));
    }
    SECTION("both forms agree, across full and partial tiles") {
        std::vector<double> distances(std::size_t{300} * 300);
        for (std::size_t i = 0; i < 300; ++i)
            for (std::size_t j = 0; j < 300; ++j) {
                double sum = 0;
                for (std::size_t c = 0; c < 3; ++c) {
                    const double difference =
                        static_cast<double>(values[i * 3 + c]) - static_cast<double>(values[j * 3 + c]);
                    sum += difference * difference;
                }
                distances[i * 300 + j] = std::sqrt(sum);
            }
        for (std::size_t i = 0; i < 300; ++i) labels[i] = i < 64 ? 0 : i < 193 ? 1 : 2;
        const auto points = silhouette(host(), values, 300, 3, labels);
        const auto matrix = silhouette_of_dissimilarities(host(), distances, labels);
        for (std::size_t i = 0; i < 300; ++i) CHECK(points.cells[i] == Approx(matrix.cells[i]).margin(1e-6));
    }
}

TEST_CASE("copies of one point in two clusters score 0, apart they score 1") {
    const std::vector<float> same(10, 2.0f), apart{0, 0, 0, 5, 5, 5, 5, 5, 5, 5};
    const std::vector<std::int32_t> labels{0, 0, 0, 1, 1, 1, 1, 1, 1, 1};
    CHECK(silhouette(host(), same, 10, 1, labels).mean == 0.0);
    CHECK(silhouette(host(), apart, 10, 1, labels).mean == 1.0);
}

TEST_CASE("the silhouette refuses what it cannot score") {
    const std::vector<float> values{1, 2, 3};
    CHECK_THROWS_MATCHES(silhouette(host(), values, 3, 1, std::vector<std::int32_t>{4, 4, -1}), InputError,
                         Message("labels given to the silhouette: found 1 cluster among 3 cells, expected at least 2"));
    CHECK_THROWS_MATCHES(silhouette(host(), values, 3, 1, std::vector<std::int32_t>{0, 1}), ShapeError,
                         Message("labels given to the silhouette: found 2, expected 3"));
    const std::vector<float> broken{1, std::numeric_limits<float>::infinity(), 3};
    CHECK_THROWS_MATCHES(silhouette(host(), broken, 3, 1, std::vector<std::int32_t>{0, 0, 1}), InputError,
                         Message("values given to the silhouette: cell 1, column 0 is inf, expected a finite number"));
    constexpr double missing = std::numeric_limits<double>::quiet_NaN();
    const std::vector<std::int32_t> labels{0, 1, -1};
    const std::vector<double> unlabelled{missing, 1, missing, 1, missing, missing, missing, missing, missing};
    CHECK(silhouette_of_dissimilarities(host(), unlabelled, labels).mean == 0);  // clusters of one
    for (const double refused : {-1.0, missing}) {
        auto between = unlabelled;
        between[3] = refused;
        CHECK_THROWS_AS(silhouette_of_dissimilarities(host(), between, labels), InputError);
    }
}

}  // namespace silhouette_test
