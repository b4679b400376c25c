// SPDX-License-Identifier: Apache-2.0
#include "cellvae/training/mixture_notices.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cellvae/data/simulator.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/evaluation/latent.hpp"
#include "cellvae/priors/any_prior.hpp"
#include "cellvae/training/mixture_start.hpp"
#include "cellvae/training/trainer.hpp"

using namespace cellvae;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace mixture_notices_test {

namespace {

using Exec = Kokkos::DefaultExecutionSpace;
using Model = Vae<Mlp<>, AnyPrior, Poisson>;

constexpr Index cells = 150;

const CountMatrix& planted() {
    static const auto simulated =
        simulate(Kokkos::DefaultHostExecutionSpace(),
                 {.cells = cells, .genes = 60, .types = 3, .seed = 4, .mean_count = 2, .separation = 3});
    return simulated.counts;
}

ModelOptions sizes(PriorKind prior, Index clusters) {
    return {.latent = 3,
            .hidden = {16},
            .scale = MeanScale::library,
            .prior = prior,
            .mixture = {.clusters = clusters},
            .seed = 2};
}

TrainingOptions quick(double kl_weight) {
    return {.epochs = 30, .minibatch = 32, .adam = {.learning_rate = 1e-2}, .kl_weight = kl_weight, .seed = 1};
}

struct Run {
    Exec exec;
    Dataset<Exec> data;
    Model model;
    Split split = split_cells(cells, {.held_out = 0.2, .seed = 1});

    explicit Run(const ModelOptions& options, const std::vector<std::int32_t>& labels = {})
        : data(make_dataset<Poisson>(exec, planted(), {.labels = labels})), model(exec, planted().genes(), options) {
        model.start_from(exec, data);
    }

    void start() {
        const Kokkos::DefaultHostExecutionSpace host;
        const auto latent = latent_means(exec, model, data);
        start_mixture(exec, model.parameters(),
                      fit_mixture(host, latent, cells, 3, {.components = static_cast<int>(model.clusters())}));
    }

    auto train_with(const TrainingOptions& options) { return train(exec, model, data, split, options); }
};

}  // namespace

TEST_CASE("training a mixture that was not started says so, and training one that was does not") {
    const auto prior = GENERATE(PriorKind::mixture, PriorKind::marginal_mixture);
    Run random(sizes(prior, 4));
    std::vector<std::string> told;
    TrainingCallbacks<Model::term_count> callbacks;
    callbacks.notice = [&](const std::string& text) { told.push_back(text); };
    const auto result = train(random.exec, random.model, random.data, random.split, quick(1), callbacks);
    REQUIRE_FALSE(told.empty());
    CHECK_THAT(told.front(), ContainsSubstring("the mixture was not started: its 4 components lie at random"));
    CHECK(result.notices == told);

    Run started(sizes(prior, 4));
    started.start();
    for (const auto& notice : started.train_with(quick(1)).notices)
        CHECK_THAT(notice, !ContainsSubstring("not started"));
    // known labels say where clusters are
    std::vector<std::int32_t> labels(cells, -1);
    labels[3] = 1;
    Run labelled(sizes(prior, 4), labels);
    for (const auto& notice : labelled.train_with(quick(1)).notices)
        CHECK_THAT(notice, !ContainsSubstring("not started"));
    // one cluster has nowhere else to lie, and a prior without any nothing to start
    CHECK(Run(sizes(prior, 1)).train_with(quick(1)).notices.empty());
    CHECK(Run(sizes(PriorKind::gaussian, 4)).train_with(quick(1)).notices.empty());
}

TEST_CASE("a mixture that collapses on purpose says what was seen and what to try") {
    Run run(sizes(PriorKind::marginal_mixture, 50));
    run.start();
    const auto result = run.train_with(quick(20));
    CHECK(result.mixture.cells == 120);
    CHECK(result.mixture.components == 50);
    CHECK(result.mixture.latent == 3);
    CHECK(result.mixture.collapsed());
    REQUIRE(result.notices.size() == 1);
    CHECK_THAT(result.notices[0],
               ContainsSubstring(message("the mixture collapsed: ", result.mixture.components_in_use, " of 50 comp")) &&
                   ContainsSubstring("a KL weight of 1 or less, here it is 20"));
    // the same from all cells at hand
    const auto used = responsibilities(run.exec, run.model, run.data);
    std::vector<bool> in_use(50);
    for (const auto cell : run.split.train) {
        const auto* shares = used.data() + cell * 50;
        in_use[static_cast<std::size_t>(std::max_element(shares, shares + 50) - shares)] = true;
    }
    CHECK(result.mixture.components_in_use == std::count(in_use.begin(), in_use.end(), true));

    Run healthy(sizes(PriorKind::marginal_mixture, 3));
    healthy.start();
    const auto good = healthy.train_with(quick(1));
    INFO((good.notices.empty() ? "" : good.notices[0]));
    CHECK(good.notices.empty());
    CHECK(good.mixture.components_in_use > 1);
    const auto latent = latent_means(healthy.exec, healthy.model, healthy.data);
    std::vector<float> of_training;
    for (const auto cell : healthy.split.train)
        of_training.insert(of_training.end(), latent.begin() + cell * 3, latent.begin() + (cell + 1) * 3);
    CHECK(good.mixture.active_units == active_units(std::span<const float>(of_training), 120, 3).count);
}

TEST_CASE("the words about a collapse follow what was seen") {
    const MixtureUse one{.cells = 90, .components = 8, .components_in_use = 1, .latent = 10, .active_units = 4};
    CHECK(collapse_notice(one, {}, true) ==
          "warning: the mixture collapsed: 1 of 8 components holds cells, and the means of 4 of 10 latent dimensions "
          "differ between cells (90 cells looked at). To try: fewer epochs, or fewer components: those that overlap "
          "empty one another with time");
    CHECK_THAT(collapse_notice(one, {.cluster_kl_weight = 5}, true),
               ContainsSubstring("of the clusters' KL, here it is 5") && !ContainsSubstring("fewer epochs"));
    CHECK_THAT(collapse_notice(one, {}, false), ContainsSubstring("components that start on groups"));
    const MixtureUse dead{.cells = 90, .components = 8, .components_in_use = 7, .latent = 10, .active_units = 0};
    CHECK_THAT(collapse_notice(dead, {}, true), ContainsSubstring("a KL weight below 1, or some free nats"));
    CHECK_THAT(collapse_notice(dead, {.kl_weight = 3}, true), ContainsSubstring("1 or less, here it is 3"));
    auto alive = dead;
    alive.active_units = 1;
    CHECK(collapse_notice(alive, {}, false).empty());
    alive.components_in_use = 4;
    CHECK(collapse_notice(alive, {}, true).empty());
    alive.components_in_use = 3;
    CHECK_FALSE(collapse_notice(alive, {}, true).empty());
    CHECK(collapse_notice({}, {}, true).empty());
}

TEST_CASE("options that a prior would ignore are refused before training") {
    const auto refused = [](PriorKind prior, const TrainingOptions& options, const char* name,
                            const ClusterSum& sum = {}) {
        auto model = sizes(prior, 3);
        model.mixture.sum = sum;
        Run run(model);
        CHECK_THROWS_MATCHES(run.train_with(options), OptionError,
                             MessageMatches(ContainsSubstring(message("the option ", name, " is of a prior")) &&
                                            ContainsSubstring(message("prior ", name_of(prior)))));
    };
    for (const auto prior : {PriorKind::gaussian, PriorKind::marginal_mixture}) {
        refused(prior, {.epochs = 1, .balance = 1}, "balance");
        refused(prior, {.epochs = 1, .cluster_free_nats = 1}, "cluster_free_nats");
        refused(prior, {.epochs = 1}, "sum", {.kind = ClusterSumKind::threshold});
    }
    refused(PriorKind::vamp, {.epochs = 1, .cluster_kl_weight = 1}, "cluster_kl_weight");
    refused(PriorKind::gaussian, {.epochs = 1, .cluster_warm_up = 1}, "cluster_warm_up");
    auto model = sizes(PriorKind::mixture, 3);
    model.mixture.sum.kind = ClusterSumKind::threshold;
    CHECK_NOTHROW(Run(model).train_with(
        {.epochs = 1, .cluster_kl_weight = 0.5, .cluster_warm_up = 1, .balance = 1, .cluster_free_nats = 1}));
}

}  // namespace mixture_notices_test
