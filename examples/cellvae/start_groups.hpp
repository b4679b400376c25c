// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clustering.hpp"
#include "request.hpp"

// Where the components of a mixture start.

namespace cellvae::program {

/// What --start is, or auto stands for.
[[nodiscard]] std::string start_of(const TrainRequest& request, Index cells);

/// The group of each cell on which a component is placed: where labels are known these, spread over the neighbours,
/// else groups of the neighbour graph or of k-means.
/// @param latent of the plain model
[[nodiscard]] StartedFrom groups_to_start_from(const Kokkos::DefaultHostExecutionSpace& host, const Coordinates& latent,
                                               const TrainRequest& request, const Annotated& annotated);

}  // namespace cellvae::program
