// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/merge_check.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <array>
#include <cmath>

#include "cellvae/clustering/merge_components.hpp"

using namespace cellvae;
using Catch::Matchers::WithinAbs;

namespace merge_check_test {

namespace {

constexpr Index columns = 10;

/// Rows of normals whose means lie on the axes so that any two are `apart`, and each normal's responsibility for each.
struct Normals {
    std::vector<float> values, responsibilities;
    std::vector<std::int32_t> group;

    Normals(int groups, double apart, int rows = 600) {
        RandomStream random(5, Purpose::test);
        const double off = apart / std::sqrt(2.0);
        for (int row = 0; row < rows; ++row) {
            group.push_back(row % groups);
            std::array<double, columns> x;
            for (std::size_t i = 0; i < x.size(); ++i)
                values.push_back(static_cast<float>(
                    x[i] = random.normal() + (static_cast<int>(i) == group.back() && groups > 1 ? off : 0)));
            double sum = 0;
            std::vector<double> share;
            for (int k = 0; k < groups; ++k) {
                share.push_back(std::exp(off * x[static_cast<std::size_t>(k)]));
                sum += share.back();
            }
            for (const double one : share) responsibilities.push_back(static_cast<float>(one / sum));
        }
    }

    [[nodiscard]] ComponentMerge merged(int groups, const ComponentMergeOptions& options) const {
        return merge_components(responsibilities, groups, values, columns, options);
    }
};

}  // namespace

TEST_CASE("many faint groups that are pairwise not apart stay, and halves of one normal do not") {
    const Normals faint(8, 2.8);
    const ComponentMergeOptions overlap{.overlap = 0.03, .level = 0};
    auto always = overlap;
    always.silhouette_share = 0;
    CHECK(faint.merged(8, always).clusters == 1);
    const auto kept = faint.merged(8, overlap);
    CHECK(kept.clusters == 8);
    REQUIRE(kept.overlap_taken_back);
    CHECK(kept.overlap_taken_back->before == 8);
    CHECK(kept.overlap_taken_back->after == 1);
    CHECK(kept.overlap_taken_back->silhouette_before > 1.2 * kept.overlap_taken_back->silhouette_after);
    CHECK_THAT(
        blurring_notice("components that overlap", *kept.overlap_taken_back),
        Catch::Matchers::ContainsSubstring("merging of components that overlap is taken back: 8 clusters have") &&
            Catch::Matchers::ContainsSubstring("in one normal distribution 0.0"));
    CHECK(faint.merged(8, {.overlap = 0.03, .level = 0, .clusters = 3}).clusters == 3);  // as was asked for

    // groups that k-means makes where there are none
    const Normals one(1, 0);
    const auto halves = k_means({}, one.values, 600, columns, {.clusters = 5, .restarts = 5, .seed = 1}).labels;
    const std::vector<std::int32_t> all(600, 0);
    CHECK_FALSE(blurring_merge(one.values, columns, halves, all));
}

TEST_CASE("parts of a group become one, and different groups do not") {
    const Normals rows(4, 12);
    const auto& truth = rows.group;
    std::vector<std::int32_t> parts, pairs;
    for (std::size_t row = 0; row < truth.size(); ++row) {
        parts.push_back(2 * truth[row] + (rows.values[row * columns + 9] > 0 ? 1 : 0));
        pairs.push_back(truth[row] / 2);
    }
    CHECK_FALSE(blurring_merge(rows.values, columns, parts, truth));
    const auto blurred = blurring_merge(rows.values, columns, truth, pairs);
    REQUIRE(blurred);
    CHECK(blurred->after == 2);
    const auto silhouette_of = [&](const std::vector<std::int32_t>& labels) {
        return silhouette({}, rows.values, 600, columns, labels).mean;
    };
    CHECK_THAT(blurred->silhouette_before, WithinAbs(silhouette_of(truth), 1e-12));
    CHECK_THAT(blurred->silhouette_after, WithinAbs(silhouette_of(pairs), 1e-12));
    CHECK_FALSE(blurring_merge(rows.values, columns, truth, pairs, {.share = 0.1}));
    CHECK_FALSE(blurring_merge(rows.values, columns, std::vector<std::int32_t>(600, 0), truth));  // one was before
    CHECK_THROWS_AS(blurring_merge(rows.values, 9, truth, pairs), ShapeError);
}

TEST_CASE("of many rows some stand for all") {
    const Normals rows(4, 12, 3000);
    std::vector<std::int32_t> pairs;
    for (const auto of : rows.group) pairs.push_back(of / 2);
    const auto all = blurring_merge(rows.values, columns, rows.group, pairs),
               some = blurring_merge(rows.values, columns, rows.group, pairs, {.rows = 500});
    REQUIRE((all && some));
    CHECK_THAT(some->silhouette_before, WithinAbs(all->silhouette_before, 0.02));
}

TEST_CASE("a rare cluster is looked at however many rows there are") {
    Normals rows(4, 12, 12000);
    std::vector<std::int32_t> before = rows.group, after(before.size(), 0);
    for (std::size_t row = 0; row < 20; ++row) {  // twenty of 12,000 lie far away
        before[row] = 4;
        after[row] = 1;
        for (Index c = 0; c < columns; ++c) rows.values[row * columns + static_cast<std::size_t>(c)] += 100;
    }
    // two are left that lie further apart than the five did; were the twenty not drawn, one would be left
    REQUIRE(silhouette({}, rows.values, 12000, columns, after).mean >
            silhouette({}, rows.values, 12000, columns, before).mean);
    CHECK_FALSE(blurring_merge(rows.values, columns, before, after, {.rows = 50}));
}

TEST_CASE("a merge that changes nothing is no blur where the silhouette is negative") {
    // a tight group within a wide one, which is two by chance
    RandomStream random(7, Purpose::test);
    std::vector<float> values;
    std::vector<std::int32_t> before, after;
    for (int row = 0; row < 600; ++row) {
        const bool tight = row < 100;
        for (int c = 0; c < 2; ++c) values.push_back(static_cast<float>((tight ? 0.05 : 3) * random.normal()));
        before.push_back(tight ? 0 : 1 + row % 2);
        after.push_back(tight ? 0 : 1);
    }
    REQUIRE(silhouette({}, values, 600, 2, before).mean < 0);
    const double change = silhouette({}, values, 600, 2, before).mean - silhouette({}, values, 600, 2, after).mean;
    REQUIRE(change < 0.01);
    CHECK_FALSE(blurring_merge(values, 2, before, after));
}

}  // namespace merge_check_test
