// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <Kokkos_Core.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cellvae/clustering/silhouette.hpp"
#include "cellvae/clustering/spread_labels.hpp"
#include "cellvae/core/count_matrix.hpp"
#include "leiden.hpp"

// From coordinates to clusters and scores: what the commands share.

namespace cellvae::program {

/// Of more cells so many, evenly spaced, stand for all in a silhouette: its time grows with their square.
inline constexpr Index most_for_silhouette = 20000;

/// How clusters are found in coordinates.
struct ClusteringRequest {
    std::string by = "kmeans";
    int clusters = 0;         ///< of k-means; 0: as many as labels, or by silhouette
    double resolution = 0.6;  ///< of leiden
    std::uint64_t seed = 1;
};

/// Known types of the cells, from a column of obs.
struct KnownLabels {
    std::string column;
    Categorical values;  ///< codes from 0 on, -1 where missing
    int in_use = 0;      ///< how many different ones cells have
};

/// Coordinates of the cells, that of a latent or of principal components: cells x columns, row-major.
struct Coordinates {
    std::span<const float> values;
    Index cells = 0;
    Index columns = 0;
    mutable std::optional<Neighbours> kept_neighbours{};
    mutable std::optional<NeighbourGraph> kept_graph{};

    /// The 14 nearest of each cell, exact up to 50,000 cells; found when they are first asked for.
    [[nodiscard]] const Neighbours& neighbours(const Kokkos::DefaultHostExecutionSpace& host) const;

    /// Their graph, made when it is first asked for: once for all that clusters by it.
    /// @throws OptionError where the program was built without igraph
    [[nodiscard]] const NeighbourGraph& graph(const Kokkos::DefaultHostExecutionSpace& host) const;
};

/// The clusters that were found: one from 0 on for each cell.
struct Clusters {
    std::vector<std::int32_t> codes;
    int number = 0;
    std::string from;  ///< why so many
};

/// A column without the categories that no row has.
[[nodiscard]] Categorical used_categories(const Categorical& column);

/// The labels that the user named, or with "auto" a well-known column's, or with "none" none.
/// @throws OptionError if there is no such column in `file`
[[nodiscard]] std::optional<KnownLabels> find_labels(const CountMatrix& counts, const std::string& asked,
                                                     const std::string& file);

/// @throws OptionError before any work, if the request cannot be met for so many cells
void check_clustering(const ClusteringRequest& request, Index cells, const std::string& file);

/// Clusters the cells as requested; says so where the number was chosen by silhouette.
[[nodiscard]] Clusters find_clusters(const Kokkos::DefaultHostExecutionSpace& host, const Coordinates& coordinates,
                                     const ClusteringRequest& request, const std::optional<KnownLabels>& labels);

/// The clusters of k-means, with a line of progress.
[[nodiscard]] std::vector<std::int32_t> k_means_labels(const Kokkos::DefaultHostExecutionSpace& host,
                                                       const Coordinates& coordinates, int clusters,
                                                       std::uint64_t seed);

/// Clusters numbered from 0, of which each has cells.
[[nodiscard]] Clusters clusters_of(std::vector<std::int32_t> codes, std::string from);

/// The label of each cell from those that are known, by the neighbours: spread_labels().
[[nodiscard]] SpreadLabels spread_over(const Coordinates& coordinates, const Kokkos::DefaultHostExecutionSpace& host,
                                       std::span<const std::int32_t> known, int labels);

/// The clusters of a neighbour graph.
[[nodiscard]] Clusters leiden_clusters(const NeighbourGraph& graph, double resolution, std::uint64_t seed);

/// The silhouette of groups of cells (a code each, below 0 where it is missing), with a line of progress; that of cells
/// that others stand for is not a number. Nothing where fewer than two groups have cells.
[[nodiscard]] std::optional<Silhouette> silhouette_of_groups(const Kokkos::DefaultHostExecutionSpace& host,
                                                             const Coordinates& coordinates,
                                                             std::span<const std::int32_t> codes);

/// Adds to the scores the labels' silhouette in the coordinates, and how the clusters agree with them; null where there
/// are no labels.
void add_cluster_scores(nlohmann::ordered_json& scores, const Kokkos::DefaultHostExecutionSpace& host,
                        const Coordinates& coordinates, const Clusters& clusters, const ClusteringRequest& request,
                        const std::optional<KnownLabels>& labels);

/// The clusters as a column of obs, with the names "0", "1", ...
[[nodiscard]] Categorical cluster_column(const Clusters& clusters);

}  // namespace cellvae::program
