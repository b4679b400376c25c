// SPDX-License-Identifier: Apache-2.0
#include "cellvae/evaluation/denoised.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../models/small_model.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace denoised_test {

namespace {

using Small = SmallModel<ZeroInflated<NegativeBinomial<>>>;

/// A linear decoder, so that a scalar oracle is a few lines, and more genes than one panel.
ModelOptions options(MeanScale scale, Index samples = 1) {
    return {.latent = 2,
            .hidden = {4},
            .decoder_hidden = std::vector<Index>{},
            .scale = scale,
            .shared = {"log_dispersion"},
            .conditions = 2,
            .samples = samples};
}

constexpr Index cells = 7, genes = 600;

/// (1 - rho) mu of every cell and gene, mean over draws, from the parameters and the noise themselves.
std::vector<double> expected_means(Small& small, Index draws, std::uint64_t seed) {
    const Matrix<double, HostExec> latent("latent", cells, 2);
    small.model.encode(small.exec, small.batch, latent);
    const auto pass = small.model.pass(small.exec, small.batch, {}, Mode::evaluation);
    const auto log_variance = small.model.inference().log_variance(pass);
    small.exec.fence();
    const auto& store = small.model.parameters();
    const auto value = [&](const char* name) { return store.value(store.find(name)); };
    const auto rho_weight = value("decoder/logit_zero_inflation/weight"),
               rho_bias = value("decoder/logit_zero_inflation/bias"), mean_weight = value("decoder/log_mean/weight"),
               mean_bias = value("decoder/log_mean/bias");
    const MeanScale scale = small.model.options().scale;
    std::vector<double> result(static_cast<std::size_t>(cells * genes));
    for (Index cell = 0; cell < cells; ++cell)
        for (Index draw = 0; draw < draws; ++draw) {
            RandomStream random(seed, Purpose::evaluation, static_cast<std::uint32_t>(cell), 0,
                                static_cast<std::uint32_t>(draw));
            std::vector<double> input{0, 0, cell % 2 == 0 ? 1.0 : 0.0, cell % 2 == 0 ? 0.0 : 1.0};
            for (Index l = 0; l < 2; ++l)
                input[static_cast<std::size_t>(l)] =
                    latent(cell, l) + std::exp(log_variance(cell, l) / 2) * random.normal<double>();
            const auto line = [&](const auto& weight, const auto& bias, Index gene) {
                double sum = bias(0, gene);
                for (Index i = 0; i < 4; ++i) sum += weight(gene, i) * input[static_cast<std::size_t>(i)];
                return sum;
            };
            double total = 0;
            for (Index gene = 0; gene < genes; ++gene) total += std::exp(line(mean_weight, mean_bias, gene));
            for (Index gene = 0; gene < genes; ++gene) {
                double log_mean = line(mean_weight, mean_bias, gene);
                if (scale == MeanScale::library) log_mean += std::log(small.data.library(cell));
                if (is_share(scale)) log_mean -= std::log(total);
                if (scale == MeanScale::library_share) log_mean += std::log(small.data.total(cell));
                const auto inside = [](double value, int parameter) {
                    const Bounds bounds = ZeroInflated<NegativeBinomial<>>::bounds(parameter);
                    return std::min(std::max(value, bounds.lower), bounds.upper);
                };
                log_mean = inside(log_mean, 1);
                const double not_zero = 1 / (1 + std::exp(inside(line(rho_weight, rho_bias, gene), 0)));
                result[static_cast<std::size_t>(cell * genes + gene)] +=
                    not_zero * std::exp(log_mean) / static_cast<double>(draws);
            }
        }
    return result;
}

}  // namespace

TEST_CASE("denoised expression is the likelihood's mean over draws of z") {
    const auto scale = GENERATE(MeanScale::none, MeanScale::library, MeanScale::share, MeanScale::library_share);
    const Index samples = GENERATE(1, 3);  // in one pass of the model
    Small small(cells, genes, options(scale, samples));
    const auto expected = expected_means(small, 4, 9);
    for (const Index most : {3, 7}) {
        Minibatch<double, HostExec> batch(small.exec, small.data, most);
        const auto found = denoised(small.exec, small.model, small.data, batch, {.draws = 4, .seed = 9});
        REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
            CAPTURE(i);
            REQUIRE(std::abs(static_cast<double>(found[i]) - expected[i]) <= 1e-6 * expected[i]);
        }
    }
}

