// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/data/shuffle.hpp"
#include "cellvae/models/evaluate.hpp"
#include "cellvae/models/non_finite.hpp"
#include "cellvae/training/adam.hpp"
#include "cellvae/training/finite_check.hpp"
#include "cellvae/training/mixture_notices.hpp"
#include "cellvae/training/team.hpp"
#include "cellvae/training/training_options.hpp"
#include "cellvae/training/training_state.hpp"

namespace cellvae {

/// What the world hears of training and may say to it. Every member may be empty.
template <std::size_t TermCount, class Real = float>
struct TrainingCallbacks {
    std::function<void(const EpochReport<TermCount>&)> epoch{};  ///< after every epoch
    std::function<void(const std::string&)> notice{};            ///< something that the user should know, in words
    std::function<bool()> interrupted{};                         ///< asked before every step; true ends training
    std::function<bool()> checkpoint_due{};  ///< asked before every step; true: checkpoint() is called
    std::function<void(const TrainingState<Real, TermCount>&)>
        checkpoint{};  ///< when it is due, and always at the end, before the model gets its best parameters
};

template <std::size_t TermCount>
struct TrainingResult {
    std::vector<EpochReport<TermCount>> history;
    /// Whose parameters the model has: that of the best held-out bound, the last without held-out cells; 0 when none
    /// was finished. Interrupted before any could be the best: the last that was finished, and the model has what it
    /// had when it was interrupted.
    Index best_epoch = 0;
    std::optional<double> best_bound{};  ///< the held-out bound of that epoch, where cells were held out
    bool stopped_early = false;          ///< by patience
    bool interrupted = false;
    double seconds = 0;           ///< of all training, with evaluation of the held-out cells
    double cells_per_second = 0;  ///< training cells over the time of the training steps
    MixtureUse mixture{};         ///< what training left in use of a prior with clusters, unless it was interrupted
    std::vector<std::string> notices{};  ///< all that TrainingCallbacks::notice was told
};

namespace training_detail {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The prior's own parameters while they are held: without a gradient, and put back after a step, whose weight decay
/// makes no exception of them.
template <class Real, class Exec>
class HeldPrior {
public:
    /// Keeps the values that are to stay.
    void begin(const Exec& exec, const ParameterStore<Real, Exec>& parameters) {
        if (!held_.empty()) return;
        for (std::size_t i = 0; i < parameters.entries().size(); ++i) {
            if (!parameters.entries()[i].name.starts_with("prior/")) continue;
            const auto value = parameters.value(static_cast<int>(i));
            const Matrix<Real, typename Exec::memory_space> kept(
                Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, "cellvae::hold_prior"), value.extent(0),
                value.extent(1));
            Kokkos::deep_copy(exec, kept, value);
            held_.push_back({static_cast<int>(i), kept});
        }
    }

    void clear_gradient(const Exec& exec, const ParameterStore<Real, Exec>& parameters) const {
        for (const auto& [id, kept] : held_)
            fill(exec, KernelLabel("cellvae::hold_prior"), parameters.gradient(id), Real(0));
    }

    void put_back(const Exec& exec, const ParameterStore<Real, Exec>& parameters) const {
        for (const auto& [id, kept] : held_) Kokkos::deep_copy(exec, parameters.value(id), kept);
    }

private:
    std::vector<std::pair<int, Matrix<Real, typename Exec::memory_space>>> held_;  // numbers and values
};

/// Copies an array of a state to where it was taken from.
template <class Exec, class Real>
void put_back(const Exec& exec, const Vector<Real, typename Exec::memory_space>& to,
              const Vector<Real, Kokkos::HostSpace>& from) {
    require_size(static_cast<Index>(from.extent(0)), static_cast<Index>(to.extent(0)),
                 "values of the state that training goes on from");
    Kokkos::deep_copy(exec, to, from);
}

/// The parameters and the state at the best epoch.
template <class Real, class Exec>
class BestParameters {
public:
    template <class Model>
    void keep(const Exec& exec, const Model& model) {
        reserve(model);
        Kokkos::deep_copy(exec, values_, model.parameters().values());
        Kokkos::deep_copy(exec, state_, model.state().values());
        exec.fence(KernelLabel("cellvae::best"));
    }

