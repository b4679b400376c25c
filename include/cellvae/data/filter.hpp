// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/data/keep.hpp"

namespace cellvae {

/// Which cells and genes are kept. The defaults keep all.
struct FilterOptions {
    double min_counts = 0;  ///< total count of a cell
    double max_counts = std::numeric_limits<double>::infinity();
    Index min_genes = 0;           ///< detected (count above 0) in a cell
    double max_mitochondrial = 1;  ///< share of a cell's count in mitochondrial genes: those whose name begins so:
    std::string mitochondrial_prefix = "MT-";  ///< in any case, as MT-CO1 (human) and mt-Co1 (mouse)
    Index min_cells = 0;                       ///< in which a gene is detected, of the cells that are kept
    std::vector<std::string> cells{};  ///< names of the cells that are kept, before all other choices; empty: all
    std::vector<std::string> genes{};  ///< likewise of the genes
};

/// What filter_counts() did.
struct FilterReport {
    std::vector<GeneIndex> cells;    ///< that were kept, by their old numbers, ascending
    std::vector<GeneIndex> genes;    ///< that were kept, by their old numbers, ascending
    std::vector<std::string> notes;  ///< one sentence for each reason that dropped something
};

namespace data_detail {

/// Whether a name begins with a prefix, in any case.
inline bool begins_with(std::string_view name, std::string_view prefix) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return name.size() >= prefix.size() &&
           std::equal(prefix.begin(), prefix.end(), name.begin(), [&](char a, char b) { return lower(a) == lower(b); });
}

/// The positions of the names that are wanted, ascending. @throws InputError for one that is not there
inline std::vector<GeneIndex> positions_of(const std::vector<std::string>& wanted,
                                           const std::vector<std::string>& names, const char* what) {
    std::unordered_map<std::string_view, GeneIndex> place;
    for (std::size_t k = 0; k < names.size(); ++k) place.emplace(names[k], static_cast<GeneIndex>(k));
    std::vector<GeneIndex> positions;
    std::vector<std::string_view> absent;
    for (const auto& name : wanted) {
        const auto found = place.find(name);
        if (found == place.end())
            absent.push_back(name);
        else
            positions.push_back(found->second);
    }
    if (!absent.empty()) {
        std::string list;
        for (std::size_t k = 0; k < std::min<std::size_t>(5, absent.size()); ++k)
            list += message(k > 0 ? ", " : "", absent[k]);
        throw InputError(message(absent.size(), " of the ", wanted.size(), ' ', what, "s to keep are not there: ", list,
                                 absent.size() > 5 ? ", ..." : ""));
    }
    std::sort(positions.begin(), positions.end());
    positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
    return positions;
}

/// Each cell's total count stays that over all genes of the file, when genes are dropped.
inline void keep_library_sizes(CountMatrix& counts) {
    if (!counts.library_sizes.empty()) return;
    std::vector<double> sizes;
    for (Index cell = 0; cell < counts.cells(); ++cell) sizes.push_back(counts.library_size(cell));
    counts.library_sizes = std::move(sizes);
}

inline void check_filter(const FilterOptions& options) {
    if (!(options.min_counts >= 0) || !(options.max_counts >= options.min_counts))
        throw OptionError(message("counts of a cell to keep: found ", options.min_counts, " to ", options.max_counts,
                                  ", expected 0 or more, and the most not below the least"));
    if (options.min_genes < 0 || options.min_cells < 0)
        throw OptionError(message("least genes of a cell and cells of a gene: found ", options.min_genes, " and ",
                                  options.min_cells, ", expected 0 or more"));
    if (!(options.max_mitochondrial >= 0 && options.max_mitochondrial <= 1))
        throw OptionError(
            message("largest mitochondrial share: found ", options.max_mitochondrial, ", expected 0 to 1"));
}

}  // namespace data_detail

