// SPDX-License-Identifier: Apache-2.0
// What a program does with a model on a device, for one likelihood and prior: training and evaluation, with all of
// their kernels.
#pragma once

#include "cellvae/training/trainer.hpp"

template <class L, class Prior = cellvae::StandardGaussian>
double train_on_device(const Kokkos::Cuda& device, const cellvae::CellsView& cells,
                       const cellvae::ModelOptions& options) {
    using namespace cellvae;
    const auto data = make_dataset<L>(device, cells);
    Vae<Mlp<>, Prior, L, float, Kokkos::Cuda> model(device, cells.genes(), options);
    model.start_from(device, data);
    const auto split = split_cells(cells.cells(), {.held_out = 0.1, .seed = 1});
    train(device, model, data, split, {.epochs = 10, .clip_norm = 1, .seed = 1});
    Minibatch<float, Kokkos::Cuda> batch(device, data, 128);
    const auto latent = latent_means(device, model, data, batch);
    return mean_log_likelihood(device, model, data, split.held_out, batch, 10, 1) + static_cast<double>(latent.front());
}
