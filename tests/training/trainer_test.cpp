// SPDX-License-Identifier: Apache-2.0
#include "cellvae/training/trainer.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <numeric>

#include "../data/small_cells.hpp"
#include "cellvae/data/streamed_dataset.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "cellvae/training/history.hpp"

using namespace cellvae;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using cellvae_tests::MatrixReader;

namespace trainer_test {

namespace {

using Exec = Kokkos::DefaultExecutionSpace;
using Zinb = ZeroInflated<NegativeBinomial<MeanDispersion>>;
using Model = Vae<Mlp<Relu>, StandardGaussian, Zinb>;

/// Two kinds of cells that differ in half of their genes; `spread` is that of the genes' log means.
CountMatrix two_kinds(Index cells, Index genes, double spread = 0) {
    CountMatrix matrix;
    RandomStream random(3, Purpose::test);
    for (Index gene = 0; gene < genes; ++gene) matrix.var.names.push_back("gene" + std::to_string(gene));
    for (Index cell = 0; cell < cells; ++cell) {
        for (Index gene = 0; gene < genes; ++gene) {
            const double rate =
                ((gene % 2 == cell % 2) ? 2.0 : 0.1) * std::exp(spread * std::sin(static_cast<double>(gene)));
            const Parameters<double, 1> eta{std::log(rate)};
            const auto count = Poisson::sample<double>(random, eta);
            if (count == 0) continue;
            matrix.columns.push_back(static_cast<GeneIndex>(gene));
            matrix.values.push_back(static_cast<float>(count));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back("cell" + std::to_string(cell));
    }
    return matrix;
}

ModelOptions small() {
    ModelOptions options;
    options.latent = 3;
    options.hidden = {16};
    options.seed = 5;
    return options;
}

TrainingOptions quick(Index epochs) {
    TrainingOptions options;
    options.epochs = epochs;
    options.minibatch = 32;
    options.adam.learning_rate = 1e-2;
    return options;
}

/// All parameters of a model, with the gaps between them.
std::vector<float> values_of(const Model& model) {
    const auto host = to_host(Exec(), KernelLabel("values"), model.parameters().values());
    return {host.data(), host.data() + host.extent(0)};
}

/// Fails at one value, to see what is said.
struct Breaks : Poisson {
    static constexpr std::string_view name = "breaks";
    template <class Real, class X>
    static LogProb<Real, 1> log_prob(X x, const Parameters<Real, 1>& eta) {
        auto result = Poisson::log_prob(x, eta);
        if constexpr (std::is_same_v<X, Real>)
            if (x == Real(77)) result.value = std::numeric_limits<Real>::quiet_NaN();
        return result;
    }
};

}  // namespace

namespace {

/// The share of the latent means' variance, over all dimensions, that lies between two batches of cells.
double share_between(const std::vector<float>& latent, const std::vector<std::int32_t>& batch, std::size_t dimensions) {
    double all_between = 0, all_variance = 0;
    for (std::size_t l = 0; l < dimensions; ++l) {
        double sum[2] = {}, squares = 0, count[2] = {};
        for (std::size_t cell = 0; cell < batch.size(); ++cell) {
            const auto value = static_cast<double>(latent[cell * dimensions + l]);
            sum[batch[cell]] += value;
            count[batch[cell]] += 1;
            squares += value * value;
        }
        const double all = count[0] + count[1], mean = (sum[0] + sum[1]) / all;
        all_between += sum[0] * sum[0] / count[0] + sum[1] * sum[1] / count[1] - all * mean * mean;
        all_variance += squares - all * mean * mean;
    }
    return all_between / all_variance;
}

}  // namespace

TEST_CASE("a batch effect enters the latent less where the model is given the batch") {
    const Exec exec;
    CountMatrix cells = two_kinds(200, 60);
    std::vector<std::int32_t> batch;
    for (std::size_t cell = 0; cell < 200; ++cell) {
        batch.push_back(cell % 4 < 2 ? 0 : 1);  // both kinds of cells in both batches
        for (auto k = cells.row_offsets[cell]; k < cells.row_offsets[cell + 1]; ++k) {
            const auto at = static_cast<std::size_t>(k);
            if (batch.back() == 1 && cells.columns[at] % 3 == 0) cells.values[at] *= 6;
        }
    }
    const auto split = split_cells(cells.cells(), {.held_out = 0, .seed = 1});
    const auto found = [&](Index conditions) {
        DatasetOptions views;
        if (conditions > 0) views.conditions = batch;
        const auto data = make_dataset<Zinb>(exec, cells, views);
        auto sizes = small();
        sizes.conditions = conditions;
        Model model(exec, cells.genes(), sizes);
        model.start_from(exec, data);
        train(exec, model, data, split, quick(60));
        return share_between(latent_means(exec, model, data), batch, 3);
    };
    const double without = found(0), with = found(2);
    INFO("share of the latent variance between batches: " << without << " without, " << with << " with");
    CHECK(without > 0.3);
    CHECK(with < 0.05);
}

TEST_CASE("training raises the bound, keeps the best epoch and tells two kinds of cells apart") {
    const Exec exec;
    const CountMatrix cells = two_kinds(300, 150);
    const auto data = make_dataset<Zinb>(exec, cells);
    Model model(exec, cells.genes(), small());
    model.start_from(exec, data);
    const auto split = split_cells(cells.cells(), {.held_out = 0.2, .seed = 1});
    auto options = quick(30);
    options.warm_up = 5;
    std::vector<EpochReport<3>> seen;
    const auto result =
        train(exec, model, data, split, options,
              {.epoch = [&](const auto& report) { seen.push_back(report); }, .notice = {}, .interrupted = {}});
    REQUIRE(result.history.size() == 30);
    CHECK(seen.size() == 30);
    CHECK((*result.history.back().held_out)[0] > (*result.history.front().held_out)[0] + 1);
    CHECK(result.history[3].beta < 1);
    CHECK(result.history[4].beta == 1);
    CHECK(result.best_epoch >= 5);
    Minibatch<float, Exec> batch(exec, data, 32);  // as in training: the same sums
    const auto bound = mean_bound(exec, model, data, split.held_out, batch, options.seed);
    CHECK(bound[0] == (*result.history[static_cast<std::size_t>(result.best_epoch) - 1].held_out)[0]);

    // the importance-weighted estimate is above the bound
    CHECK(mean_log_likelihood(exec, model, data, split.held_out, batch, 100, 1) > bound[0]);

    const auto latent = latent_means(exec, model, data, batch);
    double within = 0, between = 0;
    for (std::size_t a = 0; a < 100; ++a)
        for (std::size_t b = 0; b < a; ++b) {
            double distance = 0;
            for (std::size_t l = 0; l < 3; ++l) distance += std::pow(latent[3 * a + l] - latent[3 * b + l], 2);
            (a % 2 == b % 2 ? within : between) += std::sqrt(distance);
        }
    CHECK(between > 2 * within);
}

TEST_CASE("the heads' start from the genes' statistics is near the optimum of a model without latents") {
    const Exec exec;
    const CountMatrix cells = two_kinds(300, 150, 3);
    const auto data = make_dataset<Zinb>(exec, cells);
    Minibatch<float, Exec> batch(exec, data, 300);
    std::vector<Index> all(300);
    std::iota(all.begin(), all.end(), Index{0});
    Model plain(exec, cells.genes(), small());
    Model started(exec, cells.genes(), small());
    started.start_from(exec, data);
    CHECK(mean_bound(exec, started, data, all, batch, 1)[1] > mean_bound(exec, plain, data, all, batch, 1)[1] + 20);
}

TEST_CASE("the same seed gives the same parameters, another seed others") {
    const Exec exec;
    const CountMatrix cells = two_kinds(100, 150);
    const auto data = make_dataset<Zinb>(exec, cells);
    const auto split = split_cells(cells.cells(), {.held_out = 0.1, .seed = 1});
    const auto trained = [&](std::uint64_t seed) {
        auto sizes = small();
        sizes.dropout = 0.1;
        Model model(exec, cells.genes(), sizes);
        auto options = quick(3);
        options.seed = seed;
        train(exec, model, data, split, options);
        return values_of(model);
    };
    const auto first = trained(1);
    CHECK(first == trained(1));
    CHECK(first != trained(2));
}

TEST_CASE("a trainer that is asked for one step after another, stopped and gone on from, is training in one call") {
    const Exec exec;
    const CountMatrix cells = two_kinds(90, 20);
    const auto data = make_dataset<Zinb>(exec, cells);
    const auto split = split_cells(cells.cells(), {.held_out = 0.2, .seed = 1});
    const auto options = quick(4);
    Model whole(exec, cells.genes(), small());
    whole.start_from(exec, data);
    const auto expected = train(exec, whole, data, split, options);
    REQUIRE(expected.history.size() == 4);

    Model model(exec, cells.genes(), small());
    model.start_from(exec, data);
    Trainer trainer(exec, model, data, split, options);
    int steps = 0;
    while (steps < 7 && trainer.step()) ++steps;  // three an epoch: into the third
    REQUIRE(steps == 7);
    const auto state = trainer.state();
    CHECK(state.epoch == 3);
    CHECK(state.seen == 32);
    CHECK(state.history.size() == 2);

    Model other(exec, cells.genes(), small());  // not started from the data
    Trainer again(exec, other, data, split, options);
    again.go_on_from(state);
    CHECK_FALSE(again.is_over());
    while (again.step()) ++steps;
    CHECK(steps == 12);
    CHECK(again.is_over());
    const auto found = again.finish();
    CHECK(values_of(other) == values_of(whole));
    CHECK(found.best_epoch == expected.best_epoch);
    CHECK(found.best_bound == expected.best_bound);
    REQUIRE(found.history.size() == 4);
    for (std::size_t epoch = 0; epoch < 4; ++epoch) CHECK(found.history[epoch].train == expected.history[epoch].train);
    CHECK_FALSE(again.step());
    CHECK_THROWS_AS(again.state(), OptionError);

    // the first one goes on from where it stands; its state was a copy, or a view of what is now trained further
    const auto rest = trainer.run();
    CHECK(values_of(model) == values_of(whole));
    CHECK(rest.history.size() == 4);
}

TEST_CASE("a trainer goes on from a state of the model's own, and not from one of other cells or minibatches") {
    const Exec exec;
    const CountMatrix cells = two_kinds(90, 20);
    const auto data = make_dataset<Zinb>(exec, cells);
    const auto split = split_cells(cells.cells(), {.held_out = 0.2, .seed = 1});
    const auto options = quick(6);
    Model model(exec, cells.genes(), small());
    model.start_from(exec, data);
    Trainer trainer(exec, model, data, split, options);
    for (int step = 0; step < 11; ++step) REQUIRE(trainer.step());  // three an epoch: into the fourth
    const auto state = trainer.state();
    const auto before = values_of(model);
    // on a host the state's arrays are views of this very model
    Trainer again(exec, model, data, split, options);
    again.go_on_from(state);
    CHECK(values_of(model) == before);

    const auto refuses = [&](const Split& other, const TrainingOptions& with) {
        Trainer elsewhere(exec, model, data, other, with);
        CHECK_THROWS_MATCHES(elsewhere.go_on_from(state), OptionError,
                             MessageMatches(ContainsSubstring("is of other cells or minibatches")));
    };
    auto smaller = options;
    smaller.minibatch = 16;
    refuses(split, smaller);
    refuses(split_cells(cells.cells(), {.held_out = 0.7, .seed = 1}), options);
}

TEST_CASE("a prior that is held stays as it started, whatever the weight decay") {
    const Exec exec;
    const CountMatrix cells = two_kinds(90, 20);
    const auto data = make_dataset<Zinb>(exec, cells);
    Vae<Mlp<Relu>, MarginalGaussianMixture, Zinb> model(exec, cells.genes(), small());
    model.start_from(exec, data);
    const auto mean = model.parameters().value(model.parameters().find("prior/mean"));
    const auto values = [&] {
        std::vector<float> all;
        const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), mean);
        for (std::size_t k = 0; k < host.extent(0); ++k)
            for (std::size_t l = 0; l < host.extent(1); ++l) all.push_back(host(k, l));
        return all;
    };
    const auto started = values();
    auto options = quick(2);
    options.hold_prior = 2;
    options.adam.weight_decay = 1;
    (void)train(exec, model, data, split_cells(cells.cells()), options);
    CHECK(values() == started);
    options.hold_prior = 1;
    (void)train(exec, model, data, split_cells(cells.cells()), options);
    CHECK(values() != started);

