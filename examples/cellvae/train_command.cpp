// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/k_means.hpp"
#include "cellvae/evaluation/latent.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/gene_sets.hpp"
#include "cellvae/io/h5ad.hpp"
#include "clustering.hpp"
#include "commands.hpp"
#include "leiden.hpp"
#include "mixture_clusters.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

/// How clusters are to be found; refuses what cannot be before any work.
ClusteringRequest clustering_of(const TrainRequest& request, bool mixture, Index cells) {
    ClusteringRequest clustering{.clusters = request.clusters, .resolution = request.resolution, .seed = request.seed};
    if (request.start == "leiden" && !leiden_is_there())
        throw OptionError(
            "--start leiden: this cellvae was built without igraph; install libigraph-dev and build again, "
            "or start from kmeans");
    clustering.by = request.cluster_by != "auto" ? request.cluster_by : mixture ? "mixture" : "kmeans";
    if (clustering.by == "mixture") {
        if (!mixture)
            throw OptionError(message("--cluster-by mixture needs a prior with clusters: --prior mixture or ",
                                      "marginal_mixture; found ", request.prior));
        if (request.clusters > cells)
            throw OptionError(
                message("--clusters ", request.clusters, " is more than the ", cells, " cells of ", request.counts));
        return clustering;
    }
    check_clustering(clustering, cells, request.counts);
    return clustering;
}

/// A column that must be there. @throws OptionError
KnownLabels required_labels(const CountMatrix& counts, const std::string& asked, const std::string& file) {
    auto labels = find_labels(counts, asked, file);
    if (!labels) throw OptionError(message(file, ": no column has one of the well-known names of labels; name one"));
    return std::move(*labels);
}

/// Known labels, conditions and gene sets, as the request names them.
Annotated annotations(const CountMatrix& counts, const CountMatrix& used, const TrainRequest& request,
                      std::vector<std::string>& latent_names) {
    Annotated annotated;
    if (request.known_labels != "none") {
        const auto known = required_labels(counts, request.known_labels, request.counts);
        if (request.prior != "mixture" && request.prior != "marginal_mixture")
            throw OptionError("--known-labels needs a prior with clusters: --prior mixture or marginal_mixture");
        annotated.known = known.values.codes;
        annotated.label_names = known.values.categories;
    }
    if (request.condition != "none") {
        const auto condition = required_labels(counts, request.condition, request.counts);
        for (std::size_t cell = 0; cell < condition.values.codes.size(); ++cell)
            if (condition.values.codes[cell] < 0)
                throw InputError(message(request.counts, ": ", counts.obs.names[cell], " has no value in the column ",
                                         request.condition, ": every cell needs its condition"));
        annotated.condition = condition.values.codes;
    }
    if ((request.decoder == "masked") != !request.gene_sets.empty())
        throw OptionError("--decoder masked and --gene-sets FILE.gmt go together: each latent dimension is a set");
    if (request.decoder == "masked") {
        const auto sets = read_gene_sets(request.gene_sets);
        const auto mask = gene_set_mask(sets, used.var.names, {.least_genes = request.least_genes});
        annotated.mask = mask.mask;
        annotated.sets = static_cast<Index>(mask.names.size());
        latent_names = mask.names;
        print_notice(message(request.gene_sets, ": ", mask.names.size(), " of ", sets.size(), " sets have at least ",
                             request.least_genes, " of the genes in use; each is a latent dimension"));
    }
    return annotated;
}

/// Where a mixture's components start: groups of a neighbour graph, or of k-means.
std::vector<std::int32_t> start_groups(const Kokkos::DefaultHostExecutionSpace& host, const Coordinates& coordinates,
                                       const TrainRequest& request) {
    if (request.start == "kmeans" || (request.start == "auto" && !leiden_is_there())) {
        const int components = request.clusters > 0 ? request.clusters : 15;
        return k_means(host, coordinates.values, coordinates.cells, coordinates.columns,
                       {.clusters = components, .seed = request.seed})
            .labels;
    }
    ClusteringRequest leiden{.by = "leiden", .resolution = request.start_resolution, .seed = request.seed};
    Clusters groups = find_clusters(host, coordinates, leiden, std::nullopt);
    while (request.clusters > 0 && groups.number > request.clusters && leiden.resolution > 0.02) {
        leiden.resolution *= 0.8;
        groups = find_clusters(host, coordinates, leiden, std::nullopt);
    }
    print_notice(message("the mixture starts from ", groups.number, " groups of the neighbour graph (resolution ",
                         leiden.resolution, ")"));
    return groups.codes;
}

}  // namespace

