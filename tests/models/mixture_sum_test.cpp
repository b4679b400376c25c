// SPDX-License-Identifier: Apache-2.0
// How a mixture's sum over clusters is taken: exactly, without clusters of small responsibility, or by samples.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cellvae/distributions/poisson.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"
#include "small_model.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace mixture_sum_test {

namespace {

using Small = SmallModel<Poisson, Mlp<>, GaussianMixture<>>;
using Terms = std::array<double, 4>;

const std::vector<std::int32_t> one_label{-1, -1, 2, -1, -1};

ModelOptions with_sum(const ClusterSum& sum) {
    return {.latent = 2, .hidden = {4}, .activation = ActivationKind::tanh, .mixture = {.clusters = 3, .sum = sum}};
}

std::vector<double> gradient_of(const Small& small) {
    const auto& flat = small.model.parameters().gradients();
    return {flat.data(), flat.data() + flat.extent(0)};
}

/// Holds every array's gradient against the central difference of the bound along a random direction of the array.
/// @param leave_out parameters to pass over, by the beginning of their name
void check_differences(Small& small, const StepOptions& step, const std::string& leave_out = "none") {
    const auto& store = small.model.parameters();
    const auto pass = small.model.pass(small.exec, small.batch, step, Mode::training);
    small.model.inference().draw_noise(pass);
    Kokkos::deep_copy(store.gradients(), std::nan(""));  // all of it is written
    small.model.gradient_at_noise(pass, step.beta);
    const std::vector<double> gradient = gradient_of(small);
    RandomStream random(5, Purpose::test);
    for (const auto& entry : store.entries()) {
        if (entry.name.starts_with(leave_out)) continue;
        const auto array = store.value(store.find(entry.name));
        const auto size = static_cast<std::size_t>(entry.rows * entry.columns);
        std::vector<double> start(array.data(), array.data() + size), direction(size);
        double slope = 0;
        for (std::size_t i = 0; i < size; ++i) {
            direction[i] = 2 * random.uniform() - 1;
            slope += direction[i] * gradient[static_cast<std::size_t>(entry.offset) + i];
        }
        const auto at = [&](double distance) {
            for (std::size_t i = 0; i < size; ++i) array.data()[i] = start[i] + distance * direction[i];
            return small.model.gradient_at_noise(pass, step.beta)[0];
        };
        constexpr double width = 2e-5;
        const double difference = (at(width) - at(-width)) / (2 * width);
        const double bound = at(0);
        INFO(entry.name << ": gradient " << slope << ", central difference " << difference);
        CHECK(std::abs(slope - difference) <= 2e-7 * (1 + std::abs(slope)) + 1e-10 * std::abs(bound));
    }
    Kokkos::deep_copy(store.gradients(), 0.0);  // the gaps between the arrays
}

/// Cells that are all the same one, with noise of their own each: one pass is many samples.
struct ManySamples {
    static constexpr Index copies = 500;
    static constexpr int passes = 40;

    HostExec exec;
    CountMatrix matrix = count_matrix(std::vector<std::vector<float>>(copies, {3, 0, 1, 0, 7, 0}));
    Dataset<HostExec> data = make_dataset<Poisson, HostExec>(exec, matrix);
    Minibatch<double, HostExec> batch{exec, data, copies};

    ManySamples() {
        std::vector<Index> all;
        for (Index cell = 0; cell < copies; ++cell) all.push_back(cell);
        batch.assemble(exec, data, order_of(all));
    }

    struct Estimate {
        double bound = 0, bound_error = 0;     ///< mean over samples and its standard error
        std::vector<double> gradient, errors;  ///< of the logits' biases: nothing but the choice of clusters moves them
    };

