// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/data/target.hpp"
#include "cellvae/nn/activation.hpp"
#include "cellvae/nn/normalisation.hpp"
#include "terminal.hpp"

namespace cellvae::program {

/// What the user asked of `cellvae train`; the values are the defaults that --help shows.
struct TrainRequest {
    std::string counts;
    std::string out;
    std::string labels = "auto";  ///< column of obs; auto: a well-known name; none: no labels
    std::string orientation = "auto";
    std::string likelihood = "zinb";
    Index latent = 10;
    std::vector<Index> hidden{128};
    std::string activation = "relu";
    std::string normalisation = "layer";
    double dropout = 0.1;
    std::string scale = "auto";               ///< auto: library where the likelihood has a log mean
    std::vector<std::string> shared{"auto"};  ///< auto: the dispersion, one value a gene
    std::string input = "log1p_normalised";
    std::string target = "auto";  ///< auto: what the likelihood is meant for
    Index epochs = 0;             ///< 0: chosen by the number of cells
    Index minibatch = 128;
    double learning_rate = 1e-3;
    double weight_decay = 1e-6;
    double clip_norm = 0;
    Index warm_up = 10;
    Index patience = 20;
    double held_out = 0.1;
    Index samples = 100;  ///< of the importance-weighted log-likelihood
    int clusters = 0;     ///< 0: as many as labels, or by silhouette
    std::uint64_t seed = 1;
    int threads = 0;  ///< 0: all cores
};

/// What training one likelihood gives, whichever it was.
struct Trained {
    std::vector<float> latent;  ///< cells x latent, row-major
    double bound_train = 0;
    std::optional<double> bound_test;
    std::optional<double> log_likelihood_test;
    Index epochs = 0;  ///< that were run
    Index best_epoch = 0;
    bool stopped_early = false;
    bool interrupted = false;
    double training_seconds = 0;
    double cells_per_second = 0;
    std::string model;    ///< the composed type in words
    std::string history;  ///< CSV
};

/// Trains with one likelihood. Calls `ready` once everything is checked, before the first step. Throws cellvae::Error.
using TrainFunction = Trained (*)(const CountMatrix&, const TrainRequest&, const std::function<void()>& ready);

/// A row of the table of likelihoods: one source file each.
struct LikelihoodEntry {
    const char* option;       ///< what --likelihood takes
    const char* description;  ///< for --help
    TrainFunction train;
};

[[nodiscard]] const std::vector<LikelihoodEntry>& likelihoods();

}  // namespace cellvae::program
