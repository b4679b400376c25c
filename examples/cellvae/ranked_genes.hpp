// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/evaluation/differential_expression.hpp"

namespace cellvae::program {

/// The genes of one group against its reference, the surest first.
struct RankedGenes {
    std::string group;
    std::vector<GeneDifference> genes;
};

/// @param groups names of the groups that are to be in the h5ad file `file`
/// @param column where they are from, with its file, for messages
/// @throws OptionError for what HDF5 cannot name a field of a record by: an empty name, or more names than it has room
/// for
void check_ranked_groups(std::span<const std::string> groups, const std::string& column, const std::string& file);

/// Writes cells as an h5ad whose uns/rank_genes_groups is as scanpy's function of that name leaves it, so that its
/// pictures and tables work on it: `scores` has the Bayes factors, `logfoldchanges` the mean log2 fold changes, `pvals`
/// the probability that there is no change and `pvals_adj` the expected share of false discoveries down to the gene.
/// @param groups all with the same genes, under names that check_ranked_groups() lets pass
/// @param names of the model's genes
/// @throws InputError where the file cannot be written
void write_ranked_genes(const std::string& file, const CountMatrix& cells, std::span<const RankedGenes> groups,
                        std::span<const std::string> names, const std::string& groupby, const std::string& reference);

}  // namespace cellvae::program