    /// Takes those of a training state.
    template <class Model>
    void take(const Exec& exec, const Model& model, const Vector<Real, Kokkos::HostSpace>& values,
              const Vector<Real, Kokkos::HostSpace>& state) {
        reserve(model);
        put_back<Exec, Real>(exec, values_, values);
        put_back<Exec, Real>(exec, state_, state);
        exec.fence(KernelLabel("cellvae::best"));
    }

    template <class Model>
    void restore(const Exec& exec, const Model& model) const {
        if (values_.extent(0) == 0) return;
        Kokkos::deep_copy(exec, model.parameters().values(), values_);
        Kokkos::deep_copy(exec, model.state().values(), state_);
        exec.fence(KernelLabel("cellvae::best"));
    }

    [[nodiscard]] const Vector<Real, typename Exec::memory_space>& values() const { return values_; }
    [[nodiscard]] const Vector<Real, typename Exec::memory_space>& state() const { return state_; }

private:
    template <class Model>
    void reserve(const Model& model) {
        if (values_.extent(0) != 0) return;
        values_ = decltype(values_)("cellvae::best::values", model.parameters().values().extent(0));
        state_ = decltype(state_)("cellvae::best::state", model.state().values().extent(0));
    }

    Vector<Real, typename Exec::memory_space> values_;
    Vector<Real, typename Exec::memory_space> state_;
};

}  // namespace training_detail

/// All that training is, between any two steps: epoch and step, Adam's moments, the best parameters and how long
/// nothing was better, the history, options and seed. train() is its one-call form, and says what training does.
///
///     Trainer trainer(exec, model, data, split, options);
///     trainer.go_on_from(state);              // where there is one, as load_training_state() reads it
///     while (trainer.step()) { ... }          // or trainer.run(), which asks callbacks for interrupts and checkpoints
///     const auto result = trainer.finish();   // the model has its best parameters
///
/// Model, data and team must outlive it, and nothing else may change the model meanwhile. No noise is kept: all of it
/// follows from (seed, step, cell).
template <class Model, class Exec, CellSource<Exec> Cells, class Team = Alone>
requires TrainingTeam<Team, Exec, typename Model::real_type>
class Trainer {
public:
    using Real = typename Model::real_type;
    using State = TrainingState<Real, Model::term_count>;
    using Callbacks = TrainingCallbacks<Model::term_count, Real>;
    using Result = TrainingResult<Model::term_count>;

    /// @throws OptionError for options out of range, or that a team does not have; ShapeError for data or a split that
    /// do
    ///         not fit the model
    Trainer(const Exec& exec, Model& model, const Cells& data, const Split& split, const TrainingOptions& options,
            const Callbacks& callbacks, Team& team)
        : exec_(exec),
          model_(&model),
          data_(&data),
          split_(split),
          options_((check(model, data, split, options, team), options)),
          callbacks_(callbacks),
          team_(&team),
          train_cells_(static_cast<Index>(split.train.size())),
          minibatch_(std::min(options.minibatch, train_cells_)),
          share_(team, minibatch_),
          batch_(exec, data, share_.most()),
          adam_(exec, model.parameters(), options.adam),
          finite_(exec, model.parameters()) {
        model.reserve(exec, batch_);
        say_what_is_not_used();
    }
    Trainer(const Exec& exec, Model& model, const Cells& data, const Split& split, const TrainingOptions& options,
            const Callbacks& callbacks = {}) requires std::same_as<Team, Alone>
        : Trainer(exec, model, data, split, options, callbacks, alone()) {}

    Trainer(const Trainer&) = delete;
    Trainer& operator=(const Trainer&) = delete;

