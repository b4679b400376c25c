// SPDX-License-Identifier: Apache-2.0
// The kernels of the priors whose KL is sampled, and of the importance-weighted bound.
//
// clang-format off
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::prepare_mixture<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_log_density<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_log_share<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_density_by_z<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_density_by_components<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_density_by_logits<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::log_softmax_weights<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::importance_weights<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::sampled_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::sampled_terms<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::dense_inputs<
// clang-format on
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "cellvae/priors/vamp_prior.hpp"

#include "training_step.hpp"

template double train_on_device<cellvae::Poisson, cellvae::VampPrior>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                                      const cellvae::ModelOptions&);
template double train_on_device<cellvae::Poisson, cellvae::MarginalGaussianMixture>(const Kokkos::Cuda&,
                                                                                    const cellvae::CellsView&,
                                                                                    const cellvae::ModelOptions&);

void start_on_device(const Kokkos::Cuda& device, const cellvae::ParameterStore<float, Kokkos::Cuda>& parameters,
                     const cellvae::Dataset<Kokkos::Cuda>& data, std::span<const cellvae::Index> cells) {
    cellvae::start_pseudo_inputs(device, parameters, data, cells, 1);
}

using Marginal = cellvae::MarginalGaussianMixture::Inference<float, Kokkos::Cuda, cellvae::Mlp<>>;
auto responsibilities_on_device(const Marginal& inference, const cellvae::Pass<float, Kokkos::Cuda>& pass) {
    return inference.log_responsibilities(pass);
}
