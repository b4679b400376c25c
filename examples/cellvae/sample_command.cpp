// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cellvae/data/gene_selection.hpp"
#include "cellvae/io/h5ad.hpp"
#include "mixture_clusters.hpp"
#include "model_command.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

double share_of_zeros(const CountMatrix& cells) {
    return 1 - static_cast<double>(cells.nonzeros()) /
                   (static_cast<double>(cells.cells()) * static_cast<double>(cells.genes()));
}

struct SampleRequest {
    ModelRequest model;
    std::string out;
    std::vector<std::string> genes;
    Index draws = 1;
    Index cells = 0;                    ///< new ones from the prior
    std::vector<std::string> clusters;  ///< of a mixture, that new cells are of; empty: all
    double library = 0;                 ///< of new cells; 0: the mean of the training
    std::string of_condition;           ///< of new cells; empty: the model's first
};

/// For messages: the names, of many the first twenty.
std::string first_names(const std::vector<std::string>& names) {
    constexpr std::size_t most = 20;
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) list += (i > 0 ? ", " : "") + names[i];
    return names.size() > most ? message(list, ", ... (", names.size(), ")") : list;
}

/// Numbers of the components that make up the clusters.
/// @param asked names, as the training gave them; a text that is none may be several, separated by commas
/// @throws OptionError for a cluster that the model does not have
std::vector<Index> components_of(const std::vector<std::string>& asked, const ModelDescription& description,
                                 const std::string& file) {
    std::vector<Index> components;
    if (asked.empty()) return components;
    if (!has_clusters(description.options.prior))
        throw OptionError(message("--cluster: the model ", file, " has no clusters"));
    const auto of = cluster_components(description);
    const auto take = [&](const std::string& name) {
        const auto before = components.size();
        for (std::size_t k = 0; k < of.cluster_of.size(); ++k)
            if (const auto cluster = of.cluster_of[k];
                cluster >= 0 && of.names[static_cast<std::size_t>(cluster)] == name)
                components.push_back(static_cast<Index>(k));
        return components.size() > before;
    };
    const auto refuse = [&](const std::string& name) {
        std::vector<std::string> names;  // of those that cells can be of
        for (std::size_t cluster = 0; cluster < of.names.size(); ++cluster)
            if (std::find(of.cluster_of.begin(), of.cluster_of.end(), static_cast<std::int32_t>(cluster)) !=
                of.cluster_of.end())
                names.push_back(of.names[cluster]);
        throw OptionError(message("--cluster ", name, ": the model ", file, " has the clusters ", first_names(names)));
    };
    for (const auto& text : asked) {
        if (take(text)) continue;
        for (std::size_t begin = 0; begin <= text.size();) {
            const auto end = std::min(text.find(',', begin), text.size());
            const auto name = text.substr(begin, end - begin);
            if (!take(name)) refuse(name);
            begin = end + 1;
        }
    }
    return components;
}

/// New cells, with a library size and a condition, of which the model knows nothing else.
void run_generate(const SampleRequest& request) {
    evaluation_detail::check_library(request.library);
    const auto both = read_model(request.model);
    const auto& description = both->description;
    const auto genes = genes_by_name(request.genes, description, request.model.model);
    const auto components = components_of(request.clusters, description, request.model.model);
    const double mean = description.mean_library.value_or(  // an earlier version's file: of the model's genes alone
        description.total_count / static_cast<double>(std::max<Index>(description.cells, 1)));
    auto& cells = both->cells;
    cells.counts = cells_without_counts(request.cells, description.genes, request.library > 0 ? request.library : mean);
    const auto& conditions = description.condition_names;
    if (!request.of_condition.empty() || !conditions.empty()) {
        const auto found = request.of_condition.empty()
                               ? conditions.begin()
                               : std::find(conditions.begin(), conditions.end(), request.of_condition);
        if (conditions.empty())
            throw OptionError(message("--of-condition ", request.of_condition, ": the model ", request.model.model,
                                      " was trained without conditions; leave it out"));
        if (found == conditions.end())
            throw OptionError(message("--of-condition: the model ", request.model.model, " knows no condition ",
                                      request.of_condition, "; it knows ", first_names(conditions)));
        cells.conditions.assign(static_cast<std::size_t>(request.cells),
                                static_cast<std::int32_t>(found - conditions.begin()));
        cells.counts.obs.set({"condition", std::vector<std::string>(static_cast<std::size_t>(request.cells), *found)});
    }
    both->model->take_cells(cells, nullptr);
    CountMatrix sampled;
    sampled.obs = cells.counts.obs;
    sampled.var.names = genes.empty() ? description.genes : request.genes;
    const auto width = sampled.var.names.size();
    Categorical cluster;
    std::vector<std::int32_t> component;
    ProgressLine progress("sample", request.cells);
    both->model->generate(
        {.genes = genes, .clusters = components, .seed = request.model.seed},
        [&](Index first, Index count, std::span<const float> values, std::span<const std::int32_t> drawn) {
            for (std::size_t i = 0; i < values.size(); ++i) {
                if (values[i] != 0) {
                    sampled.columns.push_back(static_cast<GeneIndex>(i % width));
                    sampled.values.push_back(values[i]);
                }
                if (i % width + 1 == width)
                    sampled.row_offsets.push_back(static_cast<std::int64_t>(sampled.values.size()));
            }
            component.insert(component.end(), drawn.begin(), drawn.end());
            progress(first + count);
        });
    if (both->model->clusters() > 0) {
        const auto of = cluster_components(description);
        cluster.categories = of.names;
        for (const auto k : component) cluster.codes.push_back(of.cluster_of[static_cast<std::size_t>(k)]);
        sampled.obs.set({"cellvae_cluster", cluster});
    }
    write_cells(request.out, sampled);
    print_result(
        {{"cells", request.cells},
         {"from", "the prior"},
         {"genes", width},
         {"library", cells.counts.library_sizes.front()},
         {"condition", conditions.empty()
                           ? nlohmann::ordered_json()
                           : nlohmann::ordered_json(conditions[static_cast<std::size_t>(cells.conditions.front())])},
         {"share_of_zeros", share_of_zeros(sampled)},
         {"file", request.out}});
}

