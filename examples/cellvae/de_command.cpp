// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cellvae/io/atomic_file.hpp"
#include "clustering.hpp"
#include "model_command.hpp"
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

std::string table_of(const std::vector<GeneDifference>& found, const std::vector<std::string>& genes, char separator) {
    std::string table;
    for (const char* name :
         {"gene", "probability", "bayes_factor", "log2_fold_change", "log2_fold_change_sd", "probability_up",
          "mean_group", "mean_reference", "share_group", "share_reference", "expected_fdr"})
        table += std::string(name) + separator;
    table += "called\n";
    for (const auto& gene : found) {
        table += field(genes[static_cast<std::size_t>(gene.gene)], separator) + separator;
        for (const double value :
             {gene.probability, gene.bayes_factor, gene.mean_change, gene.deviation_change, gene.probability_up,
              gene.mean_group, gene.mean_reference, gene.share_group, gene.share_reference, gene.expected_fdr})
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
    const auto group_code = code_of(request.group);
    const auto reference_code = request.reference == "rest" ? -1 : code_of(request.reference);
    if (group_code == reference_code) throw OptionError("--group and --reference are the same");
    std::vector<Index> group, reference;
    for (std::size_t cell = 0; cell < labels->values.codes.size(); ++cell) {
        const auto code = labels->values.codes[cell];
        if (code == group_code)
            group.push_back(static_cast<Index>(cell));
        else if (code >= 0 && (reference_code < 0 || code == reference_code))
            reference.push_back(static_cast<Index>(cell));
    }
    auto options = request.options;
    options.seed = request.model.seed;
    const auto found = both->model->differences(group, reference, options,
                                                ProgressLine("differential expression", options.pairs, "pairs"));
    write_text_atomically(request.out,
                          table_of(found, both->description.genes, request.out.ends_with(".tsv") ? '\t' : ','));
    Index called = 0;
    std::vector<std::string> top;
    for (const auto& gene : found) {
        called += gene.called ? 1 : 0;
        if (gene.called && top.size() < 10) top.push_back(both->description.genes[static_cast<std::size_t>(gene.gene)]);
    }
    print_result({{"group", request.group},
                  {"cells_group", group.size()},
                  {"reference", request.reference},
                  {"cells_reference", reference.size()},
                  {"genes", found.size()},
                  {"genes_absent", both->cells.absent},
                  {"genes_called", called},
                  {"first", top},
                  {"file", request.out}});
}

}  // namespace

void add_de(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<DifferenceRequest>();
    auto& de =
        add_command(app, invocation, "de",
                    "Genes whose expression differs between two groups of cells, by sampling from a trained model",
                    request, run_de);
    add_model_and_cells(de, request->model);
    auto& options = request->options;
    de.add_option("--groupby", request->column, "Column of the groups")->required();
    de.add_option("--group", request->group, "The value of the cells in question")->required();
    de.add_option("--reference", request->reference, "The value of those compared with; rest: all others with a value");
    de.add_option("--out", request->out, "Table to write, the surest genes first: TSV if it ends so, else CSV")
        ->required();
    de.add_option("--delta", options.delta, "Smallest log2 fold change that counts")->check(CLI::PositiveNumber);
    de.add_option("--pairs", options.pairs, "Pairs of a cell of each group")->check(CLI::Range(1, 100000000));
    de.add_option("--library", options.library, "Library size at which expression is compared")
        ->check(CLI::PositiveNumber);
    de.add_option("--pseudocount", options.pseudocount,
                  "Added to both sides of a fold change, in counts of that library")
        ->check(CLI::PositiveNumber);
    de.add_option("--fdr", options.fdr, "Expected share of false ones among the genes that are called")
        ->check(CLI::Range(0.0, 1.0));
}

}  // namespace cellvae::program
