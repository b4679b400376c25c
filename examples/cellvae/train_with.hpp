// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "any_cells.hpp"
#include "cellvae/clustering/mixture_fit.hpp"
#include "cellvae/data/subsample.hpp"
#include "cellvae/evaluation/posterior_predictive.hpp"
#include "cellvae/io/model_file.hpp"
#include "cellvae/models/vae.hpp"
#include "cellvae/training/history.hpp"
#include "cellvae/training/mixture_start.hpp"
#include "cellvae/training/trainer.hpp"
#include "cellvae/training/training_options.hpp"
#include "kept_request.hpp"
#include "latent_models.hpp"
#include "processes.hpp"
#include "request.hpp"
#include "streaming.hpp"

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

/// What `auto` shares is scatter_parameters().
template <class L>
std::vector<std::string> shared_parameters(const std::vector<std::string>& asked) {
    if (asked == std::vector<std::string>{"none"}) return {};
    if (asked != std::vector<std::string>{"auto"}) return asked;
    return scatter_parameters<L>();
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
Plan<L> plan_of(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated) {
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
    sizes.mixture.sum.kind = by_name("--sum", request.sum,
                                     {ClusterSumKind::exact, ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax,
                                      ClusterSumKind::straight_through});
    sizes.mixture.sum.threshold = request.threshold;
    sizes.mixture.learned_weights = request.weights != "uniform";
    sizes.vamp.pseudo_inputs = request.pseudo_inputs;
    sizes.bound = by_name("--bound", request.bound, {Bound::elbo, Bound::importance_weighted});
    sizes.samples = request.training_samples;
    sizes.products = by_name("--products", request.products, {ProductPrecision::float32, ProductPrecision::bfloat16});
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
    training.epochs = request.epochs > 0 ? request.epochs : default_epochs(request, cells.cells());
    training.minibatch = request.minibatch;
    training.adam.learning_rate = request.learning_rate;
    training.adam.weight_decay = request.weight_decay;
    training.clip_norm = request.clip_norm;
    training.warm_up = request.warm_up;
    training.patience = request.patience;
    training.kl_weight = request.kl_weight;
    training.cluster_kl_weight = request.cluster_kl_weight;
    training.cluster_warm_up = request.cluster_warm_up;
    training.balance = request.balance;
    training.free_nats = request.free_nats;
    training.cluster_free_nats = request.cluster_free_nats;
    training.hold_prior = request.hold_prior;
    training.first_temperature = request.temperature.front();
    training.last_temperature = request.temperature.back();
    training.shuffle = {.chunk = request.shuffle_chunk, .chunks = request.shuffle_chunks};
    training.seed = request.seed;
    const bool mixture = sizes.prior == PriorKind::mixture || sizes.prior == PriorKind::marginal_mixture;
    if (mixture && request.start != "random")
        start_epochs = request.start_epochs > 0 ? request.start_epochs : default_start_epochs(request, cells.cells());
    return plan;
}

/// Says when the next checkpoint is due.
class CheckpointClock {
public:
    explicit CheckpointClock(const TrainRequest& request)
        : epochs_(request.checkpoint_epochs), minutes_(request.checkpoint_minutes) {}

    void epoch_is_done(Index epoch) { due_ = due_ || (epochs_ > 0 && epoch % epochs_ == 0); }
    [[nodiscard]] bool is_due() const { return due_ || (minutes_ > 0 && Clock::now() - last_ >= Minutes(minutes_)); }
    void is_written() {
        due_ = false;
        last_ = Clock::now();
    }

private:
    using Clock = std::chrono::steady_clock;
    using Minutes = std::chrono::duration<double, std::ratio<60>>;

    Index epochs_;
    double minutes_;
    bool due_ = false;
    Clock::time_point last_ = Clock::now();
};

/// What --resume goes on from.
struct Kept {
    std::filesystem::path file;
    ModelDescription description;
    Stage stage;
};

/// @throws OptionError, InputError unless it is of this request, these genes and this type of model
inline std::optional<Kept> kept_model(const TrainRequest& request, const CountMatrix& counts) {
    if (request.resume.empty()) return std::nullopt;
    std::filesystem::path file = request.resume;
    if (std::filesystem::is_directory(file)) file /= "model.h5";
    if (!std::filesystem::exists(file))
        throw OptionError(
            message("--resume: there is no ", file.string(), " to go on from; leave --resume out to begin"));
    Kept kept{.file = file, .description = read_model_description(file), .stage = Stage::model};
    kept.stage = require_same_request(kept.description.program, request, file.string());
    require_genes(kept.description, file.string(), counts.var.names, request.counts);
    return kept;
}

/// Trains a model with the likelihood L as the request says: a plain model, or a mixture that starts from one. One
/// instantiation a source file; the priors are compiled elsewhere (latent_models.hpp).
template <class L>
Trained train_with(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated,
                   const StartLabels& start_labels, const std::function<void()>& ready) {
    using Model = Vae<Mlp<>, AnyPrior, L>;
    using Exec = Kokkos::DefaultExecutionSpace;
    const Exec exec;
    const Kokkos::DefaultHostExecutionSpace host;
    Processes& team = processes();
    const CountMatrix& counts = cells.counts;
    auto plan = plan_of<L>(cells, request, annotated);
    auto& [sizes, views, training, start_epochs] = plan;
    const std::filesystem::path file = std::filesystem::path(request.out) / "model.h5";
    const auto kept = kept_model(request, counts);
    const bool start_is_done = kept && kept->stage == Stage::model;
    const bool mixture = sizes.prior == PriorKind::mixture || sizes.prior == PriorKind::marginal_mixture;
    sizes.mixture.clusters = placed_components(request);
    if (!annotated.label_names.empty()) sizes.mixture.clusters = static_cast<Index>(annotated.label_names.size());
    if (cells.reader) {
        const Model check(exec, counts.genes(), sizes);
        TrainRequest as_before = request;  // what goes on reads the file in the order in which it began
        if (kept && request.shuffle_chunk == 0) {
            as_before.shuffle_chunk = kept->description.training.shuffle.chunk;
            as_before.shuffle_chunks = kept->description.training.shuffle.chunks;
        }
        training.shuffle = streamed_shuffle(as_before, cells, counts.genes(), check.parameters().size());
    }
    const auto split = split_cells(cells.cells(), {.held_out = request.held_out, .seed = request.seed});
    views.standardise_from = split.train;
    const auto data = [&] {
        try {
            return cells.reader ? AnyCells<Exec>(make_streamed_dataset<L>(exec, cells.reader, views))
                                : AnyCells<Exec>(make_dataset<L>(exec, counts, views));
        } catch (const InputError& error) {
            throw InputError(with_inputs(request.counts, error.what()) + other_matrices(request));
        }
    }();

    CheckpointClock clock(request);
    TrainingCallbacks<Model::term_count> callbacks;
    std::string stage_name;
    callbacks.epoch = [&](const auto& report) {
        print_progress(stage_name + progress_line(report, Model::term_names), report.epoch == report.epochs);
        clock.epoch_is_done(report.epoch);
    };
    callbacks.notice = print_notice;
    // asked before every step: the first time, everything has been checked
    bool started = false;
    callbacks.interrupted = [&] {
        if (!std::exchange(started, true)) ready();
        return interrupted();
    };
    callbacks.checkpoint_due = [&] { return team.rank() == 0 && clock.is_due(); };
    /// @param from the file has this stage's state, to go on from
    const auto run = [&](Model& model, const AnyCells<Exec>& some, const TrainingOptions& options, Stage stage,
                         bool from) {
        auto description = describe_model(exec, model, some, split, options, counts.var.names);
        description.label_names = annotated.label_names;
        description.condition_names = annotated.condition_names;
        description.latent_names = annotated.latent_names;
        description.program = kept_request(request, stage);
        std::optional<TrainingState<float, Model::term_count>> state;
        if (from) {
            require_cells(kept->description, kept->file.string(), description, request.counts);
            state = load_training_state(kept->file, model, options);
            print_notice(message("going on from ", kept->file.string(), ", ",
                                 stage == Stage::start ? "whose plain model a mixture starts from, " : "",
                                 state->history.size(), " epochs trained"));
            if (const auto changed =
                    what_epochs_change(kept->description.training, options,
                                       sizes.prior == PriorKind::mixture && sizes.mixture.sum.is_relaxed());
                !changed.empty())
                print_notice(message("from here on the longer plan holds: ", changed));
        }
        if (request.save == "model" && team.rank() == 0)
            callbacks.checkpoint = [&](const auto& reached) {
                save_model(file, description, model, reached);
                clock.is_written();
            };
        return train(exec, model, some, split, options, callbacks, state ? &*state : nullptr, team);
    };

    Trained trained;
    std::optional<Model> plain;
    std::optional<MixtureFit> fit;
    if (start_epochs > 0)
        trained.started_from = annotated.known.empty() ? start_of(request, cells.cells()) : "the known labels";
    if (start_epochs > 0 && start_is_done) {
        sizes.mixture.clusters =
            kept->description.options.mixture.clusters;  // as many as there were groups to start from
    } else if (start_epochs > 0) {
        { const Model check(exec, counts.genes(), sizes); }  // refuse what cannot be before the first stage
        auto before = sizes;
        before.prior = PriorKind::gaussian;
        before.bound = Bound::elbo;
        before.samples = 1;
        before.mixture.sum = {};
        auto options = training;
        options.epochs = start_epochs;
        options.patience = 0;
        options.hold_prior = 0;
        options.balance = options.cluster_free_nats = 0;  // what is of clusters waits for them
        options.cluster_kl_weight.reset();
        options.cluster_warm_up.reset();
        auto unlabelled = data;
        unlabelled.largest_label = -1;
        plain.emplace(exec, counts.genes(), before);
        plain->start_from(exec, data);
        stage_name = "start: ";
        if (run(*plain, unlabelled, options, Stage::start, kept.has_value()).interrupted)
            print_notice(message("interrupted in the plain model that the mixture starts from",
                                 request.save == "none" ? "" : ": " + file.string() + " holds that plain model"));
        stage_name = "";
        const auto latent = latent_means(exec, *plain, data, ProgressLine("encode", data.cells()));
        const auto start = start_labels(latent, before.latent);
        // components that are known labels stay where these are
        if (annotated.known.empty()) sizes.mixture.clusters = 1 + *std::max_element(start.begin(), start.end());
        const WaitingLine line("start of the mixture");
        fit = fit_mixture(host, latent, cells.cells(), before.latent,
                          {.components = static_cast<int>(sizes.mixture.clusters),
                           .iterations = annotated.known.empty() ? MixtureFitOptions().iterations : 0,
                           .start = start,
                           .seed = request.seed});
    }

    Model model(exec, counts.genes(), sizes);
    if (!start_is_done) {
        model.start_from(exec, data);
        if (plain) {
            copy_parameters(exec, plain->parameters(), model.parameters());
            copy_parameters(exec, plain->state(), model.state());
            start_mixture(exec, model.parameters(), *fit);
        }
        if (sizes.prior == PriorKind::vamp)
            start_pseudo_inputs(exec, model.parameters(), data, split.train, request.seed);
    }
    TrainingResult<Model::term_count> result;
    const double waited = data.times->waiting;
    trained.file_is_of_start = plain && team.any(interrupted());
    if (trained.file_is_of_start)
        result.interrupted = true;  // it is to be gone on from
    else
        result = run(model, data, training, Stage::model, start_is_done);
    if (!started) ready();
    plain.reset();
    if (team.rank() > 0) return trained;  // the first looks at what came of it, and writes

    trained.model = model.name();
    trained.history = history_csv(result.history, Model::term_names);
    trained.epochs = static_cast<Index>(result.history.size());
    trained.start_epochs = start_epochs;
    trained.best_epoch = result.best_epoch;
    trained.stopped_early = result.stopped_early;
    trained.interrupted = result.interrupted;
    trained.training_seconds = result.seconds;
    trained.cells_per_second = result.cells_per_second;
    if (data.reader) {
        trained.seconds_waiting = data.times->waiting - waited;
        trained.library_sizes = data.host_library;
    }
    Minibatch<float, Exec> batch(exec, data, training.minibatch);
    const auto train_cells = static_cast<Index>(split.train.size());
    const auto test_cells = static_cast<Index>(split.held_out.size());
    trained.bound_train =
        mean_bound(exec, model, data, split.train, batch, request.seed, ProgressLine("bound", train_cells))[0];
    if (test_cells > 0) {
        trained.bound_test = mean_bound(exec, model, data, split.held_out, batch, request.seed,
                                        ProgressLine("held-out bound", test_cells))[0];
        trained.log_likelihood_test = mean_log_likelihood(exec, model, data, split.held_out, batch, request.samples,
                                                          request.seed, ProgressLine("log-likelihood", test_cells));
    }
    trained.latent = latent_means(exec, model, data, batch, ProgressLine("encode", data.cells()));
    trained.latent_size = sizes.latent;
    if (mixture) {
        trained.responsibilities = responsibilities(exec, model, data, batch, ProgressLine("clusters", data.cells()));
        trained.components = sizes.mixture.clusters;
    }
    const auto drawn = subsample_cells(data.cells(), most_predicted, request.seed);
    trained.predictive = std::make_shared<PosteriorPredictiveSummary>(posterior_predictive_summary(
        exec, model, data, batch, {.cells = {drawn.begin(), drawn.end()}, .seed = request.seed},
        ProgressLine("posterior predictive check", static_cast<Index>(drawn.size()))));
    return trained;
}

}  // namespace cellvae::program
