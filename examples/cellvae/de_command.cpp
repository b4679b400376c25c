// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <unordered_set>

#include "cellvae/io/atomic_file.hpp"
#include "clustering.hpp"
#include "model_command.hpp"
#include "ranked_genes.hpp"
#include "report.hpp"
#include "run_folder.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct DifferenceRequest {
    ModelRequest model;
    std::string column, group, reference = "rest", out;
    bool reference_named = false;  ///< by its option
    DifferentialExpressionOptions options;
};

std::string number(double value) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.9g", value);
    return text.data();
}

/// @param several whether a first column says the group
std::string table_of(std::span<const RankedGenes> groups, const std::vector<std::string>& genes, bool several,
                     char separator) {
    std::string table = several ? std::string("group") + separator : "";
    for (const char* name : {"gene", "probability", "bayes_factor", "log2_fold_change", "standard_error",
                             "shrunken_log2_fold_change", "probability_up", "log2_fold_change_sd", "share_of_pairs",
                             "mean_group", "mean_reference", "share_group", "share_reference", "expected_fdr"})
        table += std::string(name) + separator;
    table += "called\n";
    for (const auto& [group, found] : groups)
        for (const auto& gene : found) {
            if (several) table += table_field(group, separator) + separator;
            table += table_field(genes[static_cast<std::size_t>(gene.gene)], separator) + separator;
            for (const double value :
                 {gene.probability, gene.bayes_factor, gene.mean_change, gene.standard_error, gene.shrunken_change,
                  gene.probability_up, gene.deviation_change, gene.share_of_pairs, gene.mean_group, gene.mean_reference,
                  gene.share_group, gene.share_reference, gene.expected_fdr})
                table += number(value) + separator;
            table += gene.called ? "true\n" : "false\n";
        }
    return table;
}

/// The values of the column whose cells are compared.
struct ComparedValues {
    std::vector<std::int32_t> groups;  ///< each against the reference
    std::int32_t reference = -1;       ///< -1: all others
};

/// @throws OptionError for a value that the column does not have, one that may be meant in two ways, and where there
/// are no cells to compare
ComparedValues compared_values(const DifferenceRequest& request, const KnownLabels& labels) {
    const auto& categories = labels.values.categories;
    const std::string column = message(request.model.counts, ": the column ", labels.column);
    std::vector<Index> cells(categories.size());
    Index with_value = 0;
    for (const auto code : labels.values.codes)
        if (code >= 0) {
            ++cells[static_cast<std::size_t>(code)];
            ++with_value;
        }
    const auto refuse_second_meaning = [&](const char* option, const std::string& name, const char* meaning) {
        const auto found = std::find(categories.begin(), categories.end(), name);
        if (found != categories.end() && cells[static_cast<std::size_t>(found - categories.begin())] > 0)
            throw OptionError(message(column, " has a value ", name, ", and ", option, " ", name, " means ", meaning,
                                      ": give those cells another value"));
    };
    const auto code_of = [&](const std::string& name) {
        const auto found = std::find(categories.begin(), categories.end(), name);
        if (found != categories.end()) return static_cast<std::int32_t>(found - categories.begin());
        std::string list;
        for (const auto& category : categories) list += (list.empty() ? "" : ", ") + category;
        throw OptionError(message(column, " has no value ", name, "; it has ", list));
    };
    const auto require_cells = [&](std::int32_t code) {
        if (cells[static_cast<std::size_t>(code)] == 0)
            throw OptionError(
                message(column, " has the value ", categories[static_cast<std::size_t>(code)], " in no cell"));
    };
    const bool several = request.group == "all", rest = request.reference == "rest";
    if (several) refuse_second_meaning("--group1", "all", "each value in turn");
    if (rest && request.reference_named) refuse_second_meaning("--group2", "rest", "all others with a value");
    ComparedValues result;
    if (!rest) {
        result.reference = code_of(request.reference);
        require_cells(result.reference);
    }
    if (several) {
        for (std::size_t code = 0; code < categories.size(); ++code)
            if (static_cast<std::int32_t>(code) != result.reference && cells[code] > 0)
                result.groups.push_back(static_cast<std::int32_t>(code));
        if (result.groups.empty()) throw OptionError(message(column, " has no value but ", request.reference));
    } else {
        result.groups.push_back(code_of(request.group));
        require_cells(result.groups.front());
    }
    if (result.groups.front() == result.reference) throw OptionError("--group1 and --group2 are the same");
    const auto first = static_cast<std::size_t>(result.groups.front());
    if (rest && cells[first] == with_value)
        throw OptionError(message(column, " has no value but ", categories[first],
                                  ": there are no other cells to compare those with"));
    return result;
}

/// Numbers of the model's genes that the cells have; empty: all of them.
std::vector<GeneIndex> genes_there(const std::vector<std::string>& genes, const std::vector<std::string>& absent) {
    std::vector<GeneIndex> there;
    if (absent.empty()) return there;
    const std::unordered_set<std::string_view> not_there(absent.begin(), absent.end());
    for (std::size_t gene = 0; gene < genes.size(); ++gene)
        if (!not_there.contains(genes[gene])) there.push_back(static_cast<GeneIndex>(gene));
    return there;
}

