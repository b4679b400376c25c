// SPDX-License-Identifier: Apache-2.0
// The importance-weighted bound: identities. Its values and gradients are in the reference models and in tests/priors.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <cmath>
#include <vector>

#include "cellvae/distributions/poisson.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "vae_gradient.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;

namespace importance_weighted_test {

namespace {

ModelOptions sizes(Index samples, Bound bound = Bound::importance_weighted) {
    return {.latent = 2,
            .hidden = {4},
            .activation = ActivationKind::tanh,
            .mixture = {.clusters = 3},
            .samples = samples,
            .bound = bound};
}

template <class Prior>
using Small = SmallModel<Poisson, Mlp<>, Prior>;

}  // namespace

TEST_CASE("the gradient of the importance-weighted bound is that of the differences, at any weight of the KL") {
    check_gradient<Poisson>(sizes(1));
    auto options = sizes(4);
    check_gradient<Poisson>(options);
    options.scale = MeanScale::library_share;  // the output layer is passed twice
    check_gradient<Poisson>(options);
}

TEST_CASE("with one sample the importance-weighted bound is the plain one with the sampled KL: value and gradient") {
    Small<MarginalGaussianMixture> weighted(5, 9, sizes(1)), plain(5, 9, sizes(1, Bound::elbo));
    const StepOptions step{.beta = 0.6, .seed = 2, .step = 3};
    const auto found = weighted.model.gradient(weighted.exec, weighted.batch, step);
    const auto expected = plain.model.gradient(plain.exec, plain.batch, step);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(found[i] - expected[i]) <= 1e-12 * std::abs(expected[i]));
    const auto& a = weighted.model.parameters().gradients();
    const auto& b = plain.model.parameters().gradients();
    for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(std::abs(a(i) - b(i)) <= 1e-11 * std::abs(b(i)) + 1e-13);
}

TEST_CASE("the importance-weighted bound rises with samples in expectation") {
    const std::vector<Index> counts{1, 3, 10};
    const int draws = 400;
    std::vector<double> means, errors;
    for (const Index samples : counts) {
        Small<StandardGaussian> small(12, 9, sizes(samples), 0.8);
        double sum = 0, squares = 0;
        for (std::uint64_t seed = 0; seed < draws; ++seed) {
            const auto terms = small.model.bound(small.exec, small.batch, {.seed = seed});
            sum += terms[0];
            squares += terms[0] * terms[0];
            CHECK(terms[0] >= terms[1] - terms[2] - 1e-9);  // of the same samples: Jensen
        }
        means.push_back(sum / draws);
        errors.push_back(std::sqrt((squares / draws - means.back() * means.back()) / draws));
    }
    for (std::size_t i = 1; i < counts.size(); ++i) {
        CAPTURE(means[i - 1], means[i], errors[i - 1], errors[i]);
        CHECK(means[i] - means[i - 1] > 5 * std::hypot(errors[i], errors[i - 1]));
    }
}

TEST_CASE("the bound with as many samples is the estimate of log p(x) from the same draws") {
    Small<StandardGaussian> small(6, 9, sizes(4));
    std::vector<double> estimate(6);
    small.model.log_likelihood(small.exec, small.batch, 4, 7,
                               VectorSlice<double, HostExec::memory_space>(estimate.data(), 6));
    small.model.bound(small.exec, small.batch, {.seed = 7});
    for (std::size_t cell = 0; cell < 6; ++cell)
        CHECK(std::abs(small.model.terms()(cell, 0) - estimate[cell]) < 1e-10 * std::abs(estimate[cell]));
}

TEST_CASE("a mixture's estimate from one draw a cluster lies above the bound, and on it where q(y | x) is exact") {
    // sum_k q_k [log p(x, z_k, k) / q(z_k | x, k) - log q_k] <= log sum_k p(x, z_k, k) / q(z_k | x, k), for any q
    Small<GaussianMixture<>> small(1, 9, sizes(1, Bound::elbo));
    auto& model = small.model;
    const std::size_t clusters = 3;
    double estimate = 0;
    std::vector<double> weight(clusters);
    const auto gap = [&] {
        model.log_likelihood(small.exec, small.batch, 1, 5, VectorSlice<double, HostExec::memory_space>(&estimate, 1));
        const auto pass = model.pass(small.exec, small.batch, {.seed = 5}, Mode::evaluation);
        const Vector<double, HostExec> log_prob("log_prob", clusters), ratio("ratio", clusters);
        model.output().log_prob(pass, model.hidden_rows(pass),
                                VectorSlice<double, HostExec::memory_space>(log_prob.data(), clusters));
        model.inference().log_ratio(pass, ratio);
        const auto log_q = model.inference().log_responsibilities(pass);
        small.exec.fence();
        double bound = 0;
        for (std::size_t k = 0; k < clusters; ++k) {
            weight[k] = log_prob(k) + small.batch.base_measure(0) + ratio(k);
            bound += std::exp(log_q(0, k)) * (weight[k] - log_q(0, k));
        }
        return estimate - bound;
    };
    CHECK(gap() > 0.01);
    // the cluster encoder's head gives q(y | x) = the posterior at these draws
    const auto& store = model.parameters();
    Kokkos::deep_copy(store.value(store.find("cluster_encoder/logits/weight")), 0.0);
    const auto bias = store.value(store.find("cluster_encoder/logits/bias"));
    for (std::size_t k = 0; k < clusters; ++k) bias(0, k) = weight[k] - estimate;
    CHECK(std::abs(gap()) < 1e-10 * std::abs(estimate));
}

TEST_CASE("a mixture with networks of its own for q(y | x) refuses the importance-weighted bound") {
    CHECK_THROWS_MATCHES((SmallVae<Poisson, Mlp<>, GaussianMixture<>>(HostExec(), 5, sizes(1))), OptionError,
                         Message("the importance-weighted bound is for priors with one q(z | x) a cell, and not for "
                                 "mixture: train it with the bound elbo; its estimate of log p(x) sums clusters"));
}

}  // namespace importance_weighted_test