    options.adam.epsilon = 0;
    CHECK_THROWS_AS(train(exec, model, data, split_cells(cells.cells()), options), OptionError);
}

TEST_CASE("what more epochs change is said") {
    const auto with = [](Index epochs, auto&& change) {
        TrainingOptions options;
        options.epochs = epochs;
        change(options);
        return options;
    };
    const auto nothing = [](TrainingOptions&) {};
    CHECK(what_epochs_change(with(5, nothing), with(9, nothing)).empty());
    const auto level = [](TrainingOptions& options) { options.last_temperature = 1; };
    CHECK(what_epochs_change(with(5, level), with(9, level), true).empty());
    const auto all = [](TrainingOptions& options) {
        options.last_temperature = 0.5;
        options.balance = 1;
        options.warm_up = 8;
    };
    const auto text = what_epochs_change(with(5, all), with(9, all), true);
    CHECK_THAT(text, ContainsSubstring("the warm-up takes 8 epochs") && ContainsSubstring("in place of 5"));
    CHECK_THAT(text, ContainsSubstring("temperatures of relaxed sums fall until epoch 9"));
    CHECK_THAT(text, ContainsSubstring("the clusters' balance is let go until epoch 9"));
    CHECK(what_epochs_change(with(9, all), with(9, all), true).empty());
}

