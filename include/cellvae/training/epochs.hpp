// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "cellvae/core/views.hpp"

namespace cellvae {

/// How long a model that finds clusters is trained. Such models are best after few passes over the cells, and few cells
/// need more passes, until there are enough steps (benchmarks/cell_types).
struct EpochRule {
    double epochs;       ///< of up to 10,000 cells; of more in proportion fewer, but three
    double least_steps;  ///< minibatches, where the epochs have fewer
};

inline constexpr EpochRule plain_before_mixture{25, 150};  ///< of the plain model that a mixture starts from
inline constexpr EpochRule mixture_after_plain{10, 60};
inline constexpr EpochRule mixture_alone{40, 240};  ///< of a mixture that starts from random values

/// The epochs of a rule for so many cells. @param held_out share of them that is not trained on
[[nodiscard]] inline Index epochs_by(const EpochRule& rule, Index cells, double held_out, Index minibatch) {
    const double trained_on = static_cast<double>(cells) * (1 - held_out);
    const double steps = std::max(1.0, std::ceil(trained_on / static_cast<double>(minibatch)));  // an epoch
    const double scaled =
        std::clamp(10000 * rule.epochs / static_cast<double>(cells), std::min(3.0, rule.epochs), rule.epochs);
    return static_cast<Index>(std::max(scaled, std::ceil(rule.least_steps / steps)));
}

}  // namespace cellvae
