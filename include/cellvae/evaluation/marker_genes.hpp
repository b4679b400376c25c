// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/cells.hpp"
#include "cellvae/data/row_blocks.hpp"

namespace cellvae {

/// How marker genes are found.
struct MarkerOptions {
    Index genes = 10;              ///< of each cluster, the best; 0: all, in the order of their scores
    double counts_per_cell = 1e4;  ///< each cell's counts are scaled to this library size before log1p
    bool correct_ties = false;     ///< of the score's variance; scanpy's default is not to
    Progress progress{};           ///< told how many genes are done
};

/// A gene in one cluster against all other cells.
struct MarkerGene {
    GeneIndex gene = 0;
    double score = 0;             ///< of the rank-sum test, standard normal where the gene does not differ
    double p_value = 1;           ///< two-sided
    double adjusted_p_value = 1;  ///< of all genes of the cluster (Benjamini and Hochberg 1995)
    double log2_fold_change = 0;  ///< of expm1 of the mean log-normalised counts, 1e-9 added to both
    double share_inside = 0;      ///< of the cluster's cells in which the gene was counted
    double share_outside = 0;     ///< of the other cells
    double mean_inside = 0;       ///< of the log-normalised counts
};

namespace evaluation_detail {

/// Ranks one gene's values and fills its row of every cluster.
class RankSums {
public:
    RankSums(const std::vector<double>& sizes, double cells, bool correct_ties)
        : sizes_(sizes),
          cells_(cells),
          correct_ties_(correct_ties),
          ranks_(sizes.size()),
          sums_(sizes.size()),
          counted_(sizes.size()) {}