TEST_CASE("training from streamed counts gives the bits of training from counts in memory") {
    const Exec exec;
    const CountMatrix cells = two_kinds(150, 150);
    const auto split = split_cells(cells.cells(), {.held_out = 0.2, .seed = 1});
    auto options = quick(3);
    options.minibatch = 16;
    options.shuffle = {.chunk = 16, .chunks = 2};
    const auto trained = [&](const auto& data) {
        Model model(exec, cells.genes(), small());
        model.start_from(exec, data);
        const auto result = train(exec, model, data, split, options);
        const auto values = model.parameters().values();
        auto all = std::vector<float>(values.data(), values.data() + values.extent(0));
        const auto latent = latent_means(exec, model, data);
        all.insert(all.end(), latent.begin(), latent.end());
        for (const auto& epoch : result.history) all.push_back(static_cast<float>((*epoch.held_out)[0]));
        return all;
    };
    const auto reader = std::make_shared<MatrixReader>(cells);
    const auto resident = trained(make_dataset<Zinb>(exec, cells));
    CHECK(resident == trained(make_streamed_dataset<Zinb>(exec, reader, {}, 50)));
    CHECK_THROWS_AS(make_streamed_dataset<Zinb>(exec, reader, {}, 0), OptionError);
    CHECK(reader->most_cells == 150);  // evaluation may hold more cells than training

    // and so does streamed training that was interrupted in a window, and went on from its state
    for (const int steps : {1, 11, 16}) {
        const auto streamed = make_streamed_dataset<Zinb>(exec, reader, {}, 50);
        TrainingState<float, Model::term_count> state;
        TrainingCallbacks<Model::term_count> callbacks;
        int asked = 0;
        callbacks.interrupted = [&] { return ++asked > steps; };
        callbacks.checkpoint = [&](const auto& reached) {
            state = reached;
            for (auto* array : {&state.parameters, &state.statistics, &state.first_moment, &state.second_moment,
                                &state.best_parameters, &state.best_statistics}) {
                const auto copy = Kokkos::create_mirror(*array);  // the trainer's own memory goes on to change
                Kokkos::deep_copy(copy, *array);
                *array = copy;
            }
        };
        Model first(exec, cells.genes(), small()), second(exec, cells.genes(), small());
        first.start_from(exec, streamed);
        CHECK(train(exec, first, streamed, split, options, callbacks).interrupted);
        train(exec, second, streamed, split, options, {}, &state);
        const auto values = second.parameters().values();
        CHECK(std::equal(values.data(), values.data() + values.extent(0), resident.begin()));
    }

    options.shuffle = {};
    Model model(exec, cells.genes(), small());
    const auto streamed = make_streamed_dataset<Zinb>(exec, reader);
    CHECK_THROWS_AS(train(exec, model, streamed, split, options), OptionError);
    const auto fails = std::make_shared<MatrixReader>(cells, 3);
    options.shuffle = {.chunk = 16, .chunks = 2};
    CHECK_THROWS_MATCHES(train(exec, model, make_streamed_dataset<Zinb>(exec, fails, {}, 150), split, options),
                         InputError, MessageMatches(ContainsSubstring("the disk is on fire")));
}