    /// Takes up training where a state stands.
    /// @throws ShapeError for another model's; OptionError for one of other cells or minibatches, whose steps do not
    ///         fit
    void go_on_from(const State& from) {
        using training_detail::put_back;
        if (from.seen < 0 || from.seen >= train_cells_ || from.seen % minibatch_ != 0 ||
            from.steps != (from.epoch - 1) * steps_an_epoch() + from.seen / minibatch_)
            throw OptionError(message("the state to go on from is of other cells or minibatches: it has ", from.steps,
                                      " steps, ", from.seen, " cells into epoch ", from.epoch, ", and here ",
                                      train_cells_, " cells are trained on, ", minibatch_, " a step"));
        pass_.reset();
        at_ = static_cast<const Progress&>(from);
        if (from.best_parameters.extent(0) > 0) best_.take(exec_, *model_, from.best_parameters, from.best_statistics);
        put_back<Exec, Real>(exec_, model_->parameters().values(), from.parameters);
        put_back<Exec, Real>(exec_, model_->state().values(), from.statistics);
        put_back<Exec, Real>(exec_, adam_.first_moment(), from.first_moment);
        put_back<Exec, Real>(exec_, adam_.second_moment(), from.second_moment);
        adam_.go_on_after(from.steps);
        exec_.fence(KernelLabel("cellvae::train::resume"));
        first_epoch_ = at_.epoch;
    }

    /// Whether there is no step left: all epochs are done, or none was better for too long.
    [[nodiscard]] bool is_over() const {
        return finished_ || at_.epoch > options_.epochs || (at_.seen == 0 && patience_is_out());
    }

    /// Takes the next step, and after an epoch's last one computes the bound of the held-out cells. @returns whether
    /// there was one left
    /// @throws NumericalError as train()
    bool step() {
        if (is_over()) return false;
        if (!pass_) begin_epoch();
        const StepOptions step = step_options();
        report_.beta = step.beta;
        const Index count = std::min(minibatch_, train_cells_ - at_.seen);  // of all processes
        const auto terms = share_.gradient(exec_, *model_, *pass_, batch_, at_.seen, count, step);
        const bool held = adam_.steps() < options_.hold_prior * steps_an_epoch();
        if (held) {
            held_prior_.begin(exec_, model_->parameters());
            held_prior_.clear_gradient(exec_, model_->parameters());
        }
        adam_.step(exec_, model_->parameters(), checked_scale(terms[0], step));
        if (held) held_prior_.put_back(exec_, model_->parameters());
        for (std::size_t i = 0; i < terms.size(); ++i) at_.sums[i] += terms[i] * static_cast<double>(count);
        at_.seen += count;
        if (at_.seen == train_cells_) end_epoch();
        return true;
    }

    /// Takes all steps that are left, with checkpoints and interrupts as the callbacks ask for them, and finishes.
    Result run() {
        while (!is_over()) {
            if (!pass_) begin_epoch();
            if (team_->any(callbacks_.interrupted && callbacks_.interrupted())) {
                interrupted_ = true;
                break;
            }
            if (callbacks_.checkpoint_due && callbacks_.checkpoint_due()) {
                [[maybe_unused]] const auto paused = pass_->pause();  // HDF5 is for one thread at a time
                checkpoint();
            }
            step();
        }
        return finish();
    }

    /// Where training stands, with copies of all arrays on the host (views of them where the backend is the host).
    [[nodiscard]] State state() const {
        if (finished_)
            throw OptionError(
                "training is finished: the model has its best parameters, no more those of the last step");
        State state;
        static_cast<Progress&>(state) = at_;
        state.steps = adam_.steps();
        const KernelLabel name("cellvae::train::checkpoint");
        state.parameters = to_host(exec_, name, model_->parameters().values());
        state.statistics = to_host(exec_, name, model_->state().values());
        state.first_moment = to_host(exec_, name, adam_.first_moment());
        state.second_moment = to_host(exec_, name, adam_.second_moment());
        state.best_parameters = to_host(exec_, name, best_.values());
        state.best_statistics = to_host(exec_, name, best_.state());
        return state;
    }

