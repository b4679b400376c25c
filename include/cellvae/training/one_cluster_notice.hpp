// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

/// What to say where merging left one cluster of several components: training has seen them hold cells, and still there
/// is nothing between them.
/// @param in_use components that hold cells @param kl_weight that the mixture was trained with
[[nodiscard]] inline std::string one_cluster_notice(Index components, Index in_use, double kl_weight) {
    return message("warning: the ", in_use, " of ", components,
                   " components that hold cells are one cluster: the cells are of one type, or the mixture collapsed. "
                   "To try: ",
                   kl_weight > 1
                       ? message("a KL weight of 1 or less, here it is ", kl_weight,
                                 ", at which telling cells apart costs more than it explains")
                       : std::string("more epochs of the plain model that it starts from, more components, or "
                                     "less merging"));
}

}  // namespace cellvae
