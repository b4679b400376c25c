// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/progress.hpp"

#include "cellvae/clustering/k_means.hpp"
#include "cellvae/clustering/neighbours.hpp"
#include "cellvae/clustering/silhouette.hpp"
#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/row_sample.hpp"
#include "cellvae/data/simulator.hpp"
#include "cellvae/evaluation/marker_genes.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

using namespace cellvae;

namespace progress_test {

namespace {

Kokkos::DefaultHostExecutionSpace host() { return {}; }

/// What a piece of work told.
struct Told {
    std::vector<Index> done;

    [[nodiscard]] Progress progress() {
        return [this](Index now) { done.push_back(now); };
    }
    [[nodiscard]] bool rises_to(Index total) const {
        return std::is_sorted(done.begin(), done.end()) && !done.empty() && done.front() > 0 && done.back() == total;
    }
};

constexpr Index rows = 2000, columns = 3;

const std::vector<float>& points() {
    static const std::vector<float> values = [] {
        std::vector<float> made;
        RandomStream random(5, Purpose::test);
        for (Index i = 0; i < rows * columns; ++i)
            made.push_back(static_cast<float>(random.normal() + static_cast<double>(4 * (i / columns % 3))));
        return made;
    }();
    return values;
}

std::vector<std::int32_t> groups() {
    std::vector<std::int32_t> codes;
    for (Index i = 0; i < rows; ++i) codes.push_back(static_cast<std::int32_t>(i % 3));
    return codes;
}

}  // namespace

TEST_CASE("work in parts is all the work, once, and ends with the whole") {
    for (const Index count : {Index{1}, Index{7}, Index{199}, Index{200}, Index{201}, Index{1234}}) {
        for (const bool asked : {false, true}) {
            Told told;
            std::vector<int> times(static_cast<std::size_t>(count));
            Index parts = 0;
            core_detail::in_parts(count, 3, 10 * count, asked ? told.progress() : Progress{},
                                  [&](Index first, Index last) {
                                      ++parts;
                                      for (Index i = first; i < last; ++i) ++times[static_cast<std::size_t>(i)];
                                  });
            CHECK(std::count(times.begin(), times.end(), 1) == count);
            if (asked)
                CHECK(told.rises_to(10 * count));
            else
                CHECK(parts == 1);
        }
    }
    core_detail::in_parts(0, 3, 0, {}, [](Index, Index) { FAIL("there is nothing to do"); });
}

TEST_CASE("who asks for progress is told to the end, and gets the same result") {
    Told told;
    SECTION("silhouettes, by labelled cells") {
        auto codes = groups();
        codes[5] = -1;
        const auto plain = silhouette(host(), points(), rows, columns, codes);
        const auto found = silhouette(host(), points(), rows, columns, codes, told.progress());
        CHECK(found.mean == plain.mean);
        CHECK(told.rises_to(rows - 1));
        CHECK(told.done.size() > 3);
    }
    SECTION("k-means, by starts") {
        KMeansOptions options{.clusters = 3, .restarts = 4};
        const auto plain = k_means(host(), points(), rows, columns, options);
        options.progress = told.progress();
        CHECK(k_means(host(), points(), rows, columns, options).labels == plain.labels);
        CHECK(told.done == std::vector<Index>{1, 2, 3, 4});
    }
    SECTION("neighbours, by rows") {
        const auto plain = nearest_neighbours(host(), points(), rows, columns, 5);
        const auto found = nearest_neighbours(host(), points(), rows, columns, 5, told.progress());
        CHECK(found.index == plain.index);
        CHECK(found.distance == plain.distance);
        CHECK(told.rises_to(rows));
    }
    SECTION("marker genes and variable genes") {
        const auto cells = simulate(host(), {.cells = 60, .genes = 9000, .types = 2, .mean_count = 0.3});
        const auto& codes = cells.truth.labels;
        const auto plain = marker_genes(host(), cells.counts, codes, 2);
        const auto found = marker_genes(host(), cells.counts, codes, 2, {.progress = told.progress()});
        CHECK(found.front().front().gene == plain.front().front().gene);
        CHECK(found.front().front().score == plain.front().front().score);
        CHECK(told.rises_to(9000));
        told.done.clear();
        const auto genes = select_variable_genes(cells.counts, {.genes = 50, .progress = told.progress()}).genes;
        CHECK(genes == select_variable_genes(cells.counts, {.genes = 50}).genes);
        CHECK(told.done == std::vector<Index>{60, 120, 180});
    }
}

TEST_CASE("rows that stand for all are evenly spaced, and take what belongs to them along") {
    const std::vector<float> values{0, 10, 1, 11, 2, 12, 3, 13, 4, 14};
    const auto sample = evenly_spaced_rows(values, 5, 2, 3);
    CHECK(sample.rows == std::vector<std::size_t>{0, 1, 3});
    CHECK(sample.values == std::vector<float>{0, 10, 1, 11, 3, 13});
    const std::vector<std::int32_t> codes{7, 8, 9, 10, 11};
    CHECK(sample.of(std::span<const std::int32_t>(codes)) == std::vector<std::int32_t>{7, 8, 10});
    CHECK(evenly_spaced_rows(values, 5, 2, 9).values == values);
}

}  // namespace progress_test
