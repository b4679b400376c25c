// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/differential_expression.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "../models/small_model.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/evaluation/denoised.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace differential_expression_test {

namespace {

constexpr Index cells = 10, genes = 9;

/// A model whose q(z | x) has no variance to speak of, so that a cell's expression is one number a gene.
struct Certain : SmallModel<Poisson> {
    Certain()
        : SmallModel<Poisson>(
              cells, genes,
              {.latent = 2, .hidden = {4}, .activation = ActivationKind::tanh, .scale = MeanScale::library}) {
        const auto& store = model.parameters();
        Kokkos::deep_copy(store.value(store.find("encoder/log_variance/weight")), 0.0);
        Kokkos::deep_copy(store.value(store.find("encoder/log_variance/bias")), -20.0);
        expression = denoised(exec, model, data, batch, {.library = 1e4, .draws = 1});
    }

    std::vector<GeneDifference> compare(const std::vector<Index>& group, const std::vector<Index>& reference,
                                        const DifferentialExpressionOptions& options, Index most = cells) {
        Minibatch<double, HostExec> minibatch(exec, data, most);
        return differential_expression(exec, model, data, minibatch, group, reference, options).genes;
    }

    double of(Index cell, GeneIndex gene) const {
        return static_cast<double>(expression[static_cast<std::size_t>(cell * genes + gene)]);
    }

    std::vector<float> expression;
};

}  // namespace

TEST_CASE("of two certain cells the change is the ratio of their expression") {
    Certain certain;
    const auto found = certain.compare({4}, {7}, {.pairs = 6, .delta = 0.1, .pseudocount = 2});
    REQUIRE(found.size() == genes);
    for (const auto& gene : found) {
        const double a = certain.of(4, gene.gene), b = certain.of(7, gene.gene);
        const double change = std::log2((a + 2) / (b + 2));
        CAPTURE(gene.gene, change);
        CHECK(std::abs(gene.mean_change - change) < 1e-3);
        CHECK(gene.deviation_change < 1e-2);
        CHECK(std::abs(gene.mean_group - a) < 1e-3 * a);
        CHECK(std::abs(gene.mean_reference - b) < 1e-3 * b);
        CHECK(gene.share_of_pairs == (std::abs(change) > 0.1 ? 1 : 0));
        // of one cell of either type, the counts are Poisson numbers whose mean is what the model expects
        const auto own = [&](Index cell) {
            return certain.of(cell, gene.gene) * certain.data.host_library[static_cast<std::size_t>(cell)] / 1e4;
        };
        const auto error = [&](Index cell, double expression) {
            const double slope = expression / (expression + 2) / std::log(2.0);
            return slope * slope / own(cell);
        };
        CHECK(std::abs(gene.standard_error - std::sqrt(error(4, a) + error(7, b))) < 2e-2 * gene.standard_error);
        CHECK(std::abs(gene.bayes_factor - std::log(gene.probability / (1 - gene.probability))) < 1e-6);
        const auto dense = random_counts(cells, genes, 0.4);
        CHECK(gene.share_group == (dense[4][static_cast<std::size_t>(gene.gene)] > 0 ? 1 : 0));
        CHECK(gene.share_reference == (dense[7][static_cast<std::size_t>(gene.gene)] > 0 ? 1 : 0));
    }
}

TEST_CASE("pairs take every cell of a group equally often, whatever the minibatch") {
    Certain certain;
    const std::vector<Index> group{0, 3, 8}, reference{1, 2, 5, 9};
    for (const Index most : {1, 4, 10}) {
        std::map<GeneIndex, GeneDifference> found;
        for (const auto& gene : certain.compare(group, reference, {.pairs = 24}, most)) found[gene.gene] = gene;
        REQUIRE(found.size() == genes);
        for (GeneIndex gene = 0; gene < genes; ++gene) {
            double a = 0, b = 0, change = 0;
            for (const Index cell : group) a += certain.of(cell, gene) / 3;
            for (const Index cell : reference) b += certain.of(cell, gene) / 4;
            for (const Index cell : group) change += std::log2(certain.of(cell, gene) + 0.1) / 3;
            for (const Index cell : reference) change -= std::log2(certain.of(cell, gene) + 0.1) / 4;
            CHECK(std::abs(found[gene].mean_group - a) < 1e-3 * a);
            CHECK(std::abs(found[gene].mean_reference - b) < 1e-3 * b);
            CHECK(std::abs(found[gene].mean_change - change) < 2e-3);
            CHECK(found[gene].deviation_change > 0);
        }
    }
}

TEST_CASE("the same seed gives the same differences, and uncertainty about z is in them") {
    SmallModel<Poisson> small(cells, genes, {.latent = 2, .hidden = {4}, .activation = ActivationKind::tanh});
    const std::vector<Index> group{4}, reference{7};
    const auto compare = [&](std::uint64_t seed) {
        return differential_expression(small.exec, small.model, small.data, small.batch, group, reference,
                                       {.pairs = 50, .seed = seed})
            .genes;
    };
    const auto first = compare(1), again = compare(1), other = compare(2);
    bool differs = false;
    for (std::size_t i = 0; i < genes; ++i) {
        CHECK(first[i].gene == again[i].gene);
        CHECK(first[i].mean_change == again[i].mean_change);
        CHECK(first[i].bayes_factor == again[i].bayes_factor);
        CHECK(first[i].deviation_change > 1e-3);
        differs = differs || first[i].mean_change != other[i].mean_change;
    }
    CHECK(differs);
}

