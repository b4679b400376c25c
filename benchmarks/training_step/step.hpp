// SPDX-License-Identifier: Apache-2.0
// The timed step, for the sources that each instantiate some models.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "../measure.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/models/vae.hpp"
#include "cellvae/training/adam.hpp"
#include "limit.hpp"

namespace cellvae_benchmarks {

using Zinb = cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::MeanDispersion>>;

struct StepSizes {
    Index cells = 128;
    Index genes = 16791;
    Index steps = 20;
    Index warm_up = 4;
    bool as_json = false;
};

/// What was measured of one model's steps.
struct StepMeasurement {
    std::string model, products;
    Index cells, genes, hidden, latent;
    bool shared;
    int threads;
    Spread ms;
    double least_ms;
    double rows;  ///< decoded a step
    StepWork work;
    std::optional<StepParts> limit;  ///< where it is known
    double bound;
};

void print(const StepMeasurement& step, bool as_json);

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

/// @param dense_rows rows without zeros left out that the encoder takes, and has gradients of, in every step
template <class Prior, class Real>
void time_steps(const StepSizes& sizes, const cellvae::ModelOptions& options, Index dense_rows = 0) {
    using Device = Kokkos::DefaultExecutionSpace;
    using Model = cellvae::Vae<cellvae::Mlp<cellvae::Relu>, Prior, Zinb, Real, Device>;
    constexpr bool has_limit = cellvae::runs_on_host<Device>;  // what a GPU could do at most is not measured yet
    const Device exec;
    const cellvae::CountMatrix counts = random_counts(sizes.cells, sizes.genes);
    const auto data = cellvae::make_dataset<Zinb>(exec, counts);
    Model model(exec, sizes.genes, options);
    model.start_from(exec, data);
    cellvae::Minibatch<Real, Device> batch(exec, data, sizes.cells);
    const Kokkos::View<Index*, Device> order("order", static_cast<std::size_t>(sizes.cells));
    const auto host_order = Kokkos::create_mirror_view(order);
    for (Index cell = 0; cell < sizes.cells; ++cell) host_order(cell) = cell;
    Kokkos::deep_copy(exec, order, host_order);
    cellvae::Adam<Real, Device> adam(exec, model.parameters(), {});
    StepLimit<Zinb, Real> limit(Exec(), std::min(sizes.cells, cellvae::nn_detail::rows_per_block), options.hidden[0],
                                model.parameters().size(), options.products == cellvae::ProductPrecision::bfloat16);
    // Each step that counts comes after one that does not: measuring the limit took the model out of the caches.
    const Index steps = sizes.warm_up + 2 * sizes.steps;
    std::vector<double> times;
    double bound = 0;
    for (Index step = 0; step < steps; ++step) {
        const double ms = milliseconds(exec, [&] {
            batch.assemble(exec, data, order);
            bound = model.gradient(exec, batch, {.step = static_cast<std::uint32_t>(step)})[0];
            adam.step(exec, model.parameters());
        });
        if (step < sizes.warm_up || (step - sizes.warm_up) % 2 == 0) continue;
        times.push_back(ms);
        if (has_limit) limit.measure();
    }
    const double rows = static_cast<double>(model.rows_decoded()) / static_cast<double>(steps);
    const auto heads = static_cast<double>(Zinb::parameters.size() - options.shared.size());
    // Products of the output layer, and of the encoder where its input is dense; those of the latent are a hundredth of
    // them. The optimiser reads parameters, gradient and two moments, and writes all but the gradient.
    const StepWork work{.gflop = 6e-9 * (heads * rows + static_cast<double>(dense_rows)) *
                                 static_cast<double>(options.hidden[0] * sizes.genes),
                        .elements = rows * static_cast<double>(sizes.genes),
                        .bytes = 7.0 * sizeof(Real) * static_cast<double>(model.parameters().size())};
    print({Model::composition(), std::string(name_of(options.products)), sizes.cells, sizes.genes, options.hidden[0],
           options.latent, !options.shared.empty(), exec.concurrency(), Spread(times),
           *std::min_element(times.begin(), times.end()), rows, work,
           has_limit ? std::optional(limit.parts(work)) : std::nullopt, bound},
          sizes.as_json);
}

void time_gaussian(const StepSizes& sizes, const cellvae::ModelOptions& options, bool is_double);
void time_mixture(const StepSizes& sizes, const cellvae::ModelOptions& options);
void time_marginal_mixture(const StepSizes& sizes, const cellvae::ModelOptions& options);
void time_vamp(const StepSizes& sizes, const cellvae::ModelOptions& options);

}  // namespace cellvae_benchmarks
