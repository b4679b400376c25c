// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/prior_predictive.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cmath>
#include <map>
#include <vector>

#include "../models/small_model.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/priors/any_prior.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace prior_predictive_test {

namespace {

constexpr Index genes = 5;

ModelOptions options(PriorKind prior) {
    return {.latent = 2,
            .hidden = {4},
            .decoder_hidden = std::vector<Index>{},
            .scale = MeanScale::library,
            .prior = prior,
            .mixture = {.clusters = 3},
            .vamp = {.pseudo_inputs = 3}};
}

/// What came of new cells: counts, cells x genes, and the cluster of each.
struct NewCells {
    std::vector<float> values;
    std::vector<std::int32_t> clusters;
};

template <class Small>
NewCells new_cells(Small& small, Index count, Index minibatch, const PriorPredictiveOptions& asked,
                   double library = 50) {
    const auto cells = cells_without_counts(count, small.matrix.var.names, library);
    const auto data = make_dataset<Poisson, HostExec>(small.exec, cells);
    Minibatch<double, HostExec> batch(small.exec, data, minibatch);
    NewCells result;
    sample_prior_predictive(
        small.exec, small.model, data, batch, asked,
        [&](Index first, Index some, std::span<const float> values, std::span<const std::int32_t> clusters) {
            CHECK(first == static_cast<Index>(result.clusters.size()));
            CHECK(some == static_cast<Index>(clusters.size()));
            result.values.insert(result.values.end(), values.begin(), values.end());
            result.clusters.insert(result.clusters.end(), clusters.begin(), clusters.end());
        });
    return result;
}

using Small = SmallModel<Poisson, Mlp<>, AnyPrior>;

}  // namespace

TEST_CASE(
    "new cells of every prior are where the prior is, and their counts are the likelihood's at their library size") {
    const Index draws = 40000;
    for (const auto prior : {PriorKind::gaussian, PriorKind::mixture, PriorKind::marginal_mixture, PriorKind::vamp}) {
        CAPTURE(name_of(prior));
        Small small(6, genes, options(prior), 0.4);
        const auto& store = small.model.parameters();
        const auto value = [&](const char* name) { return store.value(store.find(name)); };
        // the prior as a mixture: means, variances and weights of its components
        std::vector<std::array<double, 2>> mean(1), variance(1, {1, 1});
        std::vector<double> weight{1};
        if (prior == PriorKind::mixture || prior == PriorKind::marginal_mixture) {
            const auto m = value("prior/mean"), v = value("prior/log_variance"), w = value("prior/logits");
            mean.resize(3);
            variance.resize(3);
            weight.assign(3, 0);
            double total = 0;
            for (Index k = 0; k < 3; ++k) total += std::exp(w(0, k));
            for (std::size_t k = 0; k < 3; ++k) {
                const auto row = static_cast<Index>(k);
                mean[k] = {m(row, 0), m(row, 1)};
                variance[k] = {std::exp(v(row, 0)), std::exp(v(row, 1))};
                weight[k] = std::exp(w(0, row)) / total;
            }
        } else if (prior == PriorKind::vamp) {
            // what the encoder says of a pseudo-input, by hand: one hidden layer of ReLU
            const auto u = value("prior/pseudo_inputs"), w = value("encoder/hidden/weight"),
                       b = value("encoder/hidden/bias");
            mean.resize(3);
            variance.resize(3);
            weight.assign(3, 1.0 / 3);
            for (Index k = 0; k < 3; ++k) {
                std::array<double, 4> hidden{};
                for (Index h = 0; h < 4; ++h) {
                    double sum = b(0, h);
                    for (Index gene = 0; gene < genes; ++gene) sum += u(k, gene) * w(gene, h);
                    hidden[static_cast<std::size_t>(h)] = std::max(sum, 0.0);
                }
                for (Index l = 0; l < 2; ++l) {
                    double m = value("encoder/mean/bias")(0, l), v = value("encoder/log_variance/bias")(0, l);
                    for (Index h = 0; h < 4; ++h) {
                        m += value("encoder/mean/weight")(l, h) * hidden[static_cast<std::size_t>(h)];
                        v += value("encoder/log_variance/weight")(l, h) * hidden[static_cast<std::size_t>(h)];
                    }
                    mean[static_cast<std::size_t>(k)][static_cast<std::size_t>(l)] = m;
                    variance[static_cast<std::size_t>(k)][static_cast<std::size_t>(l)] = std::exp(v);
                }
            }
        }
        // E exp(a + w z) = exp(a) sum_k pi_k exp(w m_k + w^2 v_k / 2), times the library size
        const auto w = value("decoder/log_rate/weight"), b = value("decoder/log_rate/bias");
        const auto found = new_cells(small, draws, 64, {.seed = 3});
        for (Index gene = 0; gene < genes; ++gene) {
            double expected = 0, square = 0, sum = 0, squares = 0;
            for (std::size_t k = 0; k < weight.size(); ++k) {
                double exponent = b(0, gene), spread = 0;
                for (Index l = 0; l < 2; ++l) {
                    exponent += w(gene, l) * mean[k][static_cast<std::size_t>(l)];
                    spread += w(gene, l) * w(gene, l) * variance[k][static_cast<std::size_t>(l)];
                }
                expected += weight[k] * 50 * std::exp(exponent + spread / 2);
                square += weight[k] * 2500 * std::exp(2 * exponent + 2 * spread);
            }
            for (Index cell = 0; cell < draws; ++cell) {
                const auto count = static_cast<double>(found.values[static_cast<std::size_t>(cell * genes + gene)]);
                sum += count;
                squares += count * count;
            }
            const double deviation = std::sqrt((square - expected * expected + expected) / static_cast<double>(draws));
            CHECK(std::abs(sum / static_cast<double>(draws) - expected) < 5 * deviation);
            CHECK(std::abs(squares / static_cast<double>(draws) / (square + expected) - 1) < 0.15);
        }
        std::map<std::int32_t, Index> count;
        for (const auto k : found.clusters) ++count[k];
        CHECK(count.size() == weight.size());
        for (const auto& [k, cells] : count)
            CHECK(std::abs(static_cast<double>(cells) / static_cast<double>(draws) -
                           weight[static_cast<std::size_t>(k)]) < 5 * 0.5 / std::sqrt(static_cast<double>(draws)));
    }
}

