// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "cellvae/data/gene_matching.hpp"
#include "cellvae/io/h5ad_cells.hpp"
#include "cellvae/io/model_file_description.hpp"

namespace cellvae {

/// Too few of a model's genes are there.
class MissingGenes : public InputError {
public:
    using InputError::InputError;
};

struct ModelCellsOptions {
    double least_genes = 1;   ///< share of the model's genes that the cells must have; those absent are taken as zero
    std::string condition{};  ///< column of obs with each cell's condition; empty: that of the training, or where there
                              ///< is none of its name the one whose values are conditions of the model
};

/// Cells brought to a model: its genes in its order, its conditions' numbers.
struct ModelCells {
    CountMatrix counts;                    ///< cells x the model's genes; library sizes are over all genes of the file
    std::vector<std::string> absent;       ///< genes of the model that the cells do not have
    Index unknown = 0;                     ///< genes of the cells that the model does not have
    std::vector<std::int32_t> conditions;  ///< of each cell; empty for a model without
    std::string condition_column{};        ///< which they are from

    /// How make_dataset is to read them. Valid while both live.
    [[nodiscard]] DatasetOptions dataset_options(const ModelDescription& description) const {
        auto options = description.dataset_options();
        options.conditions = conditions;
        return options;
    }
};

namespace io_detail {

/// "3 cells (AAC-1, ACG-1, ...)"
inline std::string some_cells(const std::vector<std::string>& names) {
    std::string text = counted(names.size(), "cell") + " (";
    for (std::size_t k = 0; k < std::min<std::size_t>(3, names.size()); ++k) text += (k > 0 ? ", " : "") + names[k];
    return text + (names.size() > 3 ? ", ...)" : ")");
}

/// The numbers of the model's conditions that a column's values are.
/// @param complaint what is wrong, where cells have no condition of the model; else untouched
inline std::vector<std::int32_t> condition_codes(const CountMatrix& cells, const Categorical& column,
                                                 const std::vector<std::string>& conditions, std::string& complaint) {
    std::unordered_map<std::string, std::int32_t> numbers;
    for (const auto& name : conditions) numbers.emplace(name, static_cast<std::int32_t>(numbers.size()));
    std::vector<std::int32_t> codes;
    std::vector<std::string> missing, strange, strangers;
    const auto name_of = [&](std::size_t cell) {
        return cell < cells.obs.names.size() ? cells.obs.names[cell] : message("cell ", cell);
    };
    for (std::size_t cell = 0; cell < column.codes.size(); ++cell) {
        const auto code = column.codes[cell];
        if (code < 0) {
            missing.push_back(name_of(cell));
            continue;
        }
        const auto& value = column.categories[static_cast<std::size_t>(code)];
        const auto found = numbers.find(value);
        if (found == numbers.end()) {
            strange.push_back(name_of(cell));
            if (std::find(strangers.begin(), strangers.end(), value) == strangers.end()) strangers.push_back(value);
            continue;
        }
        codes.push_back(found->second);
    }
    if (!strange.empty()) {
        complaint = some_cells(strange) + " have";
        for (std::size_t k = 0; k < std::min<std::size_t>(5, strangers.size()); ++k)
            complaint += (k > 0 ? ", " : " ") + strangers[k];
        complaint += strangers.size() > 5 ? ", ..." : "";
    }
    if (!missing.empty()) complaint += (complaint.empty() ? "" : " and ") + some_cells(missing) + " have no value";
    return codes;
}

struct FoundConditions {
    std::vector<std::int32_t> codes;  ///< of each cell
    std::string column;
};

/// @throws InputError where a cell has no condition of the model, or several columns say different ones
inline FoundConditions conditions_for_model(const ModelDescription& description, const CountMatrix& cells,
                                            std::string asked) {
    std::string known;
    if (asked.empty() && cells.obs.find(description.condition_column) != nullptr) asked = description.condition_column;
    for (const auto& name : description.condition_names) known += (known.empty() ? "" : ", ") + name;
    if (!asked.empty()) {
        const auto* const column = cells.obs.find(asked);
        if (column == nullptr) throw InputError(message("there is no column ", asked, " with the cells' conditions"));
        const auto labels = as_labels(*column);
        if (!labels) throw InputError(message("the column ", asked, " holds decimal numbers, which are no conditions"));
        std::string complaint;
        auto codes = condition_codes(cells, *labels, description.condition_names, complaint);
        if (complaint.empty()) return {std::move(codes), asked};
        throw InputError(message("in the column ", asked, " ", complaint, "; the model knows the conditions ", known));
    }
    FoundConditions found;
    for (const auto& column : cells.obs.columns) {
        std::string complaint;
        const auto labels = as_labels(column);
        if (!labels) continue;
        auto codes = condition_codes(cells, *labels, description.condition_names, complaint);
        if (!complaint.empty()) continue;
        if (!found.column.empty() && codes != found.codes)
            throw InputError(message("the columns ", found.column, " and ", column.name,
                                     " both have the model's conditions as their values (", known,
                                     "), and not the same of each cell; name the one that says each cell's condition"));
        if (found.column.empty()) found = {std::move(codes), column.name};
    }
    if (found.column.empty())
        throw InputError(message("no column has the model's conditions as its values in all cells (", known,
                                 "); name the column that says each cell's condition"));
    return found;
}

/// The conditions of a model that has some. @throws InputError
inline void take_conditions(ModelCells& result, const ModelDescription& description, const CountMatrix& cells,
                            const std::string& asked) {
    if (description.options.conditions == 0) return;
    auto found = conditions_for_model(description, cells, asked);
    result.conditions = std::move(found.codes);
    result.condition_column = std::move(found.column);
}

/// @throws MissingGenes
inline void require_most_genes(const ModelDescription& description, const std::vector<std::string>& absent,
                               const ModelCellsOptions& options) {
    const auto wanted = options.least_genes * static_cast<double>(description.genes.size());
    if (static_cast<double>(description.genes.size() - absent.size()) >= wanted) return;
    std::string names;
    for (std::size_t k = 0; k < std::min<std::size_t>(5, absent.size()); ++k) names += (k > 0 ? ", " : "") + absent[k];
    throw MissingGenes(message(absent.size(), " of the model's ", description.genes.size(),
                               " genes are missing: ", names, absent.size() > 5 ? ", ..." : ""));
}

}  // namespace io_detail

/// Cells of any file for a model: genes are found by name, in any order, and conditions by name, never by number.
/// @throws MissingGenes where too few of the model's genes are there, naming the first; InputError where none is, or a
///         cell has no condition of the model, naming cells and values
[[nodiscard]] inline ModelCells cells_for_model(const ModelDescription& description, const CountMatrix& cells,
                                                const ModelCellsOptions& options = {}) {
    auto matched = match_genes(cells, description.genes, 0);
    ModelCells result{std::move(matched.counts), std::move(matched.absent), matched.unknown, {}, {}};
    io_detail::require_most_genes(description, result.absent, options);
    io_detail::take_conditions(result, description, cells, options.condition);
    return result;
}

/// The same for cells that stay in their file: from here on the reader gives them with the model's genes. What is
/// returned has the names of the genes, and no counts.
[[nodiscard]] inline ModelCells cells_for_model(const ModelDescription& description, H5adCells& cells,
                                                const ModelCellsOptions& options = {}) {
    auto found = find_genes(cells.annotations().var.names, description.genes, 0);
    ModelCells result{{}, std::move(found.absent), found.unknown, {}, {}};
    io_detail::require_most_genes(description, result.absent, options);
    io_detail::take_conditions(result, description, cells.annotations(), options.condition);
    result.counts.var.names = description.genes;
    cells.take_genes(std::move(found.place), result.counts.var);
    return result;
}

}  // namespace cellvae
