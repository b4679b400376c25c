// SPDX-License-Identifier: Apache-2.0
// The shortest useful program: from a count file to latent coordinates. quick_start COUNTS
#include <cstdio>

#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/io/counts.hpp"
#include "cellvae/training/trainer.hpp"

using namespace cellvae;
using CountLikelihood = ZeroInflated<NegativeBinomial<>>;
using Model = Vae<Mlp<Relu>, StandardGaussian, CountLikelihood>;

int main(int argc, char* argv[]) {
    if (argc != 2) return std::puts("usage: quick_start COUNTS"), 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    const Kokkos::DefaultExecutionSpace exec;

    const CountMatrix cells = read_counts(argv[1]);
    const auto data = make_dataset<CountLikelihood>(exec, cells);  // checks every count
    Model model(exec, cells.genes(),
                {.latent = 10, .hidden = {128}, .scale = MeanScale::library, .shared = {"log_dispersion"}});
    model.start_from(exec, data);
    const auto result = train(exec, model, data, split_cells(cells.cells()), {.epochs = 20, .warm_up = 5});
    const std::vector<float> latent = latent_means(exec, model, data);  // cells x 10, row-major

    std::printf("held-out bound %.1f nats a cell; the first cell lies at %.2f, %.2f, ...\n",
                (*result.history.back().held_out)[0], latent[0], latent[1]);
}
