// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <array>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cellvae/core/random.hpp"
#include "cellvae/distributions/concepts.hpp"
#include "cellvae/testing/report.hpp"

/// The mathematics that a likelihood must satisfy and that no concept can see.
namespace cellvae {

struct LikelihoodCheckOptions {
    /// The values that each unconstrained parameter takes on the grid, after a clamp to its bounds.
    std::vector<double> parameter_values{-2, -0.6, 0, 0.7, 1.6};
    /// Draws of the sampler at each point of the grid.
    int draws = 20000;
    /// Of the generator of those draws.
    std::uint64_t seed = 1;
    /// How many standard errors a sample's mean or variance may be away.
    double standard_errors = 6;
    /// A mass function is summed over 0, 1, ... at most to here.
    double largest_count = 100000;
    /// Relative error allowed in the gradient, the mean, the variance and the sum of the pmf.
    double tolerance = 1e-6;
};

namespace testing_detail {

template <class L>
using Eta = Parameters<double, parameter_count<L>>;

/// L::log_prob, compiled once: likelihoods ask to be inlined, and here that would be at dozens of places.
template <class L, class X, class Real>
[[gnu::noinline]] LogProb<Real, parameter_count<L>> evaluated(X x, const Kokkos::Array<Real, parameter_count<L>>& eta) {
    return L::log_prob(x, eta);
}

template <class L>
std::string described(const Eta<L>& eta) {
    std::ostringstream text;
    text.precision(10);
    text << " at";
    for (std::size_t p = 0; p < parameter_count<L>; ++p) text << ' ' << L::parameters[p] << '=' << eta[p];
    return text.str();
}

/// All combinations of the values, each clamped to the bounds of its parameter.
template <class L>
std::vector<Eta<L>> parameter_grid(const std::vector<double>& values) {
    std::vector<Eta<L>> grid(1);
    for (std::size_t p = 0; p < parameter_count<L>; ++p) {
        const Bounds bounds = L::bounds(static_cast<int>(p));
        std::set<double> inside;
        for (const double value : values) inside.insert(std::clamp(value, bounds.lower, bounds.upper));
        std::vector<Eta<L>> longer;
        for (const auto& eta : grid)
            for (const double value : inside) {
                longer.push_back(eta);
                longer.back()[p] = value;
            }
        grid = longer;
    }
    return grid;
}

/// Values of x that the likelihood supports, among those at which formulas tend to break.
template <class L>
std::vector<double> observed_values() {
    std::vector<double> values;
    for (const double x : {0.0, 1.0, 2.0, 5.0, 17.0, 120.0, 3000.0, 1e6, 0.001, 0.3, 0.5, 0.999, -1.5, 7.25})
        if (L::supports(x)) values.push_back(x);
    return values;
}

template <class Real, class L>
Parameters<Real, parameter_count<L>> rounded(const Eta<L>& eta) {
    Parameters<Real, parameter_count<L>> result{};
    for (std::size_t p = 0; p < parameter_count<L>; ++p) result[p] = static_cast<Real>(eta[p]);
    return result;
}

/// What summing or integrating over x gives at one point of the grid.
template <class L>
struct Expectations {
    double total = 0;
    double mean = 0;
    double variance = 0;
    double fourth = 0;  ///< the fourth central moment
    Eta<L> gradient{};
    Eta<L> absolute_gradient{};
};

template <class L>
Expectations<L> sum_over_counts(const Eta<L>& eta, double largest) {
    struct Term {
        double x, p;
    };
    std::vector<Term> terms;
    Expectations<L> found;
    int negligible = 0;
    for (double x = 0; x <= largest && negligible < 64; ++x) {
        double p = 0;
        if (L::supports(x)) {
            const auto log_prob = evaluated<L>(x, eta);
            p = std::exp(log_prob.value + L::log_base_measure(x));
            for (std::size_t i = 0; i < parameter_count<L>; ++i) {
                found.gradient[i] += p * log_prob.d_log_prob[i];
                found.absolute_gradient[i] += p * std::abs(log_prob.d_log_prob[i]);
            }
            terms.push_back({x, p});
            found.total += p;
        }
        negligible = found.total > 1e-3 && p * (1 + x * x * x * x) < 1e-15 ? negligible + 1 : 0;
    }
    for (const auto& term : terms) found.mean += term.p * term.x;
    for (const auto& term : terms) {
        const double square = (term.x - found.mean) * (term.x - found.mean);
        found.variance += term.p * square;
        found.fourth += term.p * square * square;
    }
    return found;
}

template <class L>
Expectations<L> integrate_over_values(const Eta<L>& eta) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    const double lower = L::supports(-1.0) ? -infinity : 0;
    const double upper = L::supports(2.0) ? infinity : 1;
    const auto integral = [&](auto&& weight) {
        const auto integrand = [&](double x) {
            const auto log_prob = evaluated<L>(x, eta);
            const double p = std::exp(log_prob.value + L::log_base_measure(x));
            return p > 0 ? p * weight(x, log_prob) : 0.0;
        };
        return boost::math::quadrature::gauss_kronrod<double, 31>::integrate(integrand, lower, upper, 12, 1e-11);
    };
    Expectations<L> found;
    found.total = integral([](double, const auto&) { return 1.0; });
    found.mean = integral([](double x, const auto&) { return x; });
    const double mean = found.mean;
    found.variance = integral([mean](double x, const auto&) { return (x - mean) * (x - mean); });
    found.fourth = integral([mean](double x, const auto&) { return std::pow(x - mean, 4); });
    for (std::size_t i = 0; i < parameter_count<L>; ++i) {
        found.gradient[i] = integral([i](double, const auto& at) { return at.d_log_prob[i]; });
        found.absolute_gradient[i] = integral([i](double, const auto& at) { return std::abs(at.d_log_prob[i]); });
    }
    return found;
}

template <class Real, std::size_t Count>
bool is_finite(const LogProb<Real, Count>& log_prob) {
    bool finite = std::isfinite(log_prob.value);
    for (std::size_t i = 0; i < Count; ++i) finite = finite && std::isfinite(log_prob.d_log_prob[i]);
    return finite;
}

template <class L>
void check_names(CheckReport& report) {
    report.begin("names and bounds");
    std::set<std::string_view> names;
    for (std::size_t p = 0; p < parameter_count<L>; ++p) {
        const std::string_view name = L::parameters[p];
        if (name.empty() || name.find_first_of(" \t\n/") != std::string_view::npos)
            report.fail("parameter ", p, " is called '", name, "'; a name has letters and no spaces or slashes");
        if (!names.insert(name).second) report.fail("two parameters are called '", name, "'");
        const Bounds bounds = L::bounds(static_cast<int>(p));
        if (!std::isfinite(bounds.lower) || !std::isfinite(bounds.upper) || !(bounds.lower < bounds.upper))
            report.fail("the bounds of ", name, " are ", bounds.lower, " and ", bounds.upper,
                        "; they must be finite and the lower the smaller");
    }
    report.begin("support");
    if (L::supports(std::numeric_limits<double>::quiet_NaN()) || L::supports(std::numeric_limits<double>::infinity()))
        report.fail("supports(x) is true for an x that is not a finite number");
    if (observed_values<L>().empty()) report.fail("supports(x) is false for every x that was tried");
}

template <class L>
void check_gradient(CheckReport& report, const std::vector<Eta<L>>& grid, double tolerance) {
    report.begin("gradient");
    constexpr double step = 1e-3;
    for (const double x : observed_values<L>()) {
        if (x > 3000) continue;  // there a difference has fewer digits than the tolerance
        for (const auto& eta : grid) {
            const auto here = evaluated<L>(x, eta);
            for (std::size_t p = 0; p < parameter_count<L>; ++p) {
                const auto moved = [&](double distance) {
                    Eta<L> there = eta;
                    there[p] += distance;
                    return evaluated<L>(x, there).value;
                };
                // four points: the error is of the order of step^4
                const double slope =
                    (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step);
                const double found = here.d_log_prob[p];
                const double allowed = tolerance * (1 + std::abs(slope) + std::abs(here.value));
                if (!(std::abs(found - slope) <= allowed))
                    report.fail("d_log_prob by ", L::parameters[p], " is ", found, " where differences give ", slope,
                                ", for x=", x, described<L>(eta));
            }
        }
    }
}

template <class L, class Real>
void check_zero_in(CheckReport& report, const std::vector<Eta<L>>& grid) {
    const Real tolerance = Real(64) * std::numeric_limits<Real>::epsilon();
    for (const auto& exact : grid) {
        const auto eta = rounded<Real, L>(exact);
        const auto special = evaluated<L>(Zero{}, eta);
        const auto general = evaluated<L>(Real(0), eta);
        const auto compare = [&](Real a, Real b, std::string_view what) {
            if (!(std::abs(a - b) <= tolerance * (Real(1) + std::abs(b))))
                report.fail(what, " of log_prob(Zero) is ", a, " and of log_prob(0) ", b, described<L>(exact));
        };
        compare(special.value, general.value, "the value");
        for (std::size_t p = 0; p < parameter_count<L>; ++p)
            compare(special.d_log_prob[p], general.d_log_prob[p], L::parameters[p]);
    }
}

template <class L>
void check_float(CheckReport& report, const std::vector<Eta<L>>& grid) {
    report.begin("float");
    for (const double x : observed_values<L>()) {
        if (x > 3000) continue;
        const auto rounded_x = static_cast<float>(x);
        for (const auto& exact : grid) {
            const auto eta = rounded<float, L>(exact);
            Eta<L> same{};
            for (std::size_t p = 0; p < parameter_count<L>; ++p) same[p] = static_cast<double>(eta[p]);
            const auto single = evaluated<L>(rounded_x, eta);
            const auto twice = evaluated<L>(static_cast<double>(rounded_x), same);
            const auto compare = [&](float a, double b, std::string_view what) {
                if (!(std::abs(static_cast<double>(a) - b) <=
                      2e-5 * (1 + std::abs(b) + std::abs(twice.value) + std::abs(x))))
                    report.fail(what, " is ", a, " in float and ", b, " in double, for x=", x, described<L>(exact));
            };
            compare(single.value, twice.value, "log_prob");
            for (std::size_t p = 0; p < parameter_count<L>; ++p)
                compare(single.d_log_prob[p], twice.d_log_prob[p], L::parameters[p]);
        }
    }
}

/// At every corner of the box that the bounds make.
template <class L>
void check_bounds(CheckReport& report) {
    report.begin("finite at the bounds");
    for (unsigned corner = 0; corner < (1u << parameter_count<L>); ++corner) {
        Eta<L> eta{};
        for (std::size_t p = 0; p < parameter_count<L>; ++p) {
            const Bounds bounds = L::bounds(static_cast<int>(p));
            eta[p] = (corner >> p) & 1u ? bounds.upper : bounds.lower;
        }
        for (const double x : observed_values<L>()) {
            const auto single = rounded<float, L>(eta);
            const auto x_single = static_cast<float>(x);
            if (!is_finite(evaluated<L>(x, eta)) || !is_finite(evaluated<L>(x_single, single)))
                report.fail("log_prob or its gradient is not finite for x=", x, described<L>(eta));
            if (!std::isfinite(L::log_base_measure(x)) || !std::isfinite(L::log_base_measure(x_single)))
                report.fail("log_base_measure is not finite for x=", x);
        }
        if (L::supports(0.0) &&
            (!is_finite(evaluated<L>(Zero{}, eta)) || !is_finite(evaluated<L>(Zero{}, rounded<float, L>(eta)))))
            report.fail("log_prob(Zero) or its gradient is not finite", described<L>(eta));
        if (!std::isfinite(L::mean(eta)) || !std::isfinite(L::variance(eta)))
            report.fail("the mean or the variance is not finite", described<L>(eta));
    }
}

template <class L>
void check_log_mean_parameter(CheckReport& report, const std::vector<Eta<L>>& grid, double tolerance) {
    report.begin("log_mean_parameter");
    for (const auto& eta : grid) {
        Eta<L> twice = eta;
        twice[static_cast<std::size_t>(L::log_mean_parameter)] += std::log(2.0);
        const double ratio = L::mean(twice) / L::mean(eta);
        if (!(std::abs(ratio - 2) <= tolerance))
            report.fail("adding log 2 to ", L::parameters[static_cast<std::size_t>(L::log_mean_parameter)],
                        " multiplies the mean by ", ratio, ", not by 2,", described<L>(eta));
    }
}

template <class L, class Real>
void check_from_moments_in(CheckReport& report, bool fractions) {
    const std::vector<double> means =
        fractions ? std::vector<double>{0, 1e-3, 0.1, 0.5, 0.9, 1} : std::vector<double>{0, 1e-6, 0.1, 0.5, 3, 40, 1e5};
    for (const double mean : means)
        for (const double spread : {0.0, 0.5, 1.0, 1.2, 5.0, 1000.0}) {
            const double variance = fractions ? 0.2 * mean * (1 - mean) * spread : mean * spread;
            const auto eta = L::from_moments(static_cast<Real>(mean), static_cast<Real>(variance));
            for (std::size_t p = 0; p < parameter_count<L>; ++p) {
                const Bounds bounds = L::bounds(static_cast<int>(p));
                const auto found = static_cast<double>(eta[p]);
                if (!(found >= bounds.lower && found <= bounds.upper))
                    report.fail(L::parameters[p], " is ", found, ", outside its bounds ", bounds.lower, " and ",
                                bounds.upper, ", for mean ", mean, " and variance ", variance);
            }
            const bool ordinary = mean >= 0.1 && mean <= (fractions ? 0.9 : 40.0);
            const auto back = static_cast<double>(L::mean(eta));
            if (ordinary && !(std::abs(back - mean) <= 0.2 * mean))
                report.fail("the mean that was asked for is ", mean, ", that of the parameters ", back);
        }
}

template <class L>
void check_sampler(CheckReport& report, RandomStream& random, const Eta<L>& eta, const Expectations<L>& expected,
                   const LikelihoodCheckOptions& options) {
    const double draws = options.draws;
    double sum = 0, squares = 0;
    for (int i = 0; i < options.draws; ++i) {
        const double x = L::sample(random, eta);
        if (!L::supports(x)) {
            report.fail("it drew ", x, ", which supports() refuses,", described<L>(eta));
            return;
        }
        sum += x - expected.mean;
        squares += (x - expected.mean) * (x - expected.mean);
    }
    const double mean_error = std::sqrt(expected.variance / draws);
    if (!(std::abs(sum / draws) <= options.standard_errors * mean_error + 1e-12))
        report.fail("the mean of ", options.draws, " draws is ", expected.mean + sum / draws, " where ", expected.mean,
                    " +- ", mean_error, " is expected,", described<L>(eta));
    const double spread = std::max(0.0, expected.fourth - expected.variance * expected.variance);
    const double variance_error = std::sqrt(spread / draws);
    if (!(std::abs(squares / draws - expected.variance) <= options.standard_errors * variance_error + 1e-12))
        report.fail("the variance of ", options.draws, " draws is ", squares / draws, " where ", expected.variance,
                    " +- ", variance_error, " is expected,", described<L>(eta));
}

template <class L>
void check_expectations(CheckReport& report, const std::vector<Eta<L>>& grid, const LikelihoodCheckOptions& options) {
    std::vector<Expectations<L>> all;
    for (const auto& eta : grid)
        all.push_back(is_discrete<L>() ? sum_over_counts<L>(eta, options.largest_count)
                                       : integrate_over_values<L>(eta));
    const auto near = [&](double found, double expected) {
        return std::abs(found - expected) <= options.tolerance * (1e-6 + std::abs(expected));
    };

    report.begin("normalisation");
    for (std::size_t i = 0; i < grid.size(); ++i)
        if (!(std::abs(all[i].total - 1) <= options.tolerance))
            report.fail("the probabilities ", is_discrete<L>() ? "sum" : "integrate", " to ", all[i].total,
                        ", not to 1,", described<L>(grid[i]));
    report.begin("mean");
    for (std::size_t i = 0; i < grid.size(); ++i)
        if (!near(L::mean(grid[i]), all[i].mean))
            report.fail("mean() is ", L::mean(grid[i]), " where the probabilities give ", all[i].mean,
                        described<L>(grid[i]));
    report.begin("variance");
    for (std::size_t i = 0; i < grid.size(); ++i)
        if (!near(L::variance(grid[i]), all[i].variance))
            report.fail("variance() is ", L::variance(grid[i]), " where the probabilities give ", all[i].variance,
                        described<L>(grid[i]));
    report.begin("expected gradient");
    for (std::size_t i = 0; i < grid.size(); ++i)
        for (std::size_t p = 0; p < parameter_count<L>; ++p)
            if (!(std::abs(all[i].gradient[p]) <= options.tolerance * (1e-3 + all[i].absolute_gradient[p])))
                report.fail("the gradient by ", L::parameters[p], " has the expectation ", all[i].gradient[p],
                            " under the model, not 0,", described<L>(grid[i]));
    report.begin("sampler");
    RandomStream random(options.seed, Purpose::test);
    for (std::size_t i = 0; i < grid.size(); ++i) check_sampler<L>(report, random, grid[i], all[i], options);
}

}  // namespace testing_detail

