// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/marker_genes.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "peers.hpp"

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;

namespace marker_genes_test {

namespace {

Kokkos::DefaultHostExecutionSpace host() { return {}; }

constexpr int peer_cells = 120, peer_genes = 60;

CountMatrix peer_counts() {
    PeerNumbers uniform;
    (void)uniform.points();
    CountMatrix counts;
    for (int cell = 0; cell < peer_cells; ++cell) {
        counts.obs.names.push_back(std::to_string(cell));
        for (int gene = 0; gene < peer_genes; ++gene) {
            const double level = gene % 4 == cell % 4 ? 6.0 : 2.0;
            const double first = level * uniform();
            const auto count = static_cast<int>(first * uniform());
            if (count == 0 || gene == 50) continue;
            counts.columns.push_back(gene);
            counts.values.push_back(static_cast<float>(count));
        }
        counts.row_offsets.push_back(static_cast<std::int64_t>(counts.values.size()));
    }
    for (int gene = 0; gene < peer_genes; ++gene) counts.var.names.push_back(std::to_string(gene));
    return counts;
}

std::vector<std::int32_t> peer_clusters() {
    std::vector<std::int32_t> clusters;
    for (int cell = 0; cell < peer_cells; ++cell) clusters.push_back(cell % 4);
    return clusters;
}

}  // namespace

TEST_CASE("Marker genes are scanpy's", "[marker_genes]") {
    const auto peers = peer_results();
    const auto plain = marker_genes(host(), peer_counts(), peer_clusters(), 4, {.genes = 0});
    const auto corrected = marker_genes(host(), peer_counts(), peer_clusters(), 4, {.genes = 0, .correct_ties = true});
    for (std::size_t k = 0; k < 4; ++k) {
        REQUIRE(plain[k].size() == peer_genes);
        for (const auto& marker : plain[k]) {
            const auto& peer = peers[1 + k * peer_genes + static_cast<std::size_t>(marker.gene)];
            INFO("cluster " << k << ", gene " << marker.gene);
            CHECK(marker.score == Approx(peer[0]).epsilon(1e-5).margin(1e-6));
            CHECK(marker.p_value == Approx(peer[1]).epsilon(1e-5));
            CHECK(marker.adjusted_p_value == Approx(peer[4]).epsilon(1e-5));
            CHECK(marker.log2_fold_change == Approx(peer[5]).epsilon(1e-4).margin(1e-4));
        }
        for (const auto& marker : corrected[k]) {
            const auto& peer = peers[1 + k * peer_genes + static_cast<std::size_t>(marker.gene)];
            CHECK(marker.score == Approx(peer[2]).epsilon(1e-5).margin(1e-6));
            CHECK(marker.p_value == Approx(peer[3]).epsilon(1e-5));
        }
        for (std::size_t i = 1; i < plain[k].size(); ++i) CHECK(plain[k][i - 1].score >= plain[k][i].score);
    }
    const auto best = marker_genes(host(), peer_counts(), peer_clusters(), 4, {.genes = 3});
    for (std::size_t k = 0; k < 4; ++k) {
        REQUIRE(best[k].size() == 3);
        CHECK(best[k][0].gene == plain[k][0].gene);
        CHECK(best[k][0].adjusted_p_value == plain[k][0].adjusted_p_value);
    }
}

TEST_CASE("Shares of cells, empty clusters and cells without one", "[marker_genes]") {
    CountMatrix counts;
    counts.var.names = {"a", "b"};
    counts.row_offsets = {0, 2, 3, 4, 5};
    counts.columns = {0, 1, 0, 1, 1};
    counts.values = {1, 1, 2, 3, 4};
    const std::vector<std::int32_t> clusters{0, 0, 2, -1};
    const auto found = marker_genes(host(), counts, clusters, 3);
    CHECK(found[1].empty());
    REQUIRE(found[0].size() == 2);
    CHECK(found[0][0].gene == 0);
    CHECK(found[0][0].share_inside == 1);
    CHECK(found[0][0].share_outside == 0);
    CHECK(found[0][1].share_inside == 0.5);
    CHECK(found[0][1].mean_inside == Approx(std::log1p(5000.0) / 2));
    const std::vector<std::int32_t> all(4, 0), beyond{0, 1, 2, 3};
    constexpr double infinity = std::numeric_limits<double>::infinity();
    CHECK(marker_genes(host(), counts, all, 1)[0].empty());
    CHECK_THROWS_AS(marker_genes(host(), counts, beyond, 3), InputError);
    CHECK_THROWS_AS(marker_genes(host(), counts, clusters, -1), ShapeError);
    CHECK_THROWS_AS(marker_genes(host(), counts, clusters, 3, {.counts_per_cell = 0}), OptionError);
    CHECK_THROWS_AS(marker_genes(host(), counts, clusters, 3, {.counts_per_cell = infinity}), OptionError);
    counts.values[2] = -1;
    CHECK_THROWS_MATCHES(marker_genes(host(), counts, clusters, 3), InputError,
                         Message("counts given to marker genes: cell 1, gene 0 (a) is -1, expected 0 or more"));
    counts.values[2] = std::numeric_limits<float>::infinity();
    CHECK_THROWS_MATCHES(marker_genes(host(), counts, clusters, 3), InputError,
                         Message("counts given to marker genes: cell 1, gene 0 (a) is inf, expected a finite number"));
}

}  // namespace marker_genes_test
