// SPDX-License-Identifier: Apache-2.0
// A likelihood of one's own: checked, zero-inflated, and trained. README.md explains the steps.
#include <cellvae/data/dataset.hpp>
#include <cellvae/data/simulator.hpp>
#include <cellvae/data/split.hpp>
#include <cellvae/distributions/zero_inflated.hpp>
#include <cellvae/models/vae.hpp>
#include <cellvae/testing/conformance.hpp>
#include <cellvae/training/trainer.hpp>

#include <Kokkos_Core.hpp>

#include <cstdio>

#include "generalised_poisson.hpp"

static_assert(cellvae::Likelihood<GeneralisedPoisson>);
using ZeroInflatedGeneralisedPoisson = cellvae::ZeroInflated<GeneralisedPoisson>;

template <class L>
bool holds() {
    const auto report = cellvae::check_likelihood<L>();
    std::printf("%s", report.text().c_str());
    return report.passed();
}

int main() {
    Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    if (!holds<GeneralisedPoisson>() || !holds<ZeroInflatedGeneralisedPoisson>()) return 1;

    cellvae::SimulationOptions options;
    options.cells = 400;
    options.genes = 300;
    options.types = 3;
    options.mean_count = 1;
    const auto simulated = cellvae::simulate(Kokkos::DefaultHostExecutionSpace(), options);

    const Kokkos::DefaultExecutionSpace exec;
    using Model = cellvae::Vae<cellvae::Mlp<cellvae::Relu>, cellvae::StandardGaussian, ZeroInflatedGeneralisedPoisson>;
    cellvae::ModelOptions sizes;
    sizes.latent = 3;
    sizes.hidden = {32};
    sizes.scale = cellvae::MeanScale::library;
    Model model(exec, options.genes, sizes);
    const auto data = cellvae::make_dataset<ZeroInflatedGeneralisedPoisson>(exec, simulated.counts);
    model.start_from(exec, data);
    cellvae::TrainingOptions training;
    training.epochs = 30;
    training.minibatch = 64;
    const auto result = cellvae::train(exec, model, data, cellvae::split_cells(options.cells), training);
    const auto& first = result.history.front();
    const auto& last = result.history.back();
    std::printf("bound of held-out cells: %.2f after one epoch, %.2f after %d\n", (*first.held_out)[0],
                (*last.held_out)[0], static_cast<int>(last.epoch));
    return (*last.held_out)[0] > (*first.held_out)[0] ? 0 : 1;
}