TEST_CASE("chosen genes come in the order asked for, with the values that they have among all") {
    Small small(cells, genes, options(MeanScale::library_share));
    Minibatch<double, HostExec> batch(small.exec, small.data, 4);
    const auto all = denoised(small.exec, small.model, small.data, batch, {.draws = 2, .seed = 5});
    const std::vector<GeneIndex> chosen{599, 3, 130};
    Index told = 0;
    denoise(
        small.exec, small.model, small.data, batch, {.genes = chosen, .draws = 2, .seed = 5},
        [&](Index first, Index count, std::span<const float> values) {
            CHECK(first == told);
            told += count;
            REQUIRE(static_cast<Index>(values.size()) == count * 3);
            for (Index cell = 0; cell < count; ++cell)
                for (std::size_t g = 0; g < 3; ++g)
                    CHECK(values[static_cast<std::size_t>(cell) * 3 + g] ==
                          all[static_cast<std::size_t>(first + cell) * genes + static_cast<std::size_t>(chosen[g])]);
        });
    CHECK(told == cells);
}

TEST_CASE("expected counts are brought to a library size") {
    for (const auto scale : {MeanScale::none, MeanScale::library, MeanScale::share}) {
        Small small(cells, genes, options(scale));
        const auto own = denoised(small.exec, small.model, small.data, small.batch);
        const auto brought = denoised(small.exec, small.model, small.data, small.batch, {.library = 1e4});
        for (Index cell = 0; cell < cells; ++cell) {
            const double factor = 1e4 / (scale == MeanScale::share ? 1 : small.data.library(cell));
            for (Index gene = 0; gene < genes; ++gene) {
                const auto i = static_cast<std::size_t>(cell * genes + gene);
                REQUIRE(std::abs(static_cast<double>(brought[i]) - factor * static_cast<double>(own[i])) <=
                        1e-6 * factor * static_cast<double>(own[i]));
            }
        }
    }
}

TEST_CASE("denoising refuses what it cannot do") {
    using Catch::Matchers::Message;
    Small small(cells, genes, options(MeanScale::library));
    const auto denoise_with = [&](const DenoisedOptions& wrong) {
        return denoised(small.exec, small.model, small.data, small.batch, wrong);
    };
    CHECK_THROWS_MATCHES(denoise_with({.genes = {0, 600}}), ShapeError,
                         Message("the model has the genes 0 to 599, and no gene 600"));
    CHECK_THROWS_MATCHES(denoise_with({.draws = 0}), OptionError,
                         Message("denoising needs at least one draw, found 0"));
    CHECK_THROWS_MATCHES(denoise_with({.library = -1}), OptionError,
                         Message("a library size is a finite number from 0 on, found -1"));
    CHECK_THROWS_MATCHES(
        denoise_with({.library = 2e8}), OptionError,
        Message("a library size is at most 1e+08, found 2e+08: the mean count of a gene ends at 4.9e8"));
    small.data.target = Target::log_normalised;
    CHECK_THROWS_MATCHES(denoise_with({.library = 100}), OptionError,
                         Message("the model explains the target log_normalised, which is normalised already: it has no "
                                 "expected counts of another library size"));
}

TEST_CASE("the probability of a structural zero is the likelihood's, mean over draws") {
    auto asked = options(MeanScale::none);
    asked.shared = {"log_dispersion", "logit_zero_inflation"};
    Small small(cells, genes, asked);
    const auto& store = small.model.parameters();
    const auto logit = store.value(store.find("decoder/logit_zero_inflation/shared"));
    const auto found =
        denoised(small.exec, small.model, small.data, small.batch, {.structural_zeros = true, .draws = 3, .seed = 1});
    for (Index cell = 0; cell < cells; ++cell)
        for (Index gene = 0; gene < genes; ++gene)
            REQUIRE(std::abs(static_cast<double>(found[static_cast<std::size_t>(cell * genes + gene)]) -
                             1 / (1 + std::exp(-logit(0, gene)))) < 1e-6);
    const auto refused = [](const char* words) {
        return Catch::Matchers::MessageMatches(Catch::Matchers::ContainsSubstring(words));
    };
    CHECK_THROWS_MATCHES(
        denoised(small.exec, small.model, small.data, small.batch, {.library = 10, .structural_zeros = true}),
        OptionError, refused("has no library size"));
    SmallModel<NegativeBinomial<>> plain(cells, genes, options(MeanScale::none));
    CHECK_THROWS_MATCHES(denoised(plain.exec, plain.model, plain.data, plain.batch, {.structural_zeros = true}),
                         OptionError, refused("negative_binomial_mean has no structural zeros"));
}

}  // namespace denoised_test