TEST_CASE("of the genes asked for each has its own numbers, and the others have no part in what is called") {
    Certain certain;
    const std::vector<Index> group{0, 3, 8}, reference{1, 2, 5, 9};
    const auto all = certain.compare(group, reference, {.pairs = 24});
    const std::vector<GeneIndex> asked{7, 2, 4};
    const auto some = certain.compare(group, reference, {.genes = asked, .pairs = 24});
    REQUIRE(some.size() == asked.size());
    double wrong = 0;
    for (std::size_t i = 0; i < some.size(); ++i) {
        const auto& gene = some[i];
        CAPTURE(gene.gene);
        CHECK(std::count(asked.begin(), asked.end(), gene.gene) == 1);
        const auto same = std::find_if(all.begin(), all.end(), [&](const auto& of) { return of.gene == gene.gene; });
        REQUIRE(same != all.end());
        CHECK(std::abs(gene.mean_change - same->mean_change) < 1e-5);
        CHECK(std::abs(gene.standard_error - same->standard_error) < 1e-5);
        CHECK(std::abs(gene.mean_group - same->mean_group) < 1e-4 * same->mean_group);
        CHECK(gene.share_group == same->share_group);
        CHECK(gene.share_reference == same->share_reference);
        wrong += 1 - gene.probability;
        CHECK(std::abs(gene.expected_fdr - wrong / static_cast<double>(i + 1)) < 1e-12);
    }
    CHECK_THROWS_AS(certain.compare(group, reference, {.genes = {9}}), ShapeError);
}

TEST_CASE("the change that counts is estimated where none is given") {
    Certain certain;
    Minibatch<double, HostExec> minibatch(certain.exec, certain.data, cells);
    const std::vector<Index> group{0, 3, 8}, reference{1, 2, 5, 9};
    const auto found = differential_expression(certain.exec, certain.model, certain.data, minibatch, group, reference,
                                               {.pairs = 24, .delta = 0});
    std::vector<double> changes(genes);
    for (const auto& gene : found.genes) changes[static_cast<std::size_t>(gene.gene)] = gene.mean_change;
    CHECK(found.delta == estimated_delta(changes));
    const auto given = differential_expression(certain.exec, certain.model, certain.data, minibatch, group, reference,
                                               {.pairs = 24, .delta = found.delta});
    for (std::size_t i = 0; i < genes; ++i) {
        CHECK(found.genes[i].gene == given.genes[i].gene);
        CHECK(found.genes[i].probability == given.genes[i].probability);
        CHECK(found.genes[i].share_of_pairs == given.genes[i].share_of_pairs);
    }
}

TEST_CASE("a group's counts vary around its share of each cell's library") {
    Certain certain;
    const std::vector<Index> group{0, 3, 8};
    const auto counts = evaluation_detail::group_counts(certain.data.cells_view, certain.data.host_library, group);
    const auto dense = random_counts(cells, genes, 0.4);
    for (std::size_t gene = 0; gene < genes; ++gene) {
        double sum = 0, library = 0, seen = 0, squares = 0;
        for (const Index cell : group) {
            sum += dense[static_cast<std::size_t>(cell)][gene];
            library += certain.data.host_library[static_cast<std::size_t>(cell)];
            seen += dense[static_cast<std::size_t>(cell)][gene] > 0 ? 1 : 0;
        }
        for (const Index cell : group) {
            const double expected = sum / library * certain.data.host_library[static_cast<std::size_t>(cell)];
            const double distance = dense[static_cast<std::size_t>(cell)][gene] - expected;
            squares += distance * distance;
        }
        CHECK(std::abs(counts.share[gene] - seen / 3) < 1e-12);
        CHECK(std::abs(counts.variance[gene] - (sum > 0 ? squares / (sum * sum) : 0)) < 1e-12);
    }
}

TEST_CASE("genes are ranked by certainty and called while few are expected to be false") {
    std::vector<GeneDifference> ranked(4);
    const double probability[] = {0.5, 1, 0.96, 0.96}, change[] = {9, -1, 0.3, -2};
    for (std::size_t i = 0; i < 4; ++i) {
        ranked[i].gene = static_cast<GeneIndex>(i);
        ranked[i].probability = probability[i];
        ranked[i].mean_change = change[i];
    }
    evaluation_detail::rank_and_call(ranked, 0.03);
    const GeneIndex order[] = {1, 3, 2, 0};
    const double fdr[] = {0, 0.02, 0.08 / 3, 0.58 / 4};
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(ranked[i].gene == order[i]);
        CHECK(std::abs(ranked[i].expected_fdr - fdr[i]) < 1e-12);
        CHECK(ranked[i].called == (i < 3));
    }
}

TEST_CASE("groups that cannot be compared are refused") {
    using Catch::Matchers::Message;
    Certain certain;
    CHECK_THROWS_MATCHES(certain.compare({}, {1}, {}), OptionError,
                         Message("there are 0 cells in the group and 1 in the reference: both need at least one"));
    CHECK_THROWS_MATCHES(certain.compare({1}, {2, 1}, {}), OptionError,
                         Message("cell 1 of a group is not in the data set, or is there twice"));
    CHECK_THROWS_MATCHES(certain.compare({1}, {10}, {}), OptionError,
                         Message("cell 10 of a group is not in the data set, or is there twice"));
    CHECK_THROWS_MATCHES(certain.compare({1}, {2}, {.pairs = 0}), OptionError,
                         Message("pairs of cells: found 0, at least 1 is needed"));
    CHECK_THROWS_AS(certain.compare({1}, {2}, {.delta = -1}), OptionError);
    CHECK_THROWS_MATCHES(
        certain.compare({1}, {2}, {.library = 1e300}), OptionError,
        Message("a library size is at most 1e+08, found 1e+300: the mean count of a gene ends at 4.9e8"));
}

}  // namespace differential_expression_test
