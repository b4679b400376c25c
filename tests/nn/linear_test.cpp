// SPDX-License-Identifier: Apache-2.0
#include "cellvae/nn/linear.hpp"

#include <catch2/catch_test_macros.hpp>

#include "differences.hpp"

using namespace cellvae;
using namespace cellvae_tests;

TEST_CASE("a linear layer is x W' + b, and its gradients are those of the differences") {
    Bench bench;
    const Linear<double, HostExec> layer(bench.parameters, "layer", 4, 3);
    bench.start();
    const auto pass = bench.pass();
    const HostMatrix x("x", 5, 4), y("y", 5, 3), d_y("d_y", 5, 3), d_x("d_x", 5, 4);
    fill_random(x, 1);
    fill_random(d_y, 2);
    Kokkos::deep_copy(y, std::nan(""));
    Kokkos::deep_copy(d_x, std::nan(""));

    layer.forward(pass, x, y);
    bench.exec.fence();
    const auto weight = bench.value("layer/weight");
    const auto bias = bench.value("layer/bias");
    REQUIRE(weight.extent(0) == 3);
    REQUIRE(weight.extent(1) == 4);
    for (std::size_t r = 0; r < 5; ++r)
        for (std::size_t o = 0; o < 3; ++o) {
            double expected = bias(0, o);
            for (std::size_t i = 0; i < 4; ++i) expected += weight(o, i) * x(r, i);
            CHECK(std::abs(y(r, o) - expected) < 1e-14);
        }

    layer.backward_parameters(pass, x, d_y);
    layer.backward_input(pass, d_y, d_x);
    bench.exec.fence();
    const auto value = [&] {
        layer.forward(pass, x, y);
        bench.exec.fence();
        return dot(d_y, y);
    };
    bench.check_parameters(value);
    check_gradient("x", x, copy_of(d_x), value);

    const HostMatrix once = copy_of(d_x);
    layer.backward_input(pass, d_y, d_x, true);
    bench.exec.fence();
    for (std::size_t r = 0; r < 5; ++r)
        for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(d_x(r, i) - 2 * once(r, i)) < 1e-14);
}

TEST_CASE("a linear layer starts uniform in +-1/sqrt(inputs), from its seed and its place alone") {
    Bench bench;
    const Linear<double, HostExec> first(bench.parameters, "first", 16, 500);
    const Linear<double, HostExec> second(bench.parameters, "second", 16, 500);
    bench.start();
    first.initialise(bench.exec, bench.parameters, 5);
    second.initialise(bench.exec, bench.parameters, 5);
    bench.exec.fence();
    const auto weight = copy_of(bench.value("first/weight"));
    double largest = 0, sum = 0, squares = 0;
    for (std::size_t r = 0; r < 500; ++r)
        for (std::size_t c = 0; c < 16; ++c) {
            largest = std::max(largest, std::abs(weight(r, c)));
            sum += weight(r, c);
            squares += weight(r, c) * weight(r, c);
        }
    CHECK(largest <= 0.25);
    CHECK(largest > 0.2499);
    CHECK(std::abs(sum / 8000) < 5 * 0.25 / std::sqrt(3.0 * 8000));
    CHECK(std::abs(squares / 8000 - 0.0625 / 3) < 5 * 0.0625 * std::sqrt(4.0 / 45 / 8000));
    CHECK(largest_difference(weight, bench.value("second/weight")) > 0.1);
    first.initialise(bench.exec, bench.parameters, 5);
    bench.exec.fence();
    CHECK(largest_difference(weight, bench.value("first/weight")) == 0);
    first.initialise(bench.exec, bench.parameters, 6);
    bench.exec.fence();
    CHECK(largest_difference(weight, bench.value("first/weight")) > 0.1);
}
