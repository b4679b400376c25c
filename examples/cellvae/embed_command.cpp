// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <utility>

#include "cellvae/io/h5ad.hpp"
#include "mixture_clusters.hpp"
#include "model_command.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct EmbedRequest {
    ModelRequest model;
    std::string out;
};

void run_embed(const EmbedRequest& request) {
    require_other_file(request.out, {request.model.model, request.model.counts});
    const auto both = read_model_and_cells(request.model);
    const Index cells = both->cell_count();
    H5adExtras extras{.obsm = {}, .counts = !both->file};
    auto latent = both->model->latent(ProgressLine("encode", cells));
    nlohmann::ordered_json result{{"cells", cells},
                                  {"latent", both->description.options.latent},
                                  {"genes_in_common", both->description.genes.size() - both->cells.absent.size()},
                                  {"genes_absent", both->cells.absent},
                                  {"genes_unknown", both->cells.unknown},
                                  {"clusters", nullptr},
                                  {"file", request.out}};
    std::vector<float> responsibilities;
    if (both->model->clusters() > 0) responsibilities = both->model->responsibilities(ProgressLine("clusters", cells));
    CountMatrix& counts = both->counts;
    if (both->file) counts.obs = both->file->release_annotations().obs;  // nothing is read any more
    forget_results(counts, extras.obsm);
    extras.obsm.push_back({"X_cellvae", both->description.options.latent, std::move(latent)});
    if (both->model->clusters() > 0) {
        const auto found = mixture_clusters(responsibilities, cluster_components(both->description));
        counts.obs.set({"cellvae_cluster", found.column});
        counts.obs.set({"cellvae_certainty", found.certainty});
        extras.obsm.push_back({"X_cellvae_responsibility", both->model->clusters(), std::move(responsibilities)});
        result["clusters"] = found.clusters.number;
    }
    write_cells(request.out, counts, std::move(extras));
    print_result(result);
}

}  // namespace

void add_embed(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<EmbedRequest>();
    auto& embed = add_command(app, invocation,
                              {"embed", "Latent coordinates of new cells from a trained model",
                               "cellvae embed run/model.h5 new_cells.h5ad --out embedded.h5ad"},
                              request, run_embed);
    add_model_and_cells(embed, request->model);
    add_stream(embed, request->model);
    embed.add_option("--out", request->out, "h5ad file to write")->required();
}

}  // namespace cellvae::program
