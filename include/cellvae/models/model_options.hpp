// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cellvae/nn/mlp.hpp"
#include "cellvae/nn/output_layer.hpp"
#include "cellvae/priors/inference_options.hpp"

namespace cellvae {

/// Sizes and run-time choices of a model. The types choose what is computed, this how large it is.
struct ModelOptions {
    Index latent = 10;               ///< dimensions of z
    std::vector<Index> hidden{128};  ///< widths of the encoder's hidden layers; the decoder has them reversed
    std::optional<std::vector<Index>> decoder_hidden{};  ///< widths of the decoder's hidden layers, where they differ
    ActivationKind activation = ActivationKind::relu;    ///< read by networks with AnyActivation
    Normalisation normalisation = Normalisation::none;   ///< of the hidden layers of both networks
    double dropout = 0;                                  ///< of the encoder's hidden units, in training
    double input_noise = 0;             ///< standard deviation of the noise that training adds to every gene's input
    MeanScale scale = MeanScale::none;  ///< what the likelihood's mean is relative to
    std::vector<std::string> shared{};  ///< likelihood parameters with one value a gene
    std::vector<std::uint8_t> mask{};  ///< genes x latent, row-major: 0 where a latent dimension does not reach a gene,
                                       ///< for a linear decoder (decoder_hidden = {}); empty: all reach all
    Index conditions = 0;              ///< of cells (batches, donors): encoder and decoder are given each cell's own
    PriorKind prior = PriorKind::gaussian;                  ///< read by AnyPrior alone
    MixtureOptions mixture{};                               ///< read by the mixtures
    VampOptions vamp{};                                     ///< read by VampPrior
    Index samples = 1;                                      ///< samples of z a cell, in training
    Bound bound = Bound::elbo;                              ///< what is trained, and what bound() gives
    ProductPrecision products = ProductPrecision::float32;  ///< in the output layer's gradient()
    std::uint64_t seed = 0;                                 ///< of the initial values
};

/// The parameter of a likelihood that says how much a gene varies around its mean, which is best shared: one value a
/// gene (ModelOptions::shared). Empty for a likelihood without.
template <class L>
[[nodiscard]] std::vector<std::string> scatter_parameters() {
    for (const auto& parameter : L::parameters)
        if (parameter == "log_dispersion" || parameter == "log_total_count" || parameter == "log_variance")
            return {std::string(parameter)};
    return {};
}

/// What a step needs beyond the minibatch.
struct StepOptions {
    double beta = 1;                       ///< weight of the KL
    std::optional<double> cluster_beta{};  ///< of a mixture's KL of y; empty: the same
    double balance = 0;            ///< weight of the balance of clusters in a minibatch, see priors/cluster_balance.hpp
    double free_nats = 0;          ///< where the minibatch's mean KL of z is not above it, its weight is 0,
    double cluster_free_nats = 0;  ///< and where that of y is not, that one's
    std::uint64_t seed = 0;        ///< of the noise
    std::uint32_t step = 0;        ///< number of the step: the same cell gets other noise in another step
    double temperature = 1;        ///< of Gumbel-softmax and straight-through; above 0
};

}  // namespace cellvae