TEST_CASE("patience stops only after the warm-up, and a warm-up that is too long is said and shortened") {
    const Exec exec;
    const CountMatrix cells = two_kinds(60, 130);
    const auto data = make_dataset<Zinb>(exec, cells);
    const auto split = split_cells(cells.cells(), {.held_out = 0.2, .seed = 1});
    Model model(exec, cells.genes(), small());
    auto options = quick(40);
    options.adam.learning_rate = 1e-12;  // nothing gets better
    options.patience = 3;
    options.warm_up = 10;
    const auto stopped = train(exec, model, data, split, options);
    CHECK(stopped.stopped_early);
    CHECK(stopped.best_epoch >= 10);
    CHECK(static_cast<Index>(stopped.history.size()) < 40);

    std::string notice;
    options.epochs = 4;
    options.patience = 0;
    const auto all = train(exec, model, data, split, options,
                           {.epoch = {}, .notice = [&](const std::string& text) { notice = text; }, .interrupted = {}});
    CHECK(all.history.back().beta == 1);
    CHECK_THAT(notice, ContainsSubstring("warm-up of 10 epochs is longer than the training of 4"));
}

TEST_CASE("an interrupt ends training with what was reached") {
    const Exec exec;
    const CountMatrix cells = two_kinds(100, 130);
    const auto data = make_dataset<Zinb>(exec, cells);
    const auto split = split_cells(cells.cells(), {.held_out = 0.1, .seed = 1});
    Model model(exec, cells.genes(), small());
    int asked = 0;
    const auto result = train(exec, model, data, split, quick(50),
                              {.epoch = {}, .notice = {}, .interrupted = [&] { return ++asked > 7; }});
    CHECK(result.interrupted);
    CHECK(result.history.size() == 2);  // the third epoch was not finished
    CHECK(result.best_epoch > 0);
}

