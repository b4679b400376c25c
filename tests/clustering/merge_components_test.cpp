// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/merge_components.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cellvae/core/random.hpp"

using namespace cellvae;

namespace merge_components_test {

namespace {

/// Three Gaussian groups on a line, each the work of two components that lie `apart`: rows, their responsibilities
/// (of components with unit variance and equal weights) and groups.
struct Rows {
    static constexpr std::size_t components = 6;
    std::vector<float> values, responsibilities;
    std::vector<std::int32_t> group;

    explicit Rows(double apart) {
        RandomStream random(3, Purpose::test);
        for (int row = 0; row < 600; ++row) {
            const int of = row % 6 < 3 ? 0 : row % 6 < 5 ? 1 : 2;  // 300, 200 and 100 rows
            const double x = 40 * of + random.normal();
            values.push_back(static_cast<float>(x));
            values.push_back(static_cast<float>(random.normal()));
            group.push_back(of);
            double sum = 0, share[components];
            for (std::size_t k = 0; k < components; ++k) {
                const std::size_t pair = k / 2;
                const double off = x - 40 * static_cast<double>(pair) - (k % 2 == 0 ? -apart / 2 : apart / 2);
                sum += share[k] = std::exp(-off * off / 2);
            }
            for (const double one : share) responsibilities.push_back(static_cast<float>(one / sum));
        }
    }

    [[nodiscard]] ComponentMerge merged(const ComponentMergeOptions& options) const {
        return merge_components(responsibilities, components, values, 2, options);
    }
};

}  // namespace

TEST_CASE("components that overlap are merged first, and those that are unimodal together then") {
    const Rows near(1);  // pairs of components overlap
    auto merged = near.merged({.level = 0});
    CHECK(merged.clusters == 3);
    CHECK(merged.merges.empty());
    CHECK(merged.overlap <= 0.05);
    CHECK(merged.labels == near.group);  // numbered by size
    CHECK(merged.cluster_of == std::vector<std::int32_t>{0, 0, 1, 1, 2, 2});

    const Rows far(12);  // they cut their group in two, with little overlap
    CHECK(far.merged({.overlap = 0.07, .level = 0}).clusters == 6);
    merged = far.merged({.overlap = 0.07});
    CHECK(merged.clusters == 3);
    CHECK(merged.merges.size() == 3);
    CHECK(merged.labels == far.group);
    CHECK(far.merged({.overlap = 1, .level = 0}).clusters == 6);
}

TEST_CASE("as many clusters are left as were asked for") {
    for (const double apart : {1.0, 12.0}) {
        const Rows rows(apart);
        for (int clusters = 1; clusters <= 6; ++clusters) {
            CAPTURE(apart, clusters);
            const auto merged = rows.merged({.clusters = clusters});
            CHECK(merged.clusters == clusters);
            if (clusters == 3) CHECK(merged.labels == rows.group);
        }
        CHECK(rows.merged({.clusters = 7}).clusters == 6);  // there are no more components
        CHECK(rows.merged({.level = 0, .clusters = 2}).clusters == 2);
    }
}

TEST_CASE("clusters are numbered by the rows that they have in the end") {
    // The first component is the most probable of most rows; with less than half of them, they are the other two's.
    RandomStream random(5, Purpose::test);
    std::vector<float> shares, latent;
    const auto add = [&](int rows, double at, float a, float b, float c) {
        for (int row = 0; row < rows; ++row) {
            shares.insert(shares.end(), {a, b, c});
            latent.push_back(static_cast<float>(at + random.normal()));
        }
    };
    add(50, 0, 0.4F, 0.3F, 0.3F);
    add(10, 0, 1.0F, 0.0F, 0.0F);
    add(20, 40, 0.0F, 0.6F, 0.4F);
    add(20, 40, 0.0F, 0.4F, 0.6F);
    const auto merged = merge_components(shares, 3, latent, 1, {.overlap = 1, .clusters = 2});
    REQUIRE(merged.clusters == 2);
    CHECK(merged.cluster_of == std::vector<std::int32_t>{1, 0, 0});
    CHECK(std::count(merged.labels.begin(), merged.labels.end(), 0) == 90);
}

TEST_CASE("a row's cluster is the one whose components have most of it, and sizes must fit") {
    const std::vector<float> shares{0.3F, 0.3F, 0.4F, 0.1F, 0.2F, 0.7F};
    CHECK(clusters_of_rows(shares, std::vector<std::int32_t>{0, 0, 1}, 2) == std::vector<std::int32_t>{0, 1});
    CHECK(clusters_of_rows(shares, std::vector<std::int32_t>{0, -1, 1}, 2) == std::vector<std::int32_t>{1, 1});
    CHECK_THROWS_AS(clusters_of_rows(shares, std::vector<std::int32_t>{}, 1), ShapeError);
    CHECK_THROWS_AS(clusters_of_rows(shares, std::vector<std::int32_t>{0, 1, 2}, 2), ShapeError);
    CHECK_THROWS_AS(clusters_of_rows(shares, std::vector<std::int32_t>{0, 1, 0, 1}, 2), ShapeError);
    CHECK_THROWS_AS(merge_components(shares, 0, shares, 2), ShapeError);
    CHECK_THROWS_AS(merge_components(shares, 3, shares, 2), ShapeError);  // six values are no two rows of two
    CHECK_THROWS_AS(merge_components(shares, 4, shares, 6), ShapeError);  // and no whole rows of four
    CHECK_THROWS_AS(merge_components(shares, 3, shares, 2, {.level = 0, .silhouette_share = 0}), ShapeError);
}

}  // namespace merge_components_test
