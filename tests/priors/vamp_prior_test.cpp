// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/vamp_prior.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "../models/vae_gradient.hpp"
#include "cellvae/distributions/poisson.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;

namespace vamp_prior_test {

namespace {

using Vamp = SmallVae<Poisson, Mlp<>, VampPrior>;

ModelOptions sizes(Index pseudo_inputs) {
    return {.latent = 2, .hidden = {4}, .activation = ActivationKind::tanh, .vamp = {.pseudo_inputs = pseudo_inputs}};
}

}  // namespace

TEST_CASE("the gradient with a VampPrior is that of the differences") {
    auto options = sizes(3);
    check_gradient<Poisson, VampPrior>(options);
    options.hidden = {4, 3};
    options.normalisation = Normalisation::layer;
    options.dropout = 0.3;
    options.samples = 3;
    check_gradient<Poisson, VampPrior>(options);
    options = sizes(3);
    options.samples = 3;
    options.bound = Bound::importance_weighted;
    check_gradient<Poisson, VampPrior>(options);
    options.conditions = 2;  // of the cells: pseudo-inputs have none
    check_gradient<Poisson, VampPrior>(options);
}

TEST_CASE("with a single pseudo-input the prior is the encoder's q there") {
    // and where the pseudo-input is the cell itself, log q(z | x) - log p(z) is nought
    SmallModel<Poisson, Mlp<>, VampPrior> small(1, 9, sizes(1));
    const std::vector<Index> first{0};
    start_pseudo_inputs(small.exec, small.model.parameters(), small.data, std::span<const Index>(first), 1);
    const auto terms = small.model.bound(small.exec, small.batch, {.seed = 3});
    CHECK(std::abs(terms[2]) < 1e-12);
    CHECK(std::abs(terms[0] - terms[1]) < 1e-12);
}

TEST_CASE("pseudo-inputs start as what the encoder sees of cells, none of them twice") {
    SmallModel<Poisson, Mlp<>, VampPrior> small(12, 9, sizes(5));
    const auto& store = small.model.parameters();
    const auto rows = store.value(store.find("prior/pseudo_inputs"));
    const std::vector<Index> candidates{1, 2, 3, 5, 7, 8, 11};
    const auto dense = random_counts(12, 9, 0.4);
    const auto start = [&](std::uint64_t seed) {
        start_pseudo_inputs(small.exec, store, small.data, std::span<const Index>(candidates), seed);
        std::set<Index> found;
        for (std::size_t row = 0; row < 5; ++row)
            for (const Index cell : candidates) {
                bool equal = true;
                for (std::size_t gene = 0; gene < 9; ++gene)
                    equal &=
                        std::abs(rows(row, gene) -
                                 std::log1p(static_cast<double>(dense[static_cast<std::size_t>(cell)][gene]))) < 1e-12;
                if (equal) found.insert(cell);
            }
        return found;
    };
    const auto one = start(1);
    CHECK(one.size() == 5);
    CHECK(start(1) == one);
    bool other = false;
    for (std::uint64_t seed = 2; seed < 6; ++seed) other |= start(seed) != one;
    CHECK(other);
}

TEST_CASE("a VampPrior refuses what it cannot do") {
    const HostExec exec;
    CHECK_THROWS_MATCHES(Vamp(exec, 5, sizes(0)), OptionError,
                         Message("a VampPrior needs at least one pseudo-input, found 0"));
    auto options = sizes(2);
    options.normalisation = Normalisation::batch;
    CHECK_THROWS_MATCHES(Vamp(exec, 5, options), OptionError,
                         Message("batch normalisation would mix pseudo-inputs and cells: use layer normalisation with "
                                 "a VampPrior, or none"));
    SmallModel<Poisson, Mlp<>, VampPrior> small(3, 9, sizes(4));
    const std::vector<Index> all{0, 1, 2};
    CHECK_THROWS_MATCHES(
        start_pseudo_inputs(exec, small.model.parameters(), small.data, std::span<const Index>(all), 1), OptionError,
        Message("there are 4 pseudo-inputs to start from 3 cells: give at most as many pseudo-inputs as cells"));
    const ParameterStore<double, HostExec> none;
    CHECK_THROWS_MATCHES(start_pseudo_inputs(exec, none, small.data, std::span<const Index>(all), 1), OptionError,
                         Message("a model without a VampPrior has no pseudo-inputs to start from cells"));
}

}  // namespace vamp_prior_test
