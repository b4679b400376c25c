// SPDX-License-Identifier: Apache-2.0
#include "cellvae/nn/activation.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

using namespace cellvae;

namespace {

template <class Activation>
void check_derivative(const Activation& activation, double u) {
    const double step = 1e-6;
    const double difference = (activation.value(u + step) - activation.value(u - step)) / (2 * step);
    CAPTURE(u);
    CHECK(std::abs(activation.derivative(u) - difference) < 1e-8);  // rounding: 30 epsilon over the step
}

}  // namespace

TEST_CASE("activations are their formulas, and derivatives are those of the differences") {
    for (const double u : {-30.0, -2.5, -0.7, -1e-3, 1e-3, 0.4, 1.0, 3.0, 30.0}) {
        CHECK(Relu{}.value(u) == std::fmax(u, 0));
        CHECK(std::abs(Silu{}.value(u) - u / (1 + std::exp(-u))) < 1e-13);
        CHECK(std::abs(Tanh{}.value(u) - std::tanh(u)) < 1e-15);
        check_derivative(Relu{}, u);
        check_derivative(Silu{}, u);
        check_derivative(Tanh{}, u);
    }
    CHECK(Relu{}.derivative(0.0) == 0);
    CHECK(Silu{}.value(-1000.0f) == 0);  // exp(1000) is not reached
    CHECK(Silu{}.derivative(-1000.0f) == 0);
    CHECK(Silu{}.derivative(1000.0f) == 1);
}

TEST_CASE("the activation chosen at run time is the one named") {
    for (const double u : {-1.3, 0.8}) {
        CHECK(AnyActivation{ActivationKind::relu}.value(u) == Relu{}.value(u));
        CHECK(AnyActivation{ActivationKind::silu}.value(u) == Silu{}.value(u));
        CHECK(AnyActivation{ActivationKind::tanh}.value(u) == Tanh{}.value(u));
        CHECK(AnyActivation{ActivationKind::identity}.value(u) == u);
        CHECK(AnyActivation{ActivationKind::relu}.derivative(u) == Relu{}.derivative(u));
        CHECK(AnyActivation{ActivationKind::silu}.derivative(u) == Silu{}.derivative(u));
        CHECK(AnyActivation{ActivationKind::tanh}.derivative(u) == Tanh{}.derivative(u));
        CHECK(AnyActivation{ActivationKind::identity}.derivative(u) == 1);
    }
    CHECK(name_of(ActivationKind::relu) == "relu");
    CHECK(name_of(ActivationKind::silu) == "silu");
    CHECK(name_of(ActivationKind::tanh) == "tanh");
    CHECK(name_of(ActivationKind::identity) == "identity");
}
