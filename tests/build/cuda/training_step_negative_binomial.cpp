// SPDX-License-Identifier: Apache-2.0
// expect-kernel: device_zeros<cellvae::NegativeBinomial<cellvae::MeanDispersion[,>]
// expect-kernel: device_nonzeros<cellvae::NegativeBinomial<cellvae::MeanDispersion[,>]
// expect-kernel: device_zeros<cellvae::NegativeBinomial<cellvae::TotalCountProbability[,>]
// expect-kernel: device_nonzeros<cellvae::NegativeBinomial<cellvae::TotalCountProbability[,>]
#include "cellvae/distributions/negative_binomial.hpp"

#include "training_step.hpp"

template double train_on_device<cellvae::NegativeBinomial<cellvae::MeanDispersion>>(const Kokkos::Cuda&,
                                                                                    const cellvae::CellsView&,
                                                                                    const cellvae::ModelOptions&);
template double train_on_device<cellvae::NegativeBinomial<cellvae::TotalCountProbability>>(
    const Kokkos::Cuda&, const cellvae::CellsView&, const cellvae::ModelOptions&);
