// SPDX-License-Identifier: Apache-2.0
// What both programs name: the model's type.
#pragma once

#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/training/trainer.hpp"

using namespace cellvae;
using CountLikelihood = NegativeBinomial<>;
using Model = Vae<Mlp<Relu>, StandardGaussian, CountLikelihood>;
