// SPDX-License-Identifier: Apache-2.0
#include "mixture_clusters.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/evaluation/merge_clusters.hpp"
#include "leiden.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

std::vector<std::int32_t> most_probable(const Trained& trained) {
    const auto components = static_cast<std::size_t>(trained.components);
    std::vector<std::int32_t> result;
    for (std::size_t at = 0; at < trained.responsibilities.size(); at += components) {
        const auto row = trained.responsibilities.begin() + static_cast<std::ptrdiff_t>(at);
        result.push_back(
            static_cast<std::int32_t>(std::max_element(row, row + static_cast<std::ptrdiff_t>(components)) - row));
    }
    return result;
}

}  // namespace

MixtureClusters mixture_clusters(const Trained& trained, const Annotated& annotated, double merge) {
    const auto components = static_cast<std::size_t>(trained.components);
    const auto cells = trained.responsibilities.size() / components;
    MixtureClusters found;
    const auto most = most_probable(trained);
    std::vector<bool> used(components);
    for (const auto k : most) used[static_cast<std::size_t>(k)] = true;
    found.components_in_use = static_cast<int>(std::count(used.begin(), used.end(), true));
    for (const float share : trained.responsibilities)
        if (share > 0) found.entropy -= static_cast<double>(share) * std::log(static_cast<double>(share));
    found.entropy /= static_cast<double>(cells);

    std::vector<std::int32_t> cluster_of(components);  // of each component
    if (!annotated.label_names.empty()) {
        for (std::size_t k = 0; k < components; ++k) cluster_of[k] = static_cast<std::int32_t>(k);
        found.clusters = {most, static_cast<int>(components), "the known labels"};
        found.column.categories = annotated.label_names;
        found.column.codes = most;
    } else {
        auto merged =
            merge_clusters(trained.responsibilities, static_cast<Index>(cells), trained.components, {.overlap = merge});
        found.overlap = merged.overlap;
        cluster_of = merged.cluster_of;
        found.clusters = {std::move(merged.labels), merged.clusters,
                          message(components, " components; those that overlap more than ", merge, " are one")};
        found.column = cluster_column(found.clusters);
    }
    for (std::size_t cell = 0; cell < cells; ++cell) {
        double sum = 0;
        for (std::size_t k = 0; k < components; ++k)
            if (cluster_of[k] == found.clusters.codes[cell])
                sum += static_cast<double>(trained.responsibilities[cell * components + k]);
        found.certainty.push_back(sum);
    }
    if (found.components_in_use < trained.components)
        print_notice(message(2 * found.components_in_use < trained.components ? "warning: " : "",
                             found.components_in_use, " of ", trained.components,
                             " components are in use; the others emptied"));
    print_notice(message("clusters: ", found.clusters.number, " of ", found.components_in_use, " components"));
    return found;
}

void add_mixture_scores(nlohmann::ordered_json& scores, const Trained& trained, const MixtureClusters& found,
                        const std::optional<KnownLabels>& labels) {
    scores["components"] = trained.components;
    scores["components_in_use"] = found.components_in_use;
    scores["started_from"] = trained.started_from;
    scores["entropy"] = found.entropy;
    scores["largest_overlap"] = found.overlap;
    double sum = 0;
    for (const double certainty : found.certainty) sum += certainty;
    scores["mean_certainty"] = sum / static_cast<double>(found.certainty.size());
    if (!labels) return;
    const auto unmerged = most_probable(trained);
    scores["components_ari"] = adjusted_rand_index(labels->values.codes, unmerged);
    scores["components_nmi"] = normalised_mutual_information(labels->values.codes, unmerged);
}

void add_comparison(nlohmann::ordered_json& scores, const Kokkos::DefaultHostExecutionSpace& host,
                    const Coordinates& latent, const std::optional<KnownLabels>& labels, std::uint64_t seed) {
    if (!labels) return;
    const auto add = [&](const std::string& name, const ClusteringRequest& request) {
        const Clusters clusters = find_clusters(host, latent, request, labels);
        scores[name + "_ari"] = adjusted_rand_index(labels->values.codes, clusters.codes);
        scores[name + "_nmi"] = normalised_mutual_information(labels->values.codes, clusters.codes);
        scores[name + "_clusters"] = clusters.number;
    };
    add("kmeans", {.by = "kmeans", .clusters = labels->in_use, .seed = seed});
    if (!leiden_is_there()) return;
    for (const double resolution : {0.3, 0.6, 1.0})
        add("leiden_" + std::string(resolution == 1.0   ? "1"
                                    : resolution == 0.3 ? "0.3"
                                                        : "0.6"),
            {.by = "leiden", .resolution = resolution, .seed = seed});
}

}  // namespace cellvae::program
