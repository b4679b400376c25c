// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "cellvae/evaluation/latent.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/h5ad.hpp"
#include "clustering.hpp"
#include "commands.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

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
    const ClusteringRequest clustering{.clusters = request.clusters, .seed = request.seed};
    check_clustering(clustering, counts.cells(), request.counts);
    std::filesystem::path folder;
    const Trained trained = entry->train(counts, request, [&] { folder = made_folder(request.out); });
    if (trained.interrupted)
        print_notice(message("interrupted: going on with what was reached in epoch ", trained.best_epoch));
    if (trained.stopped_early)
        print_notice(message("stopped after epoch ", trained.epochs, ": the held-out bound was best in epoch ",
                             trained.best_epoch));

    const Kokkos::DefaultHostExecutionSpace host;
    const Coordinates latent{trained.latent, counts.cells(), request.latent};
    const Clusters clusters = find_clusters(host, latent, clustering, labels);
    const auto units = active_units(latent.values, counts.cells(), request.latent);
    using Json = nlohmann::ordered_json;
    Json scores;
    scores["cells"] = counts.cells();
    scores["genes"] = counts.genes();
    scores["likelihood"] = request.likelihood;
    scores["bound_train"] = trained.bound_train;
    scores["bound_test"] = trained.bound_test ? Json(*trained.bound_test) : Json();
    scores["log_likelihood_test"] = trained.log_likelihood_test ? Json(*trained.log_likelihood_test) : Json();
    add_cluster_scores(scores, host, latent, clusters, clustering, labels);
    scores["latent"] = request.latent;
    scores["active_units"] = units.count;
    scores["epochs"] = trained.epochs;
    scores["best_epoch"] = trained.best_epoch;
    scores["interrupted"] = trained.interrupted;
    scores["seed"] = request.seed;
    scores["threads"] = Kokkos::DefaultExecutionSpace().concurrency();
    scores["cells_per_second"] = trained.cells_per_second;

    counts.obs.set({"cellvae_cluster", cluster_column(clusters)});
    H5adExtras extras;
    extras.obsm.push_back({"X_cellvae", request.latent, trained.latent});
    write_h5ad(folder / "cells.h5ad", counts, extras);
    write_text_atomically(folder / "history.csv", trained.history);
    scores["model"] = trained.model;
    write_scores(scores, folder, start);
    print_notice(message("written to ", (folder / "cells.h5ad").string(), ", history.csv and scores.json beside it"));
}

}  // namespace cellvae::program
