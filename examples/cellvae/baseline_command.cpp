// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/principal_components.hpp"
#include "cellvae/io/h5ad.hpp"
#include "clustering.hpp"
#include "counts_request.hpp"
#include "options.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

/// What the user asked of `cellvae baseline`; the values are the defaults that --help shows.
struct BaselineRequest : CountsRequest {
    std::string out;
    std::string labels = "auto";  ///< column of obs; auto: a well-known name; none: no labels
    Index genes = 2000;           ///< 0: all
    int components = 50;
    ClusteringRequest clustering;
};

/// Principal components of the log-normalised variable genes and their clusters; writes DIR/cells.h5ad and scores.json.
void run_baseline(const BaselineRequest& request) {
    const auto start = std::chrono::steady_clock::now();
    require_other_folder(request.out, request.files);
    refuse_ignored(request.clustering);
    require_no_earlier(request.out, {"model.h5", "history.csv", "report.html", "markers.csv"});
    CountsRead read = read_and_choose(request, request.labels, request.clustering.seed);
    CountMatrix& counts = read.counts;
    warn_of_normalised(counts, request);
    const auto labels = find_labels(counts, request.labels, request.counts);
    check_clustering(request.clustering, counts.cells(), request.counts);

    const Kokkos::DefaultHostExecutionSpace host;
    std::vector<bool> chosen(static_cast<std::size_t>(counts.genes()), request.genes == 0);
    const CountMatrix* used = &counts;
    CountMatrix kept;
    if (request.genes > 0) {
        const auto selection = select_variable_genes(
            counts, {.genes = request.genes, .progress = ProgressLine("variable genes", 3 * counts.cells())});
        for (const GeneIndex gene : selection.genes) chosen[static_cast<std::size_t>(gene)] = true;
        kept = keep_genes(counts, selection.genes);
        used = &kept;
    }
    PrincipalComponentsOptions options{.components = request.components, .seed = request.clustering.seed};
    const Index most = std::min(used->cells() - 1, used->genes());
    if (options.components > most) {
        options.components = static_cast<int>(most);
        print_notice(
            message("components: ", most, ", all that ", used->cells(), " cells x ", used->genes(), " genes have"));
    }
    const auto components = [&] {
        const WaitingLine line("principal components");
        return principal_components(host, *used, options);
    }();
    const auto folder = made_folder(request.out);
    const Coordinates coordinates{components.scores, counts.cells(), components.components};
    const Clusters clusters = find_clusters(host, coordinates, request.clustering, labels);

    double explained = 0;
    for (const double variance : components.variances) explained += variance;
    nlohmann::ordered_json scores;
    scores["cells"] = counts.cells();
    scores["genes"] = counts.genes();
    scores["variable_genes"] = used->genes();
    scores["components"] = components.components;
    scores["explained_variance"] = components.total_variance > 0 ? explained / components.total_variance : 0.0;
    add_cluster_scores(scores, host, coordinates, clusters, request.clustering, labels);
    scores["seed"] = request.clustering.seed;
    scores["threads"] = host.concurrency();

    H5adExtras extras{.obsm = std::move(read.obsm)};
    forget_results(counts, extras.obsm);
    counts.obs.set({"cellvae_cluster", cluster_column(clusters)});
    counts.var.set({"highly_variable", chosen});
    set_coordinates(extras, {"X_pca", components.components, components.scores});
    write_cells(folder / "cells.h5ad", counts, std::move(extras));
    write_scores(scores, folder, start);
    print_notice(message("written to ", (folder / "cells.h5ad").string(), ", scores.json beside it"));
}

}  // namespace

void add_baseline(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<BaselineRequest>();
    auto& baseline = add_command(
        app, invocation,
        {"baseline", "Cluster principal components of log-normalised counts, to compare with what train finds",
         "cellvae baseline cells.h5ad --out base\n"
         "cellvae compare base run    # beside what train found"},
        request, run_baseline);
    add_counts(baseline, *request);
    baseline.add_option("--out", request->out, "Folder for cells.h5ad and scores.json")->required();
    add_labels(baseline, request->labels);
    baseline
        .add_option("--genes", request->genes,
                    "Most variable genes (Seurat v3) that components are taken of; 0: all genes")
        ->check(zero_or_more());
    baseline.add_option("--components", request->components, "Principal components")->check(CLI::Range(1, 10000));
    add_clustering(baseline, request->clustering, "the components");
}

}  // namespace cellvae::program
