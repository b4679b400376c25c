// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"

namespace cellvae {

/// Cells brought to the genes of a model.
struct MatchedGenes {
    CountMatrix counts;               ///< cells x the genes asked for, in their order
    std::vector<std::string> absent;  ///< those that the cells' file does not have: zero everywhere
    Index unknown = 0;                ///< genes of the file that were not asked for
};

/// Where the genes of a list are among those of cells.
struct GenePlaces {
    std::vector<GeneIndex> place;     ///< of each gene of the cells: its number in the list, or -1
    std::vector<std::string> absent;  ///< of the list: those that the cells do not have
    Index unknown = 0;                ///< genes of the cells that are not in the list
};

/// Finds the genes of a list by name among those of cells.
/// @throws InputError if a gene of the list comes twice among the cells' genes, or fewer than `least_share` of the list
///         are there
[[nodiscard]] inline GenePlaces find_genes(std::span<const std::string> cell_genes, std::span<const std::string> genes,
                                           double least_share = 0.5) {
    constexpr GeneIndex not_asked = -1;
    GenePlaces result;
    std::unordered_map<std::string_view, GeneIndex> asked;
    for (std::size_t i = 0; i < genes.size(); ++i) asked.emplace(genes[i], static_cast<GeneIndex>(i));
    result.place.assign(cell_genes.size(), not_asked);
    std::vector<bool> found(genes.size());
    for (std::size_t gene = 0; gene < cell_genes.size(); ++gene) {
        const auto match = asked.find(cell_genes[gene]);
        if (match == asked.end()) {
            ++result.unknown;
            continue;
        }
        if (found[static_cast<std::size_t>(match->second)])
            throw InputError(message("the gene ", match->first, " comes twice; each of the model's may come once"));
        found[static_cast<std::size_t>(match->second)] = true;
        result.place[gene] = match->second;
    }
    for (std::size_t i = 0; i < genes.size(); ++i)
        if (!found[i]) result.absent.push_back(genes[i]);
    const auto common = genes.size() - result.absent.size();
    const auto names = [&] {
        return message("(", genes.empty() ? "" : genes.front(), ", ... against ",
                       cell_genes.empty() ? "none" : cell_genes.front(), ", ...); expected the same names");
    };
    if (common == 0)
        throw InputError(message("none of the model's ", genes.size(), " genes is there by name ", names()));
    if (static_cast<double>(common) < least_share * static_cast<double>(genes.size()))
        throw InputError(message("only ", common, " of the model's ", genes.size(), " genes are there by name ",
                                 names(), ", and at least ", least_share, " of them"));
    return result;
}

/// The same cells with the genes of that list, found by name; genes that are not there have no counts. Annotations of
/// genes are left out; `library_sizes` are the total counts over all genes that the cells came with.
/// @throws as find_genes
[[nodiscard]] inline MatchedGenes match_genes(const CountMatrix& cells, std::span<const std::string> genes,
                                              double least_share = 0.5) {
    auto found = find_genes(cells.var.names, genes, least_share);
    MatchedGenes result{{}, std::move(found.absent), found.unknown};
    CountMatrix& counts = result.counts;
    counts.obs = cells.obs;
    counts.var.names.assign(genes.begin(), genes.end());
    std::vector<std::pair<GeneIndex, float>> row;
    for (Index cell = 0; cell < cells.cells(); ++cell) {
        row.clear();
        for (auto k = static_cast<std::size_t>(cells.row_offsets[static_cast<std::size_t>(cell)]);
             k < static_cast<std::size_t>(cells.row_offsets[static_cast<std::size_t>(cell) + 1]); ++k) {
            const GeneIndex gene = found.place[static_cast<std::size_t>(cells.columns[k])];
            if (gene >= 0) row.emplace_back(gene, cells.values[k]);
        }
        std::sort(row.begin(), row.end());
        for (const auto& [gene, value] : row) {
            counts.columns.push_back(gene);
            counts.values.push_back(value);
        }
        counts.row_offsets.push_back(static_cast<std::int64_t>(counts.values.size()));
        counts.library_sizes.push_back(cells.library_size(cell));
    }
    return result;
}

}  // namespace cellvae
