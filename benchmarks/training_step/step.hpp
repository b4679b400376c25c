// SPDX-License-Identifier: Apache-2.0
// The timed step, for the sources that each instantiate some models.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "../measure.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/models/vae.hpp"
#include "cellvae/training/adam.hpp"

namespace cellvae_benchmarks {

using Zinb = cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::MeanDispersion>>;

struct StepSizes {
    Index cells = 128;
    Index genes = 16791;
    Index steps = 20;
    Index warm_up = 4;
};

inline cellvae::CountMatrix random_counts(Index cells, Index genes) {
    cellvae::CountMatrix matrix;
    cellvae::RandomStream random(0, cellvae::Purpose::simulation);
    for (Index gene = 0; gene < genes; ++gene) matrix.var.names.push_back(std::to_string(gene));
    for (Index cell = 0; cell < cells; ++cell) {
        for (Index gene = 0; gene < genes; ++gene) {
            const double limit = std::exp(-0.1 * random.uniform<double>());
            int count = -1;
            for (double product = 1; product > limit; ++count) product *= random.uniform<double>();
            if (count <= 0) continue;
            matrix.columns.push_back(static_cast<cellvae::GeneIndex>(gene));
            matrix.values.push_back(static_cast<float>(count));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back(std::to_string(cell));
    }
    return matrix;
}

template <class Prior, class Real>
void time_steps(const StepSizes& sizes, const cellvae::ModelOptions& options) {
    using Model = cellvae::Vae<cellvae::Mlp<cellvae::Relu>, Prior, Zinb, Real>;
    const Exec exec;
    const cellvae::CountMatrix counts = random_counts(sizes.cells, sizes.genes);
    const auto data = cellvae::make_dataset<Zinb>(exec, counts);
    Model model(exec, sizes.genes, options);
    model.start_from(exec, data);
    cellvae::Minibatch<Real, Exec> batch(exec, data, sizes.cells);
    Kokkos::View<Index*, Exec> order("order", static_cast<std::size_t>(sizes.cells));
    for (Index cell = 0; cell < sizes.cells; ++cell) order(cell) = cell;
    cellvae::Adam<Real, Exec> adam(exec, model.parameters(), {});
    const Peak<Real> peak(exec);
    std::vector<double> times, peaks;
    double bound = 0;
    for (Index step = 0; step < sizes.steps + sizes.warm_up; ++step) {
        const double ms = milliseconds(exec, [&] {
            batch.assemble(exec, data, order);
            bound = model.gradient(exec, batch, {.step = static_cast<std::uint32_t>(step)})[0];
            adam.step(exec, model.parameters());
        });
        if (step < sizes.warm_up) continue;
        times.push_back(ms);
        peaks.push_back(peak.rate());
    }
    const Spread ms(times);
    const double rows = static_cast<double>(model.rows_decoded()) / static_cast<double>(sizes.steps + sizes.warm_up);
    const auto heads = static_cast<double>(Zinb::parameters.size() - options.shared.size());
    const double gflop = 6e-9 * heads * rows * static_cast<double>(options.hidden[0] * sizes.genes);
    const double most = Spread(peaks).median;
    std::printf(
        "{\"model\": \"%s\", \"cells\": %ld, \"genes\": %ld, \"hidden\": %ld, \"latent\": %ld, \"shared\": %s, "
        "\"products\": \"%s\", \"threads\": %d, \"ms\": %.2f, \"ms_low\": %.2f, \"ms_high\": %.2f, \"ms_least\": %.2f, "
        "\"cells_per_second\": %.0f, \"rows\": %.1f, \"products_gflop\": %.2f, \"peak_gflops\": %.1f, "
        "\"share\": %.3f, \"bound\": %.3f}\n",
        Model::composition().c_str(), sizes.cells, sizes.genes, options.hidden[0], options.latent,
        options.shared.empty() ? "false" : "true", std::string(name_of(options.products)).c_str(), exec.concurrency(),
        ms.median, ms.low, ms.high, *std::min_element(times.begin(), times.end()),
        static_cast<double>(sizes.cells) / ms.median * 1000, rows, gflop, most, 1000 * gflop / most / ms.median, bound);
}

void time_gaussian(const StepSizes& sizes, const cellvae::ModelOptions& options, bool is_double);
void time_mixture(const StepSizes& sizes, const cellvae::ModelOptions& options);
void time_marginal_mixture(const StepSizes& sizes, const cellvae::ModelOptions& options);
void time_vamp(const StepSizes& sizes, const cellvae::ModelOptions& options);

}  // namespace cellvae_benchmarks
