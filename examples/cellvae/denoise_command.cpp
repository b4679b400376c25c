// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <optional>

#include "cellvae/data/gene_matching.hpp"
#include "cellvae/io/h5ad.hpp"
#include "model_command.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct DenoiseRequest {
    ModelRequest model;
    std::string out;
    std::vector<std::string> genes;
    double library = 0;
    Index draws = 10;
    std::string layer = "denoised";
    bool structural_zeros = false;
};

void run_denoise(const DenoiseRequest& request) {
    require_other_file(request.out, {request.model.model, request.model.counts});
    evaluation_detail::check_library(request.library);
    const auto both = read_model_and_cells(request.model);
    const auto genes = genes_by_name(request.genes, both->description, request.model.model);
    const Index cells = both->cells.counts.cells();
    std::optional<CountMatrix> chosen;
    if (!genes.empty()) chosen = match_genes(both->cells.counts, request.genes, 0).counts;
    const CountMatrix& counts = chosen ? *chosen : both->cells.counts;
    H5adLayerWriter file(request.out, counts, request.layer);
    ProgressLine progress("denoise", cells);
    both->model->denoise({.genes = genes,
                          .library = request.library,
                          .structural_zeros = request.structural_zeros,
                          .draws = request.draws,
                          .seed = request.model.seed},
                         [&](Index first, Index count, std::span<const float> values) {
                             file.append(values);
                             progress(first + count);
                         });
    file.commit();
    print_result({{"cells", cells},
                  {"genes", counts.genes()},
                  {"genes_absent", both->cells.absent},
                  {"layer", request.layer},
                  {"what", request.structural_zeros ? "probability of a structural zero" : "expected expression"},
                  {"library", request.library > 0 ? nlohmann::ordered_json(request.library) : nlohmann::ordered_json()},
                  {"file", request.out}});
}

}  // namespace

void add_denoise(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<DenoiseRequest>();
    auto& denoise =
        add_command(app, invocation,
                    {"denoise", "Expected expression of cells under a trained model",
                     "cellvae denoise run/model.h5 cells.h5ad --genes INS,GCG --library 10000 --out denoised.h5ad"},
                    request, run_denoise);
    add_model_and_cells(denoise, request->model);
    denoise.add_option("--out", request->out, "h5ad file to write, with the expectations as a dense layer")->required();
    denoise.add_option("--genes", request->genes, "Names of genes, separated by commas; all of the model by default")
        ->delimiter(',');
    denoise
        .add_option("--library", request->library,
                    "Library size to which expected counts are brought, such as 10000; 0: each cell's own")
        ->check(zero_or_more());
    denoise.add_option("--draws", request->draws, "Of the latent for each cell, over which the mean is taken")
        ->check(CLI::Range(1, 1000000));
    denoise.add_option("--layer", request->layer, "Name of the layer");
    denoise.add_flag("--structural-zeros", request->structural_zeros,
                     "In place of expected counts, the probability that a zero is structural (zero-inflated models)");
}

}  // namespace cellvae::program
