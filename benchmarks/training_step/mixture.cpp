// SPDX-License-Identifier: Apache-2.0
#include "cellvae/priors/gaussian_mixture.hpp"

#include "step.hpp"

namespace cellvae_benchmarks {

void time_mixture(const StepSizes& sizes, const cellvae::ModelOptions& options) {
    time_steps<cellvae::GaussianMixture<>, float>(sizes, options);
}

}  // namespace cellvae_benchmarks
