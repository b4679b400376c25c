// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <numeric>

#include "../data/small_cells.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/training/trainer.hpp"

using namespace cellvae;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace mixture_test {

namespace {

using Exec = Kokkos::DefaultExecutionSpace;
using Plain = Vae<Mlp<>, StandardGaussian, Poisson, double>;
using Mixture = Vae<Mlp<>, GaussianMixture<>, Poisson, double>;

/// Cells of three kinds, in turns, each with a third of the genes of its own.
CountMatrix three_kinds(Index cells, Index genes) {
    CountMatrix matrix;
    RandomStream random(4, Purpose::test);
    for (Index gene = 0; gene < genes; ++gene) matrix.var.names.push_back(std::to_string(gene));
    for (Index cell = 0; cell < cells; ++cell) {
        for (Index gene = 0; gene < genes; ++gene) {
            const double rate = gene % 3 == cell % 3 ? 2.0 : 0.2;
            const auto count = Poisson::sample<double>(random, {std::log(rate)});
            if (count == 0) continue;
            matrix.columns.push_back(static_cast<GeneIndex>(gene));
            matrix.values.push_back(static_cast<float>(count));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back(std::to_string(cell));
    }
    return matrix;
}

ModelOptions sizes(Index clusters) {
    return {
        .latent = 3, .hidden = {8}, .activation = ActivationKind::tanh, .mixture = {.clusters = clusters}, .seed = 3};
}

Kokkos::View<Index*, Exec> first_cells(Index cells) {
    Kokkos::View<Index*, Exec> order("order", static_cast<std::size_t>(cells));
    for (Index cell = 0; cell < cells; ++cell) order(cell) = cell;
    return order;
}

}  // namespace

TEST_CASE("a mixture of one cluster with the prior N(0, I) and no cluster weights is the plain VAE") {
    const Exec exec;
    const CountMatrix cells = three_kinds(12, 140);
    const auto data = make_dataset<Poisson>(exec, cells);
    Plain plain(exec, cells.genes(), sizes(1));
    Mixture mixture(exec, cells.genes(), sizes(1));
    for (const auto& entry : mixture.parameters().entries()) {
        const int from = plain.parameters().find(entry.name);
        const auto to = mixture.parameters().value(mixture.parameters().find(entry.name));
        if (from >= 0)
            Kokkos::deep_copy(to, plain.parameters().value(from));
        else if (entry.name.find("cluster_encoder") == std::string::npos)
            Kokkos::deep_copy(to, 0.0);  // cluster weights, the prior's mean and log variance, its weights' logits
    }
    Minibatch<double, Exec> batch(exec, data, 12);
    batch.assemble(exec, data, first_cells(12));
    const StepOptions step{.beta = 0.7, .seed = 1, .step = 5};
    const auto expected = plain.gradient(exec, batch, step);
    const auto found = mixture.gradient(exec, batch, step);
    CHECK(std::abs(found[0] - expected[0]) < 1e-12 * std::abs(expected[0]));
    CHECK(std::abs(found[3]) < 1e-15);
    int compared = 0;
    for (const auto& entry : plain.parameters().entries()) {
        const auto a = plain.parameters().gradient(plain.parameters().find(entry.name));
        const auto b = mixture.parameters().gradient(mixture.parameters().find(entry.name));
        for (std::size_t r = 0; r < a.extent(0); ++r)
            for (std::size_t c = 0; c < a.extent(1); ++c) {
                INFO(entry.name);
                REQUIRE(std::abs(a(r, c) - b(r, c)) <= 1e-11 * std::abs(a(r, c)) + 1e-13);
                ++compared;
            }
    }
    CHECK(compared > 1000);
    // and the importance-weighted estimate is the same number
    Vector<double, Exec> of_plain("plain", 12), of_mixture("mixture", 12);
    plain.log_likelihood(exec, batch, 7, 2, VectorSlice<double, Exec::memory_space>(of_plain.data(), 12));
    mixture.log_likelihood(exec, batch, 7, 2, VectorSlice<double, Exec::memory_space>(of_mixture.data(), 12));
    for (std::size_t cell = 0; cell < 12; ++cell) CHECK(std::abs(of_plain(cell) - of_mixture(cell)) < 1e-9);
}

TEST_CASE("the importance-weighted estimate of a mixture lies above its bound and rises with samples") {
    const Exec exec;
    const CountMatrix cells = three_kinds(60, 140);
    const auto data = make_dataset<Poisson>(exec, cells);
    Mixture mixture(exec, cells.genes(), sizes(4));
    mixture.start_from(exec, data);
    Minibatch<double, Exec> batch(exec, data, 60);
    std::vector<Index> all(60);
    std::iota(all.begin(), all.end(), Index{0});
    const double bound = mean_bound(exec, mixture, data, all, batch, 1)[0];
    const double few = mean_log_likelihood(exec, mixture, data, all, batch, 1, 1);
    const double many = mean_log_likelihood(exec, mixture, data, all, batch, 200, 1);
    CHECK(few > bound);
    CHECK(many > few);
}

TEST_CASE("a mixture refuses what it cannot do") {
    const Exec exec;
    auto options = sizes(0);
    CHECK_THROWS_MATCHES(Mixture(exec, 5, options), OptionError,
                         MessageMatches(ContainsSubstring("at least one cluster")));
    options = sizes(2);
    options.normalisation = Normalisation::batch;
    CHECK_THROWS_MATCHES(Mixture(exec, 5, options), OptionError,
                         MessageMatches(ContainsSubstring("layer normalisation")));
    const CountMatrix cells = three_kinds(3, 140);
    const std::vector<std::int32_t> labels{0, 2, 1};
    const auto data = make_dataset<Poisson>(exec, cells, {.labels = labels});
    Mixture mixture(exec, cells.genes(), sizes(2));
    CHECK_THROWS_MATCHES(train(exec, mixture, data, split_cells(3, {.held_out = 0, .seed = 1}), {.epochs = 1}),
                         OptionError, MessageMatches(ContainsSubstring("known label 2, but there are 2 clusters")));
}

TEST_CASE("a mixture refuses known labels beyond its clusters wherever it is given them") {
    const Exec exec;
    const auto cells = cellvae_tests::count_matrix(cellvae_tests::random_counts(4, 6));
    const std::vector<std::int32_t> labels{0, 1, 2, -1};
    const auto data = make_dataset<Poisson>(exec, cells, {.labels = labels});
    Mixture mixture(exec, 6, sizes(2));
    Minibatch<double, Exec> batch(exec, data, 4);
    const auto text = ContainsSubstring("the known label 2, but there are 2 clusters");
    CHECK_THROWS_MATCHES(responsibilities(exec, mixture, data, batch), OptionError, MessageMatches(text));
    CHECK_THROWS_MATCHES(mixture.start_from(exec, data), OptionError, MessageMatches(text));
}

}  // namespace mixture_test