TEST_CASE("new cells come from the clusters that are named alone, the same whatever the minibatches and genes") {
    for (const auto prior : {PriorKind::mixture, PriorKind::marginal_mixture}) {
        Small small(6, genes, options(prior));
        const auto all = new_cells(small, 50, 50, {.clusters = {0, 2}, .seed = 1});
        const auto some = new_cells(small, 50, 7, {.genes = {3, 1}, .clusters = {0, 2}, .seed = 1});
        CHECK(all.clusters == some.clusters);
        CHECK(std::count(all.clusters.begin(), all.clusters.end(), 1) == 0);
        CHECK(std::count(all.clusters.begin(), all.clusters.end(), 2) > 0);
        for (std::size_t cell = 0; cell < 50; ++cell) {
            CHECK(some.values[2 * cell] == all.values[genes * cell + 3]);
            CHECK(some.values[2 * cell + 1] == all.values[genes * cell + 1]);
        }
        CHECK(new_cells(small, 50, 50, {.clusters = {0, 2}, .seed = 2}).values != all.values);
        CHECK_THROWS_MATCHES(
            new_cells(small, 5, 5, {.clusters = {3}}), OptionError,
            MessageMatches(ContainsSubstring("cells of cluster 3 were asked for, and the model has 3")));
    }
    Small plain(6, genes, options(PriorKind::gaussian));
    CHECK_THROWS_MATCHES(new_cells(plain, 5, 5, {.clusters = {0}}), OptionError,
                         MessageMatches(ContainsSubstring("the model has 0")));
    CHECK_THROWS_AS(cells_without_counts(0, plain.matrix.var.names, 10), OptionError);
    CHECK_THROWS_AS(cells_without_counts(3, plain.matrix.var.names, 0), OptionError);
    CHECK_THROWS_AS(cells_without_counts(3, plain.matrix.var.names, 1.01e8), OptionError);
    CHECK(cells_without_counts(3, plain.matrix.var.names, 1e8).library_sizes.back() == 1e8);
}

}  // namespace prior_predictive_test
