// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/vamp_prior.hpp"

#include "step.hpp"

namespace cellvae_benchmarks {

void time_vamp(const StepSizes& sizes, const cellvae::ModelOptions& options) {
    time_steps<cellvae::VampPrior, float>(sizes, options, options.vamp.pseudo_inputs);
}

}  // namespace cellvae_benchmarks
