// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/split.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

using Catch::Matchers::Message;
using namespace cellvae;

namespace {

void check_partition(const Split& split, Index cells) {
    CHECK(std::is_sorted(split.train.begin(), split.train.end()));
    CHECK(std::is_sorted(split.held_out.begin(), split.held_out.end()));
    std::vector<Index> all = split.train;
    all.insert(all.end(), split.held_out.begin(), split.held_out.end());
    std::sort(all.begin(), all.end());
    REQUIRE(static_cast<Index>(all.size()) == cells);
    for (Index cell = 0; cell < cells; ++cell) CHECK(all[static_cast<std::size_t>(cell)] == cell);
}

}  // namespace

TEST_CASE("a split has every cell once and the share asked for") {
    const auto [cells, share, expected] = GENERATE(table<Index, double, std::size_t>(
        {{822, 0.1, 82}, {10, 0.25, 3}, {100, 0.0, 0}, {5, 0.01, 1}, {5, 0.99, 4}, {1, 0.5, 0}}));
    const auto split = split_cells(cells, {.held_out = share, .seed = 4});
    check_partition(split, cells);
    CHECK(split.held_out.size() == expected);
}

TEST_CASE("a seed gives one split, the same on every machine") {
    CHECK(split_cells(1000, {.seed = 3}).held_out == split_cells(1000, {.seed = 3}).held_out);
    CHECK(split_cells(1000, {.seed = 3}).held_out != split_cells(1000, {.seed = 4}).held_out);
    // what this code gave when it was written: a change would give users other splits than they published
    CHECK(split_cells(40, {.held_out = 0.1, .seed = 1}).held_out == std::vector<Index>{1, 5, 26, 38});
}

TEST_CASE("every cell is held out equally often") {
    std::vector<int> held_out(20, 0);
    for (std::uint64_t seed = 0; seed < 4000; ++seed)
        for (const Index cell : split_cells(20, {.held_out = 0.25, .seed = seed}).held_out)
            ++held_out[static_cast<std::size_t>(cell)];
    for (const int count : held_out) CHECK(std::abs(count - 1000) < 5 * std::sqrt(4000 * 0.25 * 0.75));
}

TEST_CASE("a split by label gives every label its share") {
    std::vector<std::int32_t> labels;
    for (int i = 0; i < 1000; ++i) labels.push_back(i % 10 == 0 ? 5 : i % 50 == 1 ? -1 : i % 200 == 7 ? 2 : 0);
    const auto split = split_cells(labels, {.held_out = 0.2, .seed = 8});
    check_partition(split, 1000);
    CHECK(split.held_out.size() == 200);
    for (const std::int32_t label : {5, -1, 2, 0}) {
        const auto all = static_cast<double>(std::count(labels.begin(), labels.end(), label));
        const auto held_out =
            static_cast<double>(std::count_if(split.held_out.begin(), split.held_out.end(), [&](Index cell) {
                return labels[static_cast<std::size_t>(cell)] == label;
            }));
        CHECK(std::abs(held_out - 0.2 * all) < 1.0);
    }
    CHECK(split.held_out == split_cells(labels, {.held_out = 0.2, .seed = 8}).held_out);
    CHECK(split.held_out != split_cells(labels, {.held_out = 0.2, .seed = 9}).held_out);
}

TEST_CASE("shares outside [0, 1) and empty data are refused") {
    CHECK_THROWS_MATCHES(split_cells(10, {.held_out = 1.0}), OptionError,
                         Message("share of held-out cells: found 1, expected 0 or more and below 1"));
    CHECK_THROWS_MATCHES(split_cells(10, {.held_out = -0.1}), OptionError,
                         Message("share of held-out cells: found -0.1, expected 0 or more and below 1"));
    CHECK_THROWS_MATCHES(split_cells(0), ShapeError, Message("cells to split: found 0, expected 1 to 4294967295"));
}
