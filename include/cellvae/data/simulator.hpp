// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/core/random.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/row_blocks.hpp"
#include "cellvae/distributions/counts.hpp"
#include "cellvae/distributions/negative_binomial.hpp"

namespace cellvae {

/// What is simulated. Unless changed, cells like those of a mouse pancreas (Baron et al. 2016, mouse 1) in number,
/// share of zeros and variance; zheng_like() and pbmc_like() resemble two sets of blood cells.
struct SimulationOptions {
    Index cells = 822;
    Index genes = 14878;
    int types = 13;
    std::uint64_t seed = 1;

    double mean_count = 0.2514;           ///< over cells and genes; times the genes, it is the mean library size
    double library_log_deviation = 0.55;  ///< standard deviation of the logarithm of a cell's library size (log-normal)

    double abundance_shape =
        0.95;  ///< a gene's share of the counts is a gamma number of this shape (it bends the lower tail),
    double abundance_log_deviation = 1.5;  ///< times a log-normal one with this deviation on the log scale;
    double abundant_genes = 0.006;  ///< except for this share of the genes (in the pancreas, the hormones), which have
    double abundant_log_range = 5.7;  ///< from one to e to this power times the mean share of the others

    double dispersion_at_one =
        0.7;  ///< variance = mean + dispersion mean^2; the dispersion of a gene whose mean is one,
    double dispersion_power = 0.1;           ///< which falls with the mean to this power
    double dispersion_log_deviation = 0.75;  ///< and varies between genes on the log scale

    double type_size_log_deviation =
        1;                       ///< how unequal the types are: deviation of the logarithm of their expected share
    double rare_share = 0;       ///< expected share of the last type, whatever the others are like; 0: as the others
    double changed_genes = 0.1;  ///< share of the genes that each type expresses at a level of its own
    double fold_change_log_deviation = 1;  ///< deviation of the logarithm of that level against the common one
    double separation = 1;  ///< multiplies those logarithms: less is harder, with 0 the types are the same

