// SPDX-License-Identifier: Apache-2.0
// Times the sparse first layer, forward and backward, at densities from 1% to 32%: its time is proportional to the
// nonzeros.
//
//   benchmark_sparse_layer [--cells 128] [--genes 16791] [--hidden 128] [--repeats 20] [--threads N]
//
// Prints a table of the least times of all repeats. What does not depend on the nonzeros stands apart, below it:
// zeroing the weights' gradient (genes x hidden), measured with cells that have no counts and taken off the backward
// times, and the optimiser's pass.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "../options.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/models/held_out.hpp"
#include "cellvae/training/adam.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultExecutionSpace;
using Clock = std::chrono::steady_clock;

CountMatrix random_counts(Index cells, Index genes, double density) {
    CountMatrix matrix;
    RandomStream random(1, Purpose::simulation);
    for (Index gene = 0; gene < genes; ++gene) matrix.var.names.push_back(std::to_string(gene));
    for (Index cell = 0; cell < cells; ++cell) {
        for (Index gene = 0; gene < genes; ++gene) {
            if (random.uniform() > density) continue;
            matrix.columns.push_back(static_cast<GeneIndex>(gene));
            matrix.values.push_back(static_cast<float>(1 + random.below(5)));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back(std::to_string(cell));
    }
    return matrix;
}

/// The layer with a minibatch of one density.
class Layer {
public:
    Layer(const Exec& exec, Index cells, Index genes, Index hidden, double density)
        : exec_(exec),
          counts_(random_counts(cells, genes, density)),
          data_(make_dataset<Poisson>(exec, counts_)),
          batch_(exec, data_, cells),
          products_(exec),
          layer_(parameters_, "layer", genes, hidden),
          rows_("rows", static_cast<std::size_t>(cells), static_cast<std::size_t>(hidden)) {
        parameters_.allocate(exec);
        layer_.initialise(exec, parameters_, 1);
        adam_.emplace(exec, parameters_, AdamOptions{});
        std::vector<Index> numbers(static_cast<std::size_t>(cells));
        std::iota(numbers.begin(), numbers.end(), Index{0});
        batch_.assemble(exec, data_, cell_order(exec, numbers));
        exec.fence();
    }

    void forward() { layer_.forward(pass(), rows_); }
    void backward() { layer_.backward(pass(), rows_); }
    void optimise() { adam_->step(exec_, parameters_); }

    [[nodiscard]] double nonzeros() const { return static_cast<double>(counts_.values.size()); }
    [[nodiscard]] Index parameters() const { return parameters_.size(); }

private:
    [[nodiscard]] Pass<float, Exec> pass() const { return {exec_, &products_, &parameters_, &parameters_, &batch_}; }

    Exec exec_;
    CountMatrix counts_;
    Dataset<Exec> data_;
    Minibatch<float, Exec> batch_;
    Products<float, Exec> products_;
    ParameterStore<float, Exec> parameters_;
    SparseLinear<float, Exec> layer_;
    Matrix<float, Exec::memory_space> rows_;
    std::optional<Adam<float, Exec>> adam_;
};

/// The least milliseconds that `work` took: what else the machine did adds to the others.
template <class Work>
double least_ms(const Exec& exec, Index repeats, Work&& work) {
    double least = std::numeric_limits<double>::infinity();
    for (Index i = 0; i < repeats + 3; ++i) {
        const auto start = Clock::now();
        work();
        exec.fence();
        if (i >= 3) least = std::min(least, std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    return least;
}

int run(int argc, char* argv[]) {
    Index cells = 128, genes = 16791, hidden = 128, repeats = 20;
    cellvae_benchmarks::Options options;
    options.number("--cells", cells).number("--genes", genes).number("--hidden", hidden).number("--repeats", repeats);
    if (!options.parse(argc, argv)) return 2;
    const Exec exec;
    double zeroing = 0, optimising = 0;
    Index parameters = 0;
    {
        Layer empty(exec, cells, genes, hidden, 0);
        zeroing = least_ms(exec, repeats, [&] { empty.backward(); });
        optimising = least_ms(exec, repeats, [&] { empty.optimise(); });
        parameters = empty.parameters();
    }
    std::printf("sparse first layer, %ld cells x %ld genes x %ld hidden, float, %d threads\n", cells, genes, hidden,
                exec.concurrency());
    std::printf("ns are per nonzero and hidden unit; backward is without zeroing the gradient\n\n");
    std::printf("density   nonzeros   forward ms      ns   backward ms      ns\n");
    for (const double density : {0.01, 0.02, 0.04, 0.08, 0.16, 0.32}) {
        Layer layer(exec, cells, genes, hidden, density);
        const double forward = least_ms(exec, repeats, [&] { layer.forward(); });
        const double backward = least_ms(exec, repeats, [&] { layer.backward(); }) - zeroing;
        const double per = 1e6 / (layer.nonzeros() * static_cast<double>(hidden));
        std::printf("%6.0f%% %10.0f %12.3f %7.4f %13.3f %7.4f\n", 100 * density, layer.nonzeros(), forward,
                    forward * per, backward, backward * per);
    }
    std::printf("\nfixed: zeroing the gradient %.3f ms, the optimiser's pass over %ld parameters %.3f ms\n", zeroing,
                parameters, optimising);
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) { return cellvae_benchmarks::run_benchmark(argc, argv, run); }
