// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
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
#include "kept_request.hpp"
#include "latent_models.hpp"
#include "processes.hpp"
#include "start_groups.hpp"
#include "streaming.hpp"
#include "train_plan.hpp"

namespace cellvae::program {

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

/// Training of a model with the likelihood L as the request says: of a plain one, or of a mixture that starts from one.
/// One instantiation a source file; the priors are compiled elsewhere (latent_models.hpp).
template <class L>
class TrainingRun {
public:
    /// Checks everything that can be without the first step.
    /// @param ready is called once that first step is about to be made
    TrainingRun(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated,
                const StartGroups& start_groups, const std::function<void()>& ready)
        : cells_(cells),
          request_(request),
          annotated_(annotated),
          start_groups_(start_groups),
          ready_(ready),
          plan_(plan_of(likelihood_defaults<L>(), cells, request, annotated)),
          kept_(kept_model(request, cells.counts)),
          file_(std::filesystem::path(request.out) / "model.h5"),
          started_from_(annotated.known.empty() ? start_of(request, cells.cells()) : "the known labels"),
          split_(split_cells(cells.cells(), {.held_out = request.held_out, .seed = request.seed})),
          clock_(request) {
        // A mixture that cannot be is refused before its plain model is trained; otherwise run() makes the model at
        // once.
        if (cells.reader || starts_from_plain()) {
            const Model check(exec_, cells.counts.genes(), plan_.model);
            if (cells.reader) plan_.training.shuffle = shuffle_for(check.parameters().size());
        }
        plan_.data.standardise_from = split_.train;
        if (goes_on()) {
            plan_.model.mixture.clusters = kept_->description.options.mixture.clusters;
            if (!kept_->started_from.empty()) started_from_ = kept_->started_from;
        }
        set_callbacks();
    }

    TrainingRun(const TrainingRun&) = delete;
    TrainingRun& operator=(const TrainingRun&) = delete;

    [[nodiscard]] Trained run() {
        data_ = read_data();
        if (starts_from_plain()) train_plain();
        Model model(exec_, cells_.counts.genes(), plan_.model);
        if (!goes_on()) start(model);
        const double waited = data_->times->waiting;
        const bool ends_before = plain_ && team_.any(interrupted());  // to be gone on from
        TrainingResult<Model::term_count> result;
        if (ends_before)
            result.interrupted = true;
        else
            result = train_stage(model, *data_, plan_.training, Stage::model, goes_on());
        make_ready();
        plain_.reset();
        Trained trained;
        if (team_.rank() > 0) return trained;  // the first looks at what came of it, and writes
        trained.file_is_of_start = ends_before;
        trained.model = model.name();
        trained.started_from = plan_.start_epochs > 0 ? started_from_ : "random";
        add_training(trained, result, data_->times->waiting - waited);
        add_evaluation(trained, model);
        return trained;
    }

private:
    using Model = Vae<Mlp<>, AnyPrior, L>;
    using Exec = Kokkos::DefaultExecutionSpace;
    using Cells = AnyCells<Exec>;

    /// With the stage after the plain model, or the only one.
    [[nodiscard]] bool goes_on() const { return kept_ && kept_->stage == Stage::model; }
    [[nodiscard]] bool starts_from_plain() const { return plan_.start_epochs > 0 && !goes_on(); }

    [[nodiscard]] ShuffleOptions shuffle_for(Index parameters) const {
        TrainRequest as_before = request_;  // what goes on reads the file in the order in which it began
        if (kept_ && request_.shuffle_chunk == 0) {
            as_before.shuffle_chunk = kept_->description.training.shuffle.chunk;
            as_before.shuffle_chunks = kept_->description.training.shuffle.chunks;
        }
        return streamed_shuffle(as_before, cells_, cells_.counts.genes(), parameters);
    }

