// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/simulator.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;

namespace simulator_test {

namespace {

Kokkos::DefaultHostExecutionSpace host() { return {}; }

struct GeneMoments {
    std::vector<double> means, variances;  // over cells; variances divide by cells - 1
};

GeneMoments gene_moments(const CountMatrix& counts) {
    const auto genes = static_cast<std::size_t>(counts.genes());
    const auto cells = static_cast<double>(counts.cells());
    std::vector<double> sums(genes, 0.0), squares(genes, 0.0);
    for (std::size_t k = 0; k < counts.values.size(); ++k) {
        const auto value = static_cast<double>(counts.values[k]);
        sums[static_cast<std::size_t>(counts.columns[k])] += value;
        squares[static_cast<std::size_t>(counts.columns[k])] += value * value;
    }
    GeneMoments moments;
    for (std::size_t gene = 0; gene < genes; ++gene) {
        const double mean = sums[gene] / cells;
        moments.means.push_back(mean);
        moments.variances.push_back((squares[gene] / cells - mean * mean) * cells / (cells - 1));
    }
    return moments;
}

/// Least squares of log10 variance on log10 mean over all genes that were seen.
double variance_slope(const CountMatrix& counts) {
    const auto [means, variances] = gene_moments(counts);
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (std::size_t gene = 0; gene < means.size(); ++gene) {
        if (!(means[gene] > 0 && variances[gene] > 0)) continue;
        const double log_mean = std::log10(means[gene]), log_variance = std::log10(variances[gene]);
        n += 1;
        x += log_mean;
        y += log_variance;
        xx += log_mean * log_mean;
        xy += log_mean * log_variance;
    }
    return (xy - x * y / n) / (xx - x * x / n);
}

}  // namespace

TEST_CASE("simulated cells resemble real ones") {
    // Of the files named: share of nonzero counts; slope of log10 variance (dividing by cells - 1) on log10 mean over
    // all genes with a count, by least squares; mean library size; deviation of its logarithm.
    struct Real {
        const char* file;
        SimulationOptions options;
        Index cells, genes;
        double nonzero, slope, library, library_log_deviation;
    };
    const auto real =
        GENERATE(Real{"baron_mouse1.h5ad", {}, 822, 14878, 0.0951826, 1.149059, 3741.07, 0.5839},
                 Real{"zheng_pbmc_facs.h5ad", zheng_like(), 3774, 16791, 0.0426526, 1.058603, 1987.40, 0.5554},
                 Real{"pbmc3k.h5ad", pbmc_like(), 2638, 13714, 0.0618818, 1.174927, 2371.07, 0.4123});
    const std::uint64_t seed = GENERATE(1, 2);
    INFO(real.file << ", seed " << seed);
    auto options = real.options;
    options.seed = seed;
    const auto counts = simulate(host(), options).counts;
    REQUIRE(counts.cells() == real.cells);
    REQUIRE(counts.genes() == real.genes);
    const double nonzero =
        static_cast<double>(counts.nonzeros()) / static_cast<double>(counts.cells() * counts.genes());
    CHECK(std::abs(nonzero / real.nonzero - 1) < 0.1);
    CHECK(std::abs((1 - nonzero) / (1 - real.nonzero) - 1) < 0.1);
    CHECK(std::abs(variance_slope(counts) / real.slope - 1) < 0.1);
    double sum = 0, logs = 0, squares = 0;
    for (Index cell = 0; cell < counts.cells(); ++cell) {
        const double size = counts.library_size(cell);
        sum += size;
        logs += std::log(size);
        squares += std::log(size) * std::log(size);
    }
    const auto cells = static_cast<double>(counts.cells());
    CHECK(std::abs(sum / cells / real.library - 1) < 0.1);
    CHECK(std::abs(std::sqrt(squares / cells - logs / cells * logs / cells) / real.library_log_deviation - 1) < 0.1);
}

TEST_CASE("counts have the moments that the truth says") {
    SimulationOptions options;
    options.cells = 20000;
    options.genes = 60;
    options.types = 2;
    options.seed = 5;
    options.mean_count = 8;
    options.abundance_log_deviation = 1;
    options.abundant_genes = 0.1;
    options.library_log_deviation = 0.4;
    options.zero_inflation = GENERATE(0.0, 0.4);
    const auto [counts, truth] = simulate(host(), options);
    // sum over cells of the expectation and of the variance of each count, given library sizes and types
    std::vector<double> expected(60, 0.0), spread(60, 0.0), zeros(60, 0.0);
    for (std::size_t cell = 0; cell < 20000; ++cell)
        for (std::size_t gene = 0; gene < 60; ++gene) {
            const double mu =
                truth.library_sizes[cell] * truth.gene_shares[static_cast<std::size_t>(truth.labels[cell]) * 60 + gene];
            const double phi = truth.dispersions[gene], rho = truth.zero_inflation[gene];
            expected[gene] += (1 - rho) * mu;
            spread[gene] += (1 - rho) * (mu + (phi + rho) * mu * mu);
            zeros[gene] += rho + (1 - rho) * std::pow(1 + phi * mu, -1 / phi);
        }
    std::vector<double> found(60, 0.0), deviations(60, 0.0), nonzeros(60, 0.0);
    for (std::size_t cell = 0; cell < 20000; ++cell) {
        std::vector<double> row(60, 0.0);
        for (auto k = static_cast<std::size_t>(counts.row_offsets[cell]);
             k < static_cast<std::size_t>(counts.row_offsets[cell + 1]); ++k)
            row[static_cast<std::size_t>(counts.columns[k])] = static_cast<double>(counts.values[k]);
        for (std::size_t gene = 0; gene < 60; ++gene) {
            const double mu =
                truth.library_sizes[cell] * truth.gene_shares[static_cast<std::size_t>(truth.labels[cell]) * 60 + gene];
            const double mean = (1 - truth.zero_inflation[gene]) * mu;
            found[gene] += row[gene];
            deviations[gene] += (row[gene] - mean) * (row[gene] - mean);
            nonzeros[gene] += row[gene] > 0;
        }
    }
    bool inverted = false, sampled = false;  // both ways of drawing are reached
    for (std::size_t gene = 0; gene < 60; ++gene) {
        INFO("gene " << gene << ", dispersion " << truth.dispersions[gene] << ", mean " << expected[gene] / 20000);
        CHECK(std::abs(found[gene] - expected[gene]) < 5 * std::sqrt(spread[gene]));
        CHECK(std::abs(20000 - nonzeros[gene] - zeros[gene]) <
              5 * std::sqrt(zeros[gene] * (1 - zeros[gene] / 20000) + 1));
        if (expected[gene] > 2000) CHECK(deviations[gene] / spread[gene] == Approx(1).margin(0.35));
        inverted = inverted || expected[gene] < 20000;
        sampled = sampled || expected[gene] > 60 * 20000;
    }
    CHECK(inverted);
    CHECK(sampled);
}

TEST_CASE("the inversion gives the negative binomial's probabilities") {
    for (const auto& [mu, theta] : {std::pair{0.02, 0.05}, {0.7, 3.0}, {12.0, 0.4}, {25.0, 1000.0}}) {
        double cumulated = 0;
        for (int x = 0; x < 60; ++x) {
            const double probability =
                std::exp(std::lgamma(x + theta) - std::lgamma(theta) - std::lgamma(x + 1.0) +
                         theta * std::log(theta / (theta + mu)) + x * std::log(mu / (theta + mu)));
            if (probability > 1e-7) {  // just inside both ends of the interval that belongs to x
                CHECK(data_detail::invert_negative_binomial(cumulated + 1e-3 * probability, mu, theta) == x);
                CHECK(data_detail::invert_negative_binomial(cumulated + 0.999 * probability, mu, theta) == x);
            }
            cumulated += probability;
        }
        CHECK(std::isfinite(data_detail::invert_negative_binomial(1 - 1e-16, mu, theta)));
    }
}

TEST_CASE("names, labels and truth belong to the cells; every type occurs") {
    SimulationOptions options;
    options.cells = 40;
    options.genes = 200;
    options.types = 30;
    const auto [counts, truth] = simulate(host(), options);
    REQUIRE(counts.row_offsets.size() == 41);
    CHECK(counts.row_offsets.back() == counts.nonzeros());
    CHECK(counts.obs.names.front() == "cell_1");
    CHECK(counts.var.names.back() == "gene_200");
    for (std::size_t cell = 0; cell < 40; ++cell)
        for (auto k = counts.row_offsets[cell]; k < counts.row_offsets[cell + 1]; ++k) {
            const auto at = static_cast<std::size_t>(k);
            CHECK((counts.columns[at] >= 0 && counts.columns[at] < 200));
            CHECK((counts.values[at] >= 1 && counts.values[at] == std::floor(counts.values[at])));
            if (k > counts.row_offsets[cell]) CHECK(counts.columns[at] > counts.columns[at - 1]);
        }
    const auto* column = counts.obs.find("cell_type");
    REQUIRE(column != nullptr);
    const auto& types = std::get<Categorical>(column->values);
    CHECK(types.codes == truth.labels);
    REQUIRE(types.categories.size() == 30);
    CHECK(types.categories[29] == "type_30");
    for (std::int32_t type = 0; type < 30; ++type)
        CHECK(std::count(truth.labels.begin(), truth.labels.end(), type) >= 1);
    REQUIRE(truth.gene_shares.size() == 30 * 200);
    for (std::size_t type = 0; type < 30; ++type) {
        double sum = 0;
        for (std::size_t gene = 0; gene < 200; ++gene) sum += truth.gene_shares[type * 200 + gene];
        CHECK(sum == Approx(1).epsilon(1e-12));
    }
}

TEST_CASE("a seed gives one data set; without separation the types are the same") {
    SimulationOptions options;
    options.cells = 600;  // more than one batch
    options.genes = 300;
    options.types = 4;
    const auto first = simulate(host(), options), second = simulate(host(), options);
    CHECK(first.counts.values == second.counts.values);
    CHECK(first.counts.columns == second.counts.columns);
    CHECK(first.counts.row_offsets == second.counts.row_offsets);
    options.seed = 2;
    CHECK(simulate(host(), options).counts.columns != first.counts.columns);
    options.separation = 0;
    const auto same = simulate(host(), options);
    for (std::size_t i = 300; i < 1200; ++i) CHECK(same.truth.gene_shares[i] == same.truth.gene_shares[i % 300]);
}

TEST_CASE("the last type has the share that was asked for, and the others are as they were among each other") {
    SimulationOptions options{.cells = 20000, .genes = 2, .types = 4};
    const auto before = simulate(host(), options).truth.type_shares;
    options.rare_share = 0.01;
    const auto truth = simulate(host(), options).truth;
    CHECK(truth.type_shares[3] == 0.01);
    CHECK(truth.type_shares[0] / truth.type_shares[1] == Approx(before[0] / before[1]).epsilon(1e-12));
    double sum = 0;
    for (const double share : truth.type_shares) sum += share;
    CHECK(sum == Approx(1).epsilon(1e-12));
    const auto rare = std::count(truth.labels.begin(), truth.labels.end(), 3);
    CHECK(std::abs(static_cast<double>(rare) - 200) < 5 * std::sqrt(200.0));
}

TEST_CASE("options out of range are refused") {
    CHECK_THROWS_MATCHES(simulate(host(), {.types = 1, .rare_share = 0.5}), OptionError,
                         Message("share of a rare type to simulate: found 0.5, expected 0, or below 1 where there are "
                                 "two types or more"));
    CHECK_THROWS_MATCHES(simulate(host(), {.cells = 0}), OptionError,
                         Message("cells to simulate: found 0, expected 1 to 2147483647"));
    CHECK_THROWS_MATCHES(simulate(host(), {.cells = 5, .types = 6}), OptionError,
                         Message("types to simulate: found 6, expected 1 to the number of cells and at most 65536"));
    CHECK_THROWS_MATCHES(simulate(host(), {.zero_inflation = 1}), OptionError,
                         Message("zero inflation to simulate: found 1, expected 0 or more and below 1"));
    CHECK_THROWS_MATCHES(simulate(host(), {.mean_count = std::numeric_limits<double>::quiet_NaN()}), OptionError,
                         Message("mean count to simulate: found nan, expected more than 0 and below 10000"));
}

}  // namespace simulator_test
