// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "cellvae/nn/mlp.hpp"
#include "cellvae/priors/cluster_sum.hpp"

namespace cellvae {

/// What is trained, and what held-out cells are given. With K samples z_k from q(z | x):
enum class Bound {
    elbo,                 ///< the mean of log p(x | z_k), less beta times the KL
    importance_weighted,  ///< log of the mean of p(x, z_k) / q(z_k | x) (Burda et al. 2016)
};

[[nodiscard]] constexpr std::string_view name_of(Bound bound) {
    return bound == Bound::elbo ? "elbo" : "importance_weighted";
}

/// The priors by name, for AnyPrior.
enum class PriorKind { gaussian, mixture, marginal_mixture, vamp };

[[nodiscard]] constexpr std::string_view name_of(PriorKind kind) {
    switch (kind) {
        case PriorKind::mixture:
            return "mixture";
        case PriorKind::marginal_mixture:
            return "marginal_mixture";
        case PriorKind::vamp:
            return "vamp";
        default:
            return "gaussian";
    }
}

/// Whether the prior is a mixture, whose components cells are clustered by.
[[nodiscard]] constexpr bool has_clusters(PriorKind kind) {
    return kind == PriorKind::mixture || kind == PriorKind::marginal_mixture;
}

/// What is asked of a VampPrior, and read by it alone.
struct VampOptions {
    Index pseudo_inputs = 500;  ///< at least 1
};

/// The sizes that a prior's Inference is made with. A prior reads what concerns it.
struct InferenceOptions {
    Index latent = 10;
    Index samples = 1;  ///< of z for each cell, in training
    MixtureOptions mixture{};
    VampOptions vamp{};
    Bound bound = Bound::elbo;              ///< read by priors with one q(z | x) a cell
    MlpOptions network{};                   ///< of the encoders
    PriorKind prior = PriorKind::gaussian;  ///< read by AnyPrior alone
};

}  // namespace cellvae
