// SPDX-License-Identifier: Apache-2.0
#include "cellvae/training/mixture_start.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "../models/small_model.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/models/evaluate.hpp"
#include "cellvae/priors/any_prior.hpp"

using namespace cellvae;
using namespace cellvae_tests;

// One type for all priors: AnyPrior's calls are tested on the way.
using Model = SmallModel<Poisson, Mlp<>, AnyPrior>;

TEST_CASE("a mixture starts with the fit's responsibilities and the plain model's latent") {
    ModelOptions options{.latent = 2, .hidden = {5}, .normalisation = Normalisation::layer};
    Model plain(60, 12, options, 1.0);
    const auto latent = latent_means(plain.exec, plain.model, plain.data);
    const auto fit = fit_mixture(plain.exec, latent, 60, 2, {.components = 3, .tolerance = 0});
    for (const auto prior : {PriorKind::marginal_mixture, PriorKind::mixture}) {
        options.prior = prior;
        options.mixture.clusters = 3;
        Model started(60, 12, options, 1.0);
        CHECK(copy_parameters(plain.exec, plain.model.parameters(), started.model.parameters()) ==
              static_cast<int>(plain.model.parameters().entries().size()));
        start_mixture(plain.exec, started.model.parameters(), fit);
        const auto shares = responsibilities(plain.exec, started.model, started.data, started.batch);
        // a tied fit: Bayes' rule is linear in the mean, and so q(y | x) of both kinds is exactly the fit's
        for (std::size_t i = 0; i < shares.size(); ++i)
            if (std::abs(shares[i] - fit.responsibilities[i]) > 2e-4f) CHECK(shares[i] == fit.responsibilities[i]);
        const auto again = latent_means(plain.exec, started.model, started.data);
        for (std::size_t i = 0; i < again.size(); ++i)
            if (std::abs(again[i] - latent[i]) > 1e-6f) CHECK(again[i] == latent[i]);
    }
}

TEST_CASE("a mixture does not start where there is none, or from another number of clusters") {
    ModelOptions options{.latent = 2, .hidden = {5}};
    Model plain(20, 6, options);
    const auto latent = latent_means(plain.exec, plain.model, plain.data);
    const auto fit = fit_mixture(plain.exec, latent, 20, 2, {.components = 3});
    CHECK_THROWS_AS(start_mixture(plain.exec, plain.model.parameters(), fit), OptionError);
    options.prior = PriorKind::marginal_mixture;
    options.mixture.clusters = 4;
    Model other(20, 6, options);
    CHECK_THROWS_AS(start_mixture(other.exec, other.model.parameters(), fit), ShapeError);
}

TEST_CASE("every prior that is chosen at run time gives the bits of its type") {
    const auto same = [](auto& chosen, auto& typed) {
        const StepOptions step{.beta = 0.5, .seed = 2, .step = 7};
        const auto found = chosen.model.gradient(chosen.exec, chosen.batch, step);
        const auto expected = typed.model.gradient(typed.exec, typed.batch, step);
        for (std::size_t i = 0; i < expected.size(); ++i) CHECK(found[i] == expected[i]);
        const auto& a = chosen.model.parameters().gradients();
        const auto& b = typed.model.parameters().gradients();
        REQUIRE(a.extent(0) == b.extent(0));
        for (std::size_t i = 0; i < a.extent(0); ++i)
            if (a(i) != b(i)) CHECK(a(i) == b(i));
        CHECK(chosen.model.bound(chosen.exec, chosen.batch, step)[0] ==
              typed.model.bound(typed.exec, typed.batch, step)[0]);
    };
    ModelOptions options{.latent = 2, .hidden = {4}, .mixture = {.clusters = 3}, .vamp = {.pseudo_inputs = 4}};
    {
        Model chosen(9, 7, options);
        SmallModel<Poisson, Mlp<>, StandardGaussian> typed(9, 7, options);
        same(chosen, typed);
        CHECK_THROWS_AS(responsibilities(chosen.exec, chosen.model, chosen.data, chosen.batch), OptionError);
    }
    {
        options.prior = PriorKind::mixture;
        Model chosen(9, 7, options);
        SmallModel<Poisson, Mlp<>, GaussianMixture<>> typed(9, 7, options);
        same(chosen, typed);
        auto refused = options;
        refused.bound = Bound::importance_weighted;
        CHECK_THROWS_AS(Model(9, 7, refused), OptionError);
    }
    {
        options.prior = PriorKind::vamp;
        options.bound = Bound::importance_weighted;
        options.samples = 2;
        Model chosen(9, 7, options);
        SmallModel<Poisson, Mlp<>, VampPrior> typed(9, 7, options);
        same(chosen, typed);
    }
}