    [[nodiscard]] Cells read_data() const {
        try {
            return cells_.reader ? Cells(make_streamed_dataset<L>(exec_, cells_.reader, plan_.data))
                                 : Cells(make_dataset<L>(exec_, cells_.counts, plan_.data));
        } catch (const InputError& error) {
            throw InputError(with_inputs(request_.counts, error.what()) + other_matrices(request_));
        }
    }

    /// Everything has been checked, and something is written next.
    void make_ready() {
        if (!std::exchange(started_, true)) ready_();
    }

    void set_callbacks() {
        callbacks_.epoch = [this](const auto& report) {
            print_progress(stage_name_ + progress_line(report, Model::term_names), report.epoch == report.epochs);
            clock_.epoch_is_done(report.epoch);
        };
        callbacks_.notice = print_notice;
        // asked before every step: the first time, everything has been checked
        callbacks_.interrupted = [this] {
            make_ready();
            return interrupted();
        };
        callbacks_.checkpoint_due = [this] { return team_.rank() == 0 && clock_.is_due(); };
    }

    /// @param from the kept file has this stage's state, to go on from
    TrainingResult<Model::term_count> train_stage(Model& model, const Cells& data, const TrainingOptions& options,
                                                  Stage stage, bool from) {
        auto description = describe_model(exec_, model, data, split_, options, cells_.counts.var.names);
        description.label_names = annotated_.label_names;
        description.condition_names = annotated_.condition_names;
        description.condition_column = annotated_.condition_column;
        description.latent_names = annotated_.latent_names;
        description.program = kept_request(request_, stage, started_from_);
        std::optional<TrainingState<float, Model::term_count>> state;
        if (from) {
            require_cells(kept_->description, kept_->file.string(), description, request_.counts);
            state = load_training_state(kept_->file, model, options);
            say_what_goes_on(stage, state->history.size(), options);
        }
        if (request_.save == "model" && team_.rank() == 0)
            callbacks_.checkpoint = [&](const auto& reached) {
                make_ready();  // what goes on where no step is left was never asked
                save_model(file_, description, model, reached);
                clock_.is_written();
            };
        return train(exec_, model, data, split_, options, callbacks_, state ? &*state : nullptr, team_);
    }

    void say_what_goes_on(Stage stage, std::size_t epochs, const TrainingOptions& options) const {
        print_notice(message("going on from ", kept_->file.string(), ", ",
                             stage == Stage::start ? "whose plain model a mixture starts from, " : "", epochs,
                             " epochs trained"));
        const auto changed =
            what_epochs_change(kept_->description.training, options,
                               plan_.model.prior == PriorKind::mixture && plan_.model.mixture.sum.is_relaxed());
        if (!changed.empty()) print_notice(message("from here on the longer plan holds: ", changed));
    }

    /// The plain model, and the components that are placed in its latent.
    void train_plain() {
        const Plan plan = plain_plan(plan_);
        Cells unlabelled = *data_;
        unlabelled.largest_label = -1;
        plain_.emplace(exec_, cells_.counts.genes(), plan.model);
        plain_->start_from(exec_, *data_);
        stage_name_ = "start: ";
        if (train_stage(*plain_, unlabelled, plan.training, Stage::start, kept_.has_value()).interrupted)
            print_notice(message("interrupted in the plain model that the mixture starts from",
                                 request_.save == "none" ? "" : ": " + file_.string() + " holds that plain model"));
        stage_name_ = "";
        const auto latent = latent_means(exec_, *plain_, *data_, ProgressLine("encode", data_->cells()));
        const auto start = start_groups_(latent, plan.model.latent);
        const auto& groups = start.group;
        started_from_ = start.from;
        const bool known = !annotated_.known.empty();
        auto& clusters = plan_.model.mixture.clusters;
        if (!known) clusters = 1 + *std::max_element(groups.begin(), groups.end());
        const WaitingLine line("start of the mixture");
        fit_ =
            fit_mixture(host_, latent, cells_.cells(), plan.model.latent,
                        {.components = static_cast<int>(clusters),
                         .iterations = known ? 0 : MixtureFitOptions().iterations,  // known labels stay where they are
                         .start = groups,
                         .seed = request_.seed});
    }

