// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

/// How a mixture's sum over clusters is taken in training. Bounds and estimates of held-out cells are always exact.
enum class ClusterSumKind {
    exact,      ///< every cluster of every cell is decoded
    threshold,  ///< clusters of small responsibility are not decoded: an approximation, that of ClusterSum::threshold
    gumbel_softmax,    ///< one decoding a cell, at a random point between the clusters (Jang et al. 2017; Maddison et
                       ///< al. 2017); its gradient is biased, and less so at a lower temperature, where it varies more
    straight_through,  ///< one decoding a cell, at a random cluster, with the gradient of gumbel_softmax
};

[[nodiscard]] constexpr std::string_view name_of(ClusterSumKind kind) {
    switch (kind) {
        case ClusterSumKind::exact:
            return "exact";
        case ClusterSumKind::threshold:
            return "threshold";
        case ClusterSumKind::gumbel_softmax:
            return "gumbel_softmax";
        case ClusterSumKind::straight_through:
            return "straight_through";
    }
    return "";
}

struct ClusterSum {
    ClusterSumKind kind = ClusterSumKind::exact;
    /// Of the kind threshold, from 0 to below 1: clusters with a q(y=k | x) below it are left out of the
    /// reconstruction, and the others' responsibilities divided by their sum there; the most probable cluster is never
    /// left out. The KL terms need no decoding and stay exact. 0 is the exact sum, bit for bit.
    double threshold = 0.01;
    /// Of the kind threshold: every so many steps all clusters are decoded, so that one that was left out can come
    /// back; 0: never.
    Index all_every = 100;

    /// Whether a cell has one row, between the clusters, in training.
    [[nodiscard]] bool is_relaxed() const {
        return kind == ClusterSumKind::gumbel_softmax || kind == ClusterSumKind::straight_through;
    }

    /// @throws OptionError for numbers out of range
    void check() const {
        if (!(threshold >= 0 && threshold < 1))
            throw OptionError(message("the threshold of responsibilities is from 0 to below 1, found ", threshold));
        if (all_every < 0)
            throw OptionError(message("all clusters are decoded every so many steps, 0 for never; found ", all_every));
    }
};

/// What is asked of a mixture, and read by mixtures alone.
struct MixtureOptions {
    Index clusters = 10;          ///< at least 1
    bool learned_weights = true;  ///< the mixing weights are learned, not uniform
    ClusterSum sum{};             ///< how the sum over clusters is taken, in training; of GaussianMixture
};

}  // namespace cellvae
