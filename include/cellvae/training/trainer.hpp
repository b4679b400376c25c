// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/data/shuffle.hpp"
#include "cellvae/models/held_out.hpp"
#include "cellvae/models/non_finite.hpp"
#include "cellvae/training/adam.hpp"
#include "cellvae/training/team.hpp"
#include "cellvae/training/training_state.hpp"

namespace cellvae {

struct TrainingOptions {
    Index epochs = 200;
    Index minibatch = 128;  ///< cells a step
    AdamOptions adam{};
    double clip_norm = 0;  ///< longer gradients are scaled down to this norm; 0: never
    Index warm_up =
        0;  ///< epochs over which the weight of the KL rises from 0 to 1; more than there are become all of them
    Index patience = 0;    ///< epochs without a better held-out bound after which training stops; 0: never
    double kl_weight = 1;  ///< of the KL after the warm-up; held-out bounds have it at 1
    std::optional<double> cluster_kl_weight{};  ///< of a mixture's KL of y; empty: as kl_weight
    std::optional<Index> cluster_warm_up{};     ///< epochs, of that weight; empty: as warm_up
    double balance = 0;  ///< weight of the balance of clusters at first (priors/cluster_balance.hpp); by half a cosine
                         ///< it is let go over all epochs
    double free_nats = 0;           ///< a minibatch's mean KL of z that is not above this has no gradient,
    double cluster_free_nats = 0;   ///< and one of y that is not above this
    Index hold_prior = 0;           ///< epochs at first in which the prior's own parameters stay as they are
    double first_temperature = 1;   ///< of relaxed sums over clusters, at the first step,
    double last_temperature = 0.1;  ///< and at the last one of all epochs; between them it falls geometrically
    ShuffleOptions shuffle{};       ///< how the order of the cells is drawn
    std::uint64_t seed = 0;         ///< of the order of the cells and of all noise
};

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
    Index best_epoch = 0;                ///< whose parameters the model has; 0 when none was finished
    std::optional<double> best_bound{};  ///< the held-out bound of that epoch, where cells were held out
    bool stopped_early = false;          ///< by patience
    bool interrupted = false;
    double seconds = 0;           ///< of all training, with evaluation of the held-out cells
    double cells_per_second = 0;  ///< training cells over the time of the training steps
};

namespace training_detail {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// @throws OptionError
inline void check_options(const TrainingOptions& options) {
    const auto at_least = [](const char* what, double value, double least) {
        if (!(value >= least)) throw OptionError(message(what, " must be ", least, " or more, found ", value));
    };
    if (options.epochs < 1) throw OptionError(message("at least one epoch is needed, found ", options.epochs));
    if (options.minibatch < 1)
        throw OptionError(message("a minibatch has at least one cell, found ", options.minibatch));
    at_least("the warm-up", static_cast<double>(options.warm_up), 0);
    at_least("the warm-up of the clusters' KL", static_cast<double>(options.cluster_warm_up.value_or(0)), 0);
    at_least("the patience", static_cast<double>(options.patience), 0);
    at_least("the epochs in which the prior is held", static_cast<double>(options.hold_prior), 0);
    at_least("the norm to clip at", options.clip_norm, 0);
    at_least("the weight of the KL", options.kl_weight, 0);
    at_least("the weight of the clusters' KL", options.cluster_kl_weight.value_or(0), 0);
    at_least("the weight of the clusters' balance", options.balance, 0);
    at_least("the free nats", options.free_nats, 0);
    at_least("the clusters' free nats", options.cluster_free_nats, 0);
    if (!(options.first_temperature > 0 && options.last_temperature > 0))
        throw OptionError("temperatures of a relaxed sum over clusters are above 0");
}

/// Makes the gradients of the prior's own parameters zero.
template <class Real, class Exec>
void hold_prior(const Exec& exec, const ParameterStore<Real, Exec>& parameters) {
    for (std::size_t i = 0; i < parameters.entries().size(); ++i)
        if (parameters.entries()[i].name.compare(0, 6, "prior/") == 0)
            fill(exec, KernelLabel("cellvae::hold_prior"), parameters.gradient(static_cast<int>(i)), Real(0));
}

/// Whether the sums of all arrays of one row (biases and the like), and of the first row of every other one, are
/// finite. A gradient that is not finite reaches one of them. Weights' gradients are products d' x of what came back
/// and what went in: where d is not finite neither is the bias's gradient, its sum; where x is not, neither is any row
/// of the product, since zero times infinity is no number.
template <class Real, class Exec>
class FiniteCheck {
public:
    using Space = typename Exec::memory_space;

