// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/nn/mlp.hpp"

namespace cellvae {

/// The sizes that a prior's Inference is made with. A prior reads what concerns it.
struct InferenceOptions {
    Index latent = 10;
    Index samples = 1;            ///< of z for each cell, in training
    Index clusters = 10;          ///< of a mixture
    bool learned_weights = true;  ///< a mixture's mixing weights are learned, not uniform
    MlpOptions network{};         ///< of the encoders
};

}  // namespace cellvae
