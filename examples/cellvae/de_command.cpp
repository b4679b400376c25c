// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>

#include "cellvae/io/atomic_file.hpp"
#include "clustering.hpp"
#include "model_command.hpp"
#include "ranked_genes.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct DifferenceRequest {
    ModelRequest model;
    std::string column, group, reference = "rest", out;
    DifferentialExpressionOptions options;
};

std::string number(double value) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.9g", value);
    return text.data();
}

/// A field of a table, in quotes where it needs them.
std::string field(const std::string& text, char separator) {
    if (text.find_first_of(std::string("\"\r\n") + separator) == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
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
            if (several) table += field(group, separator) + separator;
            table += field(genes[static_cast<std::size_t>(gene.gene)], separator) + separator;
            for (const double value :
                 {gene.probability, gene.bayes_factor, gene.mean_change, gene.standard_error, gene.shrunken_change,
                  gene.probability_up, gene.deviation_change, gene.share_of_pairs, gene.mean_group, gene.mean_reference,
                  gene.share_group, gene.share_reference, gene.expected_fdr})
                table += number(value) + separator;
            table += gene.called ? "true\n" : "false\n";
        }
    return table;
}

void run_de(const DifferenceRequest& request) {
    const auto both = read_model_and_cells(request.model);
    const auto labels = find_labels(both->counts, request.column, request.model.counts);
    if (!labels) throw OptionError(message("--groupby: name the column that the groups are values of"));
    const auto code_of = [&](const std::string& name) {
        const auto& categories = labels->values.categories;
        const auto found = std::find(categories.begin(), categories.end(), name);
        if (found != categories.end()) return static_cast<std::int32_t>(found - categories.begin());
        std::string list;
        for (const auto& category : categories) list += (list.empty() ? "" : ", ") + category;
        throw OptionError(
            message(request.model.counts, ": the column ", request.column, " has no value ", name, "; it has ", list));
    };
    const bool several = request.group == "all";
    const auto reference_code = request.reference == "rest" ? -1 : code_of(request.reference);
    const auto& codes = labels->values.codes;
    std::vector<std::int32_t> group_codes;
    if (several) {
        for (std::int32_t code = 0; code < static_cast<std::int32_t>(labels->values.categories.size()); ++code)
            if (code != reference_code && std::find(codes.begin(), codes.end(), code) != codes.end())
                group_codes.push_back(code);
    } else {
        group_codes.push_back(code_of(request.group));
    }
    if (group_codes.empty())
        throw OptionError(
            message(request.model.counts, ": the column ", request.column, " has no value but ", request.reference));
    if (group_codes.front() == reference_code) throw OptionError("--group1 and --group2 are the same");
    auto options = request.options;
    options.seed = request.model.seed;
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
    if (request.out.ends_with(".h5ad"))
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
    de.add_option("--group2,--reference", request->reference,
                  "The value of those compared with; rest: all others with a value");
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
