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

#include "cellvae/data/split.hpp"
#include "cellvae/models/held_out.hpp"
#include "cellvae/models/non_finite.hpp"
#include "cellvae/training/adam.hpp"

namespace cellvae {

struct TrainingOptions {
    Index epochs = 200;
    Index minibatch = 128;  ///< cells a step
    AdamOptions adam{};
    double clip_norm = 0;  ///< longer gradients are scaled down to this norm; 0: never
    Index warm_up =
        0;  ///< epochs over which the weight of the KL rises from 0 to 1; more than there are become all of them
    Index patience = 0;             ///< epochs without a better held-out bound after which training stops; 0: never
    double kl_weight = 1;           ///< of the KL after the warm-up; held-out bounds have it at 1
    double first_temperature = 1;   ///< of relaxed sums over clusters, at the first step,
    double last_temperature = 0.1;  ///< and at the last one of all epochs; between them it falls geometrically
    std::uint64_t seed = 0;         ///< of the order of the cells and of all noise
};

/// One epoch, as progress and history have it.
template <std::size_t TermCount>
struct EpochReport {
    Index epoch = 0;                        ///< from 1
    Index epochs = 0;                       ///< how many there will be, if none stops early
    double beta = 0;                        ///< weight of the KL at the epoch's end
    std::array<double, TermCount> train{};  ///< bound and terms, means over the cells as they were trained on
    std::optional<std::array<double, TermCount>>
        held_out{};               ///< the same of the held-out cells at full KL weight, after the epoch
    bool best = false;            ///< the best held-out bound so far
    double seconds = 0;           ///< since training began
    double cells_per_second = 0;  ///< in this epoch's steps
    double seconds_left = 0;      ///< estimate
};

/// What the world hears of training and may say to it. Every member may be empty.
template <std::size_t TermCount>
struct TrainingCallbacks {
    std::function<void(const EpochReport<TermCount>&)> epoch{};  ///< after every epoch
    std::function<void(const std::string&)> notice{};            ///< something that the user should know, in words
    std::function<bool()> interrupted{};                         ///< asked before every step; true ends training
};

template <std::size_t TermCount>
struct TrainingResult {
    std::vector<EpochReport<TermCount>> history;
    Index best_epoch = 0;        ///< whose parameters the model has; 0 when none was finished
    bool stopped_early = false;  ///< by patience
    bool interrupted = false;
    double seconds = 0;           ///< of all training, with evaluation of the held-out cells
    double cells_per_second = 0;  ///< training cells over the time of the training steps
};

namespace training_detail {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Whether the sums of all arrays of one row (biases and the like) are finite. Every gradient that is not finite
/// reaches one: a bias's gradient is the sum of what its weights' gradients are products with.
template <class Real, class Exec>
class FiniteCheck {
public:
    using Space = typename Exec::memory_space;

