// SPDX-License-Identifier: Apache-2.0
// Every kernel of training and evaluation; those that depend on the likelihood, for each of them.
//
// clang-format off
// expect-kernel: ParallelScan<cellvae::data_detail::assemble_minibatch<
// expect-kernel: ParallelFor<cellvae::data_detail::assemble_minibatch<
// expect-kernel: Parallel[A-Za-z]+<cellvae::core_detail::fill_elements<
// expect-kernel: Parallel[A-Za-z]+<cellvae::models_detail::add_base_measure<
// expect-kernel: Parallel[A-Za-z]+<cellvae::models_detail::start_log_mean_exp<
// expect-kernel: Parallel[A-Za-z]+<cellvae::models_detail::add_log_mean_exp<
// expect-kernel: Parallel[A-Za-z]+<cellvae::models_detail::finish_log_mean_exp<
// expect-kernel: Parallel[A-Za-z]+<cellvae::models_detail::mean_terms<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::sparse_forward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::sparse_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::models_detail::append_conditions<
// expect-kernel: Parallel[A-Za-z]+<cellvae::models_detail::take_latent<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::add_conditions<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::add_conditions_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::mask_elements<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::fill_rows<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::sum_rows<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::activate<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::activate_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::normalise_rows<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::normalise_rows_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::normalise_columns<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::normalise_columns_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::normalisation_parameters<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::device_start<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::device_rows<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::device_biases<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::device_logits_start<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::device_log_shares<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::device_logits_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::nn_detail::device_share_biases<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::draw_noise<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::reparametrise<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::standard_kl<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::closed_kl_terms<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::standard_backward<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::standard_log_density<
// expect-kernel: Parallel[A-Za-z]+<cellvae::priors_detail::subtract_log_q<
// expect-kernel: Parallel[A-Za-z]+<cellvae::training_detail::adam_update<
// expect-kernel: Parallel[A-Za-z]+<cellvae::training_detail::sum_of_squares<
// expect-kernel: Parallel[A-Za-z]+<cellvae::training_detail::FiniteCheck<
// expect-kernel: device_zeros<cellvae::Poisson[,>]
// expect-kernel: device_nonzeros<cellvae::Poisson[,>]
// expect-kernel: device_zeros<cellvae::ZeroInflated<cellvae::Poisson[,>]
// expect-kernel: device_nonzeros<cellvae::ZeroInflated<cellvae::Poisson[,>]
// expect-kernel: device_zeros<cellvae::NegativeBinomial<cellvae::MeanDispersion[,>]
// expect-kernel: device_nonzeros<cellvae::NegativeBinomial<cellvae::MeanDispersion[,>]
// expect-kernel: device_zeros<cellvae::NegativeBinomial<cellvae::TotalCountProbability[,>]
// expect-kernel: device_nonzeros<cellvae::NegativeBinomial<cellvae::TotalCountProbability[,>]
// expect-kernel: device_zeros<cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::MeanDispersion[,>]
// expect-kernel: device_nonzeros<cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::MeanDispersion[,>]
// expect-kernel: device_zeros<cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::TotalCountProbability[,>]
// expect-kernel: device_nonzeros<cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::TotalCountProbability[,>]
// expect-kernel: device_zeros<cellvae::Bernoulli[,>]
// expect-kernel: device_nonzeros<cellvae::Bernoulli[,>]
// expect-kernel: device_zeros<cellvae::ContinuousBernoulli[,>]
// expect-kernel: device_nonzeros<cellvae::ContinuousBernoulli[,>]
// expect-kernel: device_zeros<cellvae::Gaussian[,>]
// expect-kernel: device_nonzeros<cellvae::Gaussian[,>]
// clang-format on
#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"

#include "training_step.hpp"

template double train_on_device<cellvae::Poisson>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                  const cellvae::ModelOptions&);
template double train_on_device<cellvae::ZeroInflated<cellvae::Poisson>>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                                         const cellvae::ModelOptions&);
template double train_on_device<cellvae::NegativeBinomial<cellvae::MeanDispersion>>(const Kokkos::Cuda&,
                                                                                    const cellvae::CellsView&,
                                                                                    const cellvae::ModelOptions&);
template double train_on_device<cellvae::NegativeBinomial<cellvae::TotalCountProbability>>(
    const Kokkos::Cuda&, const cellvae::CellsView&, const cellvae::ModelOptions&);
template double train_on_device<cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::MeanDispersion>>>(
    const Kokkos::Cuda&, const cellvae::CellsView&, const cellvae::ModelOptions&);
template double train_on_device<cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::TotalCountProbability>>>(
    const Kokkos::Cuda&, const cellvae::CellsView&, const cellvae::ModelOptions&);
template double train_on_device<cellvae::Bernoulli>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                    const cellvae::ModelOptions&);
template double train_on_device<cellvae::ContinuousBernoulli>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                              const cellvae::ModelOptions&);
template double train_on_device<cellvae::Gaussian>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                   const cellvae::ModelOptions&);
