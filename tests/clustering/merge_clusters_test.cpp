// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/merge_clusters.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace cellvae;

namespace {

// Components 0 and 1 overlap: a third of 0 and of 1 is taken for the other. Component 2 is apart, 3 has no row.
const std::vector<float> shares{0.6f, 0.4f, 0,     0,  //
                                0.6f, 0.4f, 0,     0,  //
                                0.4f, 0.6f, 0,     0,  //
                                0.8f, 0.2f, 0,     0,  //
                                0,    0,    0.99f, 0.01f, 0, 0, 1, 0};

}  // namespace

TEST_CASE("components that overlap are merged, and those apart are not") {
    const auto merged = merge_clusters(shares, 6, 4, {.overlap = 0.2});
    CHECK(merged.clusters == 2);
    CHECK(merged.labels == std::vector<std::int32_t>{0, 0, 0, 0, 1, 1});
    CHECK(merged.cluster_of[0] == 0);
    CHECK(merged.cluster_of[1] == 0);
    CHECK(merged.cluster_of[2] == 1);
    CHECK(merged.overlap < 0.2);
}

TEST_CASE("nothing is merged above every overlap, and no further than the least number") {
    const auto apart = merge_clusters(shares, 6, 4, {.overlap = 1});
    CHECK(apart.clusters == 3);  // component 3 has no row
    CHECK(apart.labels == std::vector<std::int32_t>{0, 0, 2, 0, 1, 1});
    CHECK(apart.cluster_of[3] == -1);
    CHECK(merge_clusters(shares, 6, 4, {.overlap = 0, .least = 2}).clusters == 2);
    // Components 0 and 1 overlap most; 3 has no row, and so is none of the three that must be left.
    const std::vector<float> three{0.5f, 0.4f, 0, 0.1f, 0.4f, 0.5f, 0, 0.1f, 0, 0, 0.9f, 0.1f};
    CHECK(merge_clusters(three, 3, 4, {.overlap = 0.1, .least = 3}).clusters == 3);
    CHECK(merge_clusters(three, 3, 4, {.overlap = 0.1, .least = 2}).clusters == 2);
    CHECK_THROWS_AS(merge_clusters(shares, 6, 3), ShapeError);
    CHECK_THROWS_AS(merge_clusters(shares, 6, 0), ShapeError);
    CHECK_THROWS_AS(merge_clusters(std::vector<float>{}, 0, 0), ShapeError);
}