    /// Ends training wherever it is: a last checkpoint, and the model gets its best parameters.
    Result finish() {
        if (pass_) end_pass();
        Result result;
        result.interrupted = interrupted_;
        result.stopped_early = !interrupted_ && at_.epoch <= options_.epochs && at_.seen == 0 && patience_is_out();
        checkpoint();
        finished_ = true;
        result.best_epoch = at_.best_epoch;
        if (at_.best_epoch > 0 && !split_.held_out.empty()) result.best_bound = at_.best_bound;
        result.history = at_.history;
        if (result.interrupted && result.best_epoch == 0 && !result.history.empty())
            result.best_epoch = result.history.back().epoch;
        best_.restore(exec_, *model_);
        result.seconds = training_detail::seconds_since(start_);
        if (!interrupted_) look_at_mixture(result);
        result.notices = notices_;
        if (trained_cells_ > 0) result.cells_per_second = static_cast<double>(trained_cells_) / step_seconds_;
        return result;
    }

private:
    using Clock = training_detail::Clock;
    using Progress = TrainingProgress<Model::term_count>;
    using Pass = decltype(begin_pass(std::declval<const Exec&>(), std::declval<const Cells&>(),
                                     std::declval<std::span<const Index>>(), Index{1}, Index{0}));

    static Alone& alone() {
        static Alone team;
        return team;
    }

    static void check(const Model& model, const Cells& data, const Split& split, const TrainingOptions& options,
                      const Team& team) {
        training_detail::check_options(options);
        training_detail::check_prior_options(model, options);
        if (split.train.empty()) throw OptionError("there is no cell to train on");
        model.require_fit(data);
        if (team.size() > 1 && (options.free_nats > 0 || options.cluster_free_nats > 0 || options.balance > 0))
            throw OptionError(
                "free nats and the balance of clusters are of a whole minibatch: one process alone has them");
        data.require_cells(split.train);
        data.require_cells(split.held_out);
    }

    void say(const std::string& text) {
        notices_.push_back(text);
        if (callbacks_.notice) callbacks_.notice(text);
    }

    /// Before the first step of all: whether it starts where it will do well.
    void look_at_start() {
        if (data_->largest_label >= 0 || !training_detail::lies_at_random(exec_, *model_)) return;
        started_ = false;
        say(message(
            "the mixture was not started: its ", model_->clusters(),
            " components lie at random, and most such empty in training. Place them on groups of a plain "
            "model's latent first (from Leiden or k-means; fit_clusters() and start_mixture() in the library)"));
    }

    void look_at_mixture(Result& result) {
        const auto cells = training_detail::cells_to_look_at<Exec>(*data_, split_.train, split_.held_out);
        result.mixture = mixture_use(exec_, *model_, *data_, cells, batch_);
        if (const auto text = collapse_notice(result.mixture, options_, started_); !text.empty()) say(text);
    }

    void say_what_is_not_used() {
        if (options_.patience > 0 && split_.held_out.empty())
            say(message("the patience of ", options_.patience, " epochs says nothing: no cells are held out"));
        if (data_->largest_label >= 0 && model_->clusters() == 0)  // elsewhere require_fit() has looked
            say("the known labels of cells are not used: the model's prior has no clusters");
        const auto shortened = [&](Index warm_up, const char* whose) {
            if (warm_up > options_.epochs)
                say(message("the warm-up of ", warm_up, " epochs is longer than the training of ", options_.epochs,
                            ": ", whose, " weight rises faster, so as to reach 1 with the last step"));
        };
        shortened(options_.warm_up, "the KL's");
        shortened(options_.cluster_warm_up.value_or(0), "the clusters' KL's");
    }

    /// Before its end no epoch is the best.
    [[nodiscard]] Index warm_up() const {
        return std::max(training_detail::warm_up_epochs(options_), training_detail::cluster_warm_up_epochs(options_));
    }
    [[nodiscard]] Index steps_an_epoch() const { return (train_cells_ + minibatch_ - 1) / minibatch_; }

    [[nodiscard]] bool patience_is_out() const {
        const Index done = at_.epoch - 1;
        return options_.patience > 0 && done >= warm_up() && at_.best_epoch > 0 &&
               done - at_.best_epoch >= options_.patience;
    }

