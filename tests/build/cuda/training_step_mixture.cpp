// SPDX-License-Identifier: Apache-2.0
// The kernels of the mixture prior: its exact sum over clusters, the one that leaves out some, and Gumbel-softmax.
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
// clang-format on
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"

#include "training_step.hpp"

template double train_on_device<cellvae::Poisson, cellvae::GaussianMixture<>>(const Kokkos::Cuda&,
                                                                              const cellvae::CellsView&,
                                                                              const cellvae::ModelOptions&);
