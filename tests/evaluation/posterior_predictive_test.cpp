// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/posterior_predictive.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>
#include <memory>
#include <vector>

#include "../models/small_model.hpp"
#include "cellvae/data/streamed_dataset.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/evaluation/denoised.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace posterior_predictive_test {

namespace {

using Small = SmallModel<Poisson, Mlp<>, GaussianMixture<>>;

constexpr Index cells = 6, genes = 9;

ModelOptions options() {
    return {.latent = 2, .hidden = {4}, .activation = ActivationKind::tanh, .mixture = {.clusters = 3}};
}

/// Draws x cells x genes, from minibatches of `most` cells.
std::vector<float> draws_of(Small& small, Index most, const PosteriorPredictiveOptions& asked) {
    const auto width = asked.genes.empty() ? static_cast<std::size_t>(genes) : asked.genes.size();
    std::vector<float> all(static_cast<std::size_t>(asked.draws * cells) * width, -1);
    Minibatch<double, HostExec> batch(small.exec, small.data, most);
    sample_posterior_predictive(small.exec, small.model, small.data, batch, asked,
                                [&](Index draw, Index first, Index, std::span<const float> values) {
                                    std::copy(values.begin(), values.end(),
                                              all.begin() + (draw * cells + first) * static_cast<Index>(width));
                                });
    return all;
}

}  // namespace

TEST_CASE("the mean of posterior predictive draws is the denoised expression, clusters of a mixture included") {
    Small small(cells, genes, options());
    // every cluster has its own expression, and responsibilities far from zero and one
    const Matrix<double, HostExec> log_q("log_q", cells, 3);
    small.model.log_responsibilities(small.exec, small.batch, log_q);
    small.exec.fence();
    double least = 1;
    for (Index cell = 0; cell < cells; ++cell)
        for (Index k = 0; k < 3; ++k) least = std::min(least, std::exp(log_q(cell, k)));
    REQUIRE(least < 0.3);
    const Index draws = 20000;
    const auto sampled = draws_of(small, 4, {.draws = draws, .seed = 3});
    const auto expected =
        denoised(small.exec, small.model, small.data, small.batch, {.draws = draws, .seed = 4});  // other noise
    for (std::size_t i = 0; i < expected.size(); ++i) {
        double sum = 0, squares = 0;
        for (std::size_t draw = 0; draw < static_cast<std::size_t>(draws); ++draw) {
            const auto value = static_cast<double>(sampled[draw * expected.size() + i]);
            REQUIRE((value >= 0 && value == std::floor(value)));
            sum += value;
            squares += value * value;
        }
        const double mean = sum / draws, deviation = std::sqrt(squares / draws - mean * mean);
        CAPTURE(i, mean, expected[i], deviation);
        CHECK(std::abs(mean - static_cast<double>(expected[i])) < 6 * deviation / std::sqrt(draws));
    }
}

TEST_CASE("draws do not depend on the minibatches or on the genes asked for") {
    Small small(cells, genes, options());
    const auto all = draws_of(small, 6, {.draws = 3, .seed = 8});
    CHECK(all == draws_of(small, 1, {.draws = 3, .seed = 8}));
    CHECK(all == draws_of(small, 4, {.draws = 3, .seed = 8}));
    CHECK(all != draws_of(small, 6, {.draws = 3, .seed = 9}));
    const auto two = draws_of(small, 4, {.genes = {7, 2}, .draws = 3, .seed = 8});
    bool differs = false;
    for (std::size_t row = 0; row < 18; ++row) {
        CHECK(two[2 * row] == all[genes * row + 7]);
        CHECK(two[2 * row + 1] == all[genes * row + 2]);
        differs = differs || all[genes * row + 7] != all[genes * (row % 6) + 7];
    }
    CHECK(differs);  // from draw to draw
}

