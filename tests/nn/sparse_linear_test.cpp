// SPDX-License-Identifier: Apache-2.0
#include "cellvae/nn/sparse_linear.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "../data/small_cells.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "differences.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace sparse_linear_test {

namespace {

/// Random cells in an order that is not theirs, sparse and dense.
struct Cells {
    HostExec exec;
    CountMatrix matrix;
    Dataset<HostExec> data;
    Minibatch<double, HostExec> batch;
    HostMatrix dense;

    Cells(Index cells, Index genes)
        : matrix(count_matrix(random_counts(cells, genes))),
          data(make_dataset<Poisson, HostExec>(exec, matrix)),
          batch(exec, data, cells),
          dense("dense", static_cast<std::size_t>(cells), static_cast<std::size_t>(genes)) {
        const Kokkos::View<Index*, HostExec> order("order", static_cast<std::size_t>(cells));
        for (Index row = 0; row < cells; ++row) order(row) = cells - 1 - row;
        batch.assemble(exec, data, order);
        exec.fence();
        for (Index row = 0; row < cells; ++row)
            for (Index k = batch.row_offsets(row); k < batch.row_offsets(row + 1); ++k)
                dense(row, batch.columns(k)) = batch.inputs(k);
    }
};

}  // namespace

TEST_CASE("the sparse layer equals the dense one on the dense matrix, forward and backward") {
    const Index genes = GENERATE(1, 127, 128, 129, 300);
    const std::size_t outputs = 5;
    CAPTURE(genes);
    const Cells cells(11, genes);
    Bench bench;
    const SparseLinear<double, HostExec> sparse(bench.parameters, "sparse", genes, 5);
    const Linear<double, HostExec> plain(bench.parameters, "dense", genes, 5);
    bench.start();
    const auto sparse_weight = bench.value("sparse/weight");
    const auto dense_weight = bench.value("dense/weight");
    for (std::size_t gene = 0; gene < static_cast<std::size_t>(genes); ++gene)
        for (std::size_t o = 0; o < outputs; ++o) dense_weight(o, gene) = sparse_weight(gene, o);
    Kokkos::deep_copy(bench.value("dense/bias"), bench.value("sparse/bias"));

    const auto pass = bench.pass(&cells.batch);
    const HostMatrix from_sparse("y", 11, outputs), from_dense("y", 11, outputs), d_y("d_y", 11, outputs);
    Kokkos::deep_copy(from_sparse, std::nan(""));
    fill_random(d_y, 2);
    sparse.forward(pass, from_sparse);
    plain.forward(pass, cells.dense, from_dense);
    sparse.backward(pass, d_y);
    plain.backward_parameters(pass, cells.dense, d_y);
    bench.exec.fence();
    CHECK(largest_difference(from_sparse, from_dense) < 1e-12);
    CHECK(largest_difference(bench.gradient("sparse/bias"), bench.gradient("dense/bias")) < 1e-12);
    const HostMatrix transposed("transposed", static_cast<std::size_t>(genes), outputs);
    const auto d_dense = bench.gradient("dense/weight");
    for (std::size_t gene = 0; gene < static_cast<std::size_t>(genes); ++gene)
        for (std::size_t o = 0; o < outputs; ++o) transposed(gene, o) = d_dense(o, gene);
    CHECK(largest_difference(bench.gradient("sparse/weight"), transposed) < 1e-12);
}

TEST_CASE("the sparse layer's gradients are those of the differences") {
    const Cells cells(4, 6);
    Bench bench;
    const SparseLinear<double, HostExec> layer(bench.parameters, "layer", 6, 3);
    bench.start();
    const auto pass = bench.pass(&cells.batch);
    const HostMatrix y("y", 4, 3), d_y("d_y", 4, 3);
    fill_random(d_y, 2);
    layer.forward(pass, y);
    layer.backward(pass, d_y);
    bench.exec.fence();
    bench.check_parameters([&] {
        layer.forward(pass, y);
        bench.exec.fence();
        return dot(d_y, y);
    });
}

TEST_CASE(
    "cells that are partly of each cluster: gradients by differences, and whole ones give the rows of the pairs") {
    const Cells cells(4, 6);
    Bench bench;
    const SparseLinear<double, HostExec> layer(bench.parameters, "layer", 6, 3, 2);
    bench.start();
    const auto pass = bench.pass(&cells.batch);
    const HostMatrix y("y", 4, 3), d_y("d_y", 4, 3), members("members", 4, 2), d_members("d_members", 4, 2);
    fill_random(d_y, 2);
    fill_random(members, 3);
    const auto value = [&] {
        layer.forward(pass, y, members);
        bench.exec.fence();
        return dot(d_y, y);
    };
    value();
    layer.backward(pass, d_y, members, d_members);
    bench.exec.fence();
    bench.check_parameters(value);
    check_gradient("memberships", members, d_members, value);

    const HostMatrix pairs("pairs", 8, 3);
    layer.forward(pass, pairs);
    for (std::size_t k = 0; k < 2; ++k) {
        for (std::size_t cell = 0; cell < 4; ++cell)
            for (std::size_t j = 0; j < 2; ++j) members(cell, j) = j == k ? 1 : 0;
        value();
        for (std::size_t cell = 0; cell < 4; ++cell)
            for (std::size_t o = 0; o < 3; ++o) CHECK(std::abs(y(cell, o) - pairs(k * 4 + cell, o)) < 1e-14);
    }
}

TEST_CASE("the sparse layer starts uniform in +-1/sqrt(genes)") {
    Bench bench;
    const SparseLinear<double, HostExec> layer(bench.parameters, "layer", 400, 20);
    bench.start();
    layer.initialise(bench.exec, bench.parameters, 5);
    bench.exec.fence();
    double largest = 0;
    const auto weight = bench.value("layer/weight");
    REQUIRE(weight.extent(0) == 400);
    for (std::size_t gene = 0; gene < 400; ++gene)
        for (std::size_t o = 0; o < 20; ++o) largest = std::max(largest, std::abs(weight(gene, o)));
    CHECK(largest <= 0.05);
    CHECK(largest > 0.0499);
}

}  // namespace sparse_linear_test