    void start(Model& model) {
        model.start_from(exec_, *data_);
        if (plain_) {
            copy_parameters(exec_, plain_->parameters(), model.parameters());
            copy_parameters(exec_, plain_->state(), model.state());
            start_mixture(exec_, model.parameters(), *fit_);
        }
        if (plan_.model.prior == PriorKind::vamp)
            start_pseudo_inputs(exec_, model.parameters(), *data_, split_.train, request_.seed);
    }

    void add_training(Trained& trained, const TrainingResult<Model::term_count>& result, double waited) const {
        trained.history = history_csv(result.history, Model::term_names);
        trained.epochs = static_cast<Index>(result.history.size());
        trained.start_epochs = plan_.start_epochs;
        trained.best_epoch = result.best_epoch;
        trained.stopped_early = result.stopped_early;
        trained.interrupted = result.interrupted;
        trained.training_seconds = result.seconds;
        trained.cells_per_second = result.cells_per_second;
        if (!data_->reader) return;
        trained.seconds_waiting = waited;
        trained.library_sizes = data_->host_library;
    }

    void add_evaluation(Trained& trained, Model& model) const {
        const Cells& data = *data_;
        Minibatch<float, Exec> batch(exec_, data, plan_.training.minibatch);
        const auto bound_of = [&](const std::vector<Index>& some, const char* name) {
            return mean_bound(exec_, model, data, some, batch, request_.seed,
                              ProgressLine(name, static_cast<Index>(some.size())))[0];
        };
        trained.bound_train = bound_of(split_.train, "bound");
        if (!split_.held_out.empty()) {
            trained.bound_test = bound_of(split_.held_out, "held-out bound");
            trained.log_likelihood_test =
                mean_log_likelihood(exec_, model, data, split_.held_out, batch, request_.samples, request_.seed,
                                    ProgressLine("log-likelihood", static_cast<Index>(split_.held_out.size())));
        }
        trained.latent = latent_means(exec_, model, data, batch, ProgressLine("encode", data.cells()));
        trained.latent_size = plan_.model.latent;
        if (request_.has_clusters()) {
            trained.responsibilities =
                responsibilities(exec_, model, data, batch, ProgressLine("clusters", data.cells()));
            trained.components = plan_.model.mixture.clusters;
        }
        const auto drawn = subsample_cells(data.cells(), most_predicted, request_.seed);
        trained.predictive = std::make_shared<PosteriorPredictiveSummary>(posterior_predictive_summary(
            exec_, model, data, batch, {.cells = {drawn.begin(), drawn.end()}, .seed = request_.seed},
            ProgressLine("posterior predictive check", static_cast<Index>(drawn.size()))));
    }

    const Exec exec_{};
    const Kokkos::DefaultHostExecutionSpace host_{};
    Processes& team_ = processes();
    const TrainCells& cells_;
    const TrainRequest& request_;
    const Annotated& annotated_;
    const StartGroups& start_groups_;
    const std::function<void()>& ready_;
    Plan plan_;  ///< of the mixture where there is one
    std::optional<KeptModel> kept_;
    std::filesystem::path file_;
    std::string started_from_;  ///< where a mixture's components are placed, or will be
    Split split_;
    CheckpointClock clock_;
    TrainingCallbacks<Model::term_count> callbacks_;
    std::string stage_name_;
    bool started_ = false;
    std::optional<Cells> data_;
    std::optional<Model> plain_;
    std::optional<MixtureFit> fit_;
};

template <class L>
Trained train_with(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated,
                   const StartGroups& start_groups, const std::function<void()>& ready) {
    return TrainingRun<L>(cells, request, annotated, start_groups, ready).run();
}

}  // namespace cellvae::program