    FiniteCheck(const Exec& exec, const ParameterStore<Real, Exec>& parameters) {
        std::vector<Index> starts, ends;
        for (const auto& entry : parameters.entries()) {
            if (entry.rows != 1) continue;
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

private:
    Vector<Real, typename Exec::memory_space> values_;
    Vector<Real, typename Exec::memory_space> state_;
};

}  // namespace training_detail

/// Trains a model on some cells of a data set and watches the bound of others.
///
/// The KL's weight rises over `warm_up` epochs and always reaches one. The held-out bound, at full KL weight, decides
/// the best epoch, and after `patience` epochs without a better one training stops; neither before the warm-up has
/// ended. The model ends with the best epoch's parameters; with the last one's where there are no held-out cells. An
/// interrupt counts as the end.
///
/// Same seed, same cells, same options: the same bits, for any number of threads.
///
/// @throws OptionError for options out of range; NumericalError, naming cell, gene and parameters, when the bound or
/// the
///         gradient of a step is not finite: the model then has its best parameters so far
template <class Model, class Exec>
TrainingResult<Model::term_count> train(const Exec& exec, Model& model, const Dataset<Exec>& data, const Split& split,
                                        const TrainingOptions& options,
                                        const TrainingCallbacks<Model::term_count>& callbacks = {}) {
    using Real = typename Model::real_type;
    using training_detail::Clock;
    if (options.epochs < 1) throw OptionError(message("at least one epoch is needed, found ", options.epochs));
    if (options.minibatch < 1)
        throw OptionError(message("a minibatch has at least one cell, found ", options.minibatch));
    if (options.warm_up < 0 || options.patience < 0) throw OptionError("warm-up and patience are 0 or more epochs");
    if (!(options.clip_norm >= 0))
        throw OptionError(message("the norm to clip at must be 0 or more, found ", options.clip_norm));
    if (!(options.kl_weight >= 0))
        throw OptionError(message("the weight of the KL must be 0 or more, found ", options.kl_weight));
    if (!(options.first_temperature > 0 && options.last_temperature > 0))
        throw OptionError("temperatures of a relaxed sum over clusters are above 0");
    if (split.train.empty()) throw OptionError("there is no cell to train on");
    model.require_fit(data);
    const auto say = [&](const std::string& text) {
        if (callbacks.notice) callbacks.notice(text);
    };

    const auto train_cells = static_cast<Index>(split.train.size());
    const Index minibatch = std::min(options.minibatch, train_cells);
    const Index steps_per_epoch = (train_cells + minibatch - 1) / minibatch;
    const Index warm_up = std::min(options.warm_up, options.epochs);
    if (warm_up < options.warm_up)
        say(message("the warm-up of ", options.warm_up, " epochs is longer than the training of ", options.epochs,
                    ": the KL's weight rises faster, so as to reach 1 with the last step"));
    const Index warm_up_steps = warm_up * steps_per_epoch;

    Minibatch<Real, Exec> batch(exec, data, minibatch);
    model.reserve(exec, batch);
    Adam<Real, Exec> adam(exec, model.parameters(), options.adam);
    const training_detail::FiniteCheck<Real, Exec> finite(exec, model.parameters());
    training_detail::BestParameters<Real, Exec> best;
    std::vector<Index> shuffled = split.train;
    const auto order = cell_order(exec, std::span<const Index>(shuffled));
    const auto held_out = cell_order(exec, std::span<const Index>(split.held_out));

    TrainingResult<Model::term_count> result;
    double best_bound = -std::numeric_limits<double>::infinity();
    double step_seconds = 0;
    Index trained_cells = 0;
    const auto start = Clock::now();

    const auto one_step = [&](Index first, double beta) {
        const Index count = std::min(minibatch, train_cells - first);
        batch.assemble(exec, data, Kokkos::subview(order, std::make_pair(first, first + count)));
        const double progress = static_cast<double>(adam.steps()) /
                                static_cast<double>(std::max<Index>(options.epochs * steps_per_epoch - 1, 1));
        const StepOptions step{.beta = beta,
                               .seed = options.seed,
                               .step = static_cast<std::uint32_t>(adam.steps()),
                               .temperature = options.first_temperature *
                                              std::pow(options.last_temperature / options.first_temperature, progress)};
        const auto terms = model.gradient(exec, batch, step);
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

    for (Index epoch = 1; epoch <= options.epochs && !result.interrupted; ++epoch) {
        shuffled = split.train;  // the order depends on seed and epoch alone
        data_detail::draw_first(shuffled, shuffled.size(),
                                RandomStream(options.seed, Purpose::shuffle, static_cast<std::uint32_t>(epoch)));
        Kokkos::deep_copy(exec, order, Kokkos::View<const Index*, Kokkos::HostSpace>(shuffled.data(), shuffled.size()));
        EpochReport<Model::term_count> report;
        report.epoch = epoch;
        report.epochs = options.epochs;
        const auto epoch_start = Clock::now();
        Index seen = 0;
        for (Index first = 0; first < train_cells; first += minibatch) {
            if (callbacks.interrupted && callbacks.interrupted()) {
                result.interrupted = true;
                break;
            }
            report.beta = options.kl_weight;
            if (warm_up_steps > 0)
                report.beta *=
                    std::min(1.0, static_cast<double>(adam.steps() + 1) / static_cast<double>(warm_up_steps));
            const auto [terms, count] = one_step(first, report.beta);
            for (std::size_t i = 0; i < terms.size(); ++i) report.train[i] += terms[i] * static_cast<double>(count);
            seen += count;
        }
        exec.fence(KernelLabel("cellvae::train::epoch"));
        const double epoch_seconds = training_detail::seconds_since(epoch_start);
        step_seconds += epoch_seconds;
        trained_cells += seen;
        if (seen == 0) break;
        for (auto& term : report.train) term /= static_cast<double>(seen);
        report.cells_per_second = static_cast<double>(seen) / epoch_seconds;

        const bool warmed_up = epoch >= warm_up;
        if (!split.held_out.empty()) {
            report.held_out = mean_bound(exec, model, data, held_out, batch, options.seed);
            if (warmed_up && (*report.held_out)[0] > best_bound) {
                best_bound = (*report.held_out)[0];
                result.best_epoch = epoch;
                report.best = true;
                best.keep(exec, model);
            }
        } else {
            result.best_epoch = epoch;
        }
        report.seconds = training_detail::seconds_since(start);
        report.seconds_left = report.seconds / static_cast<double>(epoch) * static_cast<double>(options.epochs - epoch);
        result.history.push_back(report);
        if (callbacks.epoch) callbacks.epoch(report);
        if (options.patience > 0 && warmed_up && result.best_epoch > 0 &&
            epoch - result.best_epoch >= options.patience) {
            result.stopped_early = true;
            break;
        }
    }
    if (result.interrupted && result.best_epoch == 0 && !result.history.empty())
        result.best_epoch = result.history.back().epoch;
    best.restore(exec, model);
    result.seconds = training_detail::seconds_since(start);
    result.cells_per_second = static_cast<double>(trained_cells) / step_seconds;
    return result;
}

}  // namespace cellvae
