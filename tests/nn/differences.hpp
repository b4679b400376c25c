// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "cellvae/nn/pass.hpp"

// Central differences for the tests of layers, on the host and in double.

namespace cellvae_tests {

using HostExec = Kokkos::DefaultHostExecutionSpace;
using HostMatrix = cellvae::Matrix<double, HostExec>;
using HostSlice = cellvae::MatrixSlice<double, HostExec::memory_space>;

/// Fixed numbers, uniform around `centre`; another `stream` gives others.
template <class View>
void fill_random(const View& view, std::uint32_t stream, double centre = 0, double spread = 1) {
    cellvae::RandomStream random(7, cellvae::Purpose::test, stream);
    for (std::size_t r = 0; r < view.extent(0); ++r)
        for (std::size_t c = 0; c < view.extent(1); ++c)
            view(r, c) = static_cast<typename View::value_type>(centre + spread * (2 * random.uniform() - 1));
}

/// The sum of the products of corresponding entries: as a function of `y` it has the gradient `coefficients`.
template <class Left, class Right>
double dot(const Left& coefficients, const Right& y) {
    double sum = 0;
    for (std::size_t r = 0; r < y.extent(0); ++r)
        for (std::size_t c = 0; c < y.extent(1); ++c) sum += coefficients(r, c) * y(r, c);
    return sum;
}

/// Two gradients agree; central differences of well-scaled functions in double are good to about 1e-10.
inline bool agrees(double gradient, double difference) {
    return std::abs(gradient - difference) <= 1e-7 * (1 + std::abs(difference));
}

/// Compares every entry of `gradient` with the central difference of value() by that entry of `at`.
template <class At, class Gradient, class Value>
void check_gradient(const std::string& what, const At& at, const Gradient& gradient, Value&& value) {
    INFO("gradient by " << what);
    REQUIRE(at.extent(0) == gradient.extent(0));
    REQUIRE(at.extent(1) == gradient.extent(1));
    REQUIRE(at.extent(0) * at.extent(1) > 0);
    constexpr double step = 1e-5;
    for (std::size_t r = 0; r < at.extent(0); ++r)
        for (std::size_t c = 0; c < at.extent(1); ++c) {
            const double before = at(r, c);
            at(r, c) = before + step;
            const double above = value();
            at(r, c) = before - step;
            const double below = value();
            at(r, c) = before;
            const double difference = (above - below) / (2 * step);
            if (agrees(gradient(r, c), difference)) continue;
            INFO("entry " << r << ", " << c << ": gradient " << gradient(r, c) << ", central difference "
                          << difference);
            CHECK(agrees(gradient(r, c), difference));
        }
}

/// Compares `gradient` with the central difference of value() along one random direction of `at`: for sweeps, where
/// check_gradient would take long.
template <class At, class Gradient, class Value>
void check_direction(const std::string& what, const At& at, const Gradient& gradient, Value&& value) {
    INFO("gradient by " << what);
    REQUIRE(at.extent(0) == gradient.extent(0));
    REQUIRE(at.extent(1) == gradient.extent(1));
    const cellvae::Matrix<double, HostExec> start("start", at.extent(0), at.extent(1)),
        direction("direction", at.extent(0), at.extent(1));
    fill_random(direction, 77);
    Kokkos::deep_copy(start, at);
    const auto at_distance = [&](double distance) {
        for (std::size_t r = 0; r < at.extent(0); ++r)
            for (std::size_t c = 0; c < at.extent(1); ++c) at(r, c) = start(r, c) + distance * direction(r, c);
        return value();
    };
    constexpr double step = 1e-5;
    const double difference = (at_distance(step) - at_distance(-step)) / (2 * step);
    Kokkos::deep_copy(at, start);
    const double slope = dot(gradient, direction);
    INFO("gradient " << slope << ", central difference " << difference);
    CHECK(agrees(slope, difference));
}

/// A copy that later passes do not change.
template <class View>
HostMatrix copy_of(const View& view) {
    HostMatrix copy("copy", view.extent(0), view.extent(1));
    for (std::size_t r = 0; r < view.extent(0); ++r)
        for (std::size_t c = 0; c < view.extent(1); ++c) copy(r, c) = view(r, c);
    return copy;
}

/// The largest difference between two matrices of one shape; NaN if there is one in either.
template <class Left, class Right>
double largest_difference(const Left& left, const Right& right) {
    REQUIRE(left.extent(0) == right.extent(0));
    REQUIRE(left.extent(1) == right.extent(1));
    double largest = 0;
    for (std::size_t r = 0; r < left.extent(0); ++r)
        for (std::size_t c = 0; c < left.extent(1); ++c) {
            const double difference = std::abs(static_cast<double>(left(r, c)) - static_cast<double>(right(r, c)));
            if (!(difference <= largest)) largest = difference;
        }
    return largest;
}

/// What a layer under test is built into and run with.
struct Bench {
    HostExec exec;
    cellvae::Products<double, HostExec> products{exec};
    cellvae::ParameterStore<double, HostExec> parameters;
    cellvae::ParameterStore<double, HostExec> state;

    /// After the layers were added. Parameters get fixed numbers, gradients NaN, so that what is not written is seen.
    void start() {
        parameters.allocate(exec);
        state.allocate(exec);
        exec.fence();
        for (std::size_t id = 0; id < parameters.entries().size(); ++id) {
            fill_random(parameters.value(static_cast<int>(id)), 100 + static_cast<std::uint32_t>(id));
            Kokkos::deep_copy(parameters.gradient(static_cast<int>(id)), std::nan(""));
        }
    }

    [[nodiscard]] cellvae::Pass<double, HostExec> pass(const cellvae::Minibatch<double, HostExec>* batch = nullptr,
                                                       cellvae::Mode mode = cellvae::Mode::training) const {
        return {exec, &products, &parameters, &state, batch, 3, 1, mode};
    }

    [[nodiscard]] HostSlice value(const char* name) const { return parameters.value(found(name)); }
    [[nodiscard]] HostSlice gradient(const char* name) const { return parameters.gradient(found(name)); }

    /// Every entry of every array of parameters against central differences, or one direction in each array.
    template <class Value>
    void check_parameters(Value&& value, bool directions = false) const {
        for (std::size_t id = 0; id < parameters.entries().size(); ++id) {
            const auto& name = parameters.entries()[id].name;
            const auto array = parameters.value(static_cast<int>(id));
            const auto d_array = copy_of(parameters.gradient(static_cast<int>(id)));
            if (directions)
                check_direction(name, array, d_array, value);
            else
                check_gradient(name, array, d_array, value);
        }
    }

private:
    [[nodiscard]] int found(const char* name) const {
        const int id = parameters.find(name);
        INFO("parameter " << name);
        REQUIRE(id >= 0);
        return id;
    }
};

}  // namespace cellvae_tests
