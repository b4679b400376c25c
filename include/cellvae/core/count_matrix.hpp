// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "cellvae/core/views.hpp"

namespace cellvae {

/// A column of labels from a fixed list. `codes` holds one position in `categories` a row; -1 is a missing value.
struct Categorical {
    std::vector<std::string> categories;
    std::vector<std::int32_t> codes;
    bool ordered = false;
};

/// The values of one annotation column. `std::vector<bool>` stands for flags. A missing number is NaN.
using ColumnValues = std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<bool>,
                                  std::vector<std::string>, Categorical>;

/// One named column of annotations, with one value a row.
struct AnnotationColumn {
    std::string name;
    ColumnValues values;
};

/// A column's values as labels, in the order of their appearance where they are no labels yet; an empty text is
/// missing, and a number that is not finite. Nothing for decimal numbers, but whole ones are labels: pandas has them as
/// floating-point numbers where some are missing.
[[nodiscard]] inline std::optional<Categorical> as_labels(const AnnotationColumn& column) {
    if (const auto* categorical = std::get_if<Categorical>(&column.values)) return *categorical;
    const auto* decimals = std::get_if<std::vector<double>>(&column.values);
    constexpr double largest = 0x1p53;  // above it floating-point numbers leave whole ones out
    if (decimals != nullptr && std::any_of(decimals->begin(), decimals->end(), [](double number) {
            return std::isfinite(number) && (std::trunc(number) != number || std::abs(number) > largest);
        }))
        return std::nullopt;
    Categorical labels;
    std::unordered_map<std::string, std::int32_t> code_of;
    const auto add = [&](const std::string& text) {
        const auto [found, fresh] = code_of.try_emplace(text, static_cast<std::int32_t>(labels.categories.size()));
        if (fresh) labels.categories.push_back(text);
        labels.codes.push_back(found->second);
    };
    if (decimals != nullptr)
        for (const double number : *decimals) {
            if (std::isfinite(number))
                add(std::to_string(static_cast<std::int64_t>(number)));
            else
                labels.codes.push_back(-1);
        }
    else if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values))
        for (const auto& text : *texts) {
            if (text.empty())
                labels.codes.push_back(-1);
            else
                add(text);
        }
    else if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&column.values))
        for (const auto number : *numbers) add(std::to_string(number));
    else
        for (const bool flag : std::get<std::vector<bool>>(column.values)) add(flag ? "true" : "false");
    return labels;
}

/// What is known of each cell (obs) or each gene (var): its name and any number of columns, in the file's order.
struct Annotations {
    std::vector<std::string> names;
    std::vector<AnnotationColumn> columns;
    std::string index_name = "_index";

    /// The column of that name, or null.
    [[nodiscard]] const AnnotationColumn* find(std::string_view name) const {
        for (const auto& column : columns)
            if (column.name == name) return &column;
        return nullptr;
    }

    /// Adds a column, in the place of one of the same name where there is one.
    void set(AnnotationColumn column) {
        for (auto& present : columns)
            if (present.name == column.name) {
                present = std::move(column);
                return;
            }
        columns.push_back(std::move(column));
    }
};

/// Counts of cells x genes in compressed rows, on the host, with the names and annotations of both sides.
///
/// The nonzeros of cell c lie at row_offsets[c] to row_offsets[c + 1]; within a cell, genes ascend and none appears
/// twice.
struct CountMatrix {
    std::vector<std::int64_t> row_offsets{0};  ///< cells + 1
    std::vector<GeneIndex> columns;            ///< the gene of each nonzero
    std::vector<float> values;                 ///< the count of each nonzero
    Annotations obs;                           ///< of the cells; `obs.names` holds the cells' names
    Annotations var;                           ///< of the genes; one name a gene in `var.names` says how many there are

    /// Total count of each cell over all genes of the file, kept when genes are chosen. Empty: the sums of the rows.
    std::vector<double> library_sizes;

    [[nodiscard]] Index cells() const { return static_cast<Index>(row_offsets.size()) - 1; }
    [[nodiscard]] Index genes() const { return static_cast<Index>(var.names.size()); }
    [[nodiscard]] Index nonzeros() const { return static_cast<Index>(values.size()); }

    /// The total count of a cell over all genes of the file.
    [[nodiscard]] double library_size(Index cell) const {
        const auto row = static_cast<std::size_t>(cell);
        if (!library_sizes.empty()) return library_sizes[row];
        const auto end = static_cast<std::size_t>(row_offsets[row + 1]);
        auto k = static_cast<std::size_t>(row_offsets[row]);
        double sums[4] = {};  // of every fourth: one alone waits for each addition
        for (; k + 4 <= end; k += 4)
            for (std::size_t part = 0; part < 4; ++part) sums[part] += static_cast<double>(values[k + part]);
        for (; k < end; ++k) sums[0] += static_cast<double>(values[k]);
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
};

}  // namespace cellvae
