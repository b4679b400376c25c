// SPDX-License-Identifier: Apache-2.0
#include "model_command.hpp"

#include <algorithm>
#include <string>

#include "cellvae/io/model_file.hpp"
#include "cellvae/io/read_result.hpp"
#include "report.hpp"
#include "request.hpp"
#include "streaming.hpp"
#include "terminal.hpp"

namespace cellvae::program {

void add_model_and_cells(CLI::App& command, ModelRequest& request, bool cells_required) {
    command.add_option("model", request.model, "Model file: the model.h5 of cellvae train")->required();
    add_counts(command, request.counts, request.place);
    if (!cells_required) command.get_option("counts")->required(false);
    begin_group(command, "Where cells and model differ");
    command.add_option("--condition", request.condition,
                       "Column of the cells' conditions, for a model that has some; auto: the one that it was trained "
                       "with, or where there is none of its name the one whose values are the model's conditions");
    command
        .add_option("--missing-genes", request.missing_genes,
                    "Genes of the model that the cells do not have: refuse them, or take them as zero")
        ->check(CLI::IsMember({"refuse", "zero"}));
    command
        .add_option("--least-common", request.least_common,
                    "With --missing-genes zero, the share of the model's genes that must be there")
        ->check(CLI::Range(0.0, 1.0));
    begin_group(command, "Options");
    add_seed(command, request.seed);
}

void add_stream(CLI::App& command, ModelRequest& request) {
    command.add_flag("--stream", request.stream,
                     "Leave the counts in their file (h5ad with a csr_matrix) and read them a few thousand cells at a "
                     "time; the numbers are the same");
}

std::unique_ptr<ModelAndCells> read_model(const ModelRequest& request) {
    io_detail::require_regular_file(request.model, "the model.h5 of cellvae train");
    auto result = std::make_unique<ModelAndCells>();
    result->description = read_model_description(request.model);
    const auto& table = likelihoods();
    const auto entry = std::find_if(table.begin(), table.end(),
                                    [&](const auto& row) { return row.name == result->description.likelihood; });
    if (entry == table.end())
        throw InputError(message(request.model, ": this program has no likelihood ", result->description.likelihood));
    result->model = entry->load(request.model, result->description);
    return result;
}

std::unique_ptr<ModelAndCells> read_model_and_cells(const ModelRequest& request) {
    refuse_ignored(request.least_common != ModelRequest().least_common && request.missing_genes != "zero",
                   "--least-common", "without --missing-genes zero");
    auto both = read_model(request);
    if (both->description.condition_names.empty() && request.condition != "auto")
        throw OptionError(message("--condition ", request.condition, ": the model ", request.model,
                                  " was trained without conditions; leave it out"));
    if (request.stream) {
        both->file = open_streamed(one_input(request.counts, request.place));
        both->counts.var = both->file->annotations().var;
        print_notice(message(request.counts, ": ", both->cell_count(), " cells x ", both->counts.genes(),
                             " genes (h5ad, ", request.place.matrix, ", which stays there)"));
    } else {
        both->counts = read_and_describe(request.counts, request.place).counts;
    }
    const bool zero = request.missing_genes == "zero";
    const std::string files = message(request.counts, " and ", request.model, ": ");
    try {
        const ModelCellsOptions options{.least_genes = zero ? request.least_common : 1,
                                        .condition = request.condition == "auto" ? "" : request.condition};
        both->cells = both->file ? cells_for_model(both->description, *both->file, options)
                                 : cells_for_model(both->description, both->counts, options);
    } catch (const MissingGenes& error) {
        throw InputError(message(files, error.what(),
                                 zero ? message(" (--least-common ", request.least_common, " must be there)")
                                      : std::string("; --missing-genes zero takes them as zero")));
    } catch (const InputError& error) {
        throw InputError(message(files, error.what()));
    }
    const auto& absent = both->cells.absent;
    if (!absent.empty()) {
        std::string names;
        for (std::size_t i = 0; i < std::min<std::size_t>(5, absent.size()); ++i) names += " " + absent[i];
        print_notice(message("warning: ", absent.size(), " of the model's ", both->description.genes.size(),
                             " genes are absent and taken as zero:", names, absent.size() > 5 ? " ..." : ""));
    }
    if (!both->cells.condition_column.empty())
        print_notice(message("conditions: the column ", both->cells.condition_column));
    if (both->cells.unknown > 0)
        print_notice(message(both->cells.unknown, " genes of ", request.counts, " are not in the model and not used"));
    try {
        both->model->take_cells(both->cells, both->file);
    } catch (const InputError& error) {
        throw InputError(with_inputs(request.counts, error.what()) +
                         other_matrices(one_input(request.counts, request.place)));
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