    /// @param like whose parameters the model is to have
    Estimate run(const ClusterSum& sum, double temperature, const Small& like) {
        Vae<Mlp<>, GaussianMixture<>, Poisson, double, HostExec> model(exec, 6, with_sum(sum));
        Kokkos::deep_copy(model.parameters().values(), like.model.parameters().values());
        const auto logits = model.parameters().gradient(model.parameters().find("cluster_encoder/logits/bias"));
        Estimate result{0, 0, std::vector<double>(3), std::vector<double>(3)};
        for (int i = 0; i < passes; ++i) {
            const double bound = model.gradient(
                exec, batch,
                {.beta = 0.7, .seed = 9, .step = static_cast<std::uint32_t>(i), .temperature = temperature})[0];
            result.bound += bound;
            result.bound_error += bound * bound;
            for (std::size_t k = 0; k < 3; ++k) {
                result.gradient[k] += logits(0, k);
                result.errors[k] += logits(0, k) * logits(0, k);
            }
        }
        const auto finish = [](double& mean, double& error) {
            mean /= passes;
            error = std::sqrt(std::max(error / passes - mean * mean, 0.0) / (passes - 1));
        };
        finish(result.bound, result.bound_error);
        for (std::size_t k = 0; k < 3; ++k) finish(result.gradient[k], result.errors[k]);
        return result;
    }
};

/// The length of a - b.
double norm(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(sum);
}

}  // namespace

TEST_CASE("a threshold of zero is the exact sum, bit for bit, and so is one that nothing is below") {
    Small exact(5, 6, with_sum({}), 0.6, one_label);
    Small zero(5, 6, with_sum({.kind = ClusterSumKind::threshold, .threshold = 0, .all_every = 0}), 0.6, one_label);
    const StepOptions step{.beta = 0.7, .seed = 3, .step = 1};
    const auto expected = exact.model.gradient(exact.exec, exact.batch, step);
    CHECK(zero.model.gradient(zero.exec, zero.batch, step) == expected);
    CHECK(gradient_of(zero) == gradient_of(exact));
    CHECK(zero.model.rows_decoded() == 15);

    Small unlabelled(5, 6, with_sum({}));
    Small small(5, 6, with_sum({.kind = ClusterSumKind::threshold, .threshold = 1e-12, .all_every = 0}));
    CHECK(small.model.gradient(small.exec, small.batch, step) ==
          unlabelled.model.gradient(unlabelled.exec, unlabelled.batch, step));
    CHECK(gradient_of(small) == gradient_of(unlabelled));
}

TEST_CASE("clusters below the threshold are not decoded, and the gradient is that of the bound without them") {
    const ClusterSum sum{.kind = ClusterSumKind::threshold, .threshold = 0.3, .all_every = 4};
    Small some(5, 6, with_sum(sum), 0.6, one_label);
    Small exact(5, 6, with_sum({}), 0.6, one_label);
    StepOptions step{.beta = 0.7, .seed = 3, .step = 1};
    const Terms found = some.model.gradient(some.exec, some.batch, step);
    const Terms all = exact.model.gradient(exact.exec, exact.batch, step);
    const Index decoded = some.model.rows_decoded();
    CHECK(decoded >= 5);
    CHECK(decoded < 11);  // the labelled cell's is one of three
    CHECK(found[1] != all[1]);
    CHECK(found[2] == all[2]);
    CHECK(found[3] == all[3]);
    // by hand: what is above the threshold, and its reconstructions in proportion
    const auto pass = exact.model.pass(exact.exec, exact.batch, step, Mode::training);
    const auto log_q = exact.model.inference().log_responsibilities(pass);
    Index expected = 1;
    for (std::size_t cell = 0; cell < 5; ++cell)
        for (std::size_t k = 0; k < 3 && one_label[cell] < 0; ++k) expected += std::exp(log_q(cell, k)) >= 0.3 ? 1 : 0;
    CHECK(decoded == expected);
    check_differences(some, step);

    step.step = 8;  // every fourth step takes all
    CHECK(some.model.gradient(some.exec, some.batch, step) == exact.model.gradient(exact.exec, exact.batch, step));
    CHECK(gradient_of(some) == gradient_of(exact));
}

