// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/io/text_lines.hpp"

namespace cellvae {

/// A named set of genes: a pathway.
struct GeneSet {
    std::string name;
    std::vector<std::string> genes;
};

/// Reads a GMT file, gzipped or not: a line a set, tab-separated: its name, a description, its genes.
/// @throws InputError with file and line for a line of fewer than three fields, an empty or a repeated name, or a file
///         without sets
[[nodiscard]] inline std::vector<GeneSet> read_gene_sets(const std::filesystem::path& path) {
    io_detail::TextLines lines(path, "gene sets in the form GMT");
    std::vector<GeneSet> sets;
    std::unordered_set<std::string> names;
    for (std::string_view line; lines.next(line);) {
        if (line.empty()) continue;
        std::vector<std::string> fields;
        for (std::size_t at = 0; at <= line.size();) {
            const std::size_t tab = std::min(line.find('\t', at), line.size());
            fields.emplace_back(line.substr(at, tab - at));
            at = tab + 1;
        }
        const auto refuse = [&](const std::string& what) {
            throw InputError(message(path.string(), ", line ", lines.line(), ": ", what,
                                     "; a GMT file has a line a set: name, description and genes, with tabs between"));
        };
        if (fields.size() < 3) refuse(message("found ", fields.size(), " fields, expected at least 3"));
        if (fields[0].empty()) refuse("the set has no name");
        if (!names.insert(fields[0]).second) refuse(message("the name ", fields[0], " is there twice"));
        GeneSet set{fields[0], {}};
        for (std::size_t i = 2; i < fields.size(); ++i)
            if (!fields[i].empty()) set.genes.push_back(fields[i]);
        sets.push_back(std::move(set));
    }
    if (sets.empty()) throw InputError(message(path.string(), ": there is no gene set in it"));
    return sets;
}

struct GeneSetMaskOptions {
    Index least_genes = 5;  ///< sets with fewer genes that are there are left out
};

/// Which gene belongs to which set, as a masked decoder takes it (ModelOptions::mask).
struct GeneSetMask {
    std::vector<std::uint8_t> mask;  ///< genes x sets, row-major: 1 where the gene is in the set
    std::vector<std::string> names;  ///< of the sets that are kept
    Index absent = 0;                ///< genes of kept sets that the data does not have, each counted once a set
};

/// @throws InputError if no set has enough of the genes
[[nodiscard]] inline GeneSetMask gene_set_mask(const std::vector<GeneSet>& sets, const std::vector<std::string>& genes,
                                               const GeneSetMaskOptions& options = {}) {
    std::unordered_map<std::string, std::vector<std::size_t>> places;
    for (std::size_t gene = 0; gene < genes.size(); ++gene) places[genes[gene]].push_back(gene);
    GeneSetMask result;
    std::vector<std::vector<std::size_t>> members;
    for (const auto& set : sets) {
        std::vector<std::size_t> found;
        Index absent = 0;
        for (const auto& gene : set.genes) {
            const auto at = places.find(gene);
            if (at == places.end())
                ++absent;
            else
                found.insert(found.end(), at->second.begin(), at->second.end());
        }
        std::sort(found.begin(), found.end());
        found.erase(std::unique(found.begin(), found.end()), found.end());
        if (static_cast<Index>(found.size()) < options.least_genes) continue;
        result.names.push_back(set.name);
        result.absent += absent;
        members.push_back(std::move(found));
    }
    if (members.empty())
        throw InputError(message("none of the ", sets.size(), " gene sets has ", options.least_genes,
                                 " or more of the ", genes.size(),
                                 " genes: are the sets' names of the same kind (symbols or Ensembl numbers), and of "
                                 "the same species?"));
    result.mask.assign(genes.size() * members.size(), 0);
    for (std::size_t set = 0; set < members.size(); ++set)
        for (const auto gene : members[set]) result.mask[gene * members.size() + set] = 1;
    return result;
}

}  // namespace cellvae
