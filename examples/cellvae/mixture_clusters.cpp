// SPDX-License-Identifier: Apache-2.0
#include "mixture_clusters.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "cellvae/clustering/merge_clusters.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/io/model_file_description.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

ComponentMerge merged_components(const Trained& trained, const ComponentMergeOptions& merge) {
    return merge_components(trained.responsibilities, trained.components, trained.latent, trained.latent_size, merge);
}

MixtureClusters with_certainty(std::vector<std::int32_t> codes, std::vector<double> certainty,
                               const ComponentClusters& components) {
    MixtureClusters found;
    found.column = {components.names, codes};
    found.clusters = {std::move(codes), static_cast<int>(components.names.size()), components.from};
    found.certainty = std::move(certainty);
    return found;
}

}  // namespace

ComponentClusters cluster_components(const Trained& trained, const Annotated& annotated,
                                     const ComponentMergeOptions& merge) {
    const auto components = static_cast<std::size_t>(trained.components);
    ComponentClusters result;
    if (!annotated.label_names.empty()) {
        result.cluster_of.resize(components);
        std::iota(result.cluster_of.begin(), result.cluster_of.end(), 0);
        result.names = annotated.label_names;
        result.from = "the known labels";
    } else {
        auto merged = [&] {
            const WaitingLine line("merging components");
            return merged_components(trained, merge);
        }();
        const auto taken_back = taken_back_notices(merged);
        for (const auto& notice : taken_back) print_notice(notice);
        result.merges_taken_back = static_cast<int>(taken_back.size());
        for (const auto& pair : merged.merges)
            print_notice(message("clusters ", pair.first, " and ", pair.second,
                                 pair.p_value > pair.level ? " are" : " are nearest to being",
                                 " unimodal together (dip test, p = ", pair.p_value, "): they become one"));
        for (int k = 0; k < merged.clusters; ++k) result.names.push_back(std::to_string(k));
        result.from = message(counted(trained.components, "component"), "; those that overlap more than ",
                              merge.overlap, " are one, and those that are unimodal together (dip test at ",
                              merge.level, ", higher for few cells)");
        if (result.merges_taken_back > 0)
            result.from = message(result.from, "; not where that would blur what tells the cells apart");
        if (merge.clusters > 0)
            result.from = message(counted(trained.components, "component"), ", merged to --clusters");
        if (merged.clusters < merge.clusters)
            print_notice(message("warning: ", merge.clusters, " clusters were asked for, and only ", merged.clusters,
                                 " components have cells; more --components or fewer --epochs may help"));
        result.cluster_of = std::move(merged.cluster_of);
        result.overlap = merged.overlap;
        result.merges = std::move(merged.merges);
    }
    std::vector<bool> used(components);
    for (const auto k : most_likely_clusters(trained.responsibilities, trained.components))
        used[static_cast<std::size_t>(k)] = true;
    result.components_in_use = static_cast<int>(std::count(used.begin(), used.end(), true));
    if (result.components_in_use < trained.components)
        print_notice(message(result.components_in_use, " of ", counted(trained.components, "component"),
                             " are in use; the others emptied"));
    print_notice(message("clusters: ", result.names.size(), " of ", counted(result.components_in_use, "component")));
    return result;
}

ComponentClusters cluster_components(const ModelDescription& description) {
    ComponentClusters result;
    result.cluster_of = description.cluster_of;
    result.names = description.label_names;
    result.from = "the clusters of the training";
    if (result.cluster_of.empty()) {  // before files had it
        result.cluster_of.resize(static_cast<std::size_t>(description.options.mixture.clusters));
        std::iota(result.cluster_of.begin(), result.cluster_of.end(), 0);
    }
    const auto clusters = 1 + *std::max_element(result.cluster_of.begin(), result.cluster_of.end());
    for (auto k = static_cast<std::int32_t>(result.names.size()); k < clusters; ++k)
        result.names.push_back(std::to_string(k));
    return result;
}

MixtureClusters mixture_clusters(std::span<const float> responsibilities, const ComponentClusters& components) {
    const std::size_t width = components.cluster_of.size();
    std::vector<std::int32_t> codes =
        clusters_of_rows(responsibilities, components.cluster_of, static_cast<int>(components.names.size()));
    std::vector<double> certainty;
    certainty.reserve(codes.size());
    for (std::size_t cell = 0; cell < codes.size(); ++cell) {
        const auto shares = responsibilities.subspan(cell * width, width);
        double sum = 0;
        for (std::size_t k = 0; k < width; ++k)
            if (components.cluster_of[k] == codes[cell]) sum += static_cast<double>(shares[k]);
        certainty.push_back(std::min(sum, 1.0));  // which sums of rounded shares may exceed
    }
    return with_certainty(std::move(codes), std::move(certainty), components);
}

MixtureClusters label_clusters(const Kokkos::DefaultHostExecutionSpace& host, const Coordinates& latent,
                               std::span<const std::int32_t> known, const ComponentClusters& components) {
    auto spread = spread_over(latent, host, known, static_cast<int>(components.names.size()));
    return with_certainty(std::move(spread.labels), std::move(spread.certainty), components);
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
    scores["merged_unimodal"] = components.merges.size();
    scores["merges_taken_back"] = components.merges_taken_back;
    scores["mean_certainty"] = mean(certainty);
    if (!labels) return;
    const auto unmerged = most_likely_clusters(trained.responsibilities, trained.components);
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
    for (const char* overlap : {"0.02", "0.05", "0.07", "0.1", "1"})
        for (const char* level : {"0", "0.0001", "0.001", "0.01"}) {
            if (trained.responsibilities.empty()) break;
            const auto merged =
                merged_components(trained, {.overlap = std::stod(overlap), .level = std::stod(level), .seed = seed});
            add(message("merge_", overlap, "_", level), {merged.labels, merged.clusters, {}});
        }
    if (!leiden_is_there()) return;
    for (const char* resolution : {"0.3", "0.6", "1"})
        add(message("leiden_", resolution), leiden_clusters(latent.graph(host), std::stod(resolution), seed));
}

}  // namespace cellvae::program
