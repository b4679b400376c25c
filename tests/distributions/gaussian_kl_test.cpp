// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/gaussian_kl.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include <cmath>

#include "cellvae/core/random.hpp"
#include "cellvae/distributions/reparametrised.hpp"

using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

template <class Function>
double difference(Function&& function, double at) {
    const double step = 1e-5;
    return (function(at + step) - function(at - step)) / (2 * step);
}

}  // namespace

TEST_CASE("the closed KL of Gaussians has the gradient that differences show") {
    for (const double m : {-2.0, 0.3})
        for (const double v : {-1.5, 0.0, 1.2})
            for (const double pm : {0.0, 1.7})
                for (const double pv : {-0.8, 0.0, 2.0}) {
                    const auto kl = cellvae::gaussian_kl(m, v, pm, pv);
                    const auto value = [&](double a, double b, double c, double d) {
                        return cellvae::gaussian_kl(a, b, c, d).value;
                    };
                    // the textbook form
                    CHECK_THAT(kl.value,
                               WithinAbs((pv - v + (std::exp(v) + (m - pm) * (m - pm)) / std::exp(pv) - 1) / 2, 1e-12));
                    CHECK_THAT(kl.d_mean,
                               WithinAbs(difference([&](double a) { return value(a, v, pm, pv); }, m), 1e-7));
                    CHECK_THAT(kl.d_log_variance,
                               WithinAbs(difference([&](double a) { return value(m, a, pm, pv); }, v), 1e-7));
                    CHECK_THAT(kl.d_prior_mean,
                               WithinAbs(difference([&](double a) { return value(m, v, a, pv); }, pm), 1e-7));
                    CHECK_THAT(kl.d_prior_log_variance,
                               WithinAbs(difference([&](double a) { return value(m, v, pm, a); }, pv), 1e-7));
                    const auto standard = cellvae::standard_gaussian_kl(m, v);
                    const auto same = cellvae::gaussian_kl(m, v, 0.0, 0.0);
                    CHECK_THAT(standard.value, WithinAbs(same.value, 1e-13));
                    CHECK_THAT(standard.d_mean, WithinAbs(same.d_mean, 1e-13));
                    CHECK_THAT(standard.d_log_variance, WithinAbs(same.d_log_variance, 1e-13));
                }
}

TEMPLATE_TEST_CASE("the KL of a Gaussian with itself is zero, and never negative beside it", "", float, double) {
    const auto zero = cellvae::gaussian_kl<TestType>(TestType(0.7), TestType(-1), TestType(0.7), TestType(-1));
    CHECK(zero.value == TestType(0));
    CHECK(zero.d_mean == TestType(0));
    CHECK(zero.d_log_variance == TestType(0));
    for (TestType v = TestType(-1e-3); v < TestType(1e-3); v += TestType(1.7e-5))
        CHECK(cellvae::standard_gaussian_kl<TestType>(TestType(0), v).value >= TestType(-1e-10));
}

TEST_CASE("the log density of a Gaussian is the textbook's, with the gradient that differences show") {
    const auto value = [](double z, double m, double v) { return cellvae::gaussian_log_density(z, m, v).value; };
    CHECK_THAT(value(0, 0, 0), WithinRel(-0.5 * std::log(2 * 3.14159265358979323846), 1e-15));
    for (const double z : {-1.3, 0.0, 2.1})
        for (const double m : {-0.4, 1.0})
            for (const double v : {-2.0, 0.0, 1.5}) {
                const auto density = cellvae::gaussian_log_density(z, m, v);
                const double sigma = std::exp(v / 2);
                CHECK_THAT(std::exp(density.value), WithinRel(std::exp(-(z - m) * (z - m) / (2 * sigma * sigma)) /
                                                                  (sigma * std::sqrt(2 * 3.14159265358979323846)),
                                                              1e-13));
                CHECK_THAT(density.d_z, WithinAbs(difference([&](double a) { return value(a, m, v); }, z), 1e-7));
                CHECK_THAT(density.d_mean, WithinAbs(difference([&](double a) { return value(z, a, v); }, m), 1e-7));
                CHECK_THAT(density.d_log_variance,
                           WithinAbs(difference([&](double a) { return value(z, m, a); }, v), 1e-7));
            }
}

TEST_CASE("the KL by sampling agrees with the closed one, and the sample's derivatives with differences") {
    const double m = 0.8, v = -0.9, pm = -0.3, pv = 0.5;
    cellvae::RandomStream random(5, cellvae::Purpose::test);
    constexpr int draws = 200000;
    double sum = 0, squares = 0;
    for (int i = 0; i < draws; ++i) {
        const double noise = random.normal<double>();
        const auto sample = cellvae::reparametrised_sample(m, v, noise);
        const double ratio =
            cellvae::gaussian_log_density(sample.z, m, v).value - cellvae::gaussian_log_density(sample.z, pm, pv).value;
        sum += ratio;
        squares += ratio * ratio;
        if (i < 20) {
            CHECK(sample.d_z_d_mean == 1.0);
            CHECK_THAT(sample.d_z_d_log_variance,
                       WithinAbs(difference([&](double a) { return cellvae::reparametrised_sample(m, a, noise).z; }, v),
                                 1e-8));
        }
    }
    const double mean = sum / draws;
    const double error = std::sqrt((squares / draws - mean * mean) / draws);
    CHECK(std::abs(mean - cellvae::gaussian_kl(m, v, pm, pv).value) < 5 * error);
}
