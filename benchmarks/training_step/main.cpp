// SPDX-License-Identifier: Apache-2.0
// Times one training step (forward, gradient, Adam) of a VAE on made-up counts, or with --clusters of a mixture VAE.
//
//   benchmark_training_step [--cells 128] [--genes 16791] [--hidden 128] [--latent 10] [--steps 20] [--shared]
//   [--clusters 0] [--sum exact|threshold|gumbel_softmax|straight_through] [--threshold 0.01] [--threads N]
//
// The counts are Poisson with rates uniform in 0 .. 0.1, one in twenty of them not zero, as a single-cell file has.
// Prints one line of JSON: the median, least and largest milliseconds a step, cells/s, and the rows decoded a step.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "../options.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/models/vae.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/training/adam.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultExecutionSpace;
using Clock = std::chrono::steady_clock;
using Zinb = ZeroInflated<NegativeBinomial<MeanDispersion>>;

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

template <class Prior>
void time_steps(Index cells, Index genes, Index steps, const ModelOptions& options) {
    using Model = Vae<Mlp<Relu>, Prior, Zinb>;
    const Exec exec;
    const CountMatrix counts = random_counts(cells, genes);
    const auto data = make_dataset<Zinb>(exec, counts);
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
        "\"threads\": %d, \"ms\": %.2f, \"ms_least\": %.2f, \"ms_largest\": %.2f, \"cells_per_second\": %.0f, "
        "\"rows\": %.1f, \"bound\": %.3f}\n",
        Model::name().c_str(), cells, genes, options.hidden[0], options.latent,
        options.shared.empty() ? "false" : "true", exec.concurrency(), median, times.front(), times.back(),
        static_cast<double>(cells) / median * 1000,
        static_cast<double>(model.rows_decoded()) / static_cast<double>(steps + 4), bound);
}

int run(int argc, char* argv[]) {
    Index cells = 128, genes = 16791, hidden = 128, latent = 10, steps = 20, clusters = 0;
    bool shared = false;
    std::string sum = "exact";
    ModelOptions model{.scale = MeanScale::library};
    cellvae_benchmarks::Options options;
    options.number("--cells", cells).number("--genes", genes).number("--hidden", hidden).number("--latent", latent);
    options.number("--steps", steps).flag("--shared", shared).number("--clusters", clusters, 0);
    options.word("--sum", sum).number("--threshold", model.sum.threshold);
    if (!options.parse(argc, argv)) return 2;
    for (const auto kind :
         {ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax, ClusterSumKind::straight_through})
        if (name_of(kind) == sum) model.sum.kind = kind;
    if (name_of(model.sum.kind) != sum) {
        std::fprintf(stderr, "there is no sum %s\n", sum.c_str());
        return 2;
    }
    model.hidden = {hidden};
    model.latent = latent;
    model.clusters = clusters;
    if (shared) model.shared = {"log_dispersion"};
    if (clusters == 0)
        time_steps<StandardGaussian>(cells, genes, steps, model);
    else
        time_steps<GaussianMixture<>>(cells, genes, steps, model);
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) { return cellvae_benchmarks::run_benchmark(argc, argv, run); }
