// SPDX-License-Identifier: Apache-2.0
#include "start_groups.hpp"

#include "cellvae/clustering/small_groups.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

/// A group of at most so large a share of the cells is small: what is rare starts by itself, though no coarse
/// clustering of the graph would keep it apart.
constexpr double small_share = 0.02;

/// Groups of the graph at the resolution, or at the nearest tried at which there are as many as the request allows:
/// components are merged to clusters later, never divided. @param resolution becomes the one taken
Clusters groups_of_graph(const NeighbourGraph& graph, const TrainRequest& request, double& resolution) {
    Clusters groups = leiden_clusters(graph, resolution, request.seed);
    const auto again = [&](double factor) {
        resolution *= factor;
        groups = leiden_clusters(graph, resolution, request.seed);
    };
    while (request.components > 0 && groups.number > request.components && resolution > 0.02) again(0.8);
    while (groups.number < request.clusters && resolution < 50) again(1.25);
    return groups;
}

/// The small ones of a finer clustering beside the groups.
Clusters and_small_groups(const Clusters& groups, const NeighbourGraph& graph, double finer,
                          const TrainRequest& request) {
    const Clusters fine = leiden_clusters(graph, finer, request.seed);
    const auto most = static_cast<Index>(small_share * static_cast<double>(groups.codes.size()));
    return clusters_of(with_small_groups(groups.codes, fine.codes, most),
                       message(groups.from, ", and the small groups at ", finer));
}

}  // namespace

std::string start_of(const TrainRequest& request, Index cells) {
    if (request.start != "auto") return request.start;
    return leiden_is_there() && cells <= most_for_leiden ? "leiden" : "kmeans";
}

StartedFrom groups_to_start_from(const Kokkos::DefaultHostExecutionSpace& host, const Coordinates& latent,
                                 const TrainRequest& request, const Annotated& annotated) {
    if (!annotated.known.empty())
        return {spread_over(latent, host, annotated.known, static_cast<int>(annotated.label_names.size())).labels,
                "the known labels"};
    const auto from_k_means = [&] {
        return StartedFrom{k_means_labels(host, latent, placed_components(request), request.seed), "kmeans"};
    };
    if (start_of(request, latent.cells) == "kmeans") return from_k_means();
    const NeighbourGraph& graph = latent.graph(host);
    double resolution = request.start_resolution;
    Clusters groups = groups_of_graph(graph, request, resolution);
    if (request.components > 0 && groups.number > request.components) {
        print_notice(message("the neighbour graph has no fewer than ", groups.number,
                             " groups, more than --components ", request.components,
                             ": the mixture starts from k-means"));
        return from_k_means();
    }
    if (request.components == 0) groups = and_small_groups(groups, graph, 2 * resolution, request);
    print_notice(message("the mixture starts from ", counted(groups.number, "group"), " of the neighbour graph (",
                         groups.from, ")"));
    return {groups.codes, "leiden"};
}

}  // namespace cellvae::program
