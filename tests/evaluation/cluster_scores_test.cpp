// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/cluster_scores.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;

using Labels = std::vector<std::int32_t>;

TEST_CASE("the scores of scikit-learn's own test cases") {
    // the labellings of its test_supervised.py and docstrings; figures printed by version 1.9.1
    struct Case {
        Labels first, second;
        double ari, nmi;
    };
    const std::vector<Case> cases{
        {{0, 0, 0, 1, 1, 1}, {0, 1, 0, 1, 2, 2}, 0.24242424242424243, 0.5158037429793889},
        {{0, 0, 0, 1, 1, 1}, {0, 4, 0, 4, 2, 2}, 0.24242424242424243, 0.5158037429793889},  // codes with gaps
        {{0, 0, 0, 1, 1, 1}, {0, 0, 0, 1, 2, 2}, 0.7058823529411765, 0.8132898335036761},
        {{0, 0, 1, 1}, {0, 0, 1, 2}, 0.5714285714285714, 0.8},
        {{0, 0, 0, 0}, {0, 1, 2, 3}, 0.0, 0.0},
        {{0, 0, 1, 1}, {0, 1, 0, 1}, -0.5, 0.0},
        {{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3},
         {1, 1, 1, 1, 2, 1, 2, 2, 2, 2, 3, 1, 3, 3, 3, 2, 2},
         0.2669404517453799,
         0.37834992787204075},
        {{}, {}, 1.0, 1.0},
        {{0}, {1}, 1.0, 1.0},
        {{0, 0, 0}, {0, 0, 0}, 1.0, 1.0},
        {{0, 1, 0}, {42, 7, 42}, 1.0, 1.0},
        {{0, 1, 2}, {42, 7, 2}, 1.0, 1.0},
    };
    for (const auto& [first, second, ari, nmi] : cases) {
        CHECK(adjusted_rand_index(first, second) == Approx(ari).epsilon(1e-13).margin(1e-15));
        CHECK(adjusted_rand_index(second, first) == Approx(ari).epsilon(1e-13).margin(1e-15));
        CHECK(normalised_mutual_information(first, second) == Approx(nmi).epsilon(1e-13).margin(1e-15));
        CHECK(normalised_mutual_information(second, first) == Approx(nmi).epsilon(1e-13).margin(1e-15));
    }
    const auto table = contingency_table(cases[6].first, cases[6].second);
    CHECK(mutual_information(table) == Approx(0.41022).margin(5e-6));  // printed in its test
    CHECK(table.counts == std::vector<std::int64_t>{5, 1, 0, 1, 4, 1, 0, 2, 3});
    CHECK(table.row_sums == std::vector<std::int64_t>{6, 6, 5});
    CHECK(table.column_sums == std::vector<std::int64_t>{6, 7, 4});
}

TEST_CASE("its case that overflows 32 bits, and one beyond 2^53 pairs") {
    Labels first, second;
    const auto add = [&](int count, std::int32_t a, std::int32_t b) {
        first.insert(first.end(), static_cast<std::size_t>(count), a);
        second.insert(second.end(), static_cast<std::size_t>(count), b);
    };
    add(52632, 1, 0), add(2529, 1, 1), add(14660, 2, 0), add(793, 2, 1), add(3271, 3, 0), add(204, 3, 1),
        add(814, 4, 0);
    add(39, 4, 1), add(316, 5, 0), add(20, 5, 1);
    CHECK(adjusted_rand_index(first, second) == Approx(0.006486641840483564).epsilon(1e-12));
    CHECK(normalised_mutual_information(first, second) == Approx(0.00025221360006931373).epsilon(1e-9));

    // a table of a billion cells; (tp tn - fn fp) in exact integers of Python: 2 clusters, 1% moved
    ContingencyTable table;
    table.rows = {0, 1};
    table.columns = {0, 1};
    table.counts = {495000000, 5000000, 5000000, 495000000};
    table.row_sums = table.column_sums = {500000000, 500000000};
    table.total = 1000000000;
    CHECK(adjusted_rand_index(table) == Approx(0.9604).epsilon(1e-9));  // (1 - 2 * 0.01)^2 up to terms of 1 / cells
}

TEST_CASE("the scores of a thousand random labels equal scikit-learn's") {
    // x the first label; the second equals it with probability 0.6; the generator is the one of the other tests, state
    // 99
    std::uint32_t state = 99;
    const auto uniform = [&] {
        state = state * 1664525u + 1013904223u;
        return static_cast<double>(state >> 8) / 16777216.0;
    };
    Labels first, second;
    for (int i = 0; i < 1000; ++i) {
        const auto x = static_cast<std::int32_t>(uniform() * 7), y = static_cast<std::int32_t>(uniform() * 9);
        first.push_back(x);
        second.push_back(uniform() < 0.6 ? x : y);
    }
    CHECK(adjusted_rand_index(first, second) == Approx(0.3917375052832065).epsilon(1e-12));
    CHECK(normalised_mutual_information(first, second) == Approx(0.38712529984238325).epsilon(1e-12));
    CHECK(mutual_information(contingency_table(first, second)) == Approx(0.787499224894439).epsilon(1e-12));

    SECTION("a cell whose label is missing on either side does not count") {
        first.insert(first.begin() + 10, -1);
        second.insert(second.begin() + 10, 3);
        first.push_back(2);
        second.push_back(-1);
        CHECK(adjusted_rand_index(first, second) == Approx(0.3917375052832065).epsilon(1e-12));
        CHECK(contingency_table(first, second).total == 1000);
    }
}

TEST_CASE("labellings of different lengths are refused") {
    CHECK_THROWS_MATCHES(adjusted_rand_index(Labels{0, 1}, Labels{1, 1, 1}), ShapeError,
                         Message("labels compared with others: found 3, expected 2"));
}
