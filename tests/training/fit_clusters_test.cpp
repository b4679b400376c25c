// SPDX-License-Identifier: Apache-2.0
#include "cellvae/training/fit_clusters.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <numeric>
#include <string>

#include "cellvae/data/simulator.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"

using namespace cellvae;

namespace fit_clusters_test {

TEST_CASE("few cells are gone over more often, many less often") {
    CHECK(epochs_by(plain_before_mixture, 3000, 0.1, 128) == 25);
    CHECK(epochs_by(plain_before_mixture, 300, 0.1, 128) == 50);  // three steps an epoch, 150 in all
    CHECK(epochs_by(mixture_after_plain, 300, 0.1, 128) == 20);
    CHECK(epochs_by(plain_before_mixture, 20000, 0.1, 128) == 12);
    CHECK(epochs_by(plain_before_mixture, 1000000, 0.1, 128) == 3);
    CHECK(epochs_by(mixture_alone, 2, 0.5, 128) == 240);
}

TEST_CASE("the recipe finds planted types without their number, and as many clusters as are asked for") {
    const Kokkos::DefaultHostExecutionSpace exec;
    SimulationOptions planted = zheng_like();
    planted.cells = 400;
    planted.genes = 300;
    planted.types = 3;
    planted.mean_count = 2;
    planted.separation = 3;
    planted.type_size_log_deviation = 0.5;
    const auto simulated = simulate(exec, planted);
    const auto data = make_dataset<NegativeBinomial<>>(exec, simulated.counts, {.input = Input::standardised});
    FitClustersOptions options{.components = 8};
    options.model.hidden = {32};
    const auto found = fit_clusters<NegativeBinomial<>>(exec, data, options);
    CHECK(found.clusters.clusters == 3);
    CHECK(adjusted_rand_index(simulated.truth.labels, found.clusters.labels) > 0.95);
    CHECK(found.latent.size() == 4000);
    CHECK(found.responsibilities.size() == 3200);
    CHECK(found.model->options().mixture.clusters == 8);
    CHECK(found.model->options().shared == std::vector<std::string>{"log_dispersion"});
    CHECK(found.held_out_bound < 0);

    // known labels would be taken for numbers of groups
    const auto labelled = make_dataset<NegativeBinomial<>>(
        exec, simulated.counts, {.input = Input::standardised, .labels = simulated.truth.labels});
    CHECK_THROWS_AS(fit_clusters<NegativeBinomial<>>(exec, labelled, options), OptionError);

    // the same cells in groups of the user's, and a number of clusters
    int asked = 0;
    options.groups = [&](std::span<const float> values, Index rows, Index columns) {
        ++asked;
        CHECK(static_cast<Index>(values.size()) == rows * columns);
        std::vector<std::int32_t> groups(static_cast<std::size_t>(rows));
        for (std::size_t cell = 0; cell < groups.size(); ++cell)
            groups[cell] = 2 * simulated.truth.labels[cell] + static_cast<std::int32_t>(cell % 2);
        return groups;
    };
    options.merge.clusters = 2;
    const auto two = fit_clusters<NegativeBinomial<>>(exec, data, options);
    CHECK(asked == 1);
    CHECK(two.clusters.clusters == 2);
    CHECK(two.clusters.cluster_of.size() == 6);

    // a KL weight at which nothing is told apart: that it collapsed is said, and where all is one cluster that too,
    // with what to try. In how many clusters what has collapsed ends hangs on the seed and on rounding.
    options.merge.clusters = 0;
    options.groups = {};
    options.components = 50;
    options.plain.kl_weight = options.training.kl_weight = 20;
    const auto any = fit_clusters<NegativeBinomial<>>(exec, data, options);
    CHECK(std::any_of(any.notices.begin(), any.notices.end(),
                      [](const std::string& notice) { return notice.starts_with("warning: the mixture collapsed"); }));
    options.model.products = ProductPrecision::float32;
    const auto collapsed = fit_clusters<NegativeBinomial<>>(exec, data, options);
    CHECK(collapsed.clusters.clusters == 1);
    REQUIRE_FALSE(collapsed.notices.empty());
    CHECK_THAT(collapsed.notices.back(),
               Catch::Matchers::ContainsSubstring("of 50 components that hold cells are one") &&
                   Catch::Matchers::ContainsSubstring("1 or less, here it is 20"));
    for (const auto& notice : found.notices) CHECK_THAT(notice, !Catch::Matchers::ContainsSubstring("are one cluster"));
    CHECK_THAT(one_cluster_notice(9, 7, 1), Catch::Matchers::ContainsSubstring("the 7 of 9 components") &&
                                                Catch::Matchers::ContainsSubstring("less merging"));
}

}  // namespace fit_clusters_test