    FiniteCheck(const Exec& exec, const ParameterStore<Real, Exec>& parameters) {
        std::vector<Index> starts, ends;
        for (const auto& entry : parameters.entries()) {
            for (Index begin = 0; begin < entry.columns; begin += elements_per_task) {
                starts.push_back(entry.offset + begin);
                ends.push_back(entry.offset + std::min(begin + elements_per_task, entry.columns));
            }
        }
        ranges_ = Matrix<Index, Space>(Kokkos::view_alloc(exec, "cellvae::finite_check::ranges"), starts.size(), 2);
        sums_ = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::finite_check::sums"), starts.size());
        const auto host = Kokkos::create_mirror_view(ranges_);
        for (std::size_t i = 0; i < starts.size(); ++i) {
            host(i, 0) = starts[i];
            host(i, 1) = ends[i];
        }
        Kokkos::deep_copy(exec, ranges_, host);
        host_sums_ = Kokkos::create_mirror_view(sums_);
        exec.fence(KernelLabel("cellvae::finite_check"));
    }

    [[nodiscard]] bool operator()(const Exec& exec, const ParameterStore<Real, Exec>& parameters) const {
        sum(exec, parameters.gradients(), ranges_, sums_);
        read_back(exec, KernelLabel("cellvae::finite_check"), host_sums_, sums_);
        for (std::size_t i = 0; i < host_sums_.extent(0); ++i)
            if (!std::isfinite(host_sums_(i))) return false;
        return true;
    }

    /// Public for nvcc, which wants the functions around device lambdas so.
    static void sum(const Exec& exec, const Vector<Real, Space>& values, const Matrix<Index, Space>& ranges,
                    const Vector<Real, Space>& sums) {
        Kokkos::parallel_for(
            KernelLabel("cellvae::finite_check"),
            Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(sums.extent(0))), KOKKOS_LAMBDA(const Index range) {
                Real total = 0;
                // a magnitude each, so that infinities of both signs cannot cancel
                for (Index i = ranges(range, 0); i < ranges(range, 1); ++i)
                    total += values(i) < Real(0) ? -values(i) : values(i);
                sums(range) = total;
            });
    }

private:
    Matrix<Index, Space> ranges_;  // of the flat gradient
    Vector<Real, Space> sums_;
    typename Vector<Real, Space>::host_mirror_type host_sums_;
};