    [[nodiscard]] StepOptions step_options() const {
        const auto last = static_cast<double>(std::max<Index>(options_.epochs * steps_an_epoch() - 1, 1));
        const double progress = static_cast<double>(adam_.steps()) / last;
        const auto rising = [&](Index epochs) {
            const auto steps = static_cast<double>(epochs * steps_an_epoch());
            return steps > 0 ? std::min(1.0, static_cast<double>(adam_.steps() + 1) / steps) : 1.0;
        };
        return StepOptions{.beta = options_.kl_weight * rising(training_detail::warm_up_epochs(options_)),
                           .cluster_beta = options_.cluster_kl_weight.value_or(options_.kl_weight) *
                                           rising(training_detail::cluster_warm_up_epochs(options_)),
                           .balance = options_.balance * (1 + std::cos(3.14159265358979323846 * progress)) / 2,
                           .free_nats = options_.free_nats,
                           .cluster_free_nats = options_.cluster_free_nats,
                           .seed = options_.seed,
                           .step = static_cast<std::uint32_t>(adam_.steps()),
                           .temperature = options_.first_temperature *
                                          std::pow(options_.last_temperature / options_.first_temperature, progress)};
    }

    /// What the gradient is scaled by. @throws NumericalError where it or the bound is not finite
    double checked_scale(double bound, const StepOptions& step) {
        double scale = 1;
        bool is_finite = std::isfinite(bound);
        if (is_finite && options_.clip_norm > 0) {
            const double norm = adam_.gradient_norm(exec_, model_->parameters());
            is_finite = std::isfinite(norm);
            if (norm > options_.clip_norm) scale = options_.clip_norm / norm;
        } else if (is_finite) {
            is_finite = finite_(exec_, model_->parameters());
        }
        if (is_finite) return scale;
        const std::string where = describe_non_finite(exec_, *model_, batch_, data_->cells_view, step);
        stop(message("training stopped at step ", adam_.steps() + 1, ": the ",
                     std::isfinite(bound) ? "gradient" : "bound", " is not finite; ", where));
    }

    /// @throws NumericalError, the model with its best parameters
    [[noreturn]] void stop(const std::string& why) {
        pass_.reset();
        best_.restore(exec_, *model_);
        finished_ = true;
        throw NumericalError(why + ". A smaller learning rate or clipping the gradient's norm may help");
    }

    void begin_epoch() {
        if (adam_.steps() == 0) look_at_start();
        shuffled_ = split_.train;  // the order depends on seed and epoch alone
        shuffle_cells(shuffled_, options_.shuffle, minibatch_, options_.seed, at_.epoch);
        report_ = {};
        report_.epoch = at_.epoch;
        report_.epochs = options_.epochs;
        epoch_start_ = Clock::now();
        seen_before_ = at_.seen;
        const Index window = shuffle_window(options_.shuffle, minibatch_) / minibatch_ * share_.most();
        pass_.emplace(begin_pass(exec_, *data_, share_.cells(shuffled_, own_), window, share_.position(at_.seen)));
    }

    /// @returns the seconds of the epoch's steps
    double end_pass() {
        pass_.reset();  // with the pass ends what reads for it
        exec_.fence(KernelLabel("cellvae::train::epoch"));
        const double seconds = training_detail::seconds_since(epoch_start_);
        step_seconds_ += seconds;
        trained_cells_ += at_.seen - seen_before_;
        return seconds;
    }

    void end_epoch() {
        const double seconds = end_pass();
        for (std::size_t i = 0; i < at_.sums.size(); ++i)
            report_.train[i] = std::exchange(at_.sums[i], 0.0) / static_cast<double>(train_cells_);
        report_.cells_per_second = static_cast<double>(at_.seen - seen_before_) / seconds;
        at_.seen = 0;
        if (split_.held_out.empty())
            at_.best_epoch = at_.epoch;
        else
            look_at_held_out();
        report_.seconds = training_detail::seconds_since(start_);
        report_.seconds_left = report_.seconds / static_cast<double>(at_.epoch - first_epoch_ + 1) *
                               static_cast<double>(options_.epochs - at_.epoch);
        at_.history.push_back(report_);
        ++at_.epoch;
        if (callbacks_.epoch) callbacks_.epoch(report_);
    }

