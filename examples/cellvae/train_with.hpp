// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "cellvae/training/history.hpp"
#include "cellvae/training/trainer.hpp"
#include "request.hpp"

namespace cellvae::program {

/// The element of an enumeration whose name_of is `name`. @throws OptionError listing the names
template <class Enum>
Enum by_name(const std::string& option, const std::string& name, std::initializer_list<Enum> all) {
    std::string names;
    for (const Enum value : all) {
        if (name_of(value) == name) return value;
        names += (names.empty() ? "" : ", ") + std::string(name_of(value));
    }
    throw OptionError(message(option, " is one of ", names, "; found ", name));
}

/// What `auto` shares: the parameter that says how much a gene varies around its mean.
template <class L>
std::vector<std::string> shared_parameters(const std::vector<std::string>& asked) {
    if (asked == std::vector<std::string>{"none"}) return {};
    if (asked != std::vector<std::string>{"auto"}) return asked;
    for (const auto& parameter : L::parameters)
        if (parameter == "log_dispersion" || parameter == "log_total_count" || parameter == "log_variance")
            return {std::string(parameter)};
    return {};
}

/// Epochs where the user names none: enough passes over few cells, fewer over many (scvi-tools' rule: 20,000 / cells x
/// 400, at most 400).
inline Index default_epochs(Index cells) {
    return std::clamp<Index>(static_cast<Index>(20000.0 / static_cast<double>(cells) * 400), 20, 400);
}

/// Trains the plain VAE with the likelihood L as the request says. One instantiation a source file.
template <class L>
Trained train_with(const CountMatrix& counts, const TrainRequest& request, const std::function<void()>& ready) {
    using Model = Vae<Mlp<>, StandardGaussian, L>;
    using Exec = Kokkos::DefaultExecutionSpace;
    const Exec exec;

    ModelOptions sizes;
    sizes.latent = request.latent;
    sizes.hidden = request.hidden;
    sizes.activation =
        by_name("--activation", request.activation,
                {ActivationKind::relu, ActivationKind::silu, ActivationKind::tanh, ActivationKind::identity});
    sizes.normalisation = by_name("--normalisation", request.normalisation,
                                  {Normalisation::none, Normalisation::layer, Normalisation::batch});
    sizes.dropout = request.dropout;
    sizes.shared = shared_parameters<L>(request.shared);
    sizes.seed = request.seed;
    DatasetOptions views;
    views.input = by_name("--input", request.input, {Input::raw, Input::log1p, Input::log1p_normalised, Input::target});
    if (request.target != "auto")
        views.target =
            by_name("--target", request.target, {Target::counts, Target::unit_maximum, Target::log_normalised});
    const Target target = views.target.value_or(default_target<L>());
    if (request.scale == "auto")
        sizes.scale = L::log_mean_parameter >= 0 && target == Target::counts ? MeanScale::library : MeanScale::none;
    else
        sizes.scale = by_name("--scale", request.scale, {MeanScale::none, MeanScale::library});

    const auto data = make_dataset<L>(exec, counts, views);
    const auto split = split_cells(counts.cells(), {.held_out = request.held_out, .seed = request.seed});
    Model model(exec, counts.genes(), sizes);
    model.start_from(exec, data);

    TrainingOptions options;
    options.epochs = request.epochs > 0 ? request.epochs : default_epochs(counts.cells());
    options.minibatch = request.minibatch;
    options.adam.learning_rate = request.learning_rate;
    options.adam.weight_decay = request.weight_decay;
    options.clip_norm = request.clip_norm;
    options.warm_up = request.warm_up;
    options.patience = request.patience;
    options.seed = request.seed;
    TrainingCallbacks<Model::term_count> callbacks;
    callbacks.epoch = [&](const auto& report) {
        print_progress(progress_line(report, Model::term_names), report.epoch == report.epochs);
    };
    callbacks.notice = print_notice;
    // asked before every step: the first time, everything has been checked
    bool started = false;
    callbacks.interrupted = [&] {
        if (!std::exchange(started, true)) ready();
        return interrupted();
    };
    const auto result = train(exec, model, data, split, options, callbacks);

    Trained trained;
    trained.model = Model::name();
    trained.history = history_csv(result.history, Model::term_names);
    trained.epochs = static_cast<Index>(result.history.size());
    trained.best_epoch = result.best_epoch;
    trained.stopped_early = result.stopped_early;
    trained.interrupted = result.interrupted;
    trained.training_seconds = result.seconds;
    trained.cells_per_second = result.cells_per_second;
    Minibatch<float, Exec> batch(exec, data, options.minibatch);
    trained.bound_train = mean_bound(exec, model, data, cell_order<Exec>(exec, split.train), batch, request.seed)[0];
    if (!split.held_out.empty()) {
        const auto held_out = cell_order<Exec>(exec, split.held_out);
        trained.bound_test = mean_bound(exec, model, data, held_out, batch, request.seed)[0];
        trained.log_likelihood_test =
            mean_log_likelihood(exec, model, data, held_out, batch, request.samples, request.seed);
    }
    trained.latent = latent_means(exec, model, data, batch);
    return trained;
}

}  // namespace cellvae::program
