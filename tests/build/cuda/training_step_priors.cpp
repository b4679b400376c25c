// SPDX-License-Identifier: Apache-2.0
// The kernels of the priors beside the standard one: of the mixture its exact sum over clusters, the one that leaves
// out some, and Gumbel-softmax; of those whose KL is sampled theirs, and of the importance-weighted bound.
//
// clang-format off
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::add_clusters<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::add_clusters_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::log_softmax_rows<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_kl<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_weights<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::decoded_weights<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_terms<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_backward_rows<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_backward_prior<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_backward_logits<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_backward_weights<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mixture_log_ratio<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mean_at_most_probable<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::mark_kept<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::count_kept<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::number_kept<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::draw_gumbel<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::relaxed_members<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::relaxed_kl<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::relaxed_terms<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::relaxed_backward_rows<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::relaxed_backward_prior<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::relaxed_backward_logits<
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
#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "cellvae/priors/vamp_prior.hpp"

#include "training_step.hpp"

template double train_on_device<cellvae::Poisson, cellvae::GaussianMixture<>>(const Kokkos::Cuda&,
                                                                              const cellvae::CellsView&,
                                                                              const cellvae::ModelOptions&);
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
