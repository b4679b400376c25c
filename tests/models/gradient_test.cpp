// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "vae_gradient.hpp"

using namespace cellvae;
using namespace cellvae_tests;

TEST_CASE("the gradient is that of the differences for every composition of the networks") {
    const auto activation = GENERATE(ActivationKind::relu, ActivationKind::silu, ActivationKind::tanh);
    const auto normalisation = GENERATE(Normalisation::none, Normalisation::layer, Normalisation::batch);
    const double dropout = GENERATE(0.0, 0.2);
    const Index samples = GENERATE(1, 3);
    if (samples > 1 && normalisation == Normalisation::batch) return;  // refused: vae_test.cpp
    for (const auto& decoder : {std::vector<Index>{}, std::vector<Index>{8}, std::vector<Index>{8, 6}})
        check_gradient<ZeroInflated<NegativeBinomial<MeanDispersion>>>(
            {.latent = 2,
             .hidden = {4},
             .decoder_hidden = decoder,
             .activation = activation,
             .normalisation = normalisation,
             .dropout = dropout,
             .samples = samples},
            activation == ActivationKind::silu && dropout > 0);
}

TEST_CASE("the gradient is that of the differences for deep encoders and the mirrored decoder") {
    check_gradient<ZeroInflated<NegativeBinomial<MeanDispersion>>>({.latent = 3,
                                                                    .hidden = {6, 5, 4},
                                                                    .activation = ActivationKind::tanh,
                                                                    .normalisation = Normalisation::layer,
                                                                    .samples = 2});
}

TEST_CASE("the gradient is that of the differences with conditions, masks and shares of the mean") {
    using Zinb = ZeroInflated<NegativeBinomial<MeanDispersion>>;
    const std::vector<std::uint8_t> mask{1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1};
    const auto scale = GENERATE(MeanScale::library, MeanScale::share, MeanScale::library_share);
    check_gradient<Zinb>({.latent = 2,
                          .hidden = {4},
                          .activation = ActivationKind::silu,
                          .normalisation = Normalisation::layer,
                          .scale = scale,
                          .conditions = 3,
                          .samples = 2});
    for (const Index conditions : {0, 2})
        check_gradient<Zinb>({.latent = 2,
                              .hidden = {4},
                              .decoder_hidden = std::vector<Index>{},
                              .activation = ActivationKind::tanh,
                              .scale = scale,
                              .shared = {"log_dispersion"},
                              .mask = mask,
                              .conditions = conditions});
}

TEST_CASE("the zero-inflated negative binomial by mean has the gradient of the differences") {
    check_likelihood_gradients<ZeroInflated<NegativeBinomial<MeanDispersion>>>();
}
