// SPDX-License-Identifier: Apache-2.0
#include "cellvae/nn/normalisation.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "differences.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace {

constexpr std::size_t units = 4;

/// Mean and biased variance of `count` numbers.
template <class At>
std::pair<double, double> moments(std::size_t count, At&& at) {
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < count; ++i) mean += at(i) / static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) variance += (at(i) - mean) * (at(i) - mean) / static_cast<double>(count);
    return {mean, variance};
}

struct OneLayer {
    Bench bench;
    NormalisationLayer<double, HostExec> layer;

    explicit OneLayer(Normalisation kind, double momentum = 0.1)
        : layer(bench.parameters, bench.state, "layer", static_cast<Index>(units), kind, momentum) {
        bench.start();
        layer.reserve(bench.exec, 7);
        if (kind == Normalisation::batch) {
            fill_random(state("running_mean"), 11);
            fill_random(state("running_variance"), 12, 2, 1);
        }
        bench.exec.fence();
    }

    [[nodiscard]] HostSlice state(const std::string& name) const {
        const int id = bench.state.find("layer/normalisation/" + name);
        REQUIRE(id >= 0);
        return bench.state.value(id);
    }
};

}  // namespace

TEST_CASE("normalisation is the formula") {
    const Index rows = GENERATE(1, 2, 6);
    const auto count = static_cast<std::size_t>(rows);
    const HostMatrix x("x", count, units), u("u", count, units);
    fill_random(x, 1, 3, 2);
    CAPTURE(rows);

    SECTION("layer: each row by its own mean and variance") {
        const OneLayer one(Normalisation::layer);
        Kokkos::deep_copy(u, x);
        one.layer.forward(one.bench.pass(), u);
        one.bench.exec.fence();
        for (std::size_t r = 0; r < count; ++r) {
            const auto [mean, variance] = moments(units, [&](std::size_t c) { return x(r, c); });
            for (std::size_t c = 0; c < units; ++c) {
                const double expected =
                    one.bench.value("layer/normalisation/gain")(0, c) * (x(r, c) - mean) / std::sqrt(variance + 1e-5) +
                    one.bench.value("layer/normalisation/shift")(0, c);
                CHECK(std::abs(u(r, c) - expected) < 1e-12);
            }
        }
    }
    SECTION("batch: each column by the minibatch's in training, and by the running ones in evaluation") {
        for (const Mode mode : {Mode::training, Mode::evaluation}) {
            const OneLayer one(Normalisation::batch);
            const auto running_mean = copy_of(one.state("running_mean"));
            const auto running_variance = copy_of(one.state("running_variance"));
            Kokkos::deep_copy(u, x);
            one.layer.forward(one.bench.pass(nullptr, mode), u);
            one.bench.exec.fence();
            for (std::size_t c = 0; c < units; ++c) {
                auto [mean, variance] = moments(count, [&](std::size_t r) { return x(r, c); });
                if (mode == Mode::evaluation) {
                    mean = running_mean(0, c);
                    variance = running_variance(0, c);
                }
                for (std::size_t r = 0; r < count; ++r) {
                    const double expected = one.bench.value("layer/normalisation/gain")(0, c) * (x(r, c) - mean) /
                                                std::sqrt(variance + 1e-3) +
                                            one.bench.value("layer/normalisation/shift")(0, c);
                    CHECK(std::abs(u(r, c) - expected) < 1e-12);
                }
            }
            if (mode == Mode::evaluation) {
                CHECK(largest_difference(running_mean, one.state("running_mean")) == 0);
                CHECK(largest_difference(running_variance, one.state("running_variance")) == 0);
            }
        }
    }
    SECTION("none: nothing") {
        OneLayer one(Normalisation::none);
        CHECK(one.bench.parameters.entries().empty());
        Kokkos::deep_copy(u, x);
        one.layer.forward(one.bench.pass(), u);
        one.layer.backward(one.bench.pass(), u);
        one.bench.exec.fence();
        CHECK(largest_difference(u, x) == 0);
    }
}

TEST_CASE("normalisation's gradients are those of the differences") {
    const auto [kind, mode] = GENERATE(table<Normalisation, Mode>({{Normalisation::layer, Mode::training},
                                                                   {Normalisation::batch, Mode::training},
                                                                   {Normalisation::batch, Mode::evaluation}}));
    const std::size_t rows = GENERATE(1u, 2u, 5u);
    CAPTURE(name_of(kind), mode == Mode::training, rows);
    const OneLayer one(kind);
    const HostMatrix x("x", rows, units), u("u", rows, units), coefficients("coefficients", rows, units),
        d("d", rows, units);
    fill_random(x, 1, 3, 2);
    fill_random(coefficients, 2);
    const auto pass = one.bench.pass(nullptr, mode);
    const auto value = [&] {
        Kokkos::deep_copy(u, x);
        one.layer.forward(pass, u);
        one.bench.exec.fence();
        return dot(coefficients, u);
    };
    value();
    Kokkos::deep_copy(d, coefficients);
    one.layer.backward(pass, d);
    one.bench.exec.fence();
    const auto d_x = copy_of(d);
    one.bench.check_parameters(value);
    check_gradient("x", x, d_x, value);
}

TEST_CASE("running statistics move by the momentum to the minibatch's mean and unbiased variance, as PyTorch's do") {
    const double momentum = 0.25;
    OneLayer one(Normalisation::batch, momentum);
    one.layer.initialise(one.bench.exec, one.bench.parameters, one.bench.state);
    one.bench.exec.fence();
    std::vector<double> mean(units, 0), variance(units, 1);
    for (std::uint32_t step = 0; step < 3; ++step) {
        const std::size_t rows = step == 1 ? 7 : 3;
        const HostMatrix x("x", rows, units);
        fill_random(x, 20 + step, 2, 3);
        for (std::size_t c = 0; c < units; ++c) {
            const auto [batch_mean, biased] = moments(rows, [&](std::size_t r) { return x(r, c); });
            const double unbiased = biased * static_cast<double>(rows) / static_cast<double>(rows - 1);
            mean[c] = (1 - momentum) * mean[c] + momentum * batch_mean;
            variance[c] = (1 - momentum) * variance[c] + momentum * unbiased;
        }
        one.layer.forward(one.bench.pass(), x);
        one.bench.exec.fence();
        for (std::size_t c = 0; c < units; ++c) {
            CHECK(std::abs(one.state("running_mean")(0, c) - mean[c]) < 1e-13);
            CHECK(std::abs(one.state("running_variance")(0, c) - variance[c]) < 1e-13);
        }
    }
    for (std::size_t c = 0; c < units; ++c) {
        CHECK(one.bench.value("layer/normalisation/gain")(0, c) == 1);
        CHECK(one.bench.value("layer/normalisation/shift")(0, c) == 0);
    }
}