void run_sample(const SampleRequest& request) {
    if (request.model.counts.empty() != (request.cells > 0))
        throw OptionError("give either counts, to sample for their cells, or --cells N, for new cells from the prior");
    if (request.cells > 0 && request.draws != 1)
        throw OptionError("--draws is of counts: of new cells give their number, --cells N");
    require_other_file(request.out, {request.model.model, request.model.counts});
    if (request.cells > 0) return run_generate(request);
    if (!request.clusters.empty() || request.library > 0 || !request.of_condition.empty())
        throw OptionError("--cluster, --library and --of-condition are for new cells: give --cells N and no counts");
    const auto both = read_model_and_cells(request.model);
    const auto genes = genes_by_name(request.genes, both->description, request.model.model);
    const Index cells = both->cells.counts.cells();
    const auto width = genes.empty() ? both->cells.counts.var.names.size() : genes.size();
    // a draw of a minibatch comes after the other: rows are kept apart, and put in the draws' order at the end
    std::vector<std::vector<std::pair<GeneIndex, float>>> rows(static_cast<std::size_t>(cells * request.draws));
    ProgressLine progress("sample", cells);
    both->model->sample({.genes = genes, .draws = request.draws, .seed = request.model.seed},
                        [&](Index draw, Index first, Index count, std::span<const float> values) {
                            for (std::size_t i = 0; i < values.size(); ++i)
                                if (values[i] != 0)
                                    rows[static_cast<std::size_t>(draw * cells + first) + i / width].emplace_back(
                                        static_cast<GeneIndex>(i % width), values[i]);
                            if (draw + 1 == request.draws) progress(first + count);
                        });
    CountMatrix sampled;
    std::vector<GeneIndex> of_cells;
    std::vector<std::int64_t> draw_of;
    for (Index draw = 0; draw < request.draws; ++draw)
        for (Index cell = 0; cell < cells; ++cell) {
            of_cells.push_back(static_cast<GeneIndex>(cell));
            draw_of.push_back(draw);
            for (const auto& [gene, value] : rows[static_cast<std::size_t>(draw * cells + cell)]) {
                sampled.columns.push_back(gene);
                sampled.values.push_back(value);
            }
            sampled.row_offsets.push_back(static_cast<std::int64_t>(sampled.values.size()));
        }
    sampled.obs = keep_rows(both->cells.counts.obs, of_cells);
    if (request.draws > 1) {
        for (std::size_t row = 0; row < draw_of.size(); ++row)
            sampled.obs.names[row] += "-" + std::to_string(draw_of[row]);
        sampled.obs.set({"draw", draw_of});
    }
    sampled.var.names = genes.empty() ? both->cells.counts.var.names : request.genes;
    write_cells(request.out, sampled);
    print_result({{"cells", cells},
                  {"draws", request.draws},
                  {"genes", width},
                  {"share_of_zeros", share_of_zeros(sampled)},
                  {"genes_absent", both->cells.absent},
                  {"file", request.out}});
}

}  // namespace

void add_sample(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<SampleRequest>();
    auto& sample = add_command(
        app, invocation,
        {"sample", "Cells that a trained model generates: for these cells (posterior predictive), or new ones",
         "cellvae sample run/model.h5 --cells 500 --out new.h5ad\ncellvae sample run/model.h5 cells.h5ad --out "
         "drawn.h5ad"},
        request, run_sample);
    add_model_and_cells(sample, request->model, false);
    sample.add_option("--out", request->out, "h5ad file to write")->required();
    sample.add_option("--genes", request->genes, "Names of genes, separated by commas; all of the model by default")
        ->delimiter(',');
    sample.add_option("--draws", request->draws, "Of every cell")->check(CLI::Range(1, 100000));
    sample.add_option("--cells", request->cells, "In place of counts: so many new cells, their latent from the prior")
        ->check(CLI::Range(1, 1000000000));
    sample.add_option("--cluster", request->clusters,
                      "Of new cells under a mixture: their clusters, by the names in obs/cellvae_cluster, separated by "
                      "commas; all by default");
    sample.add_option("--library", request->library, "Library size of new cells; 0: the mean of the training")
        ->check(zero_or_more());
    sample.add_option("--of-condition", request->of_condition, "Condition of new cells; the model's first by default");
    sample.callback([&sample, request, &invocation] {
        invocation.run = [&sample, request] {
            refuse_ignored(sample, request->cells > 0 && request->model.counts.empty(),
                           "with --cells, which takes no counts",
                           {"--orientation", "--matrix", "--genome", "--features", "--condition", "--missing-genes",
                            "--least-common"});
            run_sample(*request);
        };
    });
}

}  // namespace cellvae::program
