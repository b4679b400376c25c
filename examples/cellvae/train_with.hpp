// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "cellvae/data/mixture_fit.hpp"
#include "cellvae/models/vae.hpp"
#include "cellvae/training/history.hpp"
#include "cellvae/training/mixture_start.hpp"
#include "cellvae/training/trainer.hpp"
#include "latent_models.hpp"
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

/// Epochs where the user names none. A plain model: enough passes over few cells, fewer over many (scvi-tools' rule:
/// 20,000 / cells x 400, at most 400). A mixture and what it starts from: so many steps, since long training splits
/// large types (benchmarks/cell_types).
inline Index default_epochs(const TrainRequest& request, Index cells) {
    if (request.prior == "gaussian" || request.prior == "vamp")
        return std::clamp<Index>(static_cast<Index>(20000.0 / static_cast<double>(cells) * 400), 20, 400);
    const Index steps_per_epoch = std::max<Index>(1, cells / request.minibatch);
    return std::clamp<Index>(100 / steps_per_epoch, 5, 20);
}

/// What the request says of the model and the data, checked.
template <class L>
struct Plan {
    ModelOptions sizes;
    DatasetOptions views;
    TrainingOptions training;
    Index start_epochs = 0;  ///< of the plain model before a mixture
};

template <class L>
Plan<L> plan_of(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated) {
    Plan<L> plan;
    auto& [sizes, views, training, start_epochs] = plan;
    sizes.latent = request.latent;
    sizes.hidden = request.hidden;
    sizes.activation =
        by_name("--activation", request.activation,
                {ActivationKind::relu, ActivationKind::silu, ActivationKind::tanh, ActivationKind::identity});
    sizes.normalisation = by_name("--normalisation", request.normalisation,
                                  {Normalisation::none, Normalisation::layer, Normalisation::batch});
    sizes.dropout = request.dropout;
    sizes.input_noise = request.input_noise;
    sizes.shared = shared_parameters<L>(request.shared);
    sizes.seed = request.seed;
    sizes.prior = by_name("--prior", request.prior,
                          {PriorKind::gaussian, PriorKind::mixture, PriorKind::marginal_mixture, PriorKind::vamp});
    sizes.sum.kind = by_name("--sum", request.sum,
                             {ClusterSumKind::exact, ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax,
                              ClusterSumKind::straight_through});
    sizes.sum.threshold = request.threshold;
    sizes.learned_weights = request.weights != "uniform";
    sizes.pseudo_inputs = request.pseudo_inputs;
    sizes.bound = by_name("--bound", request.bound, {Bound::elbo, Bound::importance_weighted});
    sizes.samples = request.training_samples;
    if (request.decoder != "mlp") sizes.decoder_hidden = std::vector<Index>{};
    if (request.decoder == "masked") {
        sizes.mask = annotated.mask;
        sizes.latent = annotated.sets;
    }
    for (const auto condition : annotated.condition)
        sizes.conditions = std::max<Index>(sizes.conditions, condition + 1);
    views.labels = annotated.known;
    views.conditions = annotated.condition;
    views.input = by_name("--input", request.input,
                          {Input::raw, Input::log1p, Input::log1p_normalised, Input::standardised, Input::target});
    if (request.target != "auto")
        views.target =
            by_name("--target", request.target, {Target::counts, Target::unit_maximum, Target::log_normalised});
    const Target target = views.target.value_or(default_target<L>());
    if (request.scale == "auto")
        sizes.scale = L::log_mean_parameter >= 0 && target == Target::counts ? MeanScale::library : MeanScale::none;
    else
        sizes.scale = by_name("--scale", request.scale,
                              {MeanScale::none, MeanScale::library, MeanScale::share, MeanScale::library_share});
    training.epochs = request.epochs > 0 ? request.epochs : default_epochs(request, counts.cells());
    training.minibatch = request.minibatch;
    training.adam.learning_rate = request.learning_rate;
    training.adam.weight_decay = request.weight_decay;
    training.clip_norm = request.clip_norm;
    training.warm_up = request.warm_up;
    training.patience = request.patience;
    training.kl_weight = request.kl_weight;
    training.first_temperature = request.temperature.front();
    training.last_temperature = request.temperature.back();
    training.seed = request.seed;
    const bool mixture = sizes.prior == PriorKind::mixture || sizes.prior == PriorKind::marginal_mixture;
    if (mixture && request.start != "random")
        start_epochs = request.start_epochs > 0 ? request.start_epochs : 2 * training.epochs;
    return plan;
}

/// Groups from which a mixture starts where labels of some cells are known: component k is label k, and an unlabelled
/// cell starts with the label whose cells' mean is nearest.
inline std::vector<std::int32_t> nearest_known(std::span<const float> latent, std::size_t columns,
                                               std::span<const std::int32_t> known, std::size_t labels) {
    std::vector<double> mean(labels * columns), count(labels);
    for (std::size_t cell = 0; cell < known.size(); ++cell) {
        if (known[cell] < 0) continue;
        const auto k = static_cast<std::size_t>(known[cell]);
        ++count[k];
        for (std::size_t j = 0; j < columns; ++j)
            mean[k * columns + j] += static_cast<double>(latent[cell * columns + j]);
    }
    std::vector<std::int32_t> start(known.begin(), known.end());
    for (std::size_t cell = 0; cell < start.size(); ++cell) {
        double least = std::numeric_limits<double>::infinity();
        for (std::size_t k = 0; known[cell] < 0 && k < labels; ++k) {
            if (count[k] == 0) continue;
            double distance = 0;
            for (std::size_t j = 0; j < columns; ++j) {
                const double d = static_cast<double>(latent[cell * columns + j]) - mean[k * columns + j] / count[k];
                distance += d * d;
            }
            if (distance < least) {
                least = distance;
                start[cell] = static_cast<std::int32_t>(k);
            }
        }
    }
    return start;
}

