// SPDX-License-Identifier: Apache-2.0

#include "step.hpp"

namespace cellvae_benchmarks {

void time_gaussian(const StepSizes& sizes, const cellvae::ModelOptions& options, bool is_double) {
    if (is_double)
        time_steps<cellvae::StandardGaussian, double>(sizes, options);
    else
        time_steps<cellvae::StandardGaussian, float>(sizes, options);
}

}  // namespace cellvae_benchmarks
