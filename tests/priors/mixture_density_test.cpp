// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/mixture_density.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

#include "../data/small_cells.hpp"
#include "cellvae/distributions/poisson.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;
using Slice = MatrixSlice<double, Exec>;

constexpr Index cells = 3, rows = 6, components = 4, latent = 2;

/// A mixture, rows of z and a minibatch whose second cell has the label 2.
struct Mixture {
    Exec exec;
    CountMatrix matrix = count_matrix(random_counts(cells, 4));
    std::vector<std::int32_t> labels{-1, 2, -1};
    Dataset<Exec> data = make_dataset<Poisson, Exec>(exec, matrix, {.labels = labels});
    Minibatch<double, Exec> batch{exec, data, cells};
    Products<double, Exec> products{exec};
    ParameterStore<double, Exec> store;
    MixtureDensity<double, Exec> mixture;
    Matrix<double, Exec> z{"z", rows, latent}, mean{"mean", components, latent},
        log_variance{"log_variance", components, latent}, logits{"logits", 1, components};
    Vector<double, Exec> log_density{"log_density", rows}, weights{"weights", rows};
    bool learned = true;
    bool known_labels = false;

    Mixture() {
        const Kokkos::View<Index*, Exec> order("order", cells);
        for (Index cell = 0; cell < cells; ++cell) order(cell) = cell;
        batch.assemble(exec, data, order);
        mixture.reserve(exec, rows, components, latent);
        RandomStream random(5, Purpose::test);
        for (const auto& view : {z, mean, log_variance, logits})
            for (std::size_t i = 0; i < view.size(); ++i) view.data()[i] = random.normal();
        for (std::size_t row = 0; row < rows; ++row) weights(row) = random.uniform();
        exec.fence();
    }

    [[nodiscard]] Pass<double, Exec> pass() const { return {exec, &products, &store, &store, &batch}; }

    /// The sum over rows of weight x log density.
    double value() {
        if (learned) mixture.set_weights(pass(), Slice(logits));
        mixture.set_components(pass(), Slice(log_variance));
        mixture.log_density(pass(), Slice(z), Slice(mean), known_labels, log_density);
        exec.fence();
        double sum = 0;
        for (std::size_t row = 0; row < rows; ++row) sum += weights(row) * log_density(row);
        return sum;
    }

    /// log(pi_k N(z_row; k)) by the textbook.
    [[nodiscard]] double log_joint(std::size_t row, std::size_t k) const {
        double normaliser = 0;
        for (std::size_t j = 0; j < components; ++j) normaliser += std::exp(logits(0, j));
        double density = learned ? std::exp(logits(0, k)) / normaliser : 1.0 / components;
        for (std::size_t l = 0; l < latent; ++l) {
            const double variance = std::exp(log_variance(k, l));
            density *= std::exp(-std::pow(z(row, l) - mean(k, l), 2) / (2 * variance)) /
                       std::sqrt(2 * std::acos(-1.0) * variance);
        }
        return std::log(density);
    }
};

}  // namespace

TEST_CASE("the density of a mixture is the sum of its components', or of the known one") {
    Mixture mixture;
    for (const bool learned : {false, true})
        for (const bool known : {false, true}) {
            mixture.learned = learned;
            mixture.known_labels = known;
            mixture.value();
            const Matrix<double, Exec> log_share("log_share", rows, components);
            mixture.mixture.log_share(mixture.pass(), Slice(mixture.z), Slice(mixture.mean), Slice(log_share));
            mixture.exec.fence();
            for (std::size_t row = 0; row < rows; ++row) {
                double sum = 0;
                for (std::size_t k = 0; k < components; ++k) sum += std::exp(mixture.log_joint(row, k));
                const double all = std::log(sum);
                const double expected = known && row % cells == 1 ? mixture.log_joint(row, 2) : all;
                CHECK(std::abs(mixture.log_density(row) - expected) < 1e-12);
                for (std::size_t k = 0; k < components; ++k)  // labels or not
                    CHECK(std::abs(log_share(row, k) - (mixture.log_joint(row, k) - all)) < 1e-12);
            }
        }
}

TEST_CASE("the density of a mixture holds far from all components") {
    Mixture mixture;
    for (std::size_t l = 0; l < latent; ++l) mixture.z(0, l) = 1e4;
    mixture.value();
    CHECK(std::isfinite(mixture.log_density(0)));
    CHECK(mixture.log_density(0) < -1e5);
}

TEST_CASE("the gradient of a mixture's density is that of the differences") {
    Mixture mixture;
    mixture.log_variance(3, 1) = -20.5;  // beyond the bounds: what leads further out is zero
    for (const bool known : {false, true}) {
        mixture.known_labels = known;
        mixture.value();
        const Matrix<double, Exec> d_z("d_z", rows, latent), d_mean("d_mean", components, latent),
            d_log_variance("d_log_variance", components, latent), d_logits("d_logits", 1, components);
        Kokkos::deep_copy(d_z, 1.0);  // added to
        Kokkos::deep_copy(d_mean, 1.0);
        const double scale = 0.7;
        mixture.mixture.backward(mixture.pass(), scale, mixture.weights, Slice(mixture.z), Slice(mixture.mean),
                                 Slice(mixture.log_variance), Slice(d_z), Slice(d_mean), Slice(d_log_variance));
        mixture.mixture.backward_weights(mixture.pass(), scale, mixture.weights, rows, Slice(d_logits));
        mixture.exec.fence();
        const auto compare = [&](const Matrix<double, Exec>& at, const Matrix<double, Exec>& gradient, double before) {
            for (std::size_t i = 0; i < at.size(); ++i) {
                const double start = at.data()[i], step = 1e-5;
                at.data()[i] = start + step;
                const double above = mixture.value();
                at.data()[i] = start - step;
                const double below = mixture.value();
                at.data()[i] = start;
                const double difference = scale * (above - below) / (2 * step) + before;
                if (&at == &mixture.log_variance && i == 7) continue;
                CHECK(std::abs(gradient.data()[i] - difference) < 1e-7 * (1 + std::abs(difference)));
            }
        };
        compare(mixture.z, d_z, 1);
        compare(mixture.mean, d_mean, 0);
        compare(mixture.log_variance, d_log_variance, 0);
        compare(mixture.logits, d_logits, 0);
        CHECK(d_log_variance(3, 1) >= 0);
    }
}
