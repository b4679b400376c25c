// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/merge_unimodal.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <vector>

using namespace cellvae;
using Catch::Approx;

namespace merge_unimodal_test {

namespace {

/// Rows of Gaussian groups in three dimensions, `sizes` of them, at `centre` along the first dimension, and labels that
/// cut every group in two along it.
struct Rows {
    std::vector<float> values;
    std::vector<std::int32_t> labels, group;

    Rows(const std::vector<int>& sizes, const std::vector<double>& centre) {
        RandomStream random(3, Purpose::test);
        for (std::size_t k = 0; k < sizes.size(); ++k)
            for (int row = 0; row < sizes[k]; ++row) {
                const double along = random.normal();
                values.push_back(static_cast<float>(centre[k] + along));
                values.push_back(static_cast<float>(random.normal()));
                values.push_back(static_cast<float>(random.normal()));
                group.push_back(static_cast<std::int32_t>(k));
                labels.push_back(static_cast<std::int32_t>(2 * k) + (along > 0.3 ? 1 : 0));
            }
    }
};

/// Whether two labellings divide rows alike.
bool same_division(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if ((a[i] == a[j]) != (b[i] == b[j])) return false;
    return a.size() == b.size();
}

}  // namespace

TEST_CASE("parts of one mode are merged, modes are not, whatever their sizes") {
    const Rows rows({150, 40, 400}, {0, 8, 16});
    const auto merged = merge_unimodal(rows.values, 3, rows.labels);
    CHECK(merged.clusters == 3);
    CHECK(same_division(merged.labels, rows.group));
    CHECK(merged.merges.size() == 3);
    for (const auto& pair : merged.merges) {
        CHECK(pair.first / 2 == pair.second / 2);
        CHECK(pair.p_value > pair.level);
        CHECK(pair.p_value > 0.0001);
    }
    CHECK(merged.largest_p_value <= 0.0001);
    CHECK(merged.labels.back() == 0);  // the largest
    REQUIRE(merged.cluster_of.size() == 6);
    for (std::size_t k = 0; k < 6; k += 2) CHECK(merged.cluster_of[k] == merged.cluster_of[k + 1]);

    const auto never = merge_unimodal(rows.values, 3, rows.labels, {.level = 1});
    CHECK(never.clusters == 6);
    CHECK(never.merges.empty());

    // as many as asked for: fewer merges than the level allows, or more, the nearest to being one first
    const auto five = merge_unimodal(rows.values, 3, rows.labels, {.clusters = 5});
    CHECK(five.clusters == 5);
    CHECK(five.merges.front().p_value == merged.merges.front().p_value);
    for (int clusters = 1; clusters <= 3; ++clusters) {
        const auto some = merge_unimodal(rows.values, 3, rows.labels, {.clusters = clusters});
        CHECK(some.clusters == clusters);
        CHECK(same_division(merge_unimodal(rows.values, 3, some.labels, {.clusters = clusters}).labels, some.labels));
    }
    CHECK(merge_unimodal(rows.values, 3, rows.labels, {.clusters = 9}).clusters == 6);
}

TEST_CASE("two normals of few rows are left apart as often as of more, and halves of one are still merged") {
    constexpr int times = 400;
    RandomStream random(5, Purpose::test);
    for (const int rows : {25, 40, 60, 80, 99}) {
        const double level = unimodal_level(rows, {});
        int merged_near = 0, merged_apart = 0, merged_at_level = 0, merged_halves = 0;
        for (int time = 0; time < times; ++time) {
            std::vector<double> near, apart, one;
            for (int row = 0; row < 2 * rows; ++row) {
                near.push_back(random.normal() + (row < rows ? 0 : 4.0));
                apart.push_back(random.normal() + (row < rows ? 0 : 5.5));
                one.push_back(random.normal());
            }
            const auto p_value = [&](std::vector<double> values) {
                return dip_p_value(dip(std::move(values)), 2 * static_cast<std::size_t>(rows));
            };
            const double p = p_value(std::move(near));
            merged_near += p > level;
            merged_at_level += p > UnimodalMergeOptions().level;
            merged_apart += p_value(std::move(apart)) > level;
            merged_halves += p_value(std::move(one)) > level;
        }
        INFO(rows << " rows: " << merged_near << ", at the level of many " << merged_at_level << ", farther apart "
                  << merged_apart << ", halves " << merged_halves);
        CHECK(merged_near <= times * 52 / 100);
        if (rows < 60) CHECK(2 * merged_near < merged_at_level);
        CHECK(merged_apart <= times / 50);
        CHECK(merged_halves >= times * 97 / 100);
    }
    CHECK(unimodal_level(100, {}) == 0.0001);
    CHECK(unimodal_level(50, {}) == Approx(0.01).epsilon(1e-12));
    CHECK(unimodal_level(25, {}) == 0.1);
    CHECK(unimodal_level(2, {}) == 0.1);
    CHECK(unimodal_level(50, {.few_rows = 0, .many_rows = 0}) == 0.0001);
    CHECK(unimodal_level(50, {.level = 1}) == 1);
    CHECK(unimodal_level(1000, {.level = 0.01}) == 0.01);

    const Rows rows({40, 40}, {0, 4.5});
    CHECK(merge_unimodal(rows.values, 3, rows.group).clusters == 2);
    CHECK(merge_unimodal(rows.values, 3, rows.group, {.few_rows = 0, .many_rows = 0}).clusters == 1);
}

TEST_CASE("small clusters join what they are tried with, and rows of none stay so") {
    Rows rows({100, 100}, {0, 10});
    for (std::size_t row = 0; row < 3; ++row) rows.labels[row] = 7;
    rows.labels[3] = -1;
    const auto merged = merge_unimodal(rows.values, 3, rows.labels);
    CHECK(merged.clusters == 2);
    CHECK(merged.labels[3] == -1);
    CHECK(merged.labels[0] == merged.labels[4]);
    CHECK(merged.cluster_of[5] == -1);  // there was no such label
    CHECK(merged.cluster_of[7] == merged.labels[0]);
}

TEST_CASE("merging says what does not fit, and one cluster is left alone") {
    const std::vector<float> values{0, 1, 2, 3};
    CHECK_THROWS_AS(merge_unimodal(values, 3, std::vector<std::int32_t>{0, 0}), ShapeError);
    CHECK_THROWS_AS(merge_unimodal(values, 0, std::vector<std::int32_t>{}), ShapeError);
    CHECK_THROWS_AS(merge_unimodal(values, 2, std::vector<std::int32_t>{0, 0}, {.draws = 0}), OptionError);
    CHECK_THROWS_AS(merge_unimodal(values, 2, std::vector<std::int32_t>{0, 0}, {.least_rows = 1}), OptionError);
    CHECK_THROWS_AS(merge_unimodal(values, 2, std::vector<std::int32_t>{0, 0}, {.nearest = 0}), OptionError);
    const std::vector<float> not_all_finite{0, 1, 2, std::numeric_limits<float>::quiet_NaN()};
    CHECK_THROWS_AS(merge_unimodal(not_all_finite, 2, std::vector<std::int32_t>{0, 1}), InputError);
    const auto one = merge_unimodal(values, 2, std::vector<std::int32_t>{0, 0});
    CHECK(one.clusters == 1);
    CHECK(one.merges.empty());
    CHECK(merge_unimodal(std::vector<float>{}, 2, std::vector<std::int32_t>{}).clusters == 0);
}

}  // namespace merge_unimodal_test
