// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/marginal_gaussian_mixture.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>

#include "../models/vae_gradient.hpp"
#include "cellvae/distributions/poisson.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;

namespace marginal_gaussian_mixture_test {

namespace {

ModelOptions sizes(Index clusters, bool learned = true) {
    return {.latent = 2,
            .hidden = {4},
            .activation = ActivationKind::tanh,
            .mixture = {.clusters = clusters, .learned_weights = learned}};
}

using Small = SmallModel<Poisson, Mlp<>, MarginalGaussianMixture>;

}  // namespace

TEST_CASE("the gradient of the marginal mixture is that of the differences, with known labels and without") {
    auto options = sizes(3);
    check_gradient<Poisson, MarginalGaussianMixture>(options);
    check_gradient<Poisson, MarginalGaussianMixture>(options, true, {-1, 2, 0, -1, -1});
    options.mixture.learned_weights = false;
    options.dropout = 0.3;
    options.samples = 3;
    check_gradient<Poisson, MarginalGaussianMixture>(options);
    options.bound = Bound::importance_weighted;
    check_gradient<Poisson, MarginalGaussianMixture>(options, true, {-1, 2, 0, -1, -1});
}

TEST_CASE("a marginal mixture of one cluster at N(0, I) is the plain VAE with the sampled KL") {
    auto options = sizes(1);
    Small mixture(5, 9, options);
    options.bound = Bound::importance_weighted;  // with one sample: the plain bound, its KL sampled
    SmallModel<Poisson> plain(5, 9, options);
    const auto& store = mixture.model.parameters();
    for (const auto& entry : store.entries()) {
        const int from = plain.model.parameters().find(entry.name);
        if (from >= 0)
            Kokkos::deep_copy(store.value(store.find(entry.name)), plain.model.parameters().value(from));
        else
            Kokkos::deep_copy(store.value(store.find(entry.name)), 0.0);
    }
    const StepOptions step{.beta = 0.7, .seed = 1, .step = 5};
    const auto expected = plain.model.gradient(plain.exec, plain.batch, step);
    const auto found = mixture.model.gradient(mixture.exec, mixture.batch, step);
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(found[i] - expected[i]) < 1e-12 * std::abs(expected[i]));
    int compared = 0;
    for (const auto& entry : plain.model.parameters().entries()) {
        const auto a = plain.model.parameters().gradient(plain.model.parameters().find(entry.name));
        const auto b = store.gradient(store.find(entry.name));
        INFO(entry.name);
        for (std::size_t i = 0; i < a.size(); ++i, ++compared)
            REQUIRE(std::abs(a.data()[i] - b.data()[i]) <= 1e-11 * std::abs(a.data()[i]) + 1e-13);
    }
    CHECK(compared > 100);
    Vector<double, HostExec> of_plain("plain", 5), of_mixture("mixture", 5);
    using Cells = VectorSlice<double, HostExec::memory_space>;
    plain.model.log_likelihood(plain.exec, plain.batch, 7, 2, Cells(of_plain.data(), 5));
    mixture.model.log_likelihood(mixture.exec, mixture.batch, 7, 2, Cells(of_mixture.data(), 5));
    for (std::size_t cell = 0; cell < 5; ++cell) CHECK(std::abs(of_plain(cell) - of_mixture(cell)) < 1e-11);
}

TEST_CASE("responsibilities are what the prior says of the mean of q(z | x)") {
    Small small(5, 9, sizes(3), 0.9, {-1, 2, 0, -1, -1});
    const auto pass = small.model.pass(small.exec, small.batch, {}, Mode::evaluation);
    const Matrix<double, HostExec> means("means", 5, 2);
    small.model.encode(small.exec, small.batch, means);
    CHECK(small.model.inference().clusters() == 3);
    const auto found = small.model.inference().log_responsibilities(pass);
    small.exec.fence();
    const auto& store = small.model.parameters();
    const auto mean = store.value(store.find("prior/mean")),
               log_variance = store.value(store.find("prior/log_variance")),
               logits = store.value(store.find("prior/logits"));
    REQUIRE(found.extent(0) == 5);
    REQUIRE(found.extent(1) == 3);
    for (std::size_t cell = 0; cell < 5; ++cell) {
        double joint[3], sum = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            joint[k] = std::exp(logits(0, k));
            for (std::size_t l = 0; l < 2; ++l)
                joint[k] *= std::exp(-std::pow(means(cell, l) - mean(k, l), 2) / (2 * std::exp(log_variance(k, l))) -
                                     log_variance(k, l) / 2);
            sum += joint[k];
        }
        for (std::size_t k = 0; k < 3; ++k) CHECK(std::abs(std::exp(found(cell, k)) - joint[k] / sum) < 1e-12);
    }
}

TEST_CASE("a marginal mixture needs a cluster") {
    CHECK_THROWS_MATCHES((SmallVae<Poisson, Mlp<>, MarginalGaussianMixture>(HostExec(), 5, sizes(0))), OptionError,
                         Message("a mixture needs at least one cluster, found 0"));
}

}  // namespace marginal_gaussian_mixture_test
