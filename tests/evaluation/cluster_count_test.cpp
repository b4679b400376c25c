// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/cluster_count.hpp"

#include "cellvae/core/random.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

using Catch::Matchers::Message;
using namespace cellvae;

namespace cluster_count_test {

namespace {
Kokkos::DefaultHostExecutionSpace host() { return {}; }
}  // namespace

TEST_CASE("the number of clusters is found where they lie apart, with and without a subsample") {
    const int truth = GENERATE(2, 5, 9);
    const Index sampled = GENERATE(20000, 90);
    RandomStream random(static_cast<std::uint64_t>(truth), Purpose::test);
    std::vector<float> values;
    std::vector<std::int32_t> labels;
    for (int cell = 0; cell < 360; ++cell) {
        const auto k = static_cast<std::int32_t>(random.below(static_cast<std::uint32_t>(truth)));
        labels.push_back(k);
        for (int c = 0; c < 4; ++c)
            values.push_back(static_cast<float>((k == 8 ? 12 : 6 * ((k >> c) & 1)) + 0.5 * random.normal()));
    }
    const auto chosen =
        choose_cluster_count(host(), values, 360, 4, {.most_cells = sampled, .k_means = {.restarts = 10}});
    CHECK(chosen.clusters == truth);
    CHECK(adjusted_rand_index(chosen.labels, labels) == 1.0);
    REQUIRE(chosen.tried.size() == 24);
    CHECK(chosen.tried.front() == 2);
    CHECK(chosen.tried.back() == 25);
    const auto best =
        std::max_element(chosen.silhouettes.begin(), chosen.silhouettes.end()) - chosen.silhouettes.begin();
    CHECK(chosen.tried[static_cast<std::size_t>(best)] == truth);
    if (sampled > 360)
        CHECK(chosen.silhouettes[static_cast<std::size_t>(best)] ==
              silhouette(host(), values, 360, 4, chosen.labels).mean);
}

TEST_CASE("few cells, equal cells and empty ranges") {
    const auto few = choose_cluster_count(host(), std::vector<float>{0, 0.1f, 5, 5.1f}, 4, 1);
    CHECK(few.clusters == 2);
    CHECK(few.tried == std::vector<int>{2, 3});
    const auto equal = choose_cluster_count(host(), std::vector<float>(10, 1.0f), 10, 1, {.largest = 4});
    CHECK(equal.clusters == 2);
    CHECK(equal.silhouettes == std::vector<double>{-1, -1, -1});
    CHECK_THROWS_MATCHES(choose_cluster_count(host(), std::vector<float>{0, 1}, 2, 1), OptionError,
                         Message("cells to choose a number of clusters from: found 2, expected more than 2"));
    CHECK_THROWS_MATCHES(
        choose_cluster_count(host(), std::vector<float>(10, 1.0f), 10, 1, {.smallest = 4, .most_cells = 4}),
        OptionError,
        Message("cells to compare numbers of clusters on: found 4, expected more than 4, the smallest "
                "number of clusters"));
    CHECK_THROWS_MATCHES(
        choose_cluster_count(host(), std::vector<float>{0, 1, 2}, 3, 1, {.smallest = 1}), OptionError,
        Message("numbers of clusters to try: found 1 to 25, expected an ascending range from 2 or more"));
}

}  // namespace cluster_count_test
