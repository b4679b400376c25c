// SPDX-License-Identifier: Apache-2.0
#include "cellvae/models/evaluate.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cmath>
#include <vector>

#include "cellvae/distributions/poisson.hpp"
#include "small_model.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace evaluate_test {

namespace {

ModelOptions options(Index samples = 1) {
    return {.latent = 2, .hidden = {4}, .activation = ActivationKind::tanh, .samples = samples};
}

template <class Small>
std::vector<double> log_likelihood(Small& small, Index samples, std::uint64_t seed) {
    std::vector<double> result(static_cast<std::size_t>(small.batch.cells()));
    small.model.log_likelihood(small.exec, small.batch, samples, seed,
                               VectorSlice<double, HostExec::memory_space>(result.data(), result.size()));
    small.exec.fence();
    return result;
}

}  // namespace

TEST_CASE("the estimate from one sample is the bound with the sampled KL") {
    SmallModel<Poisson> small(20, 9, options(), 0.8);
    double sum = 0, squares = 0;
    const int seeds = 500;
    for (int seed = 0; seed < seeds; ++seed) {
        const auto estimate = log_likelihood(small, 1, static_cast<std::uint64_t>(seed));
        small.model.bound(small.exec, small.batch, {.seed = static_cast<std::uint64_t>(seed)});  // with the same noise
        for (std::size_t cell = 0; cell < 20; ++cell) {
            const double difference = estimate[cell] - small.model.terms()(cell, 0);  // of the two KLs alone
            sum += difference;
            squares += difference * difference;
        }
    }
    const double count = seeds * 20;
    const double mean = sum / count, deviation = std::sqrt(squares / count - mean * mean);
    CHECK(deviation > 0.1);
    CHECK(deviation < 10);
    CHECK(std::abs(mean) < 5 * deviation / std::sqrt(count));
}

TEST_CASE("the importance-weighted estimate rises with the number of samples") {
    SmallModel<Poisson> small(20, 9, options(), 0.8);
    const auto mean = [&](Index samples) {
        double sum = 0;
        for (std::uint64_t seed = 0; seed < 40; ++seed)
            for (const double value : log_likelihood(small, samples, seed)) sum += value;
        return sum / (40 * 20);
    };
    const double one = mean(1), five = mean(5), fifty = mean(50);
    CHECK(five > one + 0.05);
    CHECK(fifty > five + 0.01);
}

TEST_CASE("the estimate from many samples is log p(x), found by quadrature") {
    // one latent dimension and no hidden layer in the decoder: the log rates are lines in z
    auto sizes = options();
    sizes.latent = 1;
    sizes.decoder_hidden = std::vector<Index>{};
    SmallModel<Poisson> small(6, 4, sizes);
    const auto estimate = log_likelihood(small, 20000, 1);
    const auto& store = small.model.parameters();
    const auto weight = store.value(store.find("decoder/log_rate/weight"));
    const auto bias = store.value(store.find("decoder/log_rate/bias"));
    const auto dense = random_counts(6, 4, 0.4);
    for (std::size_t cell = 0; cell < 6; ++cell) {
        const auto log_joint = [&](double z) {
            double sum = -z * z / 2 - std::log(2 * std::acos(-1.0)) / 2;
            for (std::size_t gene = 0; gene < 4; ++gene) {
                const double log_rate = std::min(std::max(bias(0, gene) + weight(gene, 0) * z, -30.0), 20.0);
                const auto x = static_cast<double>(dense[cell][gene]);
                sum += x * log_rate - std::exp(log_rate) - std::lgamma(x + 1);
            }
            return sum;
        };
        double largest = -1e300, sum = 0;
        for (int i = -60000; i <= 60000; ++i) largest = std::max(largest, log_joint(i * 1e-3));
        for (int i = -60000; i <= 60000; ++i) sum += 1e-3 * std::exp(log_joint(i * 1e-3) - largest);
        const double expected = largest + std::log(sum);
        CAPTURE(cell, dense[cell], expected, estimate[cell]);
        // cells with counts in the thousands lie far out in z, where q has few samples
        const bool moderate = *std::max_element(dense[cell].begin(), dense[cell].end()) < 10;
        if (moderate) CHECK(std::abs(estimate[cell] - expected) < 0.05);
        CHECK(estimate[cell] < expected + 0.5);
    }
}

