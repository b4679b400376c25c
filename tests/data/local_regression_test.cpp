// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/local_regression.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <array>
#include <cmath>
#include <vector>

using Catch::Approx;
using Catch::Matchers::Message;
using cellvae::local_regression;

TEST_CASE("a parabola is its own local regression, in any order of its points") {
    std::vector<double> x, y;
    for (int i = 0; i < 200; ++i) {
        x.push_back(std::fmod(i * 0.6180339887, 1.0) * 4 - 3);
        y.push_back(2 - 3 * x.back() + 0.5 * x.back() * x.back());
    }
    const auto fitted = local_regression(x, y, 0.3);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(fitted[i] == Approx(y[i]).epsilon(1e-10));
}

TEST_CASE("local regression equals scikit-misc's loess") {
    // skmisc.loess.loess(x, y, span=0.5, degree=2), version 0.5.3, fitted values; ties in x, and more of them than a
    // cell holds
    const std::array<double, 20> x{0, 0, 0, 0, 0, 1, 1, 2, 2.5, 3, 4, 4, 4, 4, 5, 6, 7, 7.5, 8, 9};
    const std::array<double, 20> y{1, 2, 1.5, 0, 1, 3, 2, 5, 4, 7, 3, 4, 2, 4.5, 6, 8, 7, 9, 8, 4};
    const std::array<double, 20> expected{
        1.0918043076942836, 1.0918043076942836, 1.0918043076942836, 1.0918043076942836, 1.0918043076942836,
        2.6479648489960024, 2.6479648489960024, 4.155844766559759,  5.3037635726365355, 5.890113352904947,
        3.9032167803849536, 3.9032167803849536, 3.9032167803849536, 3.9032167803849536, 5.410064929932664,
        7.4024139077671425, 8.371863660934675,  8.101466764961812,  7.317804296019224,  4.329102937772509};
    const auto fitted = local_regression(x, y, 0.5);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(fitted[i] == Approx(expected[i]).epsilon(1e-10));
}

TEST_CASE("local regression of few or equal points") {
    CHECK(local_regression({}, {}, 0.5).empty());
    CHECK(local_regression(std::array{2.0}, std::array{7.0}, 0.3)[0] == Approx(7.0));
    const auto equal = local_regression(std::array{1.0, 1.0, 1.0}, std::array{2.0, 3.0, 7.0}, 1);
    for (const double value : equal) CHECK(value == Approx(4.0));
    const auto two = local_regression(std::array{1.0, 2.0}, std::array{5.0, 6.0}, 1);
    for (const double value : two) CHECK(std::isfinite(value));
    // most points at one place, whose nearest are all there
    std::vector<double> x(50, 0.0), y(50, 1.0);
    x.insert(x.end(), {1, 2, 3, 4});
    y.insert(y.end(), {2, 3, 4, 5});
    const auto fitted = local_regression(x, y, 0.3);
    CHECK(fitted[0] == Approx(1.0).epsilon(1e-6));
    CHECK(std::isfinite(fitted[53]));
}

TEST_CASE("what a local regression refuses") {
    CHECK_THROWS_MATCHES(local_regression(std::array{1.0}, std::array{1.0}, 0.0), cellvae::OptionError,
                         Message("share of the points of a local regression: found 0, expected above 0 and at most 1"));
    CHECK_THROWS_MATCHES(local_regression(std::array{1.0, 2.0}, std::array{1.0}, 0.5), cellvae::ShapeError,
                         Message("values of a local regression: found 1, expected 2"));
}
