// SPDX-License-Identifier: Apache-2.0
#include "clustering.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "cellvae/clustering/approximate_neighbours.hpp"
#include "cellvae/clustering/k_means.hpp"
#include "cellvae/data/row_sample.hpp"
#include "cellvae/evaluation/cluster_count.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

/// Columns that are taken for labels where the user names none, in this order.
constexpr std::array<std::string_view, 7> label_columns{
    "cell_type", "celltype", "assigned_cluster", "cell_types", "labels", "cell_ontology_class", "label"};

/// So many cells' neighbours are exact; of more cells hnswlib looks for them, where it is there.
constexpr Index most_exact = 50000;

Neighbours neighbours_of(const Kokkos::DefaultHostExecutionSpace& host, std::span<const float> values, Index cells,
                         Index columns, int count) {
    if (cells > most_exact) {
#ifdef CELLVAE_WITH_HNSWLIB
        print_notice(
            message("neighbours of ", cells, " cells: approximate, by hnswlib (exact up to ", most_exact, ")"));
        return approximate_neighbours(host, values, cells, columns, count, {}, ProgressLine("neighbours", cells));
#else
        print_notice(message("neighbours of ", cells,
                             " cells: all distances, which takes long; a cellvae that is built ",
                             "with hnswlib looks for them above ", most_exact, " cells"));
#endif
    }
    return nearest_neighbours(host, values, cells, columns, count, ProgressLine("neighbours", cells));
}

/// Nothing for decimal numbers, which are no labels.
std::optional<KnownLabels> known_labels(const AnnotationColumn& column) {
    auto values = as_labels(column);
    if (!values) return std::nullopt;
    const auto in_use = static_cast<int>(used_categories(*values).categories.size());
    return KnownLabels{column.name, std::move(*values), in_use};
}

/// A column that the user named. @throws OptionError
KnownLabels named_labels(const AnnotationColumn& column, const std::string& file) {
    auto labels = known_labels(column);
    if (!labels)
        throw OptionError(message(file, ": the column ", column.name, " holds decimal numbers, which are no labels"));
    if (labels->in_use == 0)
        throw OptionError(message(file, ": no cell has a value in the column ", column.name,
                                  "; name one that some cells have, or leave it out"));
    return *std::move(labels);
}

}  // namespace

Categorical used_categories(const Categorical& column) {
    std::vector<std::int32_t> number(column.categories.size(), -1);
    for (const auto code : column.codes)
        if (code >= 0) number[static_cast<std::size_t>(code)] = 0;
    Categorical used = column;
    used.categories.clear();
    for (std::size_t k = 0; k < number.size(); ++k) {
        if (number[k] < 0) continue;
        number[k] = static_cast<std::int32_t>(used.categories.size());
        used.categories.push_back(column.categories[k]);
    }
    for (auto& code : used.codes)
        if (code >= 0) code = number[static_cast<std::size_t>(code)];
    return used;
}

std::optional<KnownLabels> find_labels(const CountMatrix& counts, const std::string& asked, const std::string& file) {
    if (asked == "none") return std::nullopt;
    if (asked != "auto") {
        if (const auto* column = counts.obs.find(asked)) return named_labels(*column, file);
        std::string names;
        for (const auto& column : counts.obs.columns) names += (names.empty() ? "" : ", ") + column.name;
        throw OptionError(message(file, ": there is no column ", asked, " among the cells' annotations; there ",
                                  names.empty() ? "are none" : "are " + names));
    }
    for (const auto candidate : label_columns) {
        const auto* column = counts.obs.find(candidate);
        if (column == nullptr) continue;
        if (auto labels = known_labels(*column); labels && labels->in_use > 0) return labels;
    }
    return std::nullopt;
}

void check_clustering(const ClusteringRequest& request, Index cells, const std::string& file) {
    if (request.by != "kmeans" && request.by != "leiden")
        throw OptionError(message("--cluster-by is kmeans or leiden; found ", request.by));
    if (request.by == "leiden" && !leiden_is_there()) throw OptionError(without_leiden("--cluster-by leiden"));
    if (request.clusters > cells)
        throw OptionError(message("--clusters ", request.clusters, " is more than the ", cells, " cells of ", file));
}

