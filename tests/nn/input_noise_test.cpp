// SPDX-License-Identifier: Apache-2.0
#include "cellvae/nn/input_noise.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "../data/small_cells.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/nn/sparse_linear.hpp"
#include "differences.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace {

/// A first layer whose weights are the identity, and its product with a data set: what the encoder sees.
struct Seen {
    HostExec exec;
    CountMatrix matrix;
    Dataset<HostExec> data;
    Minibatch<double, HostExec> batch;
    Bench bench;
    SparseLinear<double, HostExec> layer;
    HostMatrix x;

    Seen(Index cells, Index genes, Input input, double noise)
        : matrix(count_matrix(random_counts(cells, genes))),
          data(make_dataset<Poisson, HostExec>(exec, matrix, {.input = input})),
          batch(exec, data, cells),
          layer(bench.parameters, "layer", genes, genes),
          x("x", static_cast<std::size_t>(cells), static_cast<std::size_t>(genes)) {
        const Kokkos::View<Index*, HostExec> order("order", static_cast<std::size_t>(cells));
        for (Index row = 0; row < cells; ++row) order(row) = row;
        batch.assemble(exec, data, order);
        bench.start();
        Kokkos::deep_copy(bench.value("layer/weight"), 0.0);
        Kokkos::deep_copy(bench.value("layer/bias"), 0.0);
        for (std::size_t gene = 0; gene < x.extent(1); ++gene) bench.value("layer/weight")(gene, gene) = 1;
        layer.reserve(exec);
        layer.forward(pass(noise), x);
        exec.fence();
    }

    [[nodiscard]] Pass<double, HostExec> pass(double noise) {
        auto result = bench.pass(&batch);
        result.input_noise = noise;
        return result;
    }
};

/// The largest difference between the gradient of the weights and the product of what the layer saw with d_y.
double gradient_difference(Seen& seen, double noise) {
    const std::size_t cells = seen.x.extent(0), genes = seen.x.extent(1);
    const HostMatrix d_y("d_y", cells, genes), expected("expected", genes, genes);
    fill_random(d_y, 3);
    seen.layer.backward(seen.pass(noise), d_y);
    seen.exec.fence();
    for (std::size_t gene = 0; gene < genes; ++gene)
        for (std::size_t o = 0; o < genes; ++o)
            for (std::size_t cell = 0; cell < cells; ++cell) expected(gene, o) += seen.x(cell, gene) * d_y(cell, o);
    return largest_difference(seen.bench.gradient("layer/weight"), expected);
}

}  // namespace

TEST_CASE("standardised inputs have mean zero and deviation one over the cells, zeros included, and stop at ten") {
    Seen seen(300, 140, Input::standardised, 0);
    for (std::size_t gene = 0; gene < 140; ++gene) {
        std::vector<double> plain;
        double mean = 0, square = 0;
        for (std::size_t cell = 0; cell < 300; ++cell) {
            double count = 0;
            for (auto k = seen.matrix.row_offsets[cell]; k < seen.matrix.row_offsets[cell + 1]; ++k)
                if (seen.matrix.columns[static_cast<std::size_t>(k)] == static_cast<GeneIndex>(gene))
                    count = static_cast<double>(seen.matrix.values[static_cast<std::size_t>(k)]);
            plain.push_back(std::log1p(count * 1e4 / seen.data.host_library[cell]));
            mean += plain.back() / 300;
            square += plain.back() * plain.back() / 300;
        }
        const double deviation = std::sqrt(square - mean * mean);
        for (std::size_t cell = 0; cell < 300; ++cell) {
            const double expected = std::min((plain[cell] - mean) / deviation, 10.0);
            if (std::abs(seen.x(cell, gene) - expected) > 1e-9) CHECK(seen.x(cell, gene) == expected);
        }
    }
    CHECK(gradient_difference(seen, 0) < 1e-10);
    Seen noisy(300, 140, Input::standardised, 1.5);
    CHECK(gradient_difference(noisy, 1.5) < 1e-10);
}

TEST_CASE("the noise on the inputs has the deviation that was asked for, and its gradient sees the same numbers") {
    const Seen quiet(200, 140, Input::log1p, 0);
    Seen noisy(200, 140, Input::log1p, 1.5);
    double mean = 0, square = 0, neighbours = 0;
    for (std::size_t cell = 0; cell < 200; ++cell)
        for (std::size_t gene = 0; gene < 140; ++gene) {
            const double noise = noisy.x(cell, gene) - quiet.x(cell, gene);
            mean += noise / (200 * 140);
            square += noise * noise / (200 * 140);
            if (gene > 0) neighbours += noise * (noisy.x(cell, gene - 1) - quiet.x(cell, gene - 1)) / (200 * 139);
        }
    CHECK(std::abs(mean) < 4 * 1.5 / std::sqrt(200.0 * 140));
    CHECK(std::abs(square / (1.5 * 1.5) - 1) < 0.03);
    CHECK(std::abs(neighbours) < 4 * 1.5 * 1.5 / std::sqrt(200.0 * 140));

    CHECK(gradient_difference(noisy, 1.5) < 1e-10);
}
