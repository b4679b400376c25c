// SPDX-License-Identifier: Apache-2.0
// Times the functions of cellvae::math in a plain loop over arrays, as the compiler vectorises it, beside the scalar
// C++ library's in the same loop (Boost.Math's for digamma). One thread; both are timed in turns, and the best turn of
// each counts.
//
//     benchmark_math [--json] [--size ELEMENTS] [--turns TURNS]
#include "cellvae/math/elementary.hpp"
#include "cellvae/math/gamma.hpp"
#include "cellvae/math/logistic.hpp"

#include <boost/math/special_functions/digamma.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace math = cellvae::math;

/// Numbers that one function is timed on, and where its results go.
template <class Real>
struct Arrays {
    std::vector<Real> a;
    std::vector<Real> b;
    std::vector<Real> result;
};

struct Timing {
    std::string name;
    std::string type;
    double elements_per_second;
    double library_elements_per_second;
};

class Benchmark {
public:
    Benchmark(std::size_t size, int turns) : size_(size), turns_(turns) {}

    /// Times `ours` and `library`, each a function of (a, b), on a uniform in [low, high] (or its logarithm).
    template <class Real, class Ours, class Library>
    void time(const char* name, double low, double high, bool is_logarithmic, Ours ours, Library library) {
        Arrays<Real> arrays{std::vector<Real>(size_), std::vector<Real>(size_), std::vector<Real>(size_)};
        std::mt19937_64 generator(1);
        std::uniform_real_distribution<double> uniform(is_logarithmic ? std::log(low) : low,
                                                       is_logarithmic ? std::log(high) : high);
        std::geometric_distribution<int> count(0.3);  // most counts that are not zero are small
        for (std::size_t i = 0; i < size_; ++i) {
            const double value = uniform(generator);
            arrays.a[i] = static_cast<Real>(is_logarithmic ? std::exp(value) : value);
            arrays.b[i] = static_cast<Real>(1 + count(generator));
        }
        double ours_best = 1e300;
        double library_best = 1e300;
        for (int turn = 0; turn < turns_; ++turn) {
            ours_best = std::min(ours_best, seconds(arrays, ours));
            library_best = std::min(library_best, seconds(arrays, library));
        }
        const auto elements = static_cast<double>(size_);
        timings_.push_back(
            {name, sizeof(Real) == 4 ? "float" : "double", elements / ours_best, elements / library_best});
    }

    template <class Real>
    void time_all() {
        time<Real>(
            "exp", -80, 80, false, [](Real x, Real) { return math::exp(x); }, [](Real x, Real) { return std::exp(x); });
        time<Real>(
            "expm1", -2, 2, false, [](Real x, Real) { return math::expm1(x); },
            [](Real x, Real) { return std::expm1(x); });
        time<Real>(
            "log", 1e-30, 1e30, true, [](Real x, Real) { return math::log(x); },
            [](Real x, Real) { return std::log(x); });
        time<Real>(
            "log1p", 1e-10, 1e10, true, [](Real x, Real) { return math::log1p(x); },
            [](Real x, Real) { return std::log1p(x); });
        time<Real>(
            "softplus", -20, 20, false, [](Real x, Real) { return math::softplus(x); },
            [](Real x, Real) { return std::max(x, Real(0)) + std::log1p(std::exp(-std::abs(x))); });
        time<Real>(
            "logistic", -20, 20, false, [](Real x, Real) { return math::logistic(x); },
            [](Real x, Real) { return Real(1) / (Real(1) + std::exp(-x)); });
        time<Real>(
            "log_sum_exp", -20, 20, false, [](Real x, Real y) { return math::log_sum_exp(x, y); },
            [](Real x, Real y) { return std::max(x, y) + std::log1p(std::exp(-std::abs(x - y))); });
        time<Real>(
            "lgamma", 0.1, 1e4, true, [](Real x, Real) { return math::lgamma(x); },
            [](Real x, Real) { return std::lgamma(x); });
        time<Real>(
            "digamma", 0.1, 1e4, true, [](Real x, Real) { return math::digamma(x); },
            [](Real x, Real) { return boost::math::digamma(x); });
        time<Real>(
            "lgamma_difference", 0.1, 1e4, true, [](Real a, Real n) { return math::lgamma_difference(a, n); },
            [](Real a, Real n) { return std::lgamma(a + n) - std::lgamma(a); });
        time<Real>(
            "gamma_differences", 0.1, 1e4, true,
            [](Real a, Real n) {
                const auto both = math::gamma_differences(a, n);
                return both.lgamma + both.digamma;
            },
            [](Real a, Real n) {
                return std::lgamma(a + n) - std::lgamma(a) + boost::math::digamma(a + n) - boost::math::digamma(a);
            });
    }

    void print_table() const {
        std::printf("%-20s %-7s %14s %14s %7s\n", "function", "type", "M elements/s", "library M/s", "ratio");
        for (const Timing& t : timings_) {
            std::printf("%-20s %-7s %14.0f %14.0f %7.1f\n", t.name.c_str(), t.type.c_str(), t.elements_per_second / 1e6,
                        t.library_elements_per_second / 1e6, t.elements_per_second / t.library_elements_per_second);
        }
    }

    void print_json() const {
        std::printf("[");
        for (std::size_t i = 0; i < timings_.size(); ++i) {
            const Timing& t = timings_[i];
            std::printf(
                "%s\n  {\"function\": \"%s\", \"type\": \"%s\", \"elements_per_second\": %.6g, "
                "\"library_elements_per_second\": %.6g, \"ratio\": %.4g}",
                i == 0 ? "" : ",", t.name.c_str(), t.type.c_str(), t.elements_per_second, t.library_elements_per_second,
                t.elements_per_second / t.library_elements_per_second);
        }
        std::printf("\n]\n");
    }

private:
    template <class Real, class Function>
    static double seconds(Arrays<Real>& arrays, Function function) {
        const Real* __restrict__ a = arrays.a.data();
        const Real* __restrict__ b = arrays.b.data();
        Real* __restrict__ result = arrays.result.data();
        const std::size_t size = arrays.a.size();
        const auto start = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < size; ++i) result[i] = function(a[i], b[i]);
        const auto stop = std::chrono::steady_clock::now();
        asm volatile("" : : "r"(result) : "memory");  // the results count as read
        return std::chrono::duration<double>(stop - start).count();
    }

    std::size_t size_;
    int turns_;
    std::vector<Timing> timings_;
};

}  // namespace

int main(int argc, char* argv[]) {
    bool is_json = false;
    std::size_t size = 8192;  // stays in the second-level cache
    int turns = 200;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--json") {
            is_json = true;
        } else if (option == "--size" && i + 1 < argc) {
            size = std::max<std::size_t>(1, std::strtoull(argv[++i], nullptr, 10));
        } else if (option == "--turns" && i + 1 < argc) {
            turns = std::max(1, std::atoi(argv[++i]));
        } else {
            std::fprintf(stderr, "benchmark_math [--json] [--size ELEMENTS] [--turns TURNS]\n");
            return option == "--help" ? 0 : 2;
        }
    }
    Benchmark benchmark(size, turns);
    benchmark.time_all<float>();
    benchmark.time_all<double>();
    if (is_json) {
        benchmark.print_json();
    } else {
        benchmark.print_table();
    }
    return 0;
}