TEST_CASE("the estimate does not depend on how many samples are drawn at once") {
    SmallModel<Poisson> one(6, 9, options(1)), three(6, 9, options(3));
    Kokkos::deep_copy(three.model.parameters().values(), one.model.parameters().values());
    for (const Index samples : {1, 3, 5}) {  // of the second three, 5 uses two
        const auto expected = log_likelihood(one, samples, 8);
        const auto found = log_likelihood(three, samples, 8);
        for (std::size_t cell = 0; cell < 6; ++cell) CHECK(std::abs(found[cell] - expected[cell]) < 1e-10);
    }
}

TEST_CASE("an estimate from no samples is refused") {
    SmallModel<Poisson> small(3, 4, options());
    CHECK_THROWS_MATCHES(
        log_likelihood(small, 0, 1), OptionError,
        Catch::Matchers::Message("the importance-weighted estimate needs at least one sample, found 0"));
}

TEST_CASE("means over cells count every cell once, whatever the minibatches") {
    SmallModel<Poisson> small(10, 9, options());
    const std::vector<Index> cells{7, 2, 9, 4, 0, 1, 8};
    const auto full = small.model.bound(small.exec, small.batch, {.seed = 6});
    std::vector<double> expected(3);
    for (const Index cell : cells)
        for (std::size_t i = 0; i < 3; ++i) expected[i] += small.model.terms()(cell, i) / 7;
    CHECK(full[0] != expected[0]);
    double estimate = 0;
    const auto estimates = log_likelihood(small, 4, 6);
    for (const Index cell : cells) estimate += estimates[static_cast<std::size_t>(cell)] / 7;
    for (const Index most : {1, 3, 4, 7, 10}) {  // 3 and 4 leave a partial minibatch
        Minibatch<double, HostExec> batch(small.exec, small.data, most);
        const auto found = mean_bound(small.exec, small.model, small.data, cells, batch, 6);
        for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(found[i] - expected[i]) <= 1e-12 * std::abs(expected[i]));
        const double mean = mean_log_likelihood(small.exec, small.model, small.data, cells, batch, 4, 6);
        CHECK(std::abs(mean - estimate) <= 1e-12 * std::abs(estimate));
    }
}

TEST_CASE("latent means are those of each cell, in the cells' order") {
    SmallModel<Poisson> small(10, 9, options());
    const Matrix<double, HostExec> means("means", 10, 2);
    small.model.encode(small.exec, small.batch, means);
    small.exec.fence();
    for (const Index most : {3, 10}) {
        Minibatch<double, HostExec> batch(small.exec, small.data, most);
        const auto found = latent_means(small.exec, small.model, small.data, batch);
        REQUIRE(found.size() == 20);
        for (std::size_t cell = 0; cell < 10; ++cell)
            for (std::size_t l = 0; l < 2; ++l)
                CHECK(std::abs(static_cast<double>(found[2 * cell + l]) - means(cell, l)) < 1e-6);
    }
    double spread = 0;
    for (std::size_t cell = 1; cell < 10; ++cell) spread = std::max(spread, std::abs(means(cell, 0) - means(0, 0)));
    CHECK(spread > 1e-3);
}

TEST_CASE("a cell's cluster is that of its largest responsibility") {
    const std::vector<float> shares{0.2f, 0.5f, 0.3f, 0.4f, 0.4f, 0.2f};
    CHECK(most_likely_clusters(shares, 3) == std::vector<std::int32_t>{1, 0});
    CHECK_THROWS_AS(most_likely_clusters(shares, 4), ShapeError);
    CHECK_THROWS_AS(most_likely_clusters(shares, 0), ShapeError);
}

}  // namespace evaluate_test
