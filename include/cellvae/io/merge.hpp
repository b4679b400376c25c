// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/data/keep.hpp"
#include "cellvae/io/csr_rows.hpp"
#include "cellvae/io/read_result.hpp"
#include "cellvae/io/unique_names.hpp"

namespace cellvae {

/// One of several sets of cells that are merged.
struct MergePart {
    CountsRead read;
    std::string label;   ///< for obs/cell_type
    std::string origin;  ///< for obs/origin
};

namespace io_detail {

/// One text for each gene by which those of several inputs are matched, or null where there is none.
inline const std::vector<std::string>* gene_ids(const CountMatrix& counts) {
    const AnnotationColumn* const column = counts.var.find("gene_ids");
    if (column == nullptr) return nullptr;
    const auto* const ids = std::get_if<std::vector<std::string>>(&column->values);
    if (ids == nullptr) return nullptr;
    std::vector<std::string_view> sorted(ids->begin(), ids->end());
    std::sort(sorted.begin(), sorted.end());
    return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end() ? ids : nullptr;
}

/// Adds values of one part to those of the parts before it. False where they are of different kinds.
inline bool append(ColumnValues& to, ColumnValues&& from) {
    if (to.index() != from.index()) return false;
    std::visit(
        [&](auto& values) {
            using Values = std::decay_t<decltype(values)>;
            auto& more = std::get<Values>(from);
            if constexpr (std::is_same_v<Values, Categorical>) {
                values.ordered = values.ordered && values.categories == more.categories;
                std::unordered_map<std::string, std::int32_t> codes;
                for (const auto& category : values.categories)
                    codes.emplace(category, static_cast<std::int32_t>(codes.size()));
                std::vector<std::int32_t> code_of;
                for (const auto& category : more.categories) {
                    const auto [place, fresh] = codes.emplace(category, static_cast<std::int32_t>(codes.size()));
                    if (fresh) values.categories.push_back(category);
                    code_of.push_back(place->second);
                }
                for (const auto code : more.codes)
                    values.codes.push_back(code < 0 ? -1 : code_of[static_cast<std::size_t>(code)]);
            } else {
                values.insert(values.end(), more.begin(), more.end());
            }
        },
        to);
    return true;
}

/// The rows of tables under one another, with the columns that all of them have, of the same kind. The tables are used
/// up. @param what they are of, for the note
inline Annotations append_tables(const std::vector<Annotations*>& tables, const char* what,
                                 std::vector<std::string>& notes) {
    Annotations all = std::move(*tables.front());
    std::vector<std::string> left_out;
    for (std::size_t number = 1; number < tables.size(); ++number) {
        Annotations& table = *tables[number];
        all.names.insert(all.names.end(), table.names.begin(), table.names.end());
        for (const auto& column : table.columns)
            if (all.find(column.name) == nullptr) left_out.push_back(column.name);
        for (auto column = all.columns.begin(); column != all.columns.end();) {
            const auto same = std::find_if(table.columns.begin(), table.columns.end(),
                                           [&](const auto& other) { return other.name == column->name; });
            if (same != table.columns.end() && append(column->values, std::move(same->values))) {
                ++column;
            } else {
                left_out.push_back(column->name);
                column = all.columns.erase(column);
            }
        }
        table = {};
    }
    std::sort(left_out.begin(), left_out.end());
    left_out.erase(std::unique(left_out.begin(), left_out.end()), left_out.end());
    std::string names;
    for (const auto& name : left_out) names += (names.empty() ? "" : ", ") + name;
    if (!names.empty()) notes.push_back(message("left out: ", what, " that not every input has alike: ", names));
    return all;
}

inline Categorical part_column(const std::vector<MergePart>& parts, const std::string MergePart::*text) {
    Categorical column;
    for (const auto& part : parts) {
        const auto found = std::find(column.categories.begin(), column.categories.end(), part.*text);
        const auto code = static_cast<std::int32_t>(found - column.categories.begin());
        if (found == column.categories.end()) column.categories.push_back(part.*text);
        column.codes.insert(column.codes.end(), part.read.counts.obs.names.size(), code);
    }
    return column;
}

}  // namespace io_detail

/// Which genes several inputs are merged on.
enum class MergedGenes {
    common,  ///< those that all have, in the first one's order
    all,     ///< those that any has: the first one's, then what the others add; counts that an input lacks are zero
};

/// Puts the cells of several inputs under one another, on the genes that all of them have, or on all genes.
///
/// Genes are matched by var/gene_ids where every input has distinct ones, else by their names, made unique before.
/// obs/origin says which input a cell is from; obs/cell_type has the inputs' labels, unless an input has such a column.
/// Names of cells are made unique. obs keeps the columns that all inputs have; var is the first one's, and
/// with all genes has the columns that all inputs have. The counts of one part are freed as they are copied.
/// @throws InputError where the inputs have no gene in common
[[nodiscard]] inline CountsRead merge_counts(std::vector<MergePart> parts, MergedGenes which = MergedGenes::common) {
    using namespace io_detail;
    if (parts.empty()) throw InputError("nothing to merge; expected at least one input");
    CountsRead result;
    CountMatrix& merged = result.counts;
    auto& notes = result.notes;
    for (auto& part : parts) {
        for (auto& note : part.read.notes) notes.push_back(message(part.origin, ": ", note));
        if (!part.read.obsm.empty()) notes.push_back(message(part.origin, ": left out: coordinates in obsm"));
    }

    // genes that all have
    std::vector<const std::vector<std::string>*> keys;
    for (auto& part : parts) keys.push_back(gene_ids(part.read.counts));
    const bool by_ids = std::find(keys.begin(), keys.end(), nullptr) == keys.end();
    if (!by_ids)
        for (std::size_t number = 0; number < parts.size(); ++number) {
            make_unique(parts[number].read.counts.var.names, "gene", notes);
            keys[number] = &parts[number].read.counts.var.names;
        }
    std::unordered_map<std::string_view, std::size_t> seen;  // in how many of the parts so far
    for (const auto& key : *keys.front()) seen.emplace(key, 1);
    for (std::size_t number = 1; number < parts.size(); ++number)
        for (const auto& key : *keys[number])
            if (const auto found = seen.find(key); found != seen.end() && found->second == number) ++found->second;
    // the genes that are kept, by the first part that has each
    std::unordered_map<std::string_view, GeneIndex> number_of;
    std::vector<std::vector<GeneIndex>> kept(which == MergedGenes::all ? parts.size() : 1);
    std::size_t common = 0;
    for (const auto& [key, number] : seen) common += number == parts.size() ? 1 : 0;
    for (std::size_t number = 0; number < kept.size(); ++number)
        for (std::size_t gene = 0; gene < keys[number]->size(); ++gene) {
            const auto& key = (*keys[number])[gene];
            if (which == MergedGenes::common && seen.at(key) != parts.size()) continue;
            if (number_of.emplace(key, static_cast<GeneIndex>(number_of.size())).second)
                kept[number].push_back(static_cast<GeneIndex>(gene));
        }
    if (common == 0)
        throw InputError(message(parts.front().origin, " and ", parts.size() - 1,
                                 " more inputs have no gene in common; expected the same ids or names"));
    std::size_t dropped = 0;
    std::int64_t nonzeros = 0;
    bool library_sizes = true;
    for (std::size_t number = 0; number < parts.size(); ++number) {
        CountMatrix& counts = parts[number].read.counts;
        std::vector<GeneIndex> numbers;
        for (const auto& key : *keys[number]) {
            const auto found = number_of.find(key);
            numbers.push_back(found == number_of.end() ? -1 : found->second);
            dropped += found == number_of.end() ? 1 : 0;
        }
        data_detail::renumber_genes(counts, numbers);
        tidy_rows(counts);  // where the genes are in another order
        nonzeros += counts.nonzeros();
        library_sizes = library_sizes && !counts.library_sizes.empty();
    }
    std::vector<Annotations> tables;
    for (std::size_t number = 0; number < kept.size(); ++number)
        tables.push_back(keep_rows(parts[number].read.counts.var, kept[number]));
    std::vector<Annotations*> gene_tables;
    for (auto& table : tables) gene_tables.push_back(&table);
    const auto genes = number_of.size();
    number_of.clear();  // its keys lie in the tables
    notes.push_back(message(parts.size(), " inputs merged on the ", genes,
                            which == MergedGenes::all ? " genes that any has, by " : " genes that all have, by ",
                            by_ids ? "gene_ids" : "names",
                            which == MergedGenes::all ? message("; ", common, " of them in all inputs")
                            : dropped > 0 ? message("; dropped: ", dropped, " genes of single inputs that others lack")
                                          : std::string()));
    merged.var = append_tables(gene_tables, "columns of genes", notes);

    // cells
    bool typed = false;
    for (const auto& part : parts) typed = typed || part.read.counts.obs.find("cell_type") != nullptr;
    AnnotationColumn origins{"origin", part_column(parts, &MergePart::origin)};
    AnnotationColumn labels{"cell_type", part_column(parts, &MergePart::label)};
    std::vector<Annotations*> cell_tables;
    for (auto& part : parts) cell_tables.push_back(&part.read.counts.obs);
    merged.obs = append_tables(cell_tables, "columns", notes);
    merged.obs.set(std::move(origins));
    if (!typed) merged.obs.set(std::move(labels));
    make_unique(merged.obs.names, "cell", notes);

    // counts: genes first, then values, so that at most half of one part is there twice
    merged.row_offsets.reserve(merged.obs.names.size() + 1);
    merged.columns.reserve(static_cast<std::size_t>(nonzeros));
    for (auto& part : parts) {
        CountMatrix& counts = part.read.counts;
        const std::int64_t before = merged.row_offsets.back();
        for (std::size_t cell = 1; cell < counts.row_offsets.size(); ++cell)
            merged.row_offsets.push_back(before + counts.row_offsets[cell]);
        merged.columns.insert(merged.columns.end(), counts.columns.begin(), counts.columns.end());
        std::vector<GeneIndex>().swap(counts.columns);
        if (library_sizes)
            merged.library_sizes.insert(merged.library_sizes.end(), counts.library_sizes.begin(),
                                        counts.library_sizes.end());
    }
    merged.values.reserve(static_cast<std::size_t>(nonzeros));
    for (auto& part : parts) {
        merged.values.insert(merged.values.end(), part.read.counts.values.begin(), part.read.counts.values.end());
        std::vector<float>().swap(part.read.counts.values);
    }
    result.form = message(parts.size(), " inputs, the first ", parts.front().read.form);
    return result;
}

}  // namespace cellvae
