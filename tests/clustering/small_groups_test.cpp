// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/small_groups.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace cellvae;

TEST_CASE("small groups of a finer clustering stand beside the coarse ones, and large ones do not") {
    const std::vector<std::int32_t> coarse{0, 0, 0, 0, 0, 0, 1, 1, 1, 2};
    const std::vector<std::int32_t> fine{0, 0, 0, 0, 3, 3, 1, 1, 1, 2};
    // 3 is small and a third of the coarse 0; 0 is large; 1 and 2 are there already
    CHECK(with_small_groups(coarse, fine, 3) == std::vector<std::int32_t>{0, 0, 0, 0, 2, 2, 1, 1, 1, 3});
    CHECK(with_small_groups(coarse, fine, 1) == coarse);
    CHECK(with_small_groups(coarse, fine, 0) == coarse);
}

TEST_CASE("a coarse group of which only small ones are left is no group, and numbers go by size") {
    const std::vector<std::int32_t> coarse{0, 0, 0, 1, 1, 1, 1};
    const std::vector<std::int32_t> fine{2, 0, 1, 3, 3, 3, 3};
    CHECK(with_small_groups(coarse, fine, 1) == std::vector<std::int32_t>{3, 1, 2, 0, 0, 0, 0});
    CHECK(with_small_groups({}, {}, 5).empty());
    CHECK_THROWS_AS(with_small_groups(coarse, {fine.data(), 3}, 1), ShapeError);
    CHECK_THROWS_AS(with_small_groups(std::vector<std::int32_t>{0, -1}, std::vector<std::int32_t>{0, 0}, 1),
                    OptionError);
}
