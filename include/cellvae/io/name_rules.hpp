// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"

namespace cellvae::io_detail {

/// ASCII lower case; '.', '-' and blanks become '_', so that "orig.ident" and "Cell Type" meet their entries below.
inline std::string canonical_name(std::string_view name) {
    std::string result(name);
    for (char& character : result) {
        if (character >= 'A' && character <= 'Z') character = static_cast<char>(character - 'A' + 'a');
        if (character == '.' || character == '-' || character == ' ') character = '_';
    }
    return result;
}

template <std::size_t N>
bool one_of(std::string_view name, const std::array<std::string_view, N>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Headers of columns that group cells. None of them is a gene's symbol.
inline bool names_labels(std::string_view header) {
    static constexpr std::array<std::string_view, 24> names{
        "assigned_cluster",    "cluster",    "clusters",    "cell_type", "celltype", "cell_types",      "cell_label",
        "cell_ontology_class", "label",      "labels",      "batch",     "sample",   "sample_id",       "donor",
        "condition",           "tissue",     "louvain",     "leiden",    "ident",    "seurat_clusters", "orig_ident",
        "cluster_id",          "annotation", "cell_cluster"};
    return one_of(canonical_name(header), names);
}

/// Headers of columns that tell something of each cell: its barcode, a label, a quality measure.
inline bool names_annotation(std::string_view header) {
    static constexpr std::array<std::string_view, 14> names{
        "barcode",      "barcodes",          "cell_barcode",  "n_counts",     "n_genes",
        "total_counts", "n_genes_by_counts", "pct_counts_mt", "percent_mito", "percent_mt",
        "ncount_rna",   "nfeature_rna",      "library_size",  "size_factor"};
    return names_labels(header) || one_of(canonical_name(header), names);
}

/// Headers of columns that tell something of each gene.
inline bool names_gene_column(std::string_view header) {
    static constexpr std::array<std::string_view, 20> names{
        "gene",       "genes",    "gene_id",    "gene_ids",        "gene_name",
        "gene_names", "geneid",   "genename",   "gene_symbol",     "gene_symbols",
        "symbol",     "symbols",  "ensembl",    "ensembl_id",      "ensembl_gene_id",
        "feature",    "features", "feature_id", "gene_short_name", "hgnc_symbol"};
    return one_of(canonical_name(header), names);
}

/// Headers of the column of the cells' names.
inline bool names_cell_column(std::string_view header) {
    static constexpr std::array<std::string_view, 10> names{"cell",     "cells",       "cell_id",    "cell_ids",
                                                            "cellid",   "cell_name",   "cell_names", "barcode",
                                                            "barcodes", "cell_barcode"};
    return one_of(canonical_name(header), names);
}

/// Six letters of A, C, G, T in a row and no small letters among the first such run: a cell's barcode.
inline bool looks_like_barcode(std::string_view name) {
    std::size_t run = 0;
    for (const char character : name) {
        run = character == 'A' || character == 'C' || character == 'G' || character == 'T' ? run + 1 : 0;
        if (run == 6) return true;
    }
    return false;
}

/// Names that only genes bear: Ensembl ids, ribosomal and mitochondrial genes, a few that every list has.
inline bool looks_like_gene(std::string_view name) {
    const std::string lower = canonical_name(name);
    const auto begins = [&](std::string_view prefix) { return lower.compare(0, prefix.size(), prefix) == 0; };
    static constexpr std::array<std::string_view, 5> everywhere{"actb", "gapdh", "malat1", "b2m", "eef1a1"};
    return begins("ensg0") || begins("ensmusg0") || begins("rpl") || begins("rps") || begins("mt_") || begins("gene") ||
           one_of(lower, everywhere);
}

inline bool looks_like_cell(std::string_view name) {
    return looks_like_barcode(name) || canonical_name(name).compare(0, 4, "cell") == 0;
}

/// How a text was read as a number.
enum class NumberKind { finite, not_finite, not_a_number };

/// A decimal number, blanks around it allowed; float's range bounds it.
inline std::pair<NumberKind, float> parse_number(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    const char* const end = text.data() + text.size();
    if (text.size() <= 7) {  // most counts: a few digits
        int number = 0;
        const auto whole = std::from_chars(text.data(), end, number);
        if (whole.ec == std::errc{} && whole.ptr == end) return {NumberKind::finite, static_cast<float>(number)};
    }
    double number = 0;
    const auto result = std::from_chars(text.data(), end, number);
    if (text.empty() || result.ptr != end || result.ec == std::errc::invalid_argument)
        return {NumberKind::not_a_number, 0.0F};
    if (result.ec == std::errc::result_out_of_range) {
        // Too large or too small for double; from_chars does not say which. A negative exponent tells.
        const bool tiny = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
        return {tiny ? NumberKind::finite : NumberKind::not_finite, 0.0F};
    }
    if (!std::isfinite(number) || std::abs(number) > static_cast<double>(std::numeric_limits<float>::max()))
        return {NumberKind::not_finite, 0.0F};
    return {NumberKind::finite, static_cast<float>(number)};
}

/// Makes a column of texts: labels become a Categorical (categories sorted), numbers numbers, the rest stays text.
/// A column is of labels where its header says so or where at most half of its values are distinct.
inline AnnotationColumn make_column(std::string name, std::vector<std::string> texts) {
    const bool label = names_labels(name);
    const bool barcode = canonical_name(name).find("barcode") != std::string::npos;
    if (!label && !barcode) {
        std::vector<double> numbers;
        for (const auto& text : texts) {
            double number = 0;
            const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
            if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) break;
            numbers.push_back(number);
        }
        if (!texts.empty() && numbers.size() == texts.size()) return {std::move(name), std::move(numbers)};
    }
    std::unordered_map<std::string_view, std::int32_t> seen;
    if (!barcode)
        for (const auto& text : texts)
            if (!text.empty()) seen.emplace(text, 0);
    if (barcode || (!label && 2 * seen.size() > texts.size())) return {std::move(name), std::move(texts)};
    Categorical labels;
    for (const auto& entry : seen) labels.categories.emplace_back(entry.first);
    std::sort(labels.categories.begin(), labels.categories.end());
    for (std::size_t k = 0; k < labels.categories.size(); ++k)
        seen.at(labels.categories[k]) = static_cast<std::int32_t>(k);
    for (const auto& text : texts) labels.codes.push_back(text.empty() ? -1 : seen.at(text));
    return {std::move(name), std::move(labels)};
}

}  // namespace cellvae::io_detail
