// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cellvae/data/gene_selection.hpp"
#include "cellvae/io/h5ad.hpp"
#include "model_command.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct SampleRequest {
    ModelRequest model;
    std::string out;
    std::vector<std::string> genes;
    Index draws = 1;
};

void run_sample(const SampleRequest& request) {
    const auto both = read_model_and_cells(request.model);
    const auto genes = genes_by_name(request.genes, both->description, request.model.model);
    const Index cells = both->matched.cells();
    const auto width = genes.empty() ? both->matched.var.names.size() : genes.size();
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
    sampled.obs = keep_rows(both->matched.obs, of_cells);
    if (request.draws > 1) {
        for (std::size_t row = 0; row < draw_of.size(); ++row)
            sampled.obs.names[row] += "-" + std::to_string(draw_of[row]);
        sampled.obs.set({"draw", draw_of});
    }
    sampled.var.names = genes.empty() ? both->matched.var.names : request.genes;
    write_h5ad(request.out, sampled);
    print_result({{"cells", cells},
                  {"draws", request.draws},
                  {"genes", width},
                  {"share_of_zeros", 1 - static_cast<double>(sampled.nonzeros()) /
                                             (static_cast<double>(sampled.cells()) * static_cast<double>(width))},
                  {"genes_absent", both->absent},
                  {"file", request.out}});
}

}  // namespace

void add_sample(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<SampleRequest>();
    auto& sample =
        add_command(app, invocation, "sample",
                    "Cells that a trained model generates for these cells (posterior predictive)", request, run_sample);
    add_model_and_cells(sample, request->model);
    sample.add_option("--out", request->out, "h5ad file to write")->required();
    sample.add_option("--genes", request->genes, "Names of genes, separated by commas; all of the model by default")
        ->delimiter(',');
    sample.add_option("--draws", request->draws, "Of every cell")->check(CLI::Range(1, 100000));
}

}  // namespace cellvae::program