Clusters find_clusters(const Kokkos::DefaultHostExecutionSpace& host, const Coordinates& coordinates,
                       const ClusteringRequest& request, const std::optional<KnownLabels>& labels) {
    if (request.by == "leiden") return leiden_clusters(coordinates.graph(host), request.resolution, request.seed);
    Clusters clusters{{}, request.clusters, "--clusters"};
    if (clusters.number == 0 && labels) {
        clusters.number = labels->in_use;
        clusters.from = "the number of labels";
    }
    if (clusters.number > 0) {
        clusters.codes = k_means_labels(host, coordinates, clusters.number, request.seed);
        return clusters;
    }
    ClusterCountOptions options{.k_means = {.seed = request.seed}};
    const auto numbers =
        static_cast<Index>(std::min<Index>(options.largest, coordinates.cells - 1) - options.smallest + 1);
    options.progress = ProgressLine("number of clusters", numbers, "numbers");
    auto chosen = choose_cluster_count(host, coordinates.values, coordinates.cells, coordinates.columns, options);
    print_notice(message("clusters: ", chosen.clusters, ", the number from 2 to 25 with the best silhouette"));
    return {std::move(chosen.labels), chosen.clusters, "the best silhouette of 2 to 25"};
}

std::vector<std::int32_t> k_means_labels(const Kokkos::DefaultHostExecutionSpace& host, const Coordinates& coordinates,
                                         int clusters, std::uint64_t seed) {
    KMeansOptions options{.clusters = clusters, .seed = seed};
    options.progress = ProgressLine("k-means", options.restarts, "starts");
    return k_means(host, coordinates.values, coordinates.cells, coordinates.columns, options).labels;
}

const NeighbourGraph& Coordinates::graph(const Kokkos::DefaultHostExecutionSpace& host) const {
    if (!kept_graph) {
        if (!leiden_is_there()) throw OptionError(without_leiden("Leiden"));  // before its neighbours are looked for
        kept_graph.emplace(neighbours(host));
    }
    return *kept_graph;
}

const Neighbours& Coordinates::neighbours(const Kokkos::DefaultHostExecutionSpace& host) const {
    constexpr int most = 15;  // scanpy's default, which counts the cell itself
    if (!kept_neighbours)
        kept_neighbours =
            neighbours_of(host, values, cells, columns, static_cast<int>(std::min<Index>(most, cells)) - 1);
    return *kept_neighbours;
}

SpreadLabels spread_over(const Coordinates& coordinates, const Kokkos::DefaultHostExecutionSpace& host,
                         std::span<const std::int32_t> known, int labels) {
    const Neighbours& neighbours = coordinates.neighbours(host);
    const WaitingLine line("labels spread over neighbours");
    return spread_labels(host, coordinates.values, coordinates.columns, neighbours, known, labels);
}

Clusters leiden_clusters(const NeighbourGraph& graph, double resolution, std::uint64_t seed) {
    return clusters_of(graph.leiden(resolution, seed), message("Leiden at resolution ", resolution));
}

Clusters clusters_of(std::vector<std::int32_t> codes, std::string from) {
    const int number = codes.empty() ? 0 : 1 + *std::max_element(codes.begin(), codes.end());
    return {std::move(codes), number, std::move(from)};
}

std::optional<Silhouette> silhouette_of_groups(const Kokkos::DefaultHostExecutionSpace& host,
                                               const Coordinates& coordinates, std::span<const std::int32_t> codes) {
    const auto sample =
        evenly_spaced_rows(coordinates.values, coordinates.cells, coordinates.columns, most_for_silhouette);
    const auto some = sample.of(codes);
    std::set<std::int32_t> groups(some.begin(), some.end());
    groups.erase(groups.begin(), groups.lower_bound(0));
    if (groups.size() < 2) return std::nullopt;
    const auto count = static_cast<Index>(some.size());
    auto found = silhouette(host, sample.values, count, coordinates.columns, some, ProgressLine("silhouette", count));
    std::vector<double> all(codes.size(), std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < some.size(); ++i) all[sample.rows[i]] = found.cells[i];
    found.cells = std::move(all);
    return found;
}

void add_cluster_scores(nlohmann::ordered_json& scores, const Kokkos::DefaultHostExecutionSpace& host,
                        const Coordinates& coordinates, const Clusters& clusters, const ClusteringRequest& request,
                        const std::optional<KnownLabels>& labels) {
    using Json = nlohmann::ordered_json;
    scores["labels"] = labels ? Json(labels->column) : Json();
    const auto found = labels ? silhouette_of_groups(host, coordinates, labels->values.codes) : std::nullopt;
    scores["silhouette"] = found ? Json(found->mean) : Json();
    if (found && coordinates.cells > most_for_silhouette) scores["silhouette_cells"] = most_for_silhouette;
    scores["ari"] = labels ? Json(adjusted_rand_index(labels->values.codes, clusters.codes)) : Json();
    scores["nmi"] = labels ? Json(normalised_mutual_information(labels->values.codes, clusters.codes)) : Json();
    scores["cluster_by"] = request.by;
    scores["clusters"] = clusters.number;
    scores["clusters_from"] = clusters.from;
}

Categorical cluster_column(const Clusters& clusters) {
    Categorical column;
    for (int k = 0; k < clusters.number; ++k) column.categories.push_back(std::to_string(k));
    column.codes = clusters.codes;
    return column;
}

}  // namespace cellvae::program
