// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/shuffle.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <numeric>
#include <set>

using namespace cellvae;

namespace {

std::vector<Index> first_cells(Index count) {
    std::vector<Index> cells(static_cast<std::size_t>(count));
    std::iota(cells.begin(), cells.end(), Index{0});
    return cells;
}

}  // namespace

TEST_CASE("shuffled by chunks every cell comes once, and a window's cells lie in few chunks") {
    constexpr Index minibatch = 10;
    const ShuffleOptions options{.chunk = 35, .chunks = 3};
    CHECK(shuffle_window(options, minibatch) == 120);  // 40 cells a chunk: whole minibatches
    for (const Index count : {1, 39, 40, 41, 1000, 1007}) {
        auto cells = first_cells(count);
        shuffle_cells(cells, options, minibatch, 7, 1);
        CHECK(std::set<Index>(cells.begin(), cells.end()).size() == static_cast<std::size_t>(count));
        CHECK(*std::max_element(cells.begin(), cells.end()) == count - 1);
        if (count < 1000) continue;
        for (std::size_t first = 0; first < cells.size(); first += 120) {
            std::vector<Index> near(cells.begin() + static_cast<std::ptrdiff_t>(first),
                                    cells.begin() + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(first) + 120,
                                                                             static_cast<std::ptrdiff_t>(count)));
            CHECK(!std::is_sorted(near.begin(), near.end()));
            std::sort(near.begin(), near.end());
            int runs = 1;
            for (std::size_t i = 1; i < near.size(); ++i) runs += near[i] == near[i - 1] + 1 ? 0 : 1;
            CHECK(runs <= 5);  // three chunks, the end that joins the beginning, and what was left over
        }
    }
}

TEST_CASE("with parts a minibatch takes as many cells from chunks of each part") {
    constexpr Index minibatch = 12, chunk = 24, count = 1000;
    const ShuffleOptions options{.chunk = chunk, .chunks = 6, .parts = 3};
    auto cells = first_cells(count);
    shuffle_cells(cells, options, minibatch, 7, 1);
    CHECK(std::set<Index>(cells.begin(), cells.end()).size() == static_cast<std::size_t>(count));
    const auto window = static_cast<std::size_t>(shuffle_window(options, minibatch));
    REQUIRE(window == 144);
    for (std::size_t first = 0; first + window <= cells.size(); first += window)
        for (std::size_t part = 0; part < 3; ++part) {
            std::vector<Index> read;  // what the process of that rank reads of the window
            for (std::size_t i = 0; i < window; ++i)
                if (i % 12 / 4 == part) read.push_back(cells[first + i]);
            CHECK(!std::is_sorted(read.begin(), read.end()));
            std::sort(read.begin(), read.end());
            int runs = 1;
            for (std::size_t i = 1; i < read.size(); ++i) runs += read[i] == read[i - 1] + 1 ? 0 : 1;
            CHECK(runs <= 3);  // two chunks, and the end that joins the beginning
        }
    CHECK_THROWS_AS(shuffle_window({.chunk = 24, .chunks = 6, .parts = 4}, 12), OptionError);
    CHECK_THROWS_AS(shuffle_window({.chunk = 24, .chunks = 6, .parts = 3}, 10), OptionError);
    CHECK_THROWS_AS(shuffle_window({.parts = 0}, 12), OptionError);
}

TEST_CASE("an order depends on seed and epoch alone, and without chunks every order can be") {
    const auto order = [](std::uint64_t seed, Index epoch, Index chunk) {
        auto cells = first_cells(500);
        shuffle_cells(cells, {.chunk = chunk, .chunks = 2}, 8, seed, epoch);
        return cells;
    };
    for (const Index chunk : {0, 16}) {
        CHECK(order(1, 1, chunk) == order(1, 1, chunk));
        CHECK(order(1, 1, chunk) != order(2, 1, chunk));
        CHECK(order(1, 1, chunk) != order(1, 2, chunk));
    }
    CHECK(shuffle_window({}, 8) == 0);
    CHECK_THROWS_AS(shuffle_window({.chunk = -1}, 8), OptionError);
    CHECK_THROWS_AS(shuffle_window({.chunk = 1, .chunks = 0}, 8), OptionError);
}
