// SPDX-License-Identifier: Apache-2.0
#include "latent_models.hpp"

namespace cellvae {

template std::unique_ptr<priors_detail::LatentModel<float, Kokkos::DefaultExecutionSpace>>
make_latent_model<float, Kokkos::DefaultExecutionSpace, Mlp<>>(
    ParameterStore<float, Kokkos::DefaultExecutionSpace>& store,
    ParameterStore<float, Kokkos::DefaultExecutionSpace>& state, Index genes, const InferenceOptions& options);

}  // namespace cellvae