TEST_CASE("the most probable cluster is decoded whatever the threshold") {
    Small small(5, 6, with_sum({.kind = ClusterSumKind::threshold, .threshold = 0.999, .all_every = 0}));
    const auto terms = small.model.gradient(small.exec, small.batch, {.seed = 3, .step = 1});
    CHECK(small.model.rows_decoded() == 5);
    CHECK(std::isfinite(terms[0]));
}

TEST_CASE("bounds and estimates of held-out cells are exact however the sum is taken in training") {
    const auto kind =
        GENERATE(ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax, ClusterSumKind::straight_through);
    Small exact(5, 6, with_sum({}));
    Small other(5, 6, with_sum({.kind = kind, .threshold = 0.3}));
    const StepOptions step{.beta = 0.7, .seed = 3, .step = 1};
    other.model.gradient(other.exec, other.batch, step);  // what it leaves behind must not show
    CHECK(other.model.bound(other.exec, other.batch, step) == exact.model.bound(exact.exec, exact.batch, step));
    Vector<double, HostExec> a("a", 5), b("b", 5);
    exact.model.log_likelihood(exact.exec, exact.batch, 3, 1, a);
    other.model.log_likelihood(other.exec, other.batch, 3, 1, b);
    for (std::size_t cell = 0; cell < 5; ++cell) CHECK(a(cell) == b(cell));
}

TEST_CASE("the gradient of Gumbel-softmax's bound is that of the differences, at every temperature") {
    const double temperature = GENERATE(0.3, 1.0, 4.0);
    Small small(5, 6, with_sum({.kind = ClusterSumKind::gumbel_softmax}), 0.6, one_label);
    check_differences(small, {.beta = 0.7, .seed = 3, .step = 1, .temperature = temperature});
    CHECK(small.model.rows_decoded() % 5 == 0);
    const auto pass = small.model.pass(small.exec, small.batch, {.temperature = temperature}, Mode::training);
    const auto member = small.model.inference().member(pass);
    CHECK(member(2, 2) == 1);
    for (std::size_t cell = 0; cell < 5; ++cell)
        CHECK(std::abs(member(cell, 0) + member(cell, 1) + member(cell, 2) - 1) < 1e-15);
}

TEST_CASE("straight-through decodes whole clusters with the gradient of Gumbel-softmax") {
    const StepOptions step{.beta = 0.7, .seed = 3, .step = 1, .temperature = 0.8};
    Small hard(5, 6, with_sum({.kind = ClusterSumKind::straight_through}), 0.6, one_label);
    check_differences(hard, step, "cluster_encoder");  // at a chosen cluster the bound does not move with q(y | x)
    const auto pass = hard.model.pass(hard.exec, hard.batch, step, Mode::training);
    const auto member = hard.model.inference().member(pass);
    const auto noise = hard.model.inference().gumbel_noise(pass);
    const auto log_q = hard.model.inference().log_responsibilities(pass);
    for (std::size_t cell = 0; cell < 5; ++cell)
        for (std::size_t k = 0; k < 3; ++k) {
            bool largest = true;
            for (std::size_t j = 0; j < 3; ++j)
                largest = largest && log_q(cell, k) + noise(cell, k) >= log_q(cell, j) + noise(cell, j);
            CHECK(member(cell, k) == (cell == 2 ? (k == 2 ? 1 : 0) : (largest ? 1 : 0)));
        }

    // At a temperature at which Gumbel-softmax's clusters are nearly whole, both gradients are nearly the same; they
    // are tiny by then, and without the KL nothing else moves the logits.
    Small soft(5, 6, with_sum({.kind = ClusterSumKind::gumbel_softmax}));
    Small whole(5, 6, with_sum({.kind = ClusterSumKind::straight_through}));
    const StepOptions cold{.beta = 0, .seed = 3, .step = 1, .temperature = 0.05};
    soft.model.gradient(soft.exec, soft.batch, cold);
    whole.model.gradient(whole.exec, whole.batch, cold);
    const auto& store = whole.model.parameters();
    const int bias = store.find("cluster_encoder/logits/bias");
    for (std::size_t k = 0; k < 3; ++k) {
        INFO(store.gradient(bias)(0, k) << " against " << soft.model.parameters().gradient(bias)(0, k));
        CHECK(store.gradient(bias)(0, k) != 0);
        CHECK(std::abs(store.gradient(bias)(0, k) - soft.model.parameters().gradient(bias)(0, k)) <=
              0.02 * std::abs(store.gradient(bias)(0, k)));
    }
}