TEST_CASE("a step that is not finite is refused with cell, gene and parameters") {
    const Exec exec;
    CountMatrix cells = two_kinds(20, 130);
    cells.values[static_cast<std::size_t>(cells.row_offsets[7]) + 2] = 77;
    const auto gene = cells.columns[static_cast<std::size_t>(cells.row_offsets[7]) + 2];
    const auto data = make_dataset<Breaks>(exec, cells);
    Vae<Mlp<Relu>, StandardGaussian, Breaks> model(exec, cells.genes(), small());
    CHECK_THROWS_MATCHES(
        train(exec, model, data, split_cells(20, {.held_out = 0, .seed = 1}), quick(1)), NumericalError,
        MessageMatches(
            ContainsSubstring("cell 7 (cell7), gene " + std::to_string(gene) + " (gene" + std::to_string(gene) + ")") &&
            ContainsSubstring("log-probability") && ContainsSubstring("at the value 77 with log_rate = ")));
}

TEST_CASE("the history is a table with a line an epoch") {
    EpochReport<3> report{};
    report.epoch = 1;
    report.epochs = 2;
    report.beta = 0.5;
    report.train = {-3, -2, 1};
    report.cells_per_second = 100;
    auto with = report;
    with.epoch = 2;
    with.held_out = {-4, -3, 1};
    with.best = true;
    const std::array<std::string_view, 3> names{"bound", "reconstruction", "kl"};
    CHECK(history_csv<3>({report, with}, names) ==
          "epoch,beta,bound_train,reconstruction_train,kl_train,bound_held_out,reconstruction_held_out,kl_held_out,"
          "best,seconds,"
          "cells_per_second\n1,0.5,-3,-2,1,,,,0,0,100\n2,0.5,-3,-2,1,-4,-3,1,1,0,100\n");
    CHECK_THAT(progress_line(with, names), ContainsSubstring("epoch 2/2") && ContainsSubstring("held-out -4.0"));
    CHECK(duration_text(3725) == "1h02m");
}