/// Drops cells, then genes, in place. A cell that several options drop is counted for the first of them. Where genes
/// are dropped, `library_sizes` keeps each cell's total count over all genes of the file.
/// @throws OptionError for options outside their range; InputError where no cell or no gene is left, a listed one is
/// not
///   there, or where a mitochondrial share is asked for and no gene's name begins with the prefix.
inline FilterReport filter_counts(CountMatrix& counts, const FilterOptions& options) {
    data_detail::check_filter(options);
    FilterReport report;
    std::vector<char> mitochondrial(static_cast<std::size_t>(counts.genes()), 0);
    for (std::size_t gene = 0; gene < mitochondrial.size(); ++gene)
        mitochondrial[gene] = data_detail::begins_with(counts.var.names[gene], options.mitochondrial_prefix) ? 1 : 0;
    if (options.max_mitochondrial < 1 &&
        std::find(mitochondrial.begin(), mitochondrial.end(), 1) == mitochondrial.end())
        throw InputError(message("largest mitochondrial share: no gene's name begins with ",
                                 options.mitochondrial_prefix, "; expected genes named by their symbols"));
    std::vector<char> listed(static_cast<std::size_t>(counts.cells()), options.cells.empty() ? 1 : 0);
    for (const GeneIndex cell : data_detail::positions_of(options.cells, counts.obs.names, "cell"))
        listed[static_cast<std::size_t>(cell)] = 1;
    const auto unlisted_cells = static_cast<Index>(std::count(listed.begin(), listed.end(), 0));
    Index few_counts = 0, many_counts = 0, few_genes = 0, much_mitochondrial = 0;
    for (Index cell = 0; cell < counts.cells(); ++cell) {
        const auto begin = static_cast<std::size_t>(counts.row_offsets[static_cast<std::size_t>(cell)]);
        const auto end = static_cast<std::size_t>(counts.row_offsets[static_cast<std::size_t>(cell) + 1]);
        const double total = counts.library_size(cell);
        double share = 0;
        Index genes = 0;  // zeros may be stored
        for (std::size_t k = begin; k < end; ++k) {
            if (counts.values[k] > 0) ++genes;
            if (mitochondrial[static_cast<std::size_t>(counts.columns[k])] != 0)
                share += static_cast<double>(counts.values[k]);
        }
        if (listed[static_cast<std::size_t>(cell)] == 0) continue;
        if (total < options.min_counts)
            ++few_counts;
        else if (total > options.max_counts)
            ++many_counts;
        else if (genes < options.min_genes)
            ++few_genes;
        else if (share > options.max_mitochondrial * total)
            ++much_mitochondrial;
        else
            report.cells.push_back(static_cast<GeneIndex>(cell));
    }
    const auto note = [&](Index number, const auto&... reason) {
        if (number > 0) report.notes.push_back(message("dropped: ", number, reason...));
    };
    note(unlisted_cells, " cells that are not in the list");
    note(few_counts, " cells with a total count below ", options.min_counts);
    note(many_counts, " cells with a total count above ", options.max_counts);
    note(few_genes, " cells with fewer than ", options.min_genes, " detected genes");
    note(much_mitochondrial, " cells with a mitochondrial share above ", options.max_mitochondrial);
    const auto said = [&] {
        std::string text;
        for (const auto& line : report.notes) text += "; " + line;
        return text;
    };
    if (report.cells.empty()) throw InputError(message("filters: no cell is left of ", counts.cells(), said()));
    if (static_cast<Index>(report.cells.size()) < counts.cells()) drop_other_cells(counts, report.cells);

    std::vector<Index> detected(static_cast<std::size_t>(counts.genes()), 0);
    for (std::size_t k = 0; k < counts.values.size(); ++k)
        if (counts.values[k] > 0) ++detected[static_cast<std::size_t>(counts.columns[k])];
    std::vector<char> wanted(detected.size(), options.genes.empty() ? 1 : 0);
    for (const GeneIndex gene : data_detail::positions_of(options.genes, counts.var.names, "gene"))
        wanted[static_cast<std::size_t>(gene)] = 1;
    Index rare = 0;
    for (std::size_t gene = 0; gene < detected.size(); ++gene) {
        if (wanted[gene] == 0) continue;
        if (detected[gene] >= options.min_cells)
            report.genes.push_back(static_cast<GeneIndex>(gene));
        else
            ++rare;
    }
    note(static_cast<Index>(std::count(wanted.begin(), wanted.end(), 0)), " genes that are not in the list");
    note(rare, " genes detected in fewer than ", options.min_cells, " cells");
    if (report.genes.empty()) throw InputError(message("filters: no gene is left of ", counts.genes(), said()));
    if (static_cast<Index>(report.genes.size()) < counts.genes()) {
        data_detail::keep_library_sizes(counts);
        data_detail::drop_other_genes(counts, report.genes);
    }
    return report;
}

}  // namespace cellvae
