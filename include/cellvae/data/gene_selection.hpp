// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/core/progress.hpp"
#include "cellvae/data/cells.hpp"
#include "cellvae/data/keep.hpp"
#include "cellvae/data/local_regression.hpp"
#include "cellvae/data/window_reader.hpp"

namespace cellvae {

/// How variable genes are chosen.
struct GeneSelectionOptions {
    Index genes = 2000;   ///< that are chosen; where fewer vary at all, those
    double span = 0.3;    ///< share of the genes that each local regression sees
    Progress progress{};  ///< told how many cells are looked at, each of them three times
};

/// The genes that were chosen, and what they were chosen by.
struct GeneSelection {
    std::vector<GeneIndex> genes;               ///< ascending
    std::vector<double> mean;                   ///< of each gene's counts
    std::vector<double> variance;               ///< of each gene's counts (cells - 1)
    std::vector<double> standardised_variance;  ///< of each gene's standardised and clipped counts: their rank chooses
};

namespace data_detail {

/// See select_variable_genes().
/// @param for_each_block calls what it is given with all cells, as CellsView, block after block in their order; it is
/// asked three times
template <class ForEachBlock>
GeneSelection select_variable_genes_by_blocks(Index cell_count, Index gene_count, const ForEachBlock& for_each_block,
                                              const GeneSelectionOptions& options) {
    if (options.genes < 1)
        throw OptionError(message("variable genes to choose: found ", options.genes, ", expected 1 or more"));
    if (cell_count < 2)
        throw InputError(
            message("choice of variable genes: found ", counted(cell_count, "cell"), ", expected 2 or more"));
    const auto genes = static_cast<std::size_t>(gene_count);
    const auto count = static_cast<double>(cell_count);
    GeneSelection result;
    result.mean.assign(genes, 0.0);
    result.variance.assign(genes, 0.0);
    result.standardised_variance.assign(genes, 0.0);

    std::vector<double> seen(genes, 0.0);  // cells whose count of the gene is stored
    Index done = 0;
    const auto count_done = [&](const CellsView& cells) {
        done += cells.cells();
        if (options.progress) options.progress(done);
    };
    for_each_block([&](const CellsView& cells) {
        require_counts(cells, "choice of variable genes");
        for (std::size_t k = 0; k < cells.values.size(); ++k) {
            const auto gene = static_cast<std::size_t>(cells.columns[k]);
            result.mean[gene] += static_cast<double>(cells.values[k]);
            seen[gene] += 1;
        }
        count_done(cells);
    });
    for (double& mean : result.mean) mean /= count;
    for_each_block([&](const CellsView& cells) {
        for (std::size_t k = 0; k < cells.values.size(); ++k) {
            const auto gene = static_cast<std::size_t>(cells.columns[k]);
            const double deviation = static_cast<double>(cells.values[k]) - result.mean[gene];
            result.variance[gene] += deviation * deviation;
        }
        count_done(cells);
    });
    std::vector<std::size_t> varying;
    std::vector<double> log_mean, log_variance;
    for (std::size_t gene = 0; gene < genes; ++gene) {
        const double mean = result.mean[gene];
        result.variance[gene] = (result.variance[gene] + (count - seen[gene]) * mean * mean) / (count - 1);
        if (!(result.variance[gene] > 1e-20 * mean * mean)) continue;  // a constant, up to rounding
        varying.push_back(gene);
        log_mean.push_back(std::log10(mean));
        log_variance.push_back(std::log10(result.variance[gene]));
    }
    if (varying.empty()) throw InputError("choice of variable genes: every gene has the same count in all cells");
    const auto expected = local_regression(log_mean, log_variance, options.span);

    // clipped counts: those above mean + sqrt(cells) deviations become that; small ones never reach the other end
    std::vector<double> largest(genes, 0.0), squares(genes, 0.0);
    for (std::size_t i = 0; i < varying.size(); ++i)
        largest[varying[i]] = result.mean[varying[i]] + std::sqrt(count * std::pow(10.0, expected[i]));
    for_each_block([&](const CellsView& cells) {
        for (std::size_t k = 0; k < cells.values.size(); ++k) {
            const auto gene = static_cast<std::size_t>(cells.columns[k]);
            const double deviation = std::min(static_cast<double>(cells.values[k]), largest[gene]) - result.mean[gene];
            squares[gene] += deviation * deviation;
        }
        count_done(cells);
    });
    for (std::size_t i = 0; i < varying.size(); ++i) {
        const std::size_t gene = varying[i];
        const double mean = result.mean[gene];
        result.standardised_variance[gene] =
            (squares[gene] + (count - seen[gene]) * mean * mean) / ((count - 1) * std::pow(10.0, expected[i]));
    }

    const auto chosen = std::min(varying.size(), static_cast<std::size_t>(options.genes));
    std::sort(varying.begin(), varying.end(), [&](std::size_t i, std::size_t j) {
        const double left = result.standardised_variance[i], right = result.standardised_variance[j];
        return left != right ? left > right : i < j;
    });
    for (std::size_t i = 0; i < chosen; ++i) result.genes.push_back(static_cast<GeneIndex>(varying[i]));
    std::sort(result.genes.begin(), result.genes.end());
    return result;
}

}  // namespace data_detail

/// The genes whose counts vary most beyond what their mean lets expect (Seurat v3: Stuart et al. 2019; scanpy's flavor
/// seurat_v3 chooses the same).
///
/// The expected variance of a gene is the local quadratic regression of log10 variance on log10 mean of all genes that
/// vary. Its counts are standardised, (count - mean) / expected deviation, clipped at sqrt(cells), and the variance of
/// these values ranks the genes. They are raw counts; no step makes the matrix dense.
///
/// @throws OptionError if the number of genes is below 1 or the span is not above 0 and at most 1
/// @throws InputError if there are fewer than two cells, no gene varies, or a count is negative or not finite
/// @throws ShapeError if the arrays are not compressed rows of cells x genes
[[nodiscard]] inline GeneSelection select_variable_genes(const CellsView& cells,
                                                         const GeneSelectionOptions& options = {}) {
    if (options.genes >= 1) cells.check();
    return data_detail::select_variable_genes_by_blocks(
        cells.cells(), cells.genes(), [&](const auto& take) { take(cells); }, options);
}

/// The same of cells whose counts lie in a file, which is read three times, window by window.
/// @throws as above, and what the reader throws
[[nodiscard]] inline GeneSelection select_variable_genes(CellReader& reader, const GeneSelectionOptions& options = {},
                                                         Index window = 4096) {
    StreamTimes times;
    const auto& names = reader.annotations();
    return data_detail::select_variable_genes_by_blocks(
        static_cast<Index>(names.obs.names.size()), names.genes(),
        [&](const auto& take) { data_detail::for_each_block_of_cells(reader, window, times, take); }, options);
}

/// The same cells with some of their genes. Names and annotations stay; `library_sizes` becomes the total count of each
/// cell over all genes of the file, those that are not kept included.
///
/// @param genes ascending, without repetition
/// @throws OptionError if a gene is not in the matrix or the genes do not ascend
[[nodiscard]] inline CountMatrix keep_genes(const CountMatrix& counts, std::span<const GeneIndex> genes) {
    constexpr GeneIndex left_out = -1;
    std::vector<GeneIndex> place(static_cast<std::size_t>(counts.genes()), left_out);
    data_detail::require_ascending(genes, counts.genes(), "gene");
    for (std::size_t i = 0; i < genes.size(); ++i)
        place[static_cast<std::size_t>(genes[i])] = static_cast<GeneIndex>(i);
    CountMatrix result;
    result.obs = counts.obs;
    result.var = keep_rows(counts.var, genes);
    result.row_offsets.reserve(counts.row_offsets.size());
    result.library_sizes.reserve(static_cast<std::size_t>(counts.cells()));
    for (Index cell = 0; cell < counts.cells(); ++cell) {
        for (auto k = static_cast<std::size_t>(counts.row_offsets[static_cast<std::size_t>(cell)]);
             k < static_cast<std::size_t>(counts.row_offsets[static_cast<std::size_t>(cell) + 1]); ++k) {
            const GeneIndex gene = place[static_cast<std::size_t>(counts.columns[k])];
            if (gene == left_out) continue;
            result.columns.push_back(gene);
            result.values.push_back(counts.values[k]);
        }
        result.row_offsets.push_back(static_cast<std::int64_t>(result.values.size()));
        result.library_sizes.push_back(counts.library_size(cell));
    }
    return result;
}

}  // namespace cellvae