/// The parameters and the state at the best epoch.
template <class Real, class Exec>
class BestParameters {
public:
    template <class Model>
    void keep(const Exec& exec, const Model& model) {
        if (values_.extent(0) == 0) {
            values_ = decltype(values_)("cellvae::best::values", model.parameters().values().extent(0));
            state_ = decltype(state_)("cellvae::best::state", model.state().values().extent(0));
        }
        Kokkos::deep_copy(exec, values_, model.parameters().values());
        Kokkos::deep_copy(exec, state_, model.state().values());
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
    Vector<Real, typename Exec::memory_space> values_;
    Vector<Real, typename Exec::memory_space> state_;
};

/// Copies an array of a state to where it was taken from.
template <class Exec, class Real>
void put_back(const Exec& exec, const Vector<Real, typename Exec::memory_space>& to,
              const Vector<Real, Kokkos::HostSpace>& from) {
    require_size(static_cast<Index>(from.extent(0)), static_cast<Index>(to.extent(0)),
                 "values of the state that training goes on from");
    Kokkos::deep_copy(exec, to, from);
}

}  // namespace training_detail

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
    using Real = typename Model::real_type;
    using training_detail::Clock;
    training_detail::check_options(options);
    if (split.train.empty()) throw OptionError("there is no cell to train on");
    model.require_fit(data);
    if (team.size() > 1 && (options.free_nats > 0 || options.cluster_free_nats > 0 || options.balance > 0))
        throw OptionError("free nats and the balance of clusters are of a whole minibatch: one process alone has them");
    const auto say = [&](const std::string& text) {
        if (callbacks.notice) callbacks.notice(text);
    };

    data.require_cells(split.train);
    data.require_cells(split.held_out);
    if (options.patience > 0 && split.held_out.empty())
        say(message("the patience of ", options.patience, " epochs says nothing: no cells are held out"));
    if (data.largest_label >= 0 && model.clusters() == 0)  // elsewhere require_fit() has looked
        say("the known labels of cells are not used: the model's prior has no clusters");
    const auto train_cells = static_cast<Index>(split.train.size());
    const Index minibatch = std::min(options.minibatch, train_cells);
    const Index steps_per_epoch = (train_cells + minibatch - 1) / minibatch;
    const auto shortened = [&](Index warm_up, const char* whose) {
        if (warm_up > options.epochs)
            say(message("the warm-up of ", warm_up, " epochs is longer than the training of ", options.epochs, ": ",
                        whose, " weight rises faster, so as to reach 1 with the last step"));
        return std::min(warm_up, options.epochs);
    };
    const Index kl_warm_up = shortened(options.warm_up, "the KL's");
    const Index cluster_warm_up =
        options.cluster_warm_up ? shortened(*options.cluster_warm_up, "the clusters' KL's") : kl_warm_up;
    const Index warm_up = std::max(kl_warm_up, cluster_warm_up);  // before its end no epoch is the best

    const training_detail::TeamShare<Real, Exec, std::remove_reference_t<Team>> share(team, minibatch);
    const Index window = shuffle_window(options.shuffle, minibatch) / minibatch * share.most();
    std::vector<Index> own;
    Minibatch<Real, Exec> batch(exec, data, share.most());
    model.reserve(exec, batch);
    Adam<Real, Exec> adam(exec, model.parameters(), options.adam);
    const training_detail::FiniteCheck<Real, Exec> finite(exec, model.parameters());
    training_detail::BestParameters<Real, Exec> best;
    std::vector<Index> shuffled = split.train;

    TrainingResult<Model::term_count> result;
    TrainingState<Real, Model::term_count> at;  // its arrays stay empty: they are where they are worked on
    double step_seconds = 0;
    Index trained_cells = 0;
    const auto start = Clock::now();

    const double last_step = static_cast<double>(std::max<Index>(options.epochs * steps_per_epoch - 1, 1));
    const auto rising = [&](Index epochs) {
        const auto steps = static_cast<double>(epochs * steps_per_epoch);
        return steps > 0 ? std::min(1.0, static_cast<double>(adam.steps() + 1) / steps) : 1.0;
    };
    const auto step_options = [&] {
        const double progress = static_cast<double>(adam.steps()) / last_step;
        return StepOptions{
            .beta = options.kl_weight * rising(kl_warm_up),
            .cluster_beta = options.cluster_kl_weight.value_or(options.kl_weight) * rising(cluster_warm_up),
            .balance = options.balance * (1 + std::cos(3.14159265358979323846 * progress)) / 2,
            .free_nats = options.free_nats,
            .cluster_free_nats = options.cluster_free_nats,
            .seed = options.seed,
            .step = static_cast<std::uint32_t>(adam.steps()),
            .temperature =
                options.first_temperature * std::pow(options.last_temperature / options.first_temperature, progress)};
    };
    const auto one_step = [&](auto& pass, Index first, const StepOptions& step) {
        const Index count = std::min(minibatch, train_cells - first);  // of all processes
        const auto terms = share.gradient(exec, model, pass, batch, first, count, step);
        if (adam.steps() < options.hold_prior * steps_per_epoch) training_detail::hold_prior(exec, model.parameters());
        double scale = 1;
        bool is_finite = std::isfinite(terms[0]);
        if (is_finite && options.clip_norm > 0) {
            const double norm = adam.gradient_norm(exec, model.parameters());
            is_finite = std::isfinite(norm);
            if (norm > options.clip_norm) scale = options.clip_norm / norm;
        } else if (is_finite) {
            is_finite = finite(exec, model.parameters());
        }
        if (!is_finite) {
            const std::string where = describe_non_finite(exec, model, batch, data.cells_view, step);
            best.restore(exec, model);
            throw NumericalError(message("training stopped at step ", adam.steps() + 1, ": the ",
                                         std::isfinite(terms[0]) ? "gradient" : "bound", " is not finite; ", where,
                                         ". A smaller learning rate or clipping the gradient's norm may help"));
        }
        adam.step(exec, model.parameters(), scale);
        return std::pair(terms, count);
    };

    if (from != nullptr) {
        at.steps = from->steps;
        at.epoch = from->epoch;
        at.seen = from->seen;
        at.sums = from->sums;
        at.best_epoch = from->best_epoch;
        at.best_bound = from->best_bound;
        at.history = from->history;
        if (from->best_parameters.extent(0) > 0) {
            training_detail::put_back<Exec, Real>(exec, model.parameters().values(), from->best_parameters);
            training_detail::put_back<Exec, Real>(exec, model.state().values(), from->best_statistics);
            best.keep(exec, model);
        }
        training_detail::put_back<Exec, Real>(exec, model.parameters().values(), from->parameters);
        training_detail::put_back<Exec, Real>(exec, model.state().values(), from->statistics);
        training_detail::put_back<Exec, Real>(exec, adam.first_moment(), from->first_moment);
        training_detail::put_back<Exec, Real>(exec, adam.second_moment(), from->second_moment);
        adam.go_on_after(from->steps);
        exec.fence(KernelLabel("cellvae::train::resume"));
    }
    const auto checkpoint = [&] {
        if (!callbacks.checkpoint) return;
        auto state = at;
        state.steps = adam.steps();
        const KernelLabel name("cellvae::train::checkpoint");
        state.parameters = to_host(exec, name, model.parameters().values());
        state.statistics = to_host(exec, name, model.state().values());
        state.first_moment = to_host(exec, name, adam.first_moment());
        state.second_moment = to_host(exec, name, adam.second_moment());
        state.best_parameters = to_host(exec, name, best.values());
        state.best_statistics = to_host(exec, name, best.state());
        callbacks.checkpoint(state);
    };
    const auto without_patience = [&] {
        const Index done = at.epoch - 1;
        return options.patience > 0 && done >= warm_up && at.best_epoch > 0 && done - at.best_epoch >= options.patience;
    };

    const Index first_epoch = at.epoch;
    for (; at.epoch <= options.epochs; ++at.epoch) {
        if (without_patience()) {
            result.stopped_early = true;
            break;
        }
        shuffled = split.train;  // the order depends on seed and epoch alone
        shuffle_cells(shuffled, options.shuffle, minibatch, options.seed, at.epoch);
        EpochReport<Model::term_count> report;
        report.epoch = at.epoch;
        report.epochs = options.epochs;
        const auto epoch_start = Clock::now();
        const Index seen_before = at.seen;
        {
            auto pass = begin_pass(exec, data, share.cells(shuffled, own), window, share.position(at.seen));
            while (at.seen < train_cells) {
                if (team.any(callbacks.interrupted && callbacks.interrupted())) {
                    result.interrupted = true;
                    break;
                }
                if (callbacks.checkpoint_due && callbacks.checkpoint_due()) {
                    [[maybe_unused]] const auto paused = pass.pause();  // HDF5 is for one thread at a time
                    checkpoint();
                }
                const StepOptions step = step_options();
                report.beta = step.beta;
                const auto [terms, count] = one_step(pass, at.seen, step);
                for (std::size_t i = 0; i < terms.size(); ++i) at.sums[i] += terms[i] * static_cast<double>(count);
                at.seen += count;
            }
        }  // with the pass ends what reads for it
        exec.fence(KernelLabel("cellvae::train::epoch"));
        const double epoch_seconds = training_detail::seconds_since(epoch_start);
        step_seconds += epoch_seconds;
        trained_cells += at.seen - seen_before;
        if (result.interrupted) break;
        for (std::size_t i = 0; i < at.sums.size(); ++i)
            report.train[i] = std::exchange(at.sums[i], 0.0) / static_cast<double>(train_cells);
        report.cells_per_second = static_cast<double>(at.seen - seen_before) / epoch_seconds;
        at.seen = 0;

        if (!split.held_out.empty()) {
            report.held_out = share.mean_bound(exec, model, data, split.held_out, batch, options.seed);
            if (!std::isfinite((*report.held_out)[0])) {
                best.restore(exec, model);
                throw NumericalError(
                    message("training stopped after epoch ", at.epoch,
                            ": the bound of the held-out cells is not finite. A smaller learning rate or "
                            "clipping the gradient's norm may help"));
            }
            if (at.epoch >= warm_up && (*report.held_out)[0] > at.best_bound) {
                at.best_bound = (*report.held_out)[0];
                at.best_epoch = at.epoch;
                report.best = true;
                best.keep(exec, model);
            }
        } else {
            at.best_epoch = at.epoch;
        }
        report.seconds = training_detail::seconds_since(start);
        report.seconds_left = report.seconds / static_cast<double>(at.epoch - first_epoch + 1) *
                              static_cast<double>(options.epochs - at.epoch);
        at.history.push_back(report);
        if (callbacks.epoch) callbacks.epoch(report);
    }
    checkpoint();
    result.best_epoch = at.best_epoch;
    if (at.best_epoch > 0 && !split.held_out.empty()) result.best_bound = at.best_bound;
    result.history = std::move(at.history);
    if (result.interrupted && result.best_epoch == 0 && !result.history.empty())
        result.best_epoch = result.history.back().epoch;
    best.restore(exec, model);
    result.seconds = training_detail::seconds_since(start);
    if (trained_cells > 0) result.cells_per_second = static_cast<double>(trained_cells) / step_seconds;
    return result;
}

}  // namespace cellvae