    /// `values`: those above zero, each with its cell's cluster; they are sorted. `result(cluster)` is the row to fill.
    template <class Result>
    void test(std::vector<std::pair<float, std::int32_t>>& values, const Result& result) {
        std::fill(ranks_.begin(), ranks_.end(), 0.0);
        std::fill(sums_.begin(), sums_.end(), 0.0);
        std::fill(counted_.begin(), counted_.end(), 0.0);
        double total = 0, all_counted = static_cast<double>(values.size());
        for (const auto& [value, cluster] : values) {
            const auto k = static_cast<std::size_t>(cluster);
            sums_[k] += static_cast<double>(value);
            total += static_cast<double>(value);
            counted_[k] += 1;
        }
        std::sort(values.begin(), values.end());
        const double zeros = cells_ - all_counted;
        double ties = zeros * (zeros * zeros - 1);
        for (std::size_t first = 0, last = 0; first < values.size(); first = last) {
            while (last < values.size() && values[last].first == values[first].first) ++last;
            const auto equal = static_cast<double>(last - first);
            ties += equal * (equal * equal - 1);
            const double rank = zeros + static_cast<double>(first) + 0.5 * (equal + 1);
            for (std::size_t i = first; i < last; ++i) ranks_[static_cast<std::size_t>(values[i].second)] += rank;
        }
        const double correction = correct_ties_ ? 1 - ties / (cells_ * (cells_ * cells_ - 1)) : 1;
        for (std::size_t k = 0; k < sizes_.size(); ++k) {
            MarkerGene& marker = result(k);
            const double inside = sizes_[k], outside = cells_ - inside;
            if (inside == 0 || outside == 0) continue;
            const double rank_sum = ranks_[k] + (inside - counted_[k]) * 0.5 * (zeros + 1);
            const double deviation = std::sqrt(correction * inside * outside * (cells_ + 1) / 12);
            marker.score = deviation > 0 ? (rank_sum - inside * 0.5 * (cells_ + 1)) / deviation : 0;
            marker.p_value = std::erfc(std::abs(marker.score) / std::sqrt(2.0));
            marker.mean_inside = sums_[k] / inside;
            marker.log2_fold_change =
                std::log2((std::expm1(marker.mean_inside) + 1e-9) / (std::expm1((total - sums_[k]) / outside) + 1e-9));
            marker.share_inside = counted_[k] / inside;
            marker.share_outside = (all_counted - counted_[k]) / outside;
        }
    }

private:
    const std::vector<double>& sizes_;
    double cells_;
    bool correct_ties_;
    std::vector<double> ranks_, sums_, counted_;
};

/// Benjamini and Hochberg's adjusted p-values.
inline void adjust_p_values(std::vector<MarkerGene>& markers) {
    std::vector<MarkerGene*> order;
    for (auto& marker : markers) order.push_back(&marker);
    std::sort(order.begin(), order.end(), [](const auto* left, const auto* right) {
        return std::pair(left->p_value, left->gene) < std::pair(right->p_value, right->gene);
    });
    double least = 1;
    for (std::size_t i = order.size(); i-- > 0;) {
        least = std::min(least, order[i]->p_value * static_cast<double>(order.size()) / static_cast<double>(i + 1));
        order[i]->adjusted_p_value = least;
    }
}

}  // namespace evaluation_detail

/// The genes that tell each cluster from all other cells: Wilcoxon's rank-sum test (Wilcoxon 1945; Mann and Whitney
/// 1947, normal approximation) on log1p of counts scaled to one library size, the highest scores first. What scanpy's
/// rank_genes_groups does with method="wilcoxon" after normalize_total(target_sum=1e4) and log1p.
///
/// @param clusters one code a cell, below `number`; a cell with a negative code is left out
/// @returns for each cluster, its genes; an empty cluster and one of all cells have none
/// @throws ShapeError for sizes that do not fit, InputError for a count below 0 or not finite and for a code that is
/// too large, OptionError for counts_per_cell that is not above 0
[[nodiscard]] inline std::vector<std::vector<MarkerGene>> marker_genes(const Kokkos::DefaultHostExecutionSpace& exec,
                                                                       const CountMatrix& counts,
                                                                       std::span<const std::int32_t> clusters,
                                                                       int number, const MarkerOptions& options = {}) {
    require_size(static_cast<Index>(clusters.size()), counts.cells(), "clusters of the cells");
    if (number < 0) throw ShapeError(message("clusters of the cells: there are ", number, ", expected 0 or more"));
    if (!(options.counts_per_cell > 0 && std::isfinite(options.counts_per_cell)))
        throw OptionError(message("counts per cell of marker genes: found ", options.counts_per_cell,
                                  ", expected a finite number above 0"));
    const auto cells = static_cast<std::size_t>(counts.cells()), genes = static_cast<std::size_t>(counts.genes()),
               groups = static_cast<std::size_t>(number);
    std::vector<double> sizes(groups, 0.0), factors(cells);
    double labelled = 0;
    for (std::size_t cell = 0; cell < cells; ++cell) {
        const double library = counts.library_size(static_cast<Index>(cell));
        factors[cell] = library > 0 ? options.counts_per_cell / library : 0;
        if (clusters[cell] < 0) continue;
        if (clusters[cell] >= number)
            throw InputError(message("clusters of the cells: cell ", cell, " has ", clusters[cell],
                                     ", expected less than ", number));
        sizes[static_cast<std::size_t>(clusters[cell])] += 1;
        labelled += 1;
    }
    require_counts(counts, "counts given to marker genes");

    std::vector<std::vector<MarkerGene>> result(groups, std::vector<MarkerGene>(genes));
    constexpr std::size_t panel = 256;  // genes at a time, so that no transposed copy of the counts is made
    const auto test_panel = [&](std::size_t block) {
        const std::size_t first = block * panel, last = std::min(genes, first + panel);
        std::vector<std::vector<std::pair<float, std::int32_t>>> values(last - first);
        for (std::size_t cell = 0; cell < cells; ++cell) {
            if (clusters[cell] < 0) continue;
            const auto end = counts.columns.begin() + counts.row_offsets[cell + 1];
            auto at =
                std::lower_bound(counts.columns.begin() + counts.row_offsets[cell], end, static_cast<GeneIndex>(first));
            for (; at != end && static_cast<std::size_t>(*at) < last; ++at) {
                const auto count =
                    static_cast<double>(counts.values[static_cast<std::size_t>(at - counts.columns.begin())]);
                if (count > 0)
                    values[static_cast<std::size_t>(*at) - first].emplace_back(
                        static_cast<float>(std::log1p(count * factors[cell])), clusters[cell]);
            }
        }
        evaluation_detail::RankSums ranks(sizes, labelled, options.correct_ties);
        for (std::size_t gene = first; gene < last; ++gene)
            ranks.test(values[gene - first], [&](std::size_t k) -> MarkerGene& {
                result[k][gene].gene = static_cast<GeneIndex>(gene);
                return result[k][gene];
            });
    };
    data_detail::for_each_block(exec, "cellvae::marker_genes", (genes + panel - 1) / panel, test_panel,
                                static_cast<Index>(genes), options.progress);
    for (std::size_t k = 0; k < groups; ++k) {
        auto& markers = result[k];
        if (sizes[k] == 0 || sizes[k] == labelled) {
            markers.clear();
            continue;
        }
        evaluation_detail::adjust_p_values(markers);
        std::stable_sort(markers.begin(), markers.end(),
                         [](const auto& left, const auto& right) { return left.score > right.score; });
        if (options.genes > 0 && static_cast<std::size_t>(options.genes) < markers.size())
            markers.resize(static_cast<std::size_t>(options.genes));
    }
    return result;
}

}  // namespace cellvae
