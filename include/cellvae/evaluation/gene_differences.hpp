// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/clustering/mixture_fit.hpp"
#include "cellvae/data/cells.hpp"
#include "cellvae/evaluation/adaptive_shrinkage.hpp"

// What pairs of cells say of genes, and how sure it is: the part of differential_expression() without a model.

namespace cellvae {

/// What was found of one gene. A change is a log2 fold change of the group over the reference.
struct GeneDifference {
    GeneIndex gene = 0;           ///< its number in the model
    double probability = 0;       ///< that the groups' change is above delta in size
    double bayes_factor = 0;      ///< log of probability / (1 - probability), 27.6 at most
    double mean_change = 0;       ///< over pairs
    double standard_error = 0;    ///< of mean_change: see differential_expression
    double shrunken_change = 0;   ///< posterior mean of the groups' change
    double probability_up = 0;    ///< that the groups' change is above 0
    double deviation_change = 0;  ///< standard deviation over pairs: how much cells differ
    double share_of_pairs = 0;    ///< whose change is above delta in size: the probability of Lopez et al. (2018)
    double mean_group = 0;        ///< expected expression at the library size, mean over pairs
    double mean_reference = 0;
    double share_group = 0;  ///< share of the cells with a count of the gene
    double share_reference = 0;
    double expected_fdr = 0;  ///< share of false discoveries expected when this gene and all above it are called
    bool called = false;      ///< with that share below the one asked for
};

/// What was found.
struct Differences {
    std::vector<GeneDifference> genes;  ///< those that were asked for, the surest change first
    double delta = 0;                   ///< log2 fold change that counted
    double typical_change = 0;          ///< of the genes: not 0 where a few abundant genes take counts from all others
};

namespace evaluation_detail {

/// Sums over pairs, a row a gene.
enum PairSum : Index {
    pairs_beyond,
    changes,
    squared_changes,
    group_at_library,
    reference_at_library,
    group_mean,
    reference_mean,
    group_variance,
    reference_variance,
    pair_sums,  ///< how many there are
};

/// What a group's counts say of each gene themselves.
struct GroupCounts {
    Index cells = 0;
    std::vector<double> share;     ///< of the cells with a count
    std::vector<double> variance;  ///< of the sum of counts around the group's share of each library, over its square
};

[[nodiscard]] inline GroupCounts group_counts(const CellsView& view, std::span<const double> library,
                                              std::span<const Index> cells) {
    const auto genes = static_cast<std::size_t>(view.genes());
    std::vector<double> seen(genes), sum(genes), squares(genes), with_library(genes);
    double library_sum = 0, library_squares = 0;
    for (const Index number : cells) {
        const auto cell = static_cast<std::size_t>(number);
        library_sum += library[cell];
        library_squares += library[cell] * library[cell];
        for (auto k = static_cast<std::size_t>(view.row_offsets[cell]);
             k < static_cast<std::size_t>(view.row_offsets[cell + 1]); ++k) {
            const auto gene = static_cast<std::size_t>(view.columns[k]);
            const auto count = static_cast<double>(view.values[k]);
            seen[gene] += count > 0 ? 1 : 0;
            sum[gene] += count;
            squares[gene] += count * count;
            with_library[gene] += count * library[cell];
        }
    }
    GroupCounts result{static_cast<Index>(cells.size()), std::vector<double>(genes), std::vector<double>(genes)};
    for (std::size_t gene = 0; gene < genes; ++gene) {
        result.share[gene] = seen[gene] / static_cast<double>(result.cells);
        if (!(sum[gene] > 0)) continue;
        const double part = sum[gene] / library_sum;
        const double residual = squares[gene] - 2 * part * with_library[gene] + part * part * library_squares;
        result.variance[gene] = std::max(residual, 0.0) / (sum[gene] * sum[gene]);
    }
    return result;
}

/// The variance of log2(expression + pseudocount) as far as the counts of a group leave it open. The likelihood's
/// variance knows what a sum of few counts leaves open, and the counts' own what a dispersion that has not converged
/// leaves out: the larger one is taken.
/// @param mean, variance of a cell's count by the likelihood, mean over the group
/// @param slope of log(expression + pseudocount) by log(expression)
[[nodiscard]] inline double level_variance(double mean, double variance, const GroupCounts& counts, std::size_t gene,
                                           double slope) {
    const double expected = variance / (static_cast<double>(counts.cells) * std::max(mean * mean, 1e-200));
    const double in_log2 = slope / std::log(2.0);
    return in_log2 * in_log2 * std::max(expected, counts.variance[gene]);
}

/// What the sums over pairs (genes x pair_sums) say of each gene, but for what needs all genes.
/// @param numbers of the genes in the model, whose counts those of the groups are
template <class SumsView>
[[nodiscard]] std::vector<GeneDifference> gene_differences(const SumsView& sums, std::span<const GeneIndex> numbers,
                                                           Index pairs, double pseudocount, const GroupCounts& group,
                                                           const GroupCounts& reference) {
    std::vector<GeneDifference> result(sums.extent(0));
    const auto independent = static_cast<double>(std::min({group.cells, reference.cells, pairs}));
    for (std::size_t row = 0; row < result.size(); ++row) {
        auto& found = result[row];
        const auto mean = [&](PairSum sum) { return sums(row, sum) / static_cast<double>(pairs); };
        found.gene = numbers[row];
        const auto gene = static_cast<std::size_t>(found.gene);
        found.share_of_pairs = mean(pairs_beyond);
        found.mean_change = mean(changes);
        const double spread = std::max(0.0, mean(squared_changes) - found.mean_change * found.mean_change);
        found.deviation_change = std::sqrt(spread);
        found.mean_group = mean(group_at_library);
        found.mean_reference = mean(reference_at_library);
        found.share_group = group.share[gene];
        found.share_reference = reference.share[gene];
        found.standard_error = std::sqrt(level_variance(mean(group_mean), mean(group_variance), group, gene,
                                                        found.mean_group / (found.mean_group + pseudocount)) +
                                         level_variance(mean(reference_mean), mean(reference_variance), reference, gene,
                                                        found.mean_reference / (found.mean_reference + pseudocount)) +
                                         spread / independent);
    }
    return result;
}

/// Adds each gene's posterior.
/// @returns the mode of the changes
inline double add_posteriors(std::vector<GeneDifference>& genes, double delta) {
    std::vector<double> changes, errors;
    for (const auto& gene : genes) {
        changes.push_back(gene.mean_change);
        errors.push_back(std::max(gene.standard_error, 1e-6));
    }
    const auto prior = fit_effects(changes, errors);
    const auto effects = shrink_effects(changes, errors, prior, delta);
    for (std::size_t i = 0; i < genes.size(); ++i) {
        genes[i].probability = effects[i].probability_beyond;
        const double inside = std::clamp(1 - effects[i].probability_beyond, 1e-12, 1 - 1e-12);
        genes[i].bayes_factor = std::log((1 - inside) / inside);
        genes[i].shrunken_change = effects[i].mean;
        genes[i].probability_up = effects[i].probability_above;
    }
    return prior.mode;
}

/// Sorts by how sure a change is, and calls genes from the top on while the expected share of false ones allows.
inline void rank_and_call(std::vector<GeneDifference>& genes, double fdr) {
    std::stable_sort(genes.begin(), genes.end(), [](const GeneDifference& a, const GeneDifference& b) {
        return std::pair(-a.probability, -std::abs(a.mean_change)) <
               std::pair(-b.probability, -std::abs(b.mean_change));
    });
    double wrong = 0;
    for (std::size_t i = 0; i < genes.size(); ++i) {
        wrong += 1 - genes[i].probability;
        genes[i].expected_fdr = wrong / static_cast<double>(i + 1);
        genes[i].called = genes[i].expected_fdr <= fdr;
    }
}

}  // namespace evaluation_detail

/// The change that counts, from all genes' mean changes (Boyeau et al. 2023, PNAS 120, e2209124120): a mixture of three
/// normal distributions is fitted, and .6 of the mean size of the lowest and the highest component's mean is it, .1 at
/// least, as in scvi-tools.
[[nodiscard]] inline double estimated_delta(std::span<const double> changes) {
    const std::vector<float> values(changes.begin(), changes.end());
    const int components = static_cast<int>(std::min<std::size_t>(3, values.size()));
    const auto fit = fit_mixture(
        Kokkos::DefaultHostExecutionSpace(), values, static_cast<Index>(values.size()), 1,
        {.components = components, .variance = MixtureVariance::own, .tolerance = 1e-3, .least_variance = 1e-6});
    double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
    for (std::size_t k = 0; k < fit.means.size(); ++k) {
        if (!(fit.weights[k] > 0)) continue;  // a component without a gene has no mean
        lowest = std::min(lowest, fit.means[k]);
        highest = std::max(highest, fit.means[k]);
    }
    return std::max(0.1, 0.6 * (std::abs(lowest) + std::abs(highest)) / 2);
}

}  // namespace cellvae
