// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/data/keep.hpp"
#include "cellvae/io/name_rules.hpp"

namespace cellvae {

struct TenxOptions {
    std::string feature_type = "Gene Expression";  ///< the kind of features that is kept; empty: all
    std::string genome;  ///< of HDF5 files of version 2, which may hold several; empty: the only one
};

namespace io_detail {

/// What 10x says of its features. Lists but for `ids` may be empty.
struct TenxFeatures {
    std::vector<std::string> ids;
    std::vector<std::string> names;
    std::vector<std::string> types;
    std::vector<std::string> genomes;
};

/// Makes the table of genes, as scanpy has it: named by symbols, with the columns gene_ids, feature_types and genome.
inline Annotations tenx_genes(TenxFeatures features) {
    Annotations genes;
    genes.names = features.names.empty() ? features.ids : std::move(features.names);
    genes.set({"gene_ids", std::move(features.ids)});
    if (!features.types.empty()) genes.set(make_column("feature_types", std::move(features.types)));
    if (!features.genomes.empty()) genes.set(make_column("genome", std::move(features.genomes)));
    return genes;
}

/// Leaves the features of other kinds (antibodies, guides) out, in place, and says how many.
/// @throws InputError where there are none of the wanted kind
inline void keep_feature_type(CountMatrix& matrix, const std::vector<std::string>& types, const TenxOptions& options,
                              const std::string& file, std::vector<std::string>& notes) {
    if (types.empty() || options.feature_type.empty()) return;
    std::vector<GeneIndex> kept;
    std::map<std::string, std::size_t> others;
    for (std::size_t k = 0; k < types.size(); ++k) {
        if (types[k] == options.feature_type)
            kept.push_back(static_cast<GeneIndex>(k));
        else
            ++others[types[k]];
    }
    if (others.empty()) return;
    std::string list;
    for (const auto& [type, count] : others)
        list += message(list.empty() ? "" : ", ", count, " of the type '", type, "'");
    if (kept.empty())
        throw InputError(message(file, ": has no features of the type '", options.feature_type, "'; it has ", list));
    data_detail::drop_other_genes(matrix, kept);
    notes.push_back(
        message("left out: features ", list, "; ", kept.size(), " of the type '", options.feature_type, "' are kept"));
}

}  // namespace io_detail
}  // namespace cellvae
