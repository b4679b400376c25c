// SPDX-License-Identifier: Apache-2.0
// The loops over a panel's genes and over its nonzeros, where most of a step's time that is not products goes.
// likelihood_loop.sh compiles this file and asks GCC whether it vectorised them.
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/nn/output_layer_host.hpp"

using Zinb = cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::MeanDispersion>>;

template double cellvae::nn_detail::likelihood_row<Zinb, true, float, 3>(const Kokkos::Array<float*, 3>&, Index,
                                                                         const GeneIndex*, Index, Index,
                                                                         const GroupNonzeros<float, 3>&, Index,
                                                                         const Heads<float, 3>&, float);
template void cellvae::nn_detail::GroupNonzeros<float, 3>::compute<Zinb>(const Heads<float, 3>&);