    double zero_inflation =
        0;  ///< a count of a gene with the mean m is a structural zero with this probability / (1 + m)
};

/// Blood cells as Zheng et al. (2017) sorted them: 3,774 cells of ten types, 16,791 genes.
[[nodiscard]] inline SimulationOptions zheng_like() {
    SimulationOptions options;
    options.cells = 3774;
    options.genes = 16791;
    options.types = 10;
    options.mean_count = 0.11836;
    options.library_log_deviation = 0.55;
    options.abundance_shape = 0.57;
    options.abundance_log_deviation = 1.7;
    options.abundant_genes = 0.0215;
    options.abundant_log_range = 5.7;
    options.dispersion_at_one = 0.38;
    options.dispersion_power = 0.16;
    options.dispersion_log_deviation = 0.75;
    return options;
}

/// Blood cells as in 10x Genomics' set of 3,000: 2,638 cells of nine types, 13,714 genes.
[[nodiscard]] inline SimulationOptions pbmc_like() {
    SimulationOptions options;
    options.cells = 2638;
    options.genes = 13714;
    options.types = 9;
    options.mean_count = 0.17289;
    options.library_log_deviation = 0.4;
    options.abundance_shape = 1.2;
    options.abundance_log_deviation = 1.42;
    options.abundant_genes = 0.0225;
    options.abundant_log_range = 5.6;
    options.dispersion_at_one = 1.0;
    options.dispersion_power = 0.55;
    options.dispersion_log_deviation = 0.6;
    return options;
}

/// What the counts were drawn from.
struct SimulationTruth {
    std::vector<double> type_shares;    ///< types: expected share of the cells
    std::vector<std::int32_t> labels;   ///< cells: the type, from 0
    std::vector<double> library_sizes;  ///< cells: expected total count where nothing is a structural zero
    std::vector<double>
        gene_shares;  ///< types x genes, row-major: a type's share of its counts on each gene; rows sum to 1
    std::vector<double> dispersions;     ///< genes: variance = mean + dispersion mean^2 given type and library size
    std::vector<double> zero_inflation;  ///< genes: probability of a structural zero
};

/// Simulated counts; `counts.obs` has the column cell_type.
struct SimulatedCells {
    CountMatrix counts;
    SimulationTruth truth;
};

namespace data_detail {

inline void check_simulation(const SimulationOptions& options) {
    const auto check = [](bool holds, const char* what, auto found, const char* expected) {
        if (!holds) throw OptionError(message(what, " to simulate: found ", found, ", expected ", expected));
    };
    constexpr Index most = std::numeric_limits<std::int32_t>::max();
    check(options.cells >= 1 && options.cells <= most, "cells", options.cells, "1 to 2147483647");
    check(options.genes >= 1 && options.genes <= most, "genes", options.genes, "1 to 2147483647");
    check(options.types >= 1 && options.types <= options.cells && options.types <= 65536, "types", options.types,
          "1 to the number of cells and at most 65536");
    check(options.mean_count > 0 && options.mean_count < 1e4, "mean count", options.mean_count,
          "more than 0 and below 10000");
    check(options.abundance_shape > 0, "abundance shape", options.abundance_shape, "more than 0");
    check(options.dispersion_at_one > 0, "dispersion at a mean of one", options.dispersion_at_one, "more than 0");
    check(std::isfinite(options.dispersion_power), "power of the dispersion", options.dispersion_power,
          "a finite number");
    for (const double deviation :
         {options.library_log_deviation, options.abundance_log_deviation, options.abundant_log_range,
          options.dispersion_log_deviation, options.type_size_log_deviation, options.fold_change_log_deviation,
          options.separation})
        check(deviation >= 0 && deviation < 20, "deviation on the log scale", deviation, "0 or more and below 20");
    for (const double share : {options.abundant_genes, options.changed_genes})
        check(share >= 0 && share <= 1, "share of the genes", share, "0 to 1");
    check(options.rare_share >= 0 && options.rare_share < 1 && (options.rare_share == 0 || options.types > 1),
          "share of a rare type", options.rare_share, "0, or below 1 where there are two types or more");
    check(options.zero_inflation >= 0 && options.zero_inflation < 1, "zero inflation", options.zero_inflation,
          "0 or more and below 1");
}

/// What the simulator draws, in the second place of the random stream's key after the number of the gene, type or cell.
enum class SimulationDraw : std::uint32_t { gene = 1, abundant, fold_change, type_size, label, library_size, counts };

inline RandomStream simulation_stream(const SimulationOptions& options, SimulationDraw draw, std::size_t number,
                                      std::size_t type = 0) {
    return {options.seed, Purpose::simulation, static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(draw),
            static_cast<std::uint32_t>(type)};
}

/// A negative binomial number of mean mu and dispersion 1 / theta by inversion of its distribution function, given a
/// uniform number. Most counts are zero, and P(x > 0) <= mu: then no power is needed.
inline double invert_negative_binomial(double uniform, double mu, double theta) {
    if (uniform < 1 - mu) return 0;
    double probability = std::exp(-theta * std::log1p(mu / theta)), cumulated = probability;
    const double ratio = mu / (mu + theta);
    double count = 0;
    while (uniform >= cumulated && !(count > mu && probability < 1e-18)) {
        probability *= (theta + count) / (count + 1) * ratio;
        count += 1;
        cumulated += probability;
    }
    return count;
}

inline SimulationTruth simulate_truth(const Kokkos::DefaultHostExecutionSpace& exec, const SimulationOptions& options) {
    const auto cells = static_cast<std::size_t>(options.cells), genes = static_cast<std::size_t>(options.genes),
               types = static_cast<std::size_t>(options.types);
    SimulationTruth truth;

    // genes: share of the counts, dispersion, zero inflation
    std::vector<double> shares(genes), scatter(genes);
    std::vector<std::size_t> order(genes);
    for (std::size_t gene = 0; gene < genes; ++gene) {
        auto random = simulation_stream(options, SimulationDraw::gene, gene);
        scatter[gene] = random.normal();
        shares[gene] = std::exp(options.abundance_log_deviation * random.normal() +
                                distributions_detail::sample_log_gamma(random, options.abundance_shape));
        order[gene] = gene;
    }
    // the abundant ones take one level each from even steps: drawn freely, the largest few would decide how much is
    // left for all others, and with it the share of zeros
    const auto abundant = static_cast<std::size_t>(std::llround(options.abundant_genes * static_cast<double>(genes)));
    const double mean_share =
        options.abundance_shape * std::exp(0.5 * options.abundance_log_deviation * options.abundance_log_deviation);
    auto choice = simulation_stream(options, SimulationDraw::abundant, 0);
    for (std::size_t i = 0; i < abundant; ++i) {
        std::swap(order[i], order[i + choice.below(static_cast<std::uint32_t>(genes - i))]);
        shares[order[i]] =
            mean_share * std::exp(options.abundant_log_range * (static_cast<double>(i) + choice.uniform()) /
                                  static_cast<double>(abundant));
    }
    double total = 0;
    for (const double share : shares) total += share;
    const double mean_library = options.mean_count * static_cast<double>(genes);
    truth.dispersions.resize(genes);
    truth.zero_inflation.resize(genes);
    for (std::size_t gene = 0; gene < genes; ++gene) {
        shares[gene] /= total;
        const double mean = mean_library * shares[gene];
        truth.dispersions[gene] =
            options.dispersion_at_one *
            std::exp(options.dispersion_log_deviation * scatter[gene] - options.dispersion_power * std::log(mean));
        truth.dispersions[gene] = std::clamp(truth.dispersions[gene], 1e-8, 1e6);
        truth.zero_inflation[gene] = options.zero_inflation / (1 + mean);
    }

    // types: each with its own level of some genes
    truth.gene_shares.resize(types * genes);
    for_each_block(exec, "cellvae::simulate_types", types, [&](std::size_t type) {
        double* row = truth.gene_shares.data() + type * genes;
        double sum = 0;
        for (std::size_t gene = 0; gene < genes; ++gene) {
            auto random = simulation_stream(options, SimulationDraw::fold_change, gene, type);
            const bool changed = random.uniform() < options.changed_genes;
            row[gene] = shares[gene];
            if (changed)
                row[gene] *= std::exp(options.separation * options.fold_change_log_deviation * random.normal());
            sum += row[gene];
        }
        for (std::size_t gene = 0; gene < genes; ++gene) row[gene] /= sum;
    });
    truth.type_shares.resize(types);
    double weights = 0;
    for (std::size_t type = 0; type < types; ++type) {
        truth.type_shares[type] = std::exp(options.type_size_log_deviation *
                                           simulation_stream(options, SimulationDraw::type_size, type).normal());
        weights += truth.type_shares[type];
    }
    if (options.rare_share > 0) weights -= truth.type_shares.back();
    for (double& share : truth.type_shares) share /= weights / (1 - options.rare_share);
    if (options.rare_share > 0) truth.type_shares.back() = options.rare_share;

    // cells: the first of each type, so that every type occurs, then by the types' shares, then shuffled
    truth.labels.resize(cells);
    truth.library_sizes.resize(cells);
    const double log_mean =
        std::log(mean_library) - 0.5 * options.library_log_deviation * options.library_log_deviation;
    for (std::size_t cell = 0; cell < cells; ++cell) {
        double uniform = simulation_stream(options, SimulationDraw::label, cell).uniform();
        std::size_t type = 0;
        while (type + 1 < types && uniform >= truth.type_shares[type]) uniform -= truth.type_shares[type++];
        truth.labels[cell] = static_cast<std::int32_t>(cell < types ? cell : type);
        truth.library_sizes[cell] =
            std::exp(log_mean + options.library_log_deviation *
                                    simulation_stream(options, SimulationDraw::library_size, cell).normal());
    }
    auto random = simulation_stream(options, SimulationDraw::label, 0, 1);
    for (std::size_t cell = cells - 1; cell > 0; --cell)
        std::swap(truth.labels[cell], truth.labels[random.below(static_cast<std::uint32_t>(cell + 1))]);
    return truth;
}

}  // namespace data_detail

/// Draws counts of cells of several types.
///
/// A gene has a share of all counts (heavy-tailed), which some types change; a cell has a type and a log-normal library
/// size. The count of gene g in cell c of type t is negative binomial, i.e. Poisson with a gamma rate, of mean
/// library_c share_tg and dispersion phi_g, which falls with the gene's mean; a structural zero may take its place. The
/// model is in the manner of Splat (Zappia et al. 2017, Genome Biol. 18:174).
///
/// The counts of a cell depend on the options and its number alone: not on the number of threads, nor, for given truth,
/// on the other cells. Memory is that of the nonzeros and of types x genes numbers; an array of cells x genes is never
/// made.
///
/// @throws OptionError if an option is outside its range.
[[nodiscard]] inline SimulatedCells simulate(const Kokkos::DefaultHostExecutionSpace& exec,
                                             const SimulationOptions& options = {}) {
    data_detail::check_simulation(options);
    SimulatedCells result;
    result.truth = data_detail::simulate_truth(exec, options);
    const SimulationTruth& truth = result.truth;
    const auto cells = static_cast<std::size_t>(options.cells), genes = static_cast<std::size_t>(options.genes);
    constexpr double inverted = 30;  // above this mean the samplers of a gamma and a Poisson number are faster

    CountMatrix& counts = result.counts;
    counts.row_offsets.reserve(cells + 1);
    constexpr std::size_t batch = 512;
    struct Row {
        std::vector<GeneIndex> columns;
        std::vector<float> values;
    };
    std::vector<Row> rows(std::min(batch, cells));
    for (std::size_t first = 0; first < cells; first += batch) {
        const std::size_t in_batch = std::min(batch, cells - first);
        data_detail::for_each_block(exec, "cellvae::simulate_counts", in_batch, [&](std::size_t number) {
            const std::size_t cell = first + number;
            Row& row = rows[number];
            row.columns.clear();
            row.values.clear();
            auto random = data_detail::simulation_stream(options, data_detail::SimulationDraw::counts, cell);
            const double* shares = truth.gene_shares.data() + static_cast<std::size_t>(truth.labels[cell]) * genes;
            const double library = truth.library_sizes[cell];
            for (std::size_t gene = 0; gene < genes; ++gene) {
                const double mu = library * shares[gene], structural = truth.zero_inflation[gene];
                const double uniform = random.uniform();
                if (uniform < structural) continue;
                double count = 0;
                if (mu < inverted) {
                    count = data_detail::invert_negative_binomial((uniform - structural) / (1 - structural), mu,
                                                                  1 / truth.dispersions[gene]);
                } else {
                    const Parameters<double, 2> eta{std::log(mu), -std::log(truth.dispersions[gene])};
                    count = NegativeBinomial<MeanDispersion>::sample(random, eta);
                }
                if (count > 0) {
                    row.columns.push_back(static_cast<GeneIndex>(gene));
                    row.values.push_back(static_cast<float>(count));
                }
            }
        });
        std::size_t nonzeros = 0;
        for (std::size_t number = 0; number < in_batch; ++number) nonzeros += rows[number].values.size();
        if (first == 0 && cells > batch) {  // room for about as many in the other batches
            const auto expected = static_cast<std::size_t>(1.05 * static_cast<double>(nonzeros) *
                                                           static_cast<double>(cells) / static_cast<double>(in_batch));
            counts.columns.reserve(expected);
            counts.values.reserve(expected);
        }
        for (std::size_t number = 0; number < in_batch; ++number) {
            counts.columns.insert(counts.columns.end(), rows[number].columns.begin(), rows[number].columns.end());
            counts.values.insert(counts.values.end(), rows[number].values.begin(), rows[number].values.end());
            counts.row_offsets.push_back(static_cast<std::int64_t>(counts.values.size()));
        }
    }

    counts.obs.names.reserve(cells);
    for (std::size_t cell = 0; cell < cells; ++cell) counts.obs.names.push_back("cell_" + std::to_string(cell + 1));
    counts.var.names.reserve(genes);
    for (std::size_t gene = 0; gene < genes; ++gene) counts.var.names.push_back("gene_" + std::to_string(gene + 1));
    Categorical cell_type;
    for (int type = 0; type < options.types; ++type) cell_type.categories.push_back("type_" + std::to_string(type + 1));
    cell_type.codes = truth.labels;
    counts.obs.set({"cell_type", std::move(cell_type)});
    return result;
}

}  // namespace cellvae