    void look_at_held_out() {
        report_.held_out = share_.mean_bound(exec_, *model_, *data_, split_.held_out, batch_, options_.seed);
        const double bound = (*report_.held_out)[0];
        if (!std::isfinite(bound))
            stop(
                message("training stopped after epoch ", at_.epoch, ": the bound of the held-out cells is not finite"));
        if (at_.epoch < warm_up() || !(bound > at_.best_bound)) return;
        at_.best_bound = bound;
        at_.best_epoch = at_.epoch;
        report_.best = true;
        best_.keep(exec_, *model_);
    }

    void checkpoint() const {
        if (callbacks_.checkpoint) callbacks_.checkpoint(state());
    }

    Exec exec_;
    Model* model_;
    const Cells* data_;
    Split split_;
    TrainingOptions options_;
    Callbacks callbacks_;
    Team* team_;
    Index train_cells_;
    Index minibatch_;
    training_detail::TeamShare<Real, Exec, Team> share_;
    Minibatch<Real, Exec> batch_;
    Adam<Real, Exec> adam_;
    training_detail::FiniteCheck<Real, Exec> finite_;
    training_detail::BestParameters<Real, Exec> best_;
    training_detail::HeldPrior<Real, Exec> held_prior_;
    Progress at_;
    std::vector<Index> shuffled_;
    std::vector<Index> own_;
    std::optional<Pass> pass_;  // of the epoch at work
    EpochReport<Model::term_count> report_;
    std::vector<std::string> notices_;
    bool started_ = true;  // components of a mixture did not lie at random
    bool interrupted_ = false;
    bool finished_ = false;
    Index first_epoch_ = 1;
    Index seen_before_ = 0;
    Index trained_cells_ = 0;
    double step_seconds_ = 0;
    Clock::time_point start_ = Clock::now();
    Clock::time_point epoch_start_ = start_;
};

/// Trains a model on some cells of a data set and watches the bound of others.
///
/// The KL's weight rises over `warm_up` epochs and always reaches one. The held-out bound, at full KL weight, decides
/// the best epoch, and after `patience` epochs without a better one training stops; neither before the warm-up has
/// ended. The model ends with the best epoch's parameters; with the last one's where there are no held-out cells. An
/// interrupt counts as the end; the epoch that it falls into is in no history.
///
/// Same seed, same cells, same options: the same bits, for any number of threads; also where training stopped between
/// any two steps and went on from its state, as a checkpoint had it; and whether the counts lie in memory (Dataset) or
/// are streamed (StreamedDataset, which needs options.shuffle.chunk).
///
/// A team of processes (TrainingTeam) gives each its share of every minibatch and of the held-out cells; all must have
/// the same data, split and options. The same number of processes gives the same bits, another number the same result
/// within rounding: noise is keyed by the cell. Only batch normalisation sees the difference, since it normalises each
/// share by itself; the running statistics are the shares' means. Callbacks that are given are called in each process.
/// Where cells are streamed and options.shuffle.parts is the number of processes, each reads its own part of the file.
///
/// @param from where training stands already; null: at its beginning
/// @throws OptionError for options out of range, or that a team does not have; ShapeError for another model's state;
/// NumericalError, naming cell,
///         gene and parameters, when the bound or the gradient of a step is not finite: the model then has its best
///         parameters so far
template <class Model, class Exec, CellSource<Exec> Cells, class Team = Alone>
requires TrainingTeam<Team, Exec, typename Model::real_type> TrainingResult<Model::term_count> train(
    const Exec& exec, Model& model, const Cells& data, const Split& split, const TrainingOptions& options,
    const TrainingCallbacks<Model::term_count, typename Model::real_type>& callbacks = {},
    const TrainingState<typename Model::real_type, Model::term_count>* from = nullptr, Team&& team = {}) {
    Trainer<Model, Exec, Cells, std::remove_reference_t<Team>> trainer(exec, model, data, split, options, callbacks,
                                                                       team);
    if (from != nullptr) trainer.go_on_from(*from);
    return trainer.run();
}

}  // namespace cellvae
