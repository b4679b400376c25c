// SPDX-License-Identifier: Apache-2.0
// expect-kernel: device_zeros<cellvae::Bernoulli[,>]
// expect-kernel: device_nonzeros<cellvae::Bernoulli[,>]
// expect-kernel: device_zeros<cellvae::ContinuousBernoulli[,>]
// expect-kernel: device_nonzeros<cellvae::ContinuousBernoulli[,>]
// expect-kernel: device_zeros<cellvae::Gaussian[,>]
// expect-kernel: device_nonzeros<cellvae::Gaussian[,>]
#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"

#include "training_step.hpp"

template double train_on_device<cellvae::Bernoulli>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                    const cellvae::ModelOptions&);
template double train_on_device<cellvae::ContinuousBernoulli>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                              const cellvae::ModelOptions&);
template double train_on_device<cellvae::Gaussian>(const Kokkos::Cuda&, const cellvae::CellsView&,
                                                   const cellvae::ModelOptions&);
