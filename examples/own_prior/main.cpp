// SPDX-License-Identifier: Apache-2.0
// A prior of one's own: checked, and trained beside the standard Gaussian. README.md explains the steps.
#include <cellvae/data/dataset.hpp>
#include <cellvae/data/simulator.hpp>
#include <cellvae/data/split.hpp>
#include <cellvae/distributions/negative_binomial.hpp>
#include <cellvae/models/vae.hpp>
#include <cellvae/testing/prior_conformance.hpp>
#include <cellvae/training/trainer.hpp>

#include <Kokkos_Core.hpp>

#include <cmath>
#include <cstdio>
#include <string>

#include "laplace.hpp"

using Exec = Kokkos::DefaultExecutionSpace;
using Counts = cellvae::NegativeBinomial<cellvae::MeanDispersion>;
template <class Prior>
using Model = cellvae::Vae<cellvae::Mlp<cellvae::Relu>, Prior, Counts>;

/// Trains, says what became of the bound, and returns whether it rose.
template <class Prior>
bool trains(const Exec& exec, Model<Prior>& model, const cellvae::Dataset<Exec>& data) {
    model.start_from(exec, data);
    cellvae::TrainingOptions training;
    training.epochs = 30;
    training.minibatch = 64;
    const auto result = cellvae::train(exec, model, data, cellvae::split_cells(data.cells()), training);
    const double first = (*result.history.front().held_out)[0], last = (*result.history.back().held_out)[0];
    std::printf("prior %s: the bound of held-out cells is %.2f after one epoch, %.2f after %d\n",
                std::string(Prior::name).c_str(), first, last, static_cast<int>(result.history.back().epoch));
    return last > first;
}

int main() {
    Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    const auto report = cellvae::check_prior<LaplacePrior>();
    std::printf("%s", report.text().c_str());
    if (!report.passed()) return 1;

    cellvae::SimulationOptions options;
    options.cells = 400;
    options.genes = 300;
    options.types = 3;
    options.mean_count = 1;
    const auto simulated = cellvae::simulate(Kokkos::DefaultHostExecutionSpace(), options);

    const Exec exec;
    const auto data = cellvae::make_dataset<Counts>(exec, simulated.counts);
    cellvae::ModelOptions sizes;
    sizes.latent = 5;
    sizes.hidden = {32};
    sizes.scale = cellvae::MeanScale::library;
    Model<LaplacePrior> laplace(exec, options.genes, sizes);
    Model<cellvae::StandardGaussian> gaussian(exec, options.genes, sizes);
    const bool rose =
        trains<LaplacePrior>(exec, laplace, data) && trains<cellvae::StandardGaussian>(exec, gaussian, data);

    // What it learned has a name, as every parameter of a model has.
    const auto& parameters = laplace.parameters();
    const auto scales =
        Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), parameters.value(parameters.find("prior/log_scale")));
    std::printf("scales of the latent's dimensions:");
    for (std::size_t l = 0; l < scales.extent(1); ++l)
        std::printf(" %.3f", std::exp(static_cast<double>(scales(0, l))));
    std::printf("\n");
    return rose ? 0 : 1;
}