TEST_CASE("the mean over samples goes to the exact bound and gradient as the temperature falls") {
    ManySamples many;
    const Small like(5, 6, with_sum({}), 0.4);
    const auto exact = many.run({}, 1, like);
    const auto warm = many.run({.kind = ClusterSumKind::gumbel_softmax}, 1, like);
    const auto cold = many.run({.kind = ClusterSumKind::gumbel_softmax}, 0.1, like);
    const auto hard = many.run({.kind = ClusterSumKind::straight_through}, 1, like);
    const auto error = [](const auto& estimate) { return norm(estimate.errors, {0, 0, 0}); };
    const auto bias = [&](const auto& estimate) { return norm(estimate.gradient, exact.gradient); };
    INFO("bounds: exact " << exact.bound << " +- " << exact.bound_error << ", Gumbel-softmax at 1 " << warm.bound
                          << ", at 0.1 " << cold.bound << " +- " << cold.bound_error << ", straight-through "
                          << hard.bound << " +- " << hard.bound_error);
    INFO("gradients' distances from the exact one: Gumbel-softmax at 1 "
         << bias(warm) << " +- " << error(warm) << ", at 0.1 " << bias(cold) << " +- " << error(cold)
         << ", straight-through at 1 " << bias(hard) << " +- " << error(hard));
    // a whole cluster is an exact sample: what straight-through estimates without bias is the bound, not its gradient
    CHECK(std::abs(hard.bound - exact.bound) < 4 * (hard.bound_error + exact.bound_error));
    CHECK(std::abs(warm.bound - exact.bound) > 10 * (warm.bound_error + exact.bound_error));
    CHECK(std::abs(cold.bound - exact.bound) < std::abs(warm.bound - exact.bound) / 5);
    CHECK(bias(warm) > 10 * (error(warm) + error(exact)));
    CHECK(bias(cold) < 4 * (error(cold) + error(exact)));
    CHECK(error(cold) > 3 * error(warm));  // what the lower temperature costs
}

TEST_CASE("with conditions a mixture's gradient is that of the differences, however the sum is taken") {
    ModelOptions options =
        with_sum(GENERATE(ClusterSum{}, ClusterSum{.kind = ClusterSumKind::threshold, .threshold = 0.2, .all_every = 0},
                          ClusterSum{.kind = ClusterSumKind::gumbel_softmax}));
    options.conditions = 2;
    options.scale = MeanScale::library_share;
    Small small(5, 6, options);
    check_differences(small, {.beta = 0.7, .seed = 2, .step = 1, .temperature = 0.8});
}