TEST_CASE("a split that was made for other data is refused, and patience without held-out cells is said") {
    const Exec exec;
    const auto cells = two_kinds(60, 20);
    const auto data = make_dataset<Zinb>(exec, cells);
    Model model(exec, 20, small());
    CHECK_THROWS_MATCHES(train(exec, model, data, split_cells(61), quick(1)), ShapeError,
                         MessageMatches(ContainsSubstring("but there are 60 cells, numbered from 0")));
    auto options = quick(1);
    options.patience = 3;
    std::vector<std::string> notices;
    TrainingCallbacks<Model::term_count> callbacks;
    callbacks.notice = [&](const std::string& text) { notices.push_back(text); };
    (void)train(exec, model, data, split_cells(60, {.held_out = 0}), options, callbacks);
    CHECK(notices == std::vector<std::string>{"the patience of 3 epochs says nothing: no cells are held out"});

    notices.clear();
    const std::vector<std::int32_t> labels(static_cast<std::size_t>(cells.cells()), 1);
    const auto labelled = make_dataset<Zinb>(exec, cells, {.labels = labels});
    train(exec, model, labelled, split_cells(cells.cells()), quick(1), callbacks);
    CHECK(notices ==
          std::vector<std::string>{"the known labels of cells are not used: the model's prior has no clusters"});
}

TEST_CASE("a bound of held-out cells that is not finite ends training") {
    const Exec exec;
    auto cells = two_kinds(60, 20);
    const auto split = split_cells(60);
    // the value at which this likelihood fails, in one held-out cell
    cells.values[static_cast<std::size_t>(cells.row_offsets[static_cast<std::size_t>(split.held_out[0])])] = 77;
    const auto data = make_dataset<Breaks>(exec, cells);
    Vae<Mlp<Relu>, StandardGaussian, Breaks> model(exec, 20, small());
    CHECK_THROWS_MATCHES(
        train(exec, model, data, split, quick(3)), NumericalError,
        MessageMatches(ContainsSubstring("after epoch 1: the bound of the held-out cells is not finite")));
}

TEST_CASE("a gradient whose square overflows is clipped before it is squared") {
    const Exec exec;
    for (const float length : {1.0f, 2e19f, 1e23f, 1e37f}) {
        ParameterStore<float, Exec> store;
        (void)store.add("weight", 1, 3);
        store.allocate(exec);
        const Vector<float, Exec::memory_space> values = store.values(), gradients = store.gradients();
        Kokkos::deep_copy(values, 0.0f);
        Kokkos::deep_copy(gradients, length);
        Adam<float, Exec> adam(exec, store, {.learning_rate = 0.1});
        const double norm = adam.gradient_norm(exec, store);
        for (int step = 0; step < 3; ++step) adam.step(exec, store, 1 / norm);
        exec.fence();
        const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), values);
        for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(host(i) - 0.3f) < 1e-5f);
    }
    ParameterStore<float, Exec> store;
    for (const double decay : {1.0, -0.1, 1.5})
        CHECK_THROWS_MATCHES((Adam<float, Exec>(exec, store, {.second_decay = decay})), OptionError,
                             MessageMatches(ContainsSubstring("below 1, found")));
}

}  // namespace trainer_test
