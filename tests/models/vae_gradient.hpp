// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "small_model.hpp"

// The whole gradient of a model against central differences of its bound.

namespace cellvae_tests {

/// Compares the gradient with central differences along random unit directions: two through all parameters and, with
/// `each_array`, one in each array and one of its entries.
/// @param labels known clusters of the five cells, or none
template <class L, class Prior = cellvae::StandardGaussian>
void check_gradient(const cellvae::ModelOptions& options, bool each_array = true,
                    const std::vector<std::int32_t>& labels = {}) {
    using namespace cellvae;
    CAPTURE(L::name, options.latent, options.hidden, name_of(options.activation), name_of(options.normalisation),
            options.dropout, name_of(options.scale), options.shared, options.samples, name_of(options.bound), labels,
            options.mask.size(), options.conditions);
    SmallModel<L, Mlp<>, Prior> small(5, 6, options, 0.6, labels);
    auto& model = small.model;
    const auto& store = model.parameters();
    const double beta = 0.7;
    const auto pass = model.pass(small.exec, small.batch, {.beta = beta, .seed = 3, .step = 2}, Mode::training);
    model.inference().draw_noise(pass);
    Kokkos::deep_copy(small.exec, store.gradients(), std::numeric_limits<double>::quiet_NaN());  // all of it is written
    const auto terms = model.gradient_at_noise(pass, beta);
    const auto size = static_cast<std::size_t>(store.size());
    const std::vector<double> gradient(store.gradients().data(), store.gradients().data() + size);
    const std::vector<double> start(store.values().data(), store.values().data() + size);
    const double bound = terms[0];
    if (options.bound == Bound::elbo)
        CHECK(std::abs(terms[0] - (terms[1] - beta * terms[2])) <= 1e-12 * std::abs(terms[1]));

    const auto compare = [&](const std::string& where, std::vector<double> direction) {
        double norm = 0, slope = 0;
        for (const double d : direction) norm += d * d;
        for (double& d : direction) d /= std::sqrt(norm);
        for (std::size_t i = 0; i < size; ++i)
            if (direction[i] != 0) slope += direction[i] * gradient[i];  // the gaps between the arrays are NaN
        constexpr double step = 2e-5;
        const auto at = [&](double distance) {
            for (std::size_t i = 0; i < size; ++i) store.values()(i) = start[i] + distance * direction[i];
            model.apply_mask(small.exec);
            return model.gradient_at_noise(pass, beta)[0];
        };
        const double difference = (at(step) - at(-step)) / (2 * step);
        at(0);
        // truncation is of the order of step^2, rounding that of the bound over the step
        const double tolerance = 2e-7 * (1 + std::abs(slope)) + 1e-10 * std::abs(bound);
        if (std::abs(slope - difference) <= tolerance) return;
        INFO(where << ": gradient " << slope << ", central difference " << difference);
        CHECK(std::abs(slope - difference) <= tolerance);
    };

    RandomStream random(23, Purpose::test);
    for (const auto& entry : store.entries()) {
        if (!each_array) break;
        std::vector<double> direction(size, 0);
        for (Index i = 0; i < entry.rows * entry.columns; ++i)
            direction[static_cast<std::size_t>(entry.offset + i)] = 2 * random.uniform() - 1;
        compare(entry.name, direction);
        const auto chosen = static_cast<Index>(random.below(static_cast<std::uint32_t>(entry.rows * entry.columns)));
        std::vector<double> single(size, 0);
        single[static_cast<std::size_t>(entry.offset + chosen)] = 1;
        compare(message(entry.name, ", entry ", chosen), single);
    }
    for (int i = 0; i < 2; ++i) {
        std::vector<double> direction(size, 0);
        for (const auto& entry : store.entries())
            for (Index k = 0; k < entry.rows * entry.columns; ++k)
                direction[static_cast<std::size_t>(entry.offset + k)] = 2 * random.uniform() - 1;
        compare("all parameters", direction);
    }
    // the bound did move: a comparison of zeros would show nothing
    double largest = 0;
    for (const auto& entry : store.entries())
        largest = std::max(largest, std::abs(gradient[static_cast<std::size_t>(entry.offset)]));
    CHECK(largest > 1e-3);
}

/// A likelihood with and without library sizes, and with and without a parameter that all cells share.
template <class L>
void check_likelihood_gradients() {
    using namespace cellvae;
    for (const auto scale : {MeanScale::none, MeanScale::library}) {
        if (scale == MeanScale::library && L::log_mean_parameter < 0) continue;
        for (const bool shared : {false, true}) {
            ModelOptions options{.latent = 2, .hidden = {4}, .activation = ActivationKind::silu, .scale = scale};
            if (shared) options.shared = {std::string(L::parameters.back())};
            check_gradient<L>(options);
        }
    }
}

}  // namespace cellvae_tests