TEST_CASE("the posterior predictive summary has the moments of the cells and of the draws") {
    Small small(cells, genes, options());
    const PosteriorPredictiveOptions asked{.genes = {8, 1}, .draws = 5, .seed = 2};
    Index told = 0;
    const auto summary = posterior_predictive_summary(small.exec, small.model, small.data, small.batch, asked,
                                                      [&](Index done) { told = done; });
    CHECK(told == cells);
    CHECK(summary.cells == cells);
    CHECK(summary.draws == 5);
    CHECK(summary.genes == asked.genes);
    const auto dense = random_counts(cells, genes, 0.4);
    const auto simulated = draws_of(small, 6, asked);
    const auto check = [](const GeneMoments& found, std::size_t gene, const std::vector<double>& values) {
        double mean = 0, variance = 0, zeros = 0;
        const auto count = static_cast<double>(values.size());
        for (const double value : values) mean += value / count;
        for (const double value : values) variance += (value - mean) * (value - mean) / count;
        for (const double value : values) zeros += value == 0 ? 1 / count : 0;
        CHECK(std::abs(found.mean[gene] - mean) <= 1e-12 * mean);
        CHECK(std::abs(found.variance[gene] - variance) <= 1e-9 * (variance + mean * mean));
        CHECK(std::abs(found.zero_share[gene] - zeros) <= 1e-12);
    };
    for (std::size_t g = 0; g < 2; ++g) {
        std::vector<double> seen, drawn;
        for (const auto& cell : dense)
            seen.push_back(static_cast<double>(cell[static_cast<std::size_t>(asked.genes[g])]));
        for (std::size_t row = 0; row < 30; ++row) drawn.push_back(static_cast<double>(simulated[2 * row + g]));
        check(summary.observed, g, seen);
        check(summary.simulated, g, drawn);
    }
    const auto all = posterior_predictive_summary(small.exec, small.model, small.data, small.batch);
    CHECK(all.genes.size() == genes);
    CHECK(all.observed.mean[8] == summary.observed.mean[0]);

    // of some cells: each cell's draws are the same as among all
    const auto some = posterior_predictive_summary(small.exec, small.model, small.data, small.batch,
                                                   {.genes = {8}, .cells = {5, 0}, .draws = 5, .seed = 2});
    CHECK(some.cells == 2);
    std::vector<double> seen, drawn;
    for (const std::size_t cell : {5u, 0u}) {
        seen.push_back(static_cast<double>(dense[cell][8]));
        for (std::size_t draw = 0; draw < 5; ++draw)
            drawn.push_back(static_cast<double>(simulated[2 * (draw * static_cast<std::size_t>(cells) + cell)]));
    }
    check(some.observed, 0, seen);
    check(some.simulated, 0, drawn);
}

TEST_CASE("the summary of cells that are streamed is that of the cells in memory") {
    Small small(cells, genes, options());
    const PosteriorPredictiveOptions asked{.genes = {8, 1}, .cells = {5, 0, 3}, .draws = 5, .seed = 2};
    const auto expected = posterior_predictive_summary(small.exec, small.model, small.data, small.batch, asked);
    const auto streamed = make_streamed_dataset<Poisson>(
        small.exec, std::make_shared<MatrixReader>(count_matrix(random_counts(cells, genes, 0.4))));
    const auto found = posterior_predictive_summary(small.exec, small.model, streamed, small.batch, asked);
    for (auto moments : {&PosteriorPredictiveSummary::observed, &PosteriorPredictiveSummary::simulated}) {
        CHECK((found.*moments).mean == (expected.*moments).mean);
        CHECK((found.*moments).variance == (expected.*moments).variance);
        CHECK((found.*moments).zero_share == (expected.*moments).zero_share);
    }
}

TEST_CASE("no draws, and cells that are not there, are refused") {
    Small small(cells, genes, options());
    CHECK_THROWS_MATCHES(draws_of(small, 4, {.draws = 0}), OptionError,
                         Catch::Matchers::Message("sampling needs at least one draw, found 0"));
    CHECK_THROWS_MATCHES(draws_of(small, 4, {.cells = {6}}), ShapeError,
                         Catch::Matchers::Message("cells to sample for: found 6, expected 0 to 5"));
}

}  // namespace posterior_predictive_test
