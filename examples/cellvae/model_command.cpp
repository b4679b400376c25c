// SPDX-License-Identifier: Apache-2.0
#include "model_command.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "cellvae/data/gene_matching.hpp"
#include "cellvae/io/model_file.hpp"
#include "clustering.hpp"
#include "report.hpp"
#include "request.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

/// Codes of the model's conditions for a column's values; nothing where a value is not among them.
std::optional<std::vector<std::int32_t>> codes_of(const Categorical& column, const std::vector<std::string>& names,
                                                  std::string& unknown) {
    std::map<std::string, std::int32_t> numbers;
    for (const auto& name : names) numbers.emplace(name, static_cast<std::int32_t>(numbers.size()));
    std::vector<std::int32_t> codes;
    for (const auto code : column.codes) {
        const auto found = code < 0 ? numbers.end() : numbers.find(column.categories[static_cast<std::size_t>(code)]);
        if (found == numbers.end()) {
            unknown = code < 0 ? "a missing value" : column.categories[static_cast<std::size_t>(code)];
            return std::nullopt;
        }
        codes.push_back(found->second);
    }
    return codes;
}

/// Each cell's condition, from the column that the user names or from the one whose values are the model's conditions.
std::vector<std::int32_t> conditions_of(const CountMatrix& counts, const ModelDescription& description,
                                        const ModelRequest& request) {
    if (description.options.conditions == 0) return {};
    std::string conditions;
    for (const auto& name : description.condition_names) conditions += (conditions.empty() ? "" : ", ") + name;
    std::vector<std::string> columns;
    if (request.condition != "auto")
        columns.push_back(request.condition);
    else
        for (const auto& column : counts.obs.columns)
            if (!std::holds_alternative<std::vector<double>>(column.values)) columns.push_back(column.name);
    std::string unknown;
    for (const auto& name : columns) {
        const auto column = find_labels(counts, name, request.counts);
        if (!column) continue;
        if (auto codes = codes_of(column->values, description.condition_names, unknown)) return std::move(*codes);
        if (request.condition != "auto")
            throw InputError(message(request.counts, ": the column ", name, " has ", unknown,
                                     ", and the model knows the conditions ", conditions));
    }
    throw InputError(message(request.counts, ": no column has the model's conditions as its values (", conditions,
                             "); name the one that says each cell's condition by --condition"));
}

}  // namespace

void add_model_and_cells(CLI::App& command, ModelRequest& request) {
    command.add_option("model", request.model, "Model file: the model.h5 of cellvae train")->required();
    add_counts(command, request.counts, request.orientation);
    command.add_option("--condition", request.condition,
                       "Column of the cells' conditions, for a model that has some; auto: the one whose values are the "
                       "model's conditions");
    command
        .add_option("--least-common", request.least_common,
                    "Share of the model's genes that the cells must have; those absent are taken as zero")
        ->check(CLI::Range(0.0, 1.0));
    add_seed(command, request.seed);
}

std::unique_ptr<ModelAndCells> read_model_and_cells(const ModelRequest& request) {
    if (!std::filesystem::exists(request.model))
        throw InputError(message(request.model, ": no such file; expected the model.h5 of cellvae train"));
    auto both = std::make_unique<ModelAndCells>();
    both->description = read_model_description(request.model);
    const auto& description = both->description;
    const auto& table = likelihoods();
    const auto entry =
        std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.name == description.likelihood; });
    if (entry == table.end())
        throw InputError(message(request.model, ": this program has no likelihood ", description.likelihood));
    both->counts = read_and_describe(request.counts, request.orientation).counts;
    try {
        auto matched = match_genes(both->counts, description.genes, request.least_common);
        both->matched = std::move(matched.counts);
        both->absent = std::move(matched.absent);
    } catch (const InputError& error) {
        throw InputError(message(request.counts, " and ", request.model, ": ", error.what()));
    }
    if (!both->absent.empty()) {
        std::string names;
        for (std::size_t i = 0; i < std::min<std::size_t>(5, both->absent.size()); ++i) names += " " + both->absent[i];
        print_notice(message("warning: ", both->absent.size(), " of the model's ", description.genes.size(),
                             " genes are absent and taken as zero:", names, both->absent.size() > 5 ? " ..." : ""));
    }
    const auto condition = conditions_of(both->counts, description, request);
    both->model = entry->load(request.model, description);
    try {
        both->model->take_cells(both->matched, condition);
    } catch (const InputError& error) {
        throw InputError(message(request.counts, ": ", error.what()));
    }
    return both;
}

std::vector<GeneIndex> genes_by_name(const std::vector<std::string>& names, const ModelDescription& description,
                                     const std::string& file) {
    std::vector<GeneIndex> genes;
    for (const auto& name : names) {
        const auto found = std::find(description.genes.begin(), description.genes.end(), name);
        if (found == description.genes.end())
            throw OptionError(message("--genes: the model ", file, " has no gene ", name));
        const auto gene = static_cast<GeneIndex>(found - description.genes.begin());
        if (std::find(genes.begin(), genes.end(), gene) != genes.end())
            throw OptionError(message("--genes: ", name, " is named twice"));
        genes.push_back(gene);
    }
    return genes;
}

}  // namespace cellvae::program