/// Checks the mathematics of a likelihood on a grid of parameters, in double and float:
///
/// - names and bounds, support: sane;
/// - gradient: against differences; zero: the entry for zero against log_prob at 0; float: agrees with double;
/// - finite at the bounds: value, gradient, mean and variance at every corner of the bounds;
/// - log_mean_parameter: an offset on it scales the mean;
/// - normalisation, mean, variance, expected gradient: against the sum over 0, 1, 2, ... of a mass function (see
/// `is_discrete`),
///   or the integral of a density over the real line, [0, infinity) or [0, 1], whichever it supports;
/// - sampler: mean and variance within standard errors;
/// - from_moments, where there is one: finite, within the bounds, and about the mean asked for.
///
/// Needs no running Kokkos. The report says for each what was found and where.
template <Likelihood L>
CheckReport check_likelihood(const LikelihoodCheckOptions& options = {}) {
    using namespace testing_detail;
    CheckReport report;
    report.subject = std::string(std::string_view{L::name});
    check_names<L>(report);
    if (!report.passed()) return report;
    const auto grid = parameter_grid<L>(options.parameter_values);
    check_gradient<L>(report, grid, options.tolerance);
    if (L::supports(0.0)) {
        report.begin("zero");
        check_zero_in<L, double>(report, grid);
        check_zero_in<L, float>(report, grid);
    }
    check_float<L>(report, grid);
    check_bounds<L>(report);
    if constexpr (L::log_mean_parameter >= 0) check_log_mean_parameter<L>(report, grid, options.tolerance);
    check_expectations<L>(report, grid, options);
    if constexpr (HasFromMoments<L>) {
        report.begin("from_moments");
        const bool fractions = !L::supports(2.0) && !L::supports(-1.0);
        check_from_moments_in<L, double>(report, fractions);
        check_from_moments_in<L, float>(report, fractions);
    }
    return report;
}

}  // namespace cellvae