/// Trains a model with the likelihood L as the request says: a plain model, or a mixture that starts from one. One
/// instantiation a source file; the priors are compiled elsewhere (latent_models.hpp).
template <class L>
Trained train_with(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                   const StartLabels& start_labels, const std::function<void()>& ready) {
    using Model = Vae<Mlp<>, AnyPrior, L>;
    using Exec = Kokkos::DefaultExecutionSpace;
    const Exec exec;
    const Kokkos::DefaultHostExecutionSpace host;
    auto plan = plan_of<L>(counts, request, annotated);
    auto& [sizes, views, training, start_epochs] = plan;
    const auto data = make_dataset<L>(exec, counts, views);
    const auto split = split_cells(counts.cells(), {.held_out = request.held_out, .seed = request.seed});

    TrainingCallbacks<Model::term_count> callbacks;
    std::string stage;
    callbacks.epoch = [&](const auto& report) {
        print_progress(stage + progress_line(report, Model::term_names), report.epoch == report.epochs);
    };
    callbacks.notice = print_notice;
    // asked before every step: the first time, everything has been checked
    bool started = false;
    callbacks.interrupted = [&] {
        if (!std::exchange(started, true)) ready();
        return interrupted();
    };
    Trained trained;
    std::optional<Model> plain;
    std::optional<MixtureFit> fit;
    const bool mixture = sizes.prior == PriorKind::mixture || sizes.prior == PriorKind::marginal_mixture;
    sizes.clusters = request.clusters > 0 ? request.clusters : 15;
    if (!annotated.label_names.empty()) sizes.clusters = static_cast<Index>(annotated.label_names.size());
    if (start_epochs > 0) {
        { const Model check(exec, counts.genes(), sizes); }  // refuse what cannot be before the first stage
        auto before = sizes;
        before.prior = PriorKind::gaussian;
        before.bound = Bound::elbo;
        before.samples = 1;
        auto options = training;
        options.epochs = start_epochs;
        options.patience = 0;
        auto unlabelled = data;
        unlabelled.largest_label = -1;
        plain.emplace(exec, counts.genes(), before);
        plain->start_from(exec, data);
        stage = "start: ";
        train(exec, *plain, unlabelled, split, options, callbacks);
        stage = "";
        const auto latent = latent_means(exec, *plain, data);
        std::vector<std::int32_t> start;
        if (!annotated.known.empty()) {
            start = nearest_known(latent, static_cast<std::size_t>(before.latent), annotated.known,
                                  annotated.label_names.size());
            trained.started_from = "the known labels";
        } else {
            start = start_labels(latent, before.latent);
            sizes.clusters = 1 + *std::max_element(start.begin(), start.end());
            trained.started_from = request.start;
        }
        fit = fit_mixture(host, latent, counts.cells(), before.latent,
                          {.components = static_cast<int>(sizes.clusters), .start = start, .seed = request.seed});
    }

    Model model(exec, counts.genes(), sizes);
    model.start_from(exec, data);
    if (plain) {
        copy_parameters(exec, plain->parameters(), model.parameters());
        copy_parameters(exec, plain->state(), model.state());
        start_mixture(exec, model.parameters(), *fit);
        plain.reset();
    }
    if (sizes.prior == PriorKind::vamp) start_pseudo_inputs(exec, model.parameters(), data, split.train, request.seed);
    const auto result = train(exec, model, data, split, training, callbacks);

    trained.model = message("vae, prior ", name_of(sizes.prior), ", likelihood ", L::name, ", float");
    trained.history = history_csv(result.history, Model::term_names);
    trained.epochs = static_cast<Index>(result.history.size());
    trained.start_epochs = start_epochs;
    trained.best_epoch = result.best_epoch;
    trained.stopped_early = result.stopped_early;
    trained.interrupted = result.interrupted;
    trained.training_seconds = result.seconds;
    trained.cells_per_second = result.cells_per_second;
    Minibatch<float, Exec> batch(exec, data, training.minibatch);
    trained.bound_train = mean_bound(exec, model, data, cell_order<Exec>(exec, split.train), batch, request.seed)[0];
    if (!split.held_out.empty()) {
        const auto held_out = cell_order<Exec>(exec, split.held_out);
        trained.bound_test = mean_bound(exec, model, data, held_out, batch, request.seed)[0];
        trained.log_likelihood_test =
            mean_log_likelihood(exec, model, data, held_out, batch, request.samples, request.seed);
    }
    trained.latent = latent_means(exec, model, data, batch);
    trained.latent_size = sizes.latent;
    if (mixture) {
        trained.responsibilities = responsibilities(exec, model, data, batch);
        trained.components = sizes.clusters;
    }
    return trained;
}

}  // namespace cellvae::program
