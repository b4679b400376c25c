// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <Kokkos_Core.hpp>
#include <span>
#include <vector>

#include "cellvae/core/views.hpp"

namespace cellvae::program {

struct LeidenOptions {
    int neighbours = 15;    ///< the cell itself counted, as scanpy does
    double resolution = 1;  ///< of modularity: higher means more clusters
    std::uint64_t seed = 1;
};

/// Whether the program was built with igraph.
[[nodiscard]] bool leiden_is_there();

/// Clusters of the cells' neighbour graph: exact neighbours, the weights of UMAP's fuzzy simplicial set (McInnes et al.
/// 2018) and Leiden (Traag et al. 2019) on modularity until it is stable, as scanpy's defaults with flavor="igraph".
/// @returns the cluster of each cell, the largest cluster first
/// @throws OptionError where the program was built without igraph
[[nodiscard]] std::vector<std::int32_t> leiden(const Kokkos::DefaultHostExecutionSpace& exec,
                                               std::span<const float> coordinates, Index cells, Index columns,
                                               const LeidenOptions& options);

}  // namespace cellvae::program
