// SPDX-License-Identifier: Apache-2.0
#include "cellvae/math/gamma.hpp"

#include <boost/math/special_functions/digamma.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <sstream>
#include <string>

#include "ulp.hpp"

namespace math = cellvae::math;

namespace gamma_test {

namespace {

template <class Real>
constexpr Real infinity = std::numeric_limits<Real>::infinity();
template <class Real>
constexpr Real nan_value = std::numeric_limits<Real>::quiet_NaN();

// In units of the type's epsilon; lgamma's of |D| + a dD/da: a root of D can be no better known than a.
constexpr double lgamma_difference_bound = 8;
constexpr double digamma_difference_bound = 4;

struct Row {
    double a;
    double n;
    long double lgamma;
    long double digamma;
};

std::vector<Row> read_table() {
    std::ifstream file(std::string(CELLVAE_TESTS_DIR) + "/math/gamma_differences.csv");
    std::string line;
    std::getline(file, line);
    std::vector<Row> rows;
    while (std::getline(file, line)) {
        std::istringstream cells(line);
        std::string a, n, lgamma, digamma;
        std::getline(cells, a, ',');
        std::getline(cells, n, ',');
        std::getline(cells, lgamma, ',');
        std::getline(cells, digamma, ',');
        rows.push_back({std::stod(a), std::stod(n), std::stold(lgamma), std::stold(digamma)});
    }
    return rows;
}

/// Errors of both differences in epsilons of their sizes.
struct Errors {
    double lgamma;
    double digamma;
};

template <class Real>
Errors errors(Real a, Real n, long double lgamma, long double digamma) {
    const auto got = math::gamma_differences(a, n);
    const long double epsilon = std::numeric_limits<Real>::epsilon();
    const long double d_lgamma = std::abs(static_cast<long double>(got.lgamma) - lgamma);
    const long double d_digamma = std::abs(static_cast<long double>(got.digamma) - digamma);
    const auto relative = [](long double e, long double size) {
        return e == 0 ? 0.0 : std::isnan(e) ? std::numeric_limits<double>::infinity() : static_cast<double>(e / size);
    };
    return {relative(d_lgamma, epsilon * (std::abs(lgamma) + static_cast<long double>(a) * digamma)),
            relative(d_digamma, epsilon * digamma)};
}

}  // namespace

TEMPLATE_TEST_CASE("lgamma is within its bound of the true value for every positive argument", "[math]", float,
                   double) {
    using Real = TestType;
    const auto ours = [](Real x) { return math::lgamma(x); };
    const auto truth = [](ulp::Reference<Real> x) { return std::lgamma(x); };
    // 1 and 2 are zeros, 8 and the halves from 2.5 are switches.
    const std::vector<double> switches{1, 2, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8};
    const Real largest = sizeof(Real) == 4 ? Real(4e36) : Real(2e305);
    for (const auto& worst :
         {ulp::sweep<Real>(std::numeric_limits<Real>::denorm_min(), largest, 3001, ours, truth),
          ulp::sweep<Real>(Real(0.05), Real(9), 6411, ours, truth), ulp::around<Real>(switches, ours, truth)}) {
        CAPTURE(worst.at);
        CHECK(worst.error <= 2.5);
    }
    const auto step = ulp::largest_step<Real>(switches, ours, truth);
    CAPTURE(step.at);
    CHECK(step.error <= 4);
    CHECK(math::lgamma(Real(1)) == Real(0));
    CHECK(math::lgamma(Real(2)) == Real(0));
    CHECK(math::lgamma(Real(0)) == infinity<Real>);
    CHECK(math::lgamma(infinity<Real>) == infinity<Real>);
    CHECK(std::isnan(math::lgamma(Real(-0.5))));
    CHECK(std::isnan(math::lgamma(nan_value<Real>)));
}

TEMPLATE_TEST_CASE("digamma is within its bound of the true value for every positive argument", "[math]", float,
                   double) {
    using Real = TestType;
    const auto ours = [](Real x) { return math::digamma(x); };
    const auto truth = [](ulp::Reference<Real> x) { return boost::math::digamma(x); };
    const std::vector<double> switches{1, 1.4616321449683623, 3, 4, 5, 6, 7, 8};
    const Real smallest = std::numeric_limits<Real>::min() * 2;
    for (const auto& worst :
         {ulp::sweep<Real>(smallest, std::numeric_limits<Real>::max(), 3001, ours, truth),
          ulp::sweep<Real>(Real(0.05), Real(9), 6411, ours, truth), ulp::around<Real>(switches, ours, truth)}) {
        CAPTURE(worst.at);
        CHECK(worst.error <= 3.5);
    }
    const auto step = ulp::largest_step<Real>(switches, ours, truth);
    CAPTURE(step.at);
    CHECK(step.error <= 5);
    CHECK(math::digamma(Real(0)) == -infinity<Real>);
    CHECK(math::digamma(infinity<Real>) == infinity<Real>);
    CHECK(std::isnan(math::digamma(Real(-0.5))));
    CHECK(std::isnan(math::digamma(nan_value<Real>)));
}

TEMPLATE_TEST_CASE("gamma differences equal those of 80 digits over fifteen decades of a and seven of n", "[math]",
                   float, double) {
    using Real = TestType;
    const auto rows = read_table();
    REQUIRE(rows.size() > 1500);
    Errors worst{0, 0};
    for (const Row& row : rows) {
        const auto e = errors(static_cast<Real>(row.a), static_cast<Real>(row.n), row.lgamma, row.digamma);
        CAPTURE(row.a, row.n, row.lgamma, row.digamma);
        if (!(e.lgamma <= lgamma_difference_bound)) CHECK(e.lgamma <= lgamma_difference_bound);
        if (!(e.digamma <= digamma_difference_bound)) CHECK(e.digamma <= digamma_difference_bound);
        worst.lgamma = std::max(worst.lgamma, e.lgamma);
        worst.digamma = std::max(worst.digamma, e.digamma);
    }
    CHECK(worst.lgamma <= lgamma_difference_bound);
    CHECK(worst.digamma <= digamma_difference_bound);
}

TEMPLATE_TEST_CASE("gamma differences equal the sums over the steps", "[math]", float, double) {
    using Real = TestType;
    std::mt19937_64 generator(5);
    std::uniform_real_distribution<double> exponent(std::log(1e-6), std::log(1e9));
    Errors worst{0, 0};
    double worst_of_larger_a = 0;
    for (int i = 0; i < 20000; ++i) {
        auto a = static_cast<Real>(std::exp(exponent(generator)));
        if (i % 4 == 0) {  // both sides of the switch at 8
            a = Real(8);
            for (int j = 0; j < i % 7; ++j) a = std::nextafter(a, i % 8 == 0 ? Real(0) : Real(16));
        }
        long double lgamma = 0;
        long double digamma = 0;
        for (int n = 0; n <= 40; ++n) {
            const auto e = errors(a, static_cast<Real>(n), lgamma, digamma);
            worst.lgamma = std::max(worst.lgamma, e.lgamma);
            worst.digamma = std::max(worst.digamma, e.digamma);
            if (a >= Real(1e-3)) worst_of_larger_a = std::max(worst_of_larger_a, e.lgamma);
            lgamma += std::log(static_cast<long double>(a) + n);
            digamma += 1 / (static_cast<long double>(a) + n);
        }
    }
    CHECK(worst_of_larger_a <= 3);
    CHECK(worst.lgamma <= lgamma_difference_bound);
    CHECK(worst.digamma <= digamma_difference_bound);
}

TEMPLATE_TEST_CASE("gamma differences at a count of zero, at one, and at the ends", "[math]", float, double) {
    using Real = TestType;
    for (const Real a : {Real(1e-30f), Real(1e-6), Real(0.7), Real(8), Real(1e9), Real(1e30f)}) {
        CHECK(math::lgamma_difference(a, Real(0)) == Real(0));
        CHECK(math::digamma_difference(a, Real(0)) == Real(0));
        const auto one = math::gamma_differences(a, Real(1));
        CHECK(ulp::error<Real>(one.lgamma, std::log(static_cast<ulp::Reference<Real>>(a))) <= 3);
        CHECK(ulp::error<Real>(one.digamma, 1 / static_cast<ulp::Reference<Real>>(a)) <= 3);
        CHECK(math::lgamma_difference(a, Real(1)) == one.lgamma);
        CHECK(math::digamma_difference(a, Real(1)) == one.digamma);
    }
    CHECK(math::lgamma_difference(Real(1), Real(1)) == Real(0));
    CHECK(std::isnan(math::lgamma_difference(nan_value<Real>, Real(3))));
    CHECK(std::isnan(math::digamma_difference(nan_value<Real>, Real(3))));
    CHECK(std::isnan(math::lgamma_difference(Real(2), nan_value<Real>)));
    CHECK(std::isnan(math::digamma_difference(Real(2), nan_value<Real>)));
}

}  // namespace gamma_test
