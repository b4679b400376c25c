// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/subsample.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <vector>

#include "cellvae/data/keep.hpp"
#include "small_cells.hpp"

using cellvae::subsample_cells;
using Numbers = std::vector<cellvae::GeneIndex>;

TEST_CASE("a subsample is seeded, ascending, without repetition") {
    const Numbers cells = subsample_cells(1000, 100, 7);
    CHECK(cells.size() == 100);
    CHECK(std::is_sorted(cells.begin(), cells.end()));
    CHECK(std::set<cellvae::GeneIndex>(cells.begin(), cells.end()).size() == 100);
    CHECK((cells.front() >= 0 && cells.back() < 1000));
    CHECK(subsample_cells(1000, 100, 7) == cells);
    CHECK(subsample_cells(1000, 100, 8) != cells);
    CHECK(subsample_cells(3, 5, 1) == Numbers{0, 1, 2});
    CHECK_THROWS_AS(subsample_cells(3, 0, 1), cellvae::OptionError);
}

TEST_CASE("a subsample by label has at most so many of each") {
    std::vector<std::int32_t> labels;
    for (int cell = 0; cell < 300; ++cell) labels.push_back(cell < 200 ? 0 : cell < 205 ? 1 : cell < 280 ? 2 : -1);
    const Numbers cells = subsample_cells(labels, 10, 3);
    CHECK(std::is_sorted(cells.begin(), cells.end()));
    std::vector<int> counts(4, 0);
    for (const auto cell : cells) ++counts[static_cast<std::size_t>(labels[static_cast<std::size_t>(cell)] + 1)];
    CHECK(counts == std::vector<int>{10, 10, 5, 10});
    CHECK(subsample_cells(labels, 10, 3) == cells);
    CHECK(subsample_cells(labels, 10, 4) != cells);
    CHECK_THROWS_AS(subsample_cells(labels, 0, 1), cellvae::OptionError);
}

TEST_CASE("cells and genes that are kept keep their counts and annotations") {
    auto counts = cellvae_tests::count_matrix({{1, 0, 2}, {0, 3, 0}, {0, 0, 0}, {4, 5, 6}});
    counts.obs.set({"label", cellvae::Categorical{{"B", "T"}, {0, 1, -1, 0}, true}});
    counts.library_sizes = {10, 20, 30, 40};
    const Numbers cells{0, 2, 3};
    cellvae::drop_other_cells(counts, cells);
    CHECK(counts.row_offsets == std::vector<std::int64_t>{0, 2, 2, 5});
    CHECK(counts.values == std::vector<float>{1, 2, 4, 5, 6});
    CHECK(counts.columns == Numbers{0, 2, 0, 1, 2});
    CHECK(counts.library_sizes == std::vector<double>{10, 30, 40});
    CHECK(std::get<cellvae::Categorical>(counts.obs.find("label")->values).codes ==
          std::vector<std::int32_t>{0, -1, 0});
    const Numbers descending{2, 1}, outside{3};
    CHECK_THROWS_AS(cellvae::drop_other_cells(counts, descending), cellvae::OptionError);
    CHECK_THROWS_AS(cellvae::drop_other_cells(counts, outside), cellvae::OptionError);
}
