// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cellvae/evaluation/latent.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "mixture_clusters.hpp"
#include "model_command.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct EvaluateRequest {
    ModelRequest model;
    std::string labels = "auto";
    ClusteringRequest clustering{.by = "auto"};
    Index samples = 100;
    std::string out;
};

void run_evaluate(const EvaluateRequest& request) {
    if (!request.out.empty()) require_other_file(request.out, {request.model.model, request.model.counts});
    const auto both = read_model_and_cells(request.model);
    auto& model = *both->model;
    const Index cells = both->cell_count();
    const auto labels = find_labels(both->annotated_cells(), request.labels, request.model.counts);
    ClusteringRequest clustering = request.clustering;
    clustering.seed = request.model.seed;
    if (clustering.by == "auto") clustering.by = model.clusters() > 0 ? "mixture" : "kmeans";
    refuse_ignored(clustering);
    if (clustering.by != "mixture")
        check_clustering(clustering, cells, request.model.counts);
    else if (model.clusters() == 0)
        throw OptionError(message("--cluster-by mixture: the model ", request.model.model, " has no clusters"));
    const auto bound = model.bound(request.model.seed, ProgressLine("bound", cells));
    nlohmann::ordered_json scores{
        {"cells", cells},
        {"genes", both->cells.counts.genes()},
        {"genes_absent", both->cells.absent.size()},
        {"likelihood", both->description.likelihood},
        {"bound", bound[0]},
        {"reconstruction", bound[1]},
        {"kl_z", bound[2]},
        {"kl_y", model.clusters() > 0 ? nlohmann::ordered_json(bound[3]) : nlohmann::ordered_json()}};
    scores["log_likelihood"] =
        model.log_likelihood(request.samples, request.model.seed, ProgressLine("log-likelihood", cells));
    const auto latent = model.latent(ProgressLine("encode", cells));
    const Index width = both->description.options.latent;
    const Coordinates coordinates{latent, cells, width};
    const Kokkos::DefaultHostExecutionSpace host;
    if (clustering.by == "mixture") {
        const auto found = mixture_clusters(model.responsibilities(ProgressLine("clusters", cells)),
                                            cluster_components(both->description));
        add_cluster_scores(scores, host, coordinates, found.clusters, clustering, labels);
    } else {
        add_cluster_scores(scores, host, coordinates, find_clusters(host, coordinates, clustering, labels), clustering,
                           labels);
    }
    if (cells > 1) scores["active_units"] = active_units(std::span<const float>(latent), cells, width).count;
    scores["seed"] = request.model.seed;
    if (!request.out.empty()) write_text_atomically(request.out, json_text(scores, 2) + "\n");
    print_result(scores);
}

}  // namespace

void add_evaluate(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<EvaluateRequest>();
    auto& evaluate = add_command(app, invocation,
                                 {"evaluate", "Bound, log-likelihood and clusters of cells under a trained model",
                                  "cellvae evaluate run/model.h5 new_cells.h5ad --labels cell_type"},
                                 request, run_evaluate);
    add_model_and_cells(evaluate, request->model);
    add_stream(evaluate, request->model);
    add_labels(evaluate, request->labels);
    evaluate
        .add_option("--cluster-by", request->clustering.by,
                    "mixture (its own clusters), kmeans or leiden on the latent; auto: mixture where there is one")
        ->check(CLI::IsMember({"auto", "mixture", "kmeans", "leiden"}));
    evaluate.add_option("--resolution", request->clustering.resolution, "Of leiden")->check(above_zero());
    evaluate
        .add_option("--clusters", request->clustering.clusters,
                    "Of k-means; 0: as many as labels, or the number from 2 to 25 with the best silhouette")
        ->check(zero_or_more());
    evaluate.add_option("--out", request->out, "File to write the scores to, as JSON, such as scores.json");
    evaluate.add_option("--samples", request->samples, "Samples a cell of the importance-weighted log-likelihood")
        ->check(CLI::Range(1, 1000000));
}

}  // namespace cellvae::program
