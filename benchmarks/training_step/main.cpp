// SPDX-License-Identifier: Apache-2.0
// Times one training step (forward, gradient, Adam) of a VAE on made-up counts.
//
//   benchmark_training_step [--cells 128] [--genes 16791] [--hidden 128] [--latent 10] [--steps 20] [--shared]
//   [--threads N]
//
// The counts are Poisson with rates uniform in 0 .. 0.1, one in twenty of them not zero, as a single-cell file has.
// Prints one line of JSON: the median, least and largest milliseconds a step and cells/s.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/models/vae.hpp"
#include "cellvae/training/adam.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultExecutionSpace;
using Clock = std::chrono::steady_clock;
using Model = Vae<Mlp<Relu>, StandardGaussian, ZeroInflated<NegativeBinomial<MeanDispersion>>>;

CountMatrix random_counts(Index cells, Index genes) {
    CountMatrix matrix;
    RandomStream random(0, Purpose::simulation);
    std::vector<double> rates(static_cast<std::size_t>(genes));
    for (Index gene = 0; gene < genes; ++gene) matrix.var.names.push_back(std::to_string(gene));
    for (Index cell = 0; cell < cells; ++cell) {
        for (Index gene = 0; gene < genes; ++gene) {
            const double limit = std::exp(-0.1 * random.uniform<double>());
            int count = -1;
            for (double product = 1; product > limit; ++count) product *= random.uniform<double>();
            if (count <= 0) continue;
            matrix.columns.push_back(static_cast<GeneIndex>(gene));
            matrix.values.push_back(static_cast<float>(count));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back(std::to_string(cell));
    }
    return matrix;
}

int run(int argc, char* argv[]) {
    Index cells = 128, genes = 16791, hidden = 128, latent = 10, steps = 20;
    ModelOptions options;
    options.scale = MeanScale::library;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const auto number = [&] { return i + 1 < argc ? std::atol(argv[++i]) : 0; };
        if (word == "--cells")
            cells = number();
        else if (word == "--genes")
            genes = number();
        else if (word == "--hidden")
            hidden = number();
        else if (word == "--latent")
            latent = number();
        else if (word == "--steps")
            steps = number();
        else if (word == "--threads")
            number();
        else if (word == "--shared")
            options.shared = {"log_dispersion"};
        else {
            std::fprintf(stderr, "unknown option %s\n", word.c_str());
            return 2;
        }
    }
    options.hidden = {hidden};
    options.latent = latent;
    const Exec exec;
    const CountMatrix counts = random_counts(cells, genes);
    const auto data = make_dataset<Model::likelihood_type>(exec, counts);
    Model model(exec, genes, options);
    model.start_from(exec, data);
    Minibatch<float, Exec> batch(exec, data, cells);
    Kokkos::View<Index*, Exec> order("order", static_cast<std::size_t>(cells));
    for (Index cell = 0; cell < cells; ++cell) order(cell) = cell;
    Adam<float, Exec> adam(exec, model.parameters(), {});
    std::vector<double> times;
    double bound = 0;
    for (Index step = 0; step < steps + 4; ++step) {
        const auto start = Clock::now();
        batch.assemble(exec, data, order);
        bound = model.gradient(exec, batch, {.step = static_cast<std::uint32_t>(step)})[0];
        adam.step(exec, model.parameters());
        exec.fence();
        if (step >= 4) times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    const double median = times[times.size() / 2];
    std::printf(
        "{\"model\": \"%s\", \"cells\": %ld, \"genes\": %ld, \"hidden\": %ld, \"latent\": %ld, \"shared\": %s, "
        "\"threads\": %d, "
        "\"ms\": %.2f, \"ms_least\": %.2f, \"ms_largest\": %.2f, \"cells_per_second\": %.0f, \"bound\": %.3f}\n",
        Model::name().c_str(), cells, genes, hidden, latent, options.shared.empty() ? "false" : "true",
        exec.concurrency(), median, times.front(), times.back(), static_cast<double>(cells) / median * 1000, bound);
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) {
    Kokkos::InitializationSettings settings;
    settings.set_disable_warnings(true);
    for (int i = 1; i + 1 < argc; ++i)
        if (std::strcmp(argv[i], "--threads") == 0) settings.set_num_threads(std::atoi(argv[i + 1]));
    Kokkos::ScopeGuard kokkos(settings);
    return run(argc, argv);
}
