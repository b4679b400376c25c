// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cellvae/clustering/neighbours.hpp"

namespace cellvae::program {

/// Whether the program was built with igraph.
[[nodiscard]] bool leiden_is_there();

/// The error of `asked` where it was not: what is lost, what there is in its place, and how to have it.
[[nodiscard]] std::string without_leiden(const std::string& asked);

/// The cells' neighbour graph as scanpy makes it: neighbours with the weights of UMAP's fuzzy simplicial set (McInnes
/// et al. 2018). Made once, clustered at any resolution.
class NeighbourGraph {
public:
    /// @throws OptionError where the program was built without igraph
    explicit NeighbourGraph(const Neighbours& neighbours);

    /// Leiden (Traag et al. 2019) on modularity until it is stable, as scanpy's with flavor="igraph".
    /// @param resolution higher means more clusters
    /// @returns the cluster of each cell, the largest cluster first
    [[nodiscard]] std::vector<std::int32_t> leiden(double resolution, std::uint64_t seed) const;

    struct Edge {
        std::int32_t from, to;
        double weight;
    };

private:
    Index cells_;
    std::vector<Edge> edges_;
};

}  // namespace cellvae::program