void run_train(const TrainRequest& request) {
    const auto start = std::chrono::steady_clock::now();
    const auto& table = likelihoods();
    const auto entry =
        std::find_if(table.begin(), table.end(), [&](const auto& row) { return request.likelihood == row.option; });
    if (entry == table.end()) {
        std::string names;
        for (const auto& row : table) names += (names.empty() ? "" : ", ") + std::string(row.option);
        throw OptionError(message("--likelihood is one of ", names, "; found ", request.likelihood));
    }
    CountsRead read = read_and_describe(request.counts, request.orientation);
    CountMatrix& counts = read.counts;
    const auto labels = find_labels(counts, request.labels, request.counts);
    const bool mixture = request.prior == "mixture" || request.prior == "marginal_mixture";
    const ClusteringRequest clustering = clustering_of(request, mixture, counts.cells());
    CountMatrix chosen;
    const CountMatrix* used = &counts;
    std::vector<bool> variable(static_cast<std::size_t>(counts.genes()), true);
    if (request.genes > 0 && request.genes < counts.genes()) {
        const auto selection = select_variable_genes(counts, {.genes = request.genes});
        variable.assign(variable.size(), false);
        for (const GeneIndex gene : selection.genes) variable[static_cast<std::size_t>(gene)] = true;
        chosen = keep_genes(counts, selection.genes);
        used = &chosen;
        print_notice(message("genes: the ", selection.genes.size(), " most variable (--genes 0: all)"));
    }
    std::vector<std::string> latent_names;
    const Annotated annotated = annotations(counts, *used, request, latent_names);
    const Kokkos::DefaultHostExecutionSpace host;
    const StartLabels start_labels = [&](std::span<const float> values, Index columns) {
        return start_groups(host, {values, counts.cells(), columns}, request);
    };
    std::filesystem::path folder;
    const Trained trained =
        entry->train(*used, request, annotated, start_labels, [&] { folder = made_folder(request.out); });
    if (trained.interrupted)
        print_notice(message("interrupted: going on with what was reached in epoch ", trained.best_epoch));
    if (trained.stopped_early)
        print_notice(message("stopped after epoch ", trained.epochs, ": the held-out bound was best in epoch ",
                             trained.best_epoch));

    const Coordinates latent{trained.latent, counts.cells(), trained.latent_size};
    Json scores;
    scores["cells"] = counts.cells();
    scores["genes"] = counts.genes();
    scores["genes_used"] = used->genes();
    scores["likelihood"] = request.likelihood;
    scores["prior"] = request.prior;
    scores["bound_train"] = trained.bound_train;
    scores["bound_test"] = trained.bound_test ? Json(*trained.bound_test) : Json();
    scores["log_likelihood_test"] = trained.log_likelihood_test ? Json(*trained.log_likelihood_test) : Json();
    H5adExtras extras;
    extras.obsm.push_back({"X_cellvae", trained.latent_size, trained.latent});
    Clusters clusters;
    if (clustering.by == "mixture") {
        const auto found = mixture_clusters(trained, annotated, request.merge);
        clusters = found.clusters;
        add_cluster_scores(scores, host, latent, clusters, clustering, labels);
        add_mixture_scores(scores, trained, found, labels);
        counts.obs.set({"cellvae_cluster", found.column});
        counts.obs.set({"cellvae_certainty", found.certainty});
        extras.obsm.push_back({"X_cellvae_responsibility", trained.components, trained.responsibilities});
    } else {
        clusters = find_clusters(host, latent, clustering, labels);
        add_cluster_scores(scores, host, latent, clusters, clustering, labels);
        counts.obs.set({"cellvae_cluster", cluster_column(clusters)});
    }
    if (request.compare) add_comparison(scores, host, latent, labels, request.seed);
    const auto units = active_units(latent.values, counts.cells(), trained.latent_size);
    if (units.count < trained.latent_size)
        print_notice(message("warning: ", trained.latent_size - units.count, " of ", trained.latent_size,
                             " latent dimensions are not in use; a lower --kl-weight or --latent may help"));
    scores["latent"] = trained.latent_size;
    if (!latent_names.empty()) scores["latent_names"] = latent_names;
    scores["active_units"] = units.count;
    scores["epochs"] = trained.epochs;
    scores["start_epochs"] = trained.start_epochs;
    scores["best_epoch"] = trained.best_epoch;
    scores["interrupted"] = trained.interrupted;
    scores["seed"] = request.seed;
    scores["threads"] = Kokkos::DefaultExecutionSpace().concurrency();
    scores["cells_per_second"] = trained.cells_per_second;
    counts.var.set({"highly_variable", variable});
    write_h5ad(folder / "cells.h5ad", counts, extras);
    write_text_atomically(folder / "history.csv", trained.history);
    scores["model"] = trained.model;
    write_scores(scores, folder, start);
    print_notice(message("written to ", (folder / "cells.h5ad").string(), ", history.csv and scores.json beside it"));
}

}  // namespace cellvae::program