void run_de(const DifferenceRequest& request) {
    require_other_file(request.out, {request.model.model, request.model.counts});
    evaluation_detail::check_library(request.options.library);
    const auto both = read_model_and_cells(request.model);
    const auto labels = find_labels(both->counts, request.column, request.model.counts);
    if (!labels) throw OptionError(message("--groupby: name the column that the groups are values of"));
    const auto [group_codes, reference_code] = compared_values(request, *labels);
    const bool several = request.group == "all", as_h5ad = request.out.ends_with(".h5ad");
    const auto& codes = labels->values.codes;
    if (as_h5ad) {
        std::vector<std::string> names;
        for (const auto code : group_codes) names.push_back(labels->values.categories[static_cast<std::size_t>(code)]);
        check_ranked_groups(names, message(request.model.counts, ": the column ", labels->column), request.out);
    }
    auto options = request.options;
    options.seed = request.model.seed;
    options.genes = genes_there(both->description.genes, both->cells.absent);
    if (!both->cells.absent.empty())
        print_notice(message("absent genes are not compared: ", request.out, " has the other ", options.genes.size()));
    std::vector<RankedGenes> groups;
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (const std::int32_t group_code : group_codes) {
        std::vector<Index> group, reference;
        for (std::size_t cell = 0; cell < codes.size(); ++cell) {
            if (codes[cell] == group_code)
                group.push_back(static_cast<Index>(cell));
            else if (codes[cell] >= 0 && (reference_code < 0 || codes[cell] == reference_code))
                reference.push_back(static_cast<Index>(cell));
        }
        const auto& name = labels->values.categories[static_cast<std::size_t>(group_code)];
        auto found = both->model->differences(
            group, reference, options, ProgressLine("differential expression of " + name, options.pairs, "pairs"));
        if (std::abs(found.typical_change) > found.delta)
            print_notice(message("the typical gene of ", name, " changes by ", found.typical_change,
                                 ": a few abundant genes differ, and take counts from all others or leave them. Such a "
                                 "change counts where its size is above --delta, which is ",
                                 found.delta));
        groups.push_back({name, std::move(found.genes)});
        Index called = 0;
        std::vector<std::string> top;
        for (const auto& gene : groups.back().genes) {
            called += gene.called ? 1 : 0;
            if (gene.called && top.size() < 10)
                top.push_back(both->description.genes[static_cast<std::size_t>(gene.gene)]);
        }
        results.push_back({{"group", name},
                           {"cells_group", group.size()},
                           {"reference", request.reference},
                           {"cells_reference", reference.size()},
                           {"genes", groups.back().genes.size()},
                           {"genes_absent", both->cells.absent},
                           {"delta", found.delta},
                           {"typical_change", found.typical_change},
                           {"genes_called", called},
                           {"first", top},
                           {"file", request.out}});
    }
    if (as_h5ad)
        write_ranked_genes(request.out, both->counts, groups, both->description.genes, labels->column,
                           request.reference);
    else
        write_text_atomically(request.out, table_of(groups, both->description.genes, several,
                                                    request.out.ends_with(".tsv") ? '\t' : ','));
    if (several && results_are_json())
        print_result({{"groups", results}, {"file", request.out}});
    else
        for (const auto& result : results) print_result(result);
}

}  // namespace

void add_de(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<DifferenceRequest>();
    auto& de = add_command(
        app, invocation,
        {"de", "Genes whose expression differs between two groups of cells, by sampling from a trained model",
         "cellvae de run/model.h5 run/cells.h5ad --groupby cellvae_cluster --group1 0 --out cluster_0.csv\n"
         "cellvae de run/model.h5 run/cells.h5ad --groupby cell_type --group1 all --out markers.h5ad"},
        request, run_de);
    add_model_and_cells(de, request->model);
    auto& options = request->options;
    de.add_option("--groupby", request->column, "Column of the groups")->required();
    de.add_option("--group1,--group", request->group, "The value of the cells in question; all: each value in turn")
        ->required();
    auto* const reference = de.add_option("--group2,--reference", request->reference,
                                          "The value of those compared with; rest: all others with a value");
    reference->each([request](const std::string&) { request->reference_named = true; });
    de.add_option("--out", request->out,
                  "Table to write, the surest genes first: TSV or, with uns/rank_genes_groups for scanpy, h5ad if it "
                  "ends so, else CSV")
        ->required();
    de.add_option("--delta", options.delta,
                  "Smallest log2 fold change that counts; 0: estimated from the changes of all genes")
        ->check(zero_or_more());
    de.add_option("--pairs", options.pairs, "Pairs of a cell of each group")->check(CLI::Range(1, 100000000));
    de.add_option("--library", options.library, "Library size at which expression is compared")->check(above_zero());
    de.add_option("--pseudocount", options.pseudocount,
                  "Added to both sides of a fold change, in counts of that library")
        ->check(above_zero());
    de.add_option("--fdr", options.fdr, "Expected share of false ones among the genes that are called")
        ->check(CLI::Range(0.0, 1.0));
}

}  // namespace cellvae::program