TEST_CASE(
    "with a weight of its own for the KL of clusters and with their balance the gradient is that of the differences") {
    const auto kind = GENERATE(ClusterSumKind::exact, ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax);
    const bool learned = GENERATE(true, false);
    ModelOptions options = with_sum({.kind = kind, .threshold = 0.2, .all_every = 0});
    options.mixture.learned_weights = learned;
    Small small(5, 6, options, 0.6, one_label);
    const StepOptions step{.beta = 0.7, .cluster_beta = 0.2, .balance = 3, .seed = 2, .step = 1, .temperature = 0.8};
    check_differences(small, step);

    // the balance is the divergence of the mean of q(y | x) from pi, and other terms are without it
    const auto with = small.model.gradient(small.exec, small.batch, step);
    auto none = step;
    none.balance = 0;
    const auto without = small.model.gradient(small.exec, small.batch, none);
    const auto pass = small.model.pass(small.exec, small.batch, step, Mode::training);
    const auto log_q = small.model.inference().log_responsibilities(pass);
    const auto& store = small.model.parameters();
    double total = 0, divergence = 0;
    const auto pi = [&](int k) { return learned ? std::exp(store.value(store.find("prior/logits"))(0, k)) : 1.0; };
    for (int k = 0; k < 3; ++k) total += pi(k);
    for (int k = 0; k < 3; ++k) {
        double share = 0;
        for (int cell = 0; cell < 5; ++cell) share += std::exp(log_q(cell, k)) / 5;
        divergence += share * std::log(share * total / pi(k));
    }
    CHECK(divergence > 0.001);
    CHECK(std::abs(without[0] - with[0] - 3 * divergence) < 1e-12 * std::abs(with[0]));
    for (std::size_t i = 1; i < 4; ++i) CHECK(with[i] == without[i]);
    CHECK(small.model.bound(small.exec, small.batch, step) ==
          small.model.bound(small.exec, small.batch, {.beta = 0.7, .cluster_beta = 0.2, .seed = 2, .step = 1}));
}

TEST_CASE("a KL that is not above its free nats has no gradient, and one that is above has all of it") {
    Small small(5, 6, with_sum({}));
    const StepOptions step{.beta = 0.7, .seed = 3, .step = 1};
    const auto means = small.model.gradient(small.exec, small.batch, step);
    const auto plain = gradient_of(small);
    const auto with = [&](double z, double y) {
        auto freed = step;
        freed.free_nats = z;
        freed.cluster_free_nats = y;
        small.model.gradient(small.exec, small.batch, freed);
        return gradient_of(small);
    };
    const auto weighed = [&](double z, double y) {
        auto other = step;
        other.beta = z;
        other.cluster_beta = y;
        small.model.gradient(small.exec, small.batch, other);
        return gradient_of(small);
    };
    CHECK(with(means[2] * 0.999, means[3] * 0.999) == plain);
    CHECK(with(means[2] * 1.001, 0) == weighed(0, 0.7));
    CHECK(with(0, means[3] * 1.001) == weighed(0.7, 0));
    CHECK(with(1e9, 1e9) == weighed(0, 0));
    CHECK(weighed(0, 0) != plain);
}

TEST_CASE("sums over clusters that cannot be taken are refused") {
    const auto make = [](const ClusterSum& sum) { Small small(5, 6, with_sum(sum)); };
    CHECK_THROWS_MATCHES(make({.kind = ClusterSumKind::threshold, .threshold = 1}), OptionError,
                         MessageMatches(ContainsSubstring("from 0 to below 1, found 1")));
    CHECK_THROWS_MATCHES(make({.kind = ClusterSumKind::threshold, .all_every = -1}), OptionError,
                         MessageMatches(ContainsSubstring("0 for never; found -1")));
    Small small(5, 6, with_sum({.kind = ClusterSumKind::gumbel_softmax}));
    CHECK_THROWS_MATCHES(small.model.gradient(small.exec, small.batch, {.temperature = 0}), OptionError,
                         MessageMatches(ContainsSubstring("temperature must be above 0")));
    using Fixed = SmallModel<Poisson, Mlp<>, GaussianMixture<ExactSum>>;
    CHECK_THROWS_MATCHES(Fixed(5, 6, with_sum({.kind = ClusterSumKind::straight_through})), OptionError,
                         MessageMatches(ContainsSubstring("has no sum straight_through")));
}

}  // namespace mixture_sum_test
