// SPDX-License-Identifier: Apache-2.0
#include "mixture_clusters.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/evaluation/merge_clusters.hpp"
#include "cellvae/io/model_file_description.hpp"
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

ComponentClusters cluster_components(const Trained& trained, const Annotated& annotated, double merge) {
    const auto components = static_cast<std::size_t>(trained.components);
    ComponentClusters result;
    std::vector<bool> used(components);
    for (const auto k : most_probable(trained)) used[static_cast<std::size_t>(k)] = true;
    result.components_in_use = static_cast<int>(std::count(used.begin(), used.end(), true));
    if (!annotated.label_names.empty()) {
        result.cluster_of.resize(components);
        std::iota(result.cluster_of.begin(), result.cluster_of.end(), 0);
        result.names = annotated.label_names;
        result.from = "the known labels";
    } else {
        const auto cells = static_cast<Index>(trained.responsibilities.size() / components);
        auto merged = merge_clusters(trained.responsibilities, cells, trained.components, {.overlap = merge});
        result.cluster_of = std::move(merged.cluster_of);
        for (int k = 0; k < merged.clusters; ++k) result.names.push_back(std::to_string(k));
        result.overlap = merged.overlap;
        result.from = message(components, " components; those that overlap more than ", merge, " are one");
    }
    if (result.components_in_use < trained.components)
        print_notice(message(2 * result.components_in_use < trained.components ? "warning: " : "",
                             result.components_in_use, " of ", trained.components,
                             " components are in use; the others emptied"));
    print_notice(message("clusters: ", result.names.size(), " of ", result.components_in_use, " components"));
    return result;
}

ComponentClusters cluster_components(const ModelDescription& description) {
    ComponentClusters result;
    result.cluster_of = description.cluster_of;
    result.names = description.label_names;
    result.from = "the clusters of the training";
    if (result.cluster_of.empty()) {  // before files had it
        result.cluster_of.resize(static_cast<std::size_t>(description.options.clusters));
        std::iota(result.cluster_of.begin(), result.cluster_of.end(), 0);
    }
    const auto clusters = 1 + *std::max_element(result.cluster_of.begin(), result.cluster_of.end());
    for (auto k = static_cast<std::int32_t>(result.names.size()); k < clusters; ++k)
        result.names.push_back(std::to_string(k));
    return result;
}

MixtureClusters mixture_clusters(std::span<const float> responsibilities, const ComponentClusters& components) {
    const std::size_t width = components.cluster_of.size();
    MixtureClusters found;
    std::vector<double> sums(components.names.size());
    for (std::size_t at = 0; at < responsibilities.size(); at += width) {
        std::fill(sums.begin(), sums.end(), 0.0);
        for (std::size_t k = 0; k < width; ++k)
            if (components.cluster_of[k] >= 0)
                sums[static_cast<std::size_t>(components.cluster_of[k])] +=
                    static_cast<double>(responsibilities[at + k]);
        const auto most = std::max_element(sums.begin(), sums.end());
        found.clusters.codes.push_back(static_cast<std::int32_t>(most - sums.begin()));
        found.certainty.push_back(*most);
    }
    found.clusters.number = static_cast<int>(components.names.size());
    found.clusters.from = components.from;
    found.column = {components.names, found.clusters.codes};
    return found;
}

void add_mixture_scores(nlohmann::ordered_json& scores, const Trained& trained, const ComponentClusters& components,
                        const MixtureClusters& found, const std::optional<KnownLabels>& labels) {
    const auto mean = [&](double sum) { return sum / static_cast<double>(found.certainty.size()); };
    double entropy = 0, certainty = 0;
    for (const float share : trained.responsibilities)
        if (share > 0) entropy -= static_cast<double>(share) * std::log(static_cast<double>(share));
    for (const double share : found.certainty) certainty += share;
    scores["components"] = trained.components;
    scores["components_in_use"] = components.components_in_use;
    scores["started_from"] = trained.started_from;
    scores["entropy"] = mean(entropy);
    scores["largest_overlap"] = components.overlap;
    scores["mean_certainty"] = mean(certainty);
    if (!labels) return;
    const auto unmerged = most_probable(trained);
    scores["components_ari"] = adjusted_rand_index(labels->values.codes, unmerged);
    scores["components_nmi"] = normalised_mutual_information(labels->values.codes, unmerged);
}

void add_comparison(nlohmann::ordered_json& scores, const Kokkos::DefaultHostExecutionSpace& host,
                    const Trained& trained, const Coordinates& latent, const std::optional<KnownLabels>& labels,
                    std::uint64_t seed) {
    if (!labels) return;
    const auto add = [&](const std::string& name, const Clusters& clusters) {
        scores[name + "_ari"] = adjusted_rand_index(labels->values.codes, clusters.codes);
        scores[name + "_nmi"] = normalised_mutual_information(labels->values.codes, clusters.codes);
        scores[name + "_clusters"] = clusters.number;
    };
    add("kmeans", find_clusters(host, latent, {.by = "kmeans", .clusters = labels->in_use, .seed = seed}, labels));
    for (const char* overlap : {"0.01", "0.02", "0.1", "0.2"}) {
        if (trained.responsibilities.empty()) break;
        auto merged =
            merge_clusters(trained.responsibilities, latent.cells, trained.components, {.overlap = std::stod(overlap)});
        add(message("merge_", overlap), {std::move(merged.labels), merged.clusters, {}});
    }
    if (!leiden_is_there()) return;
    const NeighbourGraph graph(host, latent.values, latent.cells, latent.columns);
    for (const char* resolution : {"0.3", "0.6", "1"})
        add(message("leiden_", resolution), leiden_clusters(graph, std::stod(resolution), seed));
}

}  // namespace cellvae::program
