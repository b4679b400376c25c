// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/priors/any_prior.hpp"

// The priors are compiled once, in latent_models.cpp, and not with every likelihood.
namespace cellvae {

extern template std::unique_ptr<priors_detail::LatentModel<float, Kokkos::DefaultExecutionSpace>>
make_latent_model<float, Kokkos::DefaultExecutionSpace, Mlp<>>(
    ParameterStore<float, Kokkos::DefaultExecutionSpace>& store,
    ParameterStore<float, Kokkos::DefaultExecutionSpace>& state, Index genes, const InferenceOptions& options);

}  // namespace cellvae
