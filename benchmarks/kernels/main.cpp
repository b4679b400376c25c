// SPDX-License-Identifier: Apache-2.0
// Times the parts of a training step, each beside its limit: likelihoods with their gradients, products, the sparse
// first layer at several densities, the optimiser, random numbers.
//
//   benchmark_kernels [--cells 128] [--genes 16791] [--hidden 128] [--repetitions 15] [--warm-up 3] [--double] [--json]
//   [--threads N] [--likelihoods]
//
// Prints a table: the median of the repetitions, their quartiles, the rate, and the share of what a product in the
// cache (GFLOP/s) or a stream through the memory (GB/s) reached in the same moments. Work without such a limit is given
// in floating-point operations at the peak rate that one element takes. --likelihoods times these alone.
#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "../likelihood.hpp"
#include "../measure.hpp"
#include "../options.hpp"
#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/nn/sparse_linear.hpp"
#include "cellvae/training/adam.hpp"

namespace {

using namespace cellvae;
using cellvae_benchmarks::Exec;
using cellvae_benchmarks::Measurements;
using cellvae_benchmarks::random_matrix;

struct Sizes {
    Index cells = 128;
    Index genes = 16791;
    Index hidden = 128;
};

CountMatrix random_counts(const Sizes& sizes, double density) {
    CountMatrix matrix;
    RandomStream random(1, Purpose::simulation);
    for (Index gene = 0; gene < sizes.genes; ++gene) matrix.var.names.push_back(std::to_string(gene));
    for (Index cell = 0; cell < sizes.cells; ++cell) {
        for (Index gene = 0; gene < sizes.genes; ++gene) {
            if (random.uniform() > density) continue;
            matrix.columns.push_back(static_cast<GeneIndex>(gene));
            matrix.values.push_back(static_cast<float>(1 + random.below(5)));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back(std::to_string(cell));
    }
    return matrix;
}

template <class L, class Real>
void time_likelihood(const Exec& exec, const Sizes& sizes, Measurements<Real>& results) {
    const cellvae_benchmarks::Likelihood<L, Real> likelihood(exec, sizes.cells * sizes.genes);
    results.elements("likelihood", std::string(L::name), likelihood.elements(), likelihood);
}

template <class Real>
void time_likelihoods(const Exec& exec, const Sizes& sizes, Measurements<Real>& results) {
    using Mean = NegativeBinomial<MeanDispersion>;
    using Total = NegativeBinomial<TotalCountProbability>;
    time_likelihood<Bernoulli>(exec, sizes, results);
    time_likelihood<ContinuousBernoulli>(exec, sizes, results);
    time_likelihood<Gaussian>(exec, sizes, results);
    time_likelihood<Poisson>(exec, sizes, results);
    time_likelihood<Mean>(exec, sizes, results);
    time_likelihood<Total>(exec, sizes, results);
    time_likelihood<ZeroInflated<Poisson>>(exec, sizes, results);
    time_likelihood<ZeroInflated<Mean>>(exec, sizes, results);
    time_likelihood<ZeroInflated<Total>>(exec, sizes, results);
}

/// The three products of one head of the output layer, over all genes at once.
template <class Real>
void time_products(const Exec& exec, const Sizes& sizes, Measurements<Real>& results) {
    const Products<Real, Exec> products(exec);
    const auto hidden = random_matrix<Real>(sizes.cells, sizes.hidden);
    const auto weight = random_matrix<Real>(sizes.genes, sizes.hidden);
    const auto eta = random_matrix<Real>(sizes.cells, sizes.genes);
    const double flop = 2.0 * static_cast<double>(sizes.cells * sizes.hidden * sizes.genes);
    results.operations("product", "hidden x weight' (decode)", flop, [&] {
        products.template multiply<Operand::as_is, Operand::transposed>(exec, eta, hidden, weight);
    });
    results.operations("product", "d' x hidden (gradient of weights)", flop, [&] {
        products.template multiply<Operand::transposed, Operand::as_is>(exec, weight, eta, hidden);
    });
    results.operations("product", "d x weight (gradient of hidden rows)", flop,
                       [&] { products.template multiply<Operand::as_is, Operand::as_is>(exec, hidden, eta, weight); });
}

template <class Real>
void time_sparse_layer(const Exec& exec, const Sizes& sizes, double density, Measurements<Real>& results) {
    const CountMatrix counts = random_counts(sizes, density);
    const auto data = make_dataset<Poisson>(exec, counts);
    Minibatch<Real, Exec> batch(exec, data, sizes.cells);
    const Products<Real, Exec> products(exec);
    ParameterStore<Real, Exec> parameters;
    const SparseLinear<Real, Exec> layer(parameters, "layer", sizes.genes, sizes.hidden);
    parameters.allocate(exec);
    layer.initialise(exec, parameters, 1);
    Kokkos::View<Index*, Exec> order("order", static_cast<std::size_t>(sizes.cells));
    std::iota(order.data(), order.data() + sizes.cells, Index{0});
    const auto rows = random_matrix<Real>(sizes.cells, sizes.hidden);
    const Pass<Real, Exec> pass{exec, &products, &parameters, &parameters, &batch};
    const std::string of = std::to_string(static_cast<int>(100 * density + 0.5)) + "% not zero";
    const double flop = 2.0 * static_cast<double>(counts.values.size()) * static_cast<double>(sizes.hidden);
    results.elements("sparse layer", "minibatch, " + of, static_cast<double>(counts.values.size()),
                     [&] { batch.assemble(exec, data, order); });
    results.operations("sparse layer", "forward, " + of, flop, [&] { layer.forward(pass, rows); });
    results.operations("sparse layer", "backward, " + of, flop, [&] { layer.backward(pass, rows); });
}

template <class Real>
void time_optimiser(const Exec& exec, const Sizes& sizes, Measurements<Real>& results) {
    ParameterStore<Real, Exec> parameters;
    parameters.add("weights", 4 * sizes.genes, sizes.hidden);
    parameters.allocate(exec);
    Adam<Real, Exec> adam(exec, parameters, {});
    // value, gradient and both means are read, all but the gradient written
    results.bytes("optimiser", "Adam", 7.0 * sizeof(Real) * static_cast<double>(parameters.size()),
                  [&] { adam.step(exec, parameters); });
    results.bytes("optimiser", "gradient norm", 1.0 * sizeof(Real) * static_cast<double>(parameters.size()),
                  [&] { return adam.gradient_norm(exec, parameters); });
}

template <class L, class Real>
void time_sampler(const Exec& exec, const Sizes& sizes, Measurements<Real>& results, const Parameters<Real, 3>& eta) {
    Vector<Real, Exec::memory_space> sums("sums", static_cast<std::size_t>(sizes.cells));
    constexpr Index draws = 1000;
    results.elements("sampler", std::string(L::name), static_cast<double>(sizes.cells * draws), [&] {
        Kokkos::parallel_for(Kokkos::RangePolicy<Exec>(exec, 0, sizes.cells), [=](const Index cell) {
            RandomStream random(3, Purpose::simulation, static_cast<std::uint32_t>(cell));
            Real sum = 0;
            for (Index i = 0; i < draws; ++i) sum += L::sample(random, eta);
            sums(cell) = sum;
        });
    });
}

template <class Real>
void time_noise(const Exec& exec, const Sizes& sizes, Measurements<Real>& results) {
    Vector<Real, Exec::memory_space> sums("sums", static_cast<std::size_t>(sizes.cells));
    constexpr Index draws = 1000;
    results.elements("sampler", "standard normal", static_cast<double>(sizes.cells * draws), [&] {
        Kokkos::parallel_for(Kokkos::RangePolicy<Exec>(exec, 0, sizes.cells), [=](const Index cell) {
            RandomStream random(3, Purpose::simulation, static_cast<std::uint32_t>(cell));
            Real sum = 0;
            for (Index i = 0; i < draws; ++i) sum += random.template normal<Real>();
            sums(cell) = sum;
        });
    });
}

template <class Real>
void time_all(const Sizes& sizes, Index warm_up, Index repetitions, bool likelihoods_alone, bool as_json) {
    const Exec exec;
    Measurements<Real> results(exec, warm_up, repetitions);
    time_likelihoods(exec, sizes, results);
    if (likelihoods_alone) return print(results.all(), as_json);
    time_products(exec, sizes, results);
    for (const double density : {0.01, 0.05, 0.2}) time_sparse_layer(exec, sizes, density, results);
    time_optimiser(exec, sizes, results);
    time_noise(exec, sizes, results);
    time_sampler<ZeroInflated<NegativeBinomial<MeanDispersion>>, Real>(exec, sizes, results,
                                                                       {Real(-2), Real(0), Real(0.5)});
    print(results.all(), as_json);
}

int run(int argc, char* argv[]) {
    Sizes sizes;
    Index repetitions = 15, warm_up = 3;
    bool is_double = false, likelihoods_alone = false, as_json = false;
    cellvae_benchmarks::Options options;
    options.number("--cells", sizes.cells).number("--genes", sizes.genes).number("--hidden", sizes.hidden);
    options.number("--repetitions", repetitions).number("--warm-up", warm_up, 0);
    options.flag("--double", is_double).flag("--likelihoods", likelihoods_alone).flag("--json", as_json);
    if (!options.parse(argc, argv)) return 2;
    if (is_double)
        time_all<double>(sizes, warm_up, repetitions, likelihoods_alone, as_json);
    else
        time_all<float>(sizes, warm_up, repetitions, likelihoods_alone, as_json);
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) { return cellvae_benchmarks::run_benchmark(argc, argv, run); }
