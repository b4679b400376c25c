// SPDX-License-Identifier: Apache-2.0
#include "cellvae/nn/mlp.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <memory>

#include "../data/small_cells.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "differences.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;

namespace mlp_test {

namespace {

/// A user's own activation: u / (1 + |u|).
struct Softsign {
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real value(Real u) const {
        return u / (Real(1) + Kokkos::abs(u));
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real derivative(Real u) const {
        const Real below = Real(1) + Kokkos::abs(u);
        return Real(1) / (below * below);
    }
};

/// Cells in a given order, with one nonzero or more of few genes.
struct Cells {
    HostExec exec;
    CountMatrix matrix;
    Dataset<HostExec> data;
    Minibatch<double, HostExec> batch;

    Cells(Index cells, Index genes, bool reversed = false)
        : matrix(count_matrix(random_counts(cells, genes, 0.4))),
          data(make_dataset<Poisson, HostExec>(exec, matrix)),
          batch(exec, data, cells) {
        const Kokkos::View<Index*, HostExec> order("order", static_cast<std::size_t>(cells));
        for (Index row = 0; row < cells; ++row) order(row) = reversed ? cells - 1 - row : row;
        batch.assemble(exec, data, order);
        exec.fence();
    }
};

/// A network with what it runs in.
template <class Activation = AnyActivation>
struct Built {
    Bench bench;
    typename Mlp<Activation>::template Network<double, HostExec> network;

    Built(Index inputs, bool sparse, const MlpOptions& options, Index most_rows)
        : network(bench.parameters, bench.state, "network", inputs, sparse, options) {
        bench.start();
        network.reserve(bench.exec, most_rows);
        for (std::size_t id = 0; id < bench.state.entries().size(); ++id)
            Kokkos::deep_copy(bench.state.value(static_cast<int>(id)), 1.0);
        bench.exec.fence();
    }
};

/// All gradients of a network against central differences, with the dropout mask of one step.
template <class Activation>
void check_network(const MlpOptions& options, bool sparse, Mode mode = Mode::training) {
    const Index rows = 5, inputs = 6;
    const Cells cells(rows, inputs);
    const Built<Activation> built(inputs, sparse, options, 8);  // memory for more rows than there are
    const auto pass = built.bench.pass(&cells.batch, mode);
    const HostMatrix x("x", rows, inputs), d_x("d_x", rows, inputs),
        coefficients("coefficients", rows, built.network.outputs());
    fill_random(x, 1);
    fill_random(coefficients, 2);
    Kokkos::deep_copy(d_x, std::nan(""));
    const auto value = [&] {
        const auto y = built.network.forward(pass, x, rows);
        built.bench.exec.fence();
        return dot(coefficients, y);
    };
    value();
    REQUIRE(built.network.output(rows).extent(1) == coefficients.extent(1));
    Kokkos::deep_copy(built.network.d_output(rows), coefficients);
    built.network.backward(pass, x, d_x, rows);
    built.bench.exec.fence();
    built.bench.check_parameters(value, true);
    if (!sparse) check_direction("x", x, copy_of(d_x), value);
}

}  // namespace

TEST_CASE("every composition of a network has the gradients of the differences") {
    const auto hidden = GENERATE(std::vector<Index>{4}, std::vector<Index>{4, 3, 5});
    const auto normalisation = GENERATE(Normalisation::none, Normalisation::layer, Normalisation::batch);
    const double dropout = GENERATE(0.0, 0.3);
    for (const auto activation :
         {ActivationKind::relu, ActivationKind::silu, ActivationKind::tanh, ActivationKind::identity})
        for (const bool sparse : {true, false}) {
            CAPTURE(hidden, name_of(normalisation), dropout, name_of(activation), sparse);
            check_network<AnyActivation>({hidden, activation, normalisation, dropout}, sparse);
            check_network<AnyActivation>({hidden, activation, normalisation, dropout}, sparse, Mode::evaluation);
        }
}

TEST_CASE("a user's own activation is taken by its type, whatever kind the options name") {
    check_network<Softsign>({.hidden = {4, 3}, .activation = ActivationKind::relu}, true);
    const Built<Softsign> built(2, false, {.hidden = {3}}, 1);
    const HostMatrix x("x", 1, 2);
    fill_random(x, 1);
    const Cells cells(1, 2);
    const auto y = built.network.forward(built.bench.pass(&cells.batch), x, 1);
    built.bench.exec.fence();
    for (std::size_t o = 0; o < 3; ++o) {
        double u = built.bench.value("network/hidden/bias")(0, o);
        for (std::size_t i = 0; i < 2; ++i) u += built.bench.value("network/hidden/weight")(o, i) * x(0, i);
        CHECK(std::abs(y(0, o) - u / (1 + std::abs(u))) < 1e-14);
    }
}

TEST_CASE("a network without layers gives back what it is given") {
    const Built<> built(4, false, {.hidden = {}}, 3);
    CHECK(built.network.empty());
    CHECK(built.network.outputs() == 4);
    CHECK(built.bench.parameters.entries().empty());
    const HostMatrix x("x", 3, 4);
    CHECK(built.network.forward(built.bench.pass(), x, 3).data() == x.data());
}

TEST_CASE("dropout sets its share of units to zero and scales the others") {
    const Index units = 400, rows = 50;
    const double rate = 0.3;
    const Cells cells(rows, 3);
    const Built<> built(3, false, {.hidden = {units}, .activation = ActivationKind::identity, .dropout = rate}, rows);
    const HostMatrix x("x", rows, 3);
    fill_random(x, 1);
    const auto without = copy_of(built.network.forward(built.bench.pass(&cells.batch, Mode::evaluation), x, rows));
    const auto with = copy_of(built.network.forward(built.bench.pass(&cells.batch), x, rows));
    Index zeros = 0;
    double largest = 0;
    for (std::size_t r = 0; r < without.extent(0); ++r)
        for (std::size_t c = 0; c < without.extent(1); ++c) {
            if (with(r, c) == 0)
                ++zeros;
            else
                largest = std::max(largest, std::abs(with(r, c) - without(r, c) / (1 - rate)));
        }
    CHECK(largest < 1e-13);
    const auto all = static_cast<double>(rows * units);
    CHECK(std::abs(static_cast<double>(zeros) - rate * all) < 5 * std::sqrt(rate * (1 - rate) * all));
}

TEST_CASE(
    "a cell's dropout mask depends on seed, step, sample, layer and network, and not on its place in the minibatch") {
    const Index rows = 10;
    const std::size_t units = 200;
    const Cells cells(rows, 3), reversed(rows, 3, true);
    // the output is the mask: no weights, and biases of one
    const MlpOptions options{.hidden = {200, 200}, .activation = ActivationKind::identity, .dropout = 0.5};
    const auto mask = [&](const Minibatch<double, HostExec>& batch, std::uint64_t seed, std::uint32_t step,
                          Index all_rows = 10, std::size_t layers = 1, std::uint32_t network = 0) {
        auto chosen = options;
        chosen.network = network;
        chosen.hidden.resize(layers);
        const Built<> built(3, false, chosen, all_rows);
        for (const auto& entry : built.bench.parameters.entries()) {
            const auto slice = built.bench.value(entry.name.c_str());
            Kokkos::deep_copy(slice, entry.name.ends_with("bias") ? 1.0 : 0.0);
        }
        auto pass = built.bench.pass(&batch);
        pass.seed = seed;
        pass.step = step;
        const HostMatrix x("x", static_cast<std::size_t>(all_rows), 3);
        const auto y = copy_of(built.network.forward(pass, x, all_rows));
        return y;
    };
    const auto differing = [&](const HostMatrix& a, const HostMatrix& b, std::size_t first = 0,
                               bool backwards = false) {
        double count = 0;
        for (std::size_t r = 0; r < 10; ++r)
            for (std::size_t c = 0; c < units; ++c) count += a(r, c) != b(first + (backwards ? 9 - r : r), c) ? 1 : 0;
        return count / static_cast<double>(10 * units);
    };
    const auto base = mask(cells.batch, 3, 1);
    CHECK(differing(base, mask(cells.batch, 3, 1)) == 0);
    CHECK(differing(base, mask(reversed.batch, 3, 1), 0, true) == 0);
    CHECK(differing(base, mask(reversed.batch, 3, 1)) > 0.4);
    CHECK(differing(base, mask(cells.batch, 3, 2)) > 0.4);
    CHECK(differing(base, mask(cells.batch, 4, 1)) > 0.4);
    CHECK(differing(base, mask(cells.batch, 3, 1, 10, 2)) > 0.4);
    CHECK(differing(base, mask(cells.batch, 3, 1, 10, 1, 1)) > 0.4);
    const auto two_samples = mask(cells.batch, 3, 1, 20);
    CHECK(differing(base, two_samples) == 0);
    CHECK(differing(base, two_samples, 10) > 0.4);
}

TEST_CASE("networks that cannot be are refused") {
    const auto refused = [](const MlpOptions& options, bool sparse, const std::string& text) {
        CHECK_THROWS_MATCHES(Built<>(3, sparse, options, 1), OptionError, Message(text));
    };
    refused({.hidden = {}}, true, "an encoder needs at least one hidden layer: give its width in hidden");
    refused({.hidden = {4, 0}}, false, "a hidden layer needs at least one unit, found 0");
    refused({.hidden = {4}, .dropout = 1}, false, "dropout is a share from 0 to below 1, found 1");
    refused({.hidden = {4}, .dropout = -0.5}, false, "dropout is a share from 0 to below 1, found -0.5");
    refused({.hidden = {4}, .dropout = std::nan("")}, false, "dropout is a share from 0 to below 1, found nan");
}

TEST_CASE("extra dense rows go through a sparse network after the cells, without dropout") {
    const Index rows = 5, inputs = 6, extra_rows = 3;
    const Cells cells(rows, inputs);
    const Built<AnyActivation> built(
        inputs, true,
        {.hidden = {4, 3}, .activation = ActivationKind::tanh, .normalisation = Normalisation::layer, .dropout = 0.4},
        rows + extra_rows);
    const HostMatrix extra("extra", extra_rows, inputs), d_extra("d_extra", extra_rows, inputs),
        coefficients("coefficients", rows + extra_rows, 3);
    fill_random(extra, 1);
    fill_random(coefficients, 2);
    // the last extra row is a cell, written out
    for (Index gene = 0; gene < inputs; ++gene) extra(2, gene) = 0;
    for (Index k = cells.batch.row_offsets(1); k < cells.batch.row_offsets(2); ++k)
        extra(2, cells.batch.columns(k)) = cells.batch.inputs(k);
    const auto outputs = [&](Mode mode, bool with_extra) {
        const auto pass = built.bench.pass(&cells.batch, mode);
        const auto y = with_extra ? built.network.forward(pass, HostSlice(), rows, extra)
                                  : built.network.forward(pass, HostSlice(), rows);
        built.bench.exec.fence();
        return copy_of(y);
    };
    const auto evaluation = outputs(Mode::evaluation, true), training = outputs(Mode::training, true),
               alone = outputs(Mode::training, false);
    REQUIRE(evaluation.extent(0) == static_cast<std::size_t>(rows + extra_rows));
    double dropped = 0;
    for (Index unit = 0; unit < 3; ++unit) {
        CHECK(std::abs(evaluation(rows + 2, unit) - evaluation(1, unit)) < 1e-14);
        for (Index row = 0; row < rows; ++row) {
            CHECK(training(row, unit) == alone(row, unit));
            dropped += std::abs(training(row, unit) - evaluation(row, unit));
        }
        for (Index row = rows; row < rows + extra_rows; ++row) CHECK(training(row, unit) == evaluation(row, unit));
    }
    CHECK(dropped > 0.1);

    const auto pass = built.bench.pass(&cells.batch, Mode::training);
    const auto value = [&] {
        const auto y = built.network.forward(pass, HostSlice(), rows, extra);
        built.bench.exec.fence();
        return dot(coefficients, y);
    };
    value();
    Kokkos::deep_copy(built.network.d_output(rows + extra_rows), coefficients);
    Kokkos::deep_copy(d_extra, std::nan(""));
    built.network.backward(pass, HostSlice(), HostSlice(), rows, extra, d_extra);
    built.bench.exec.fence();
    built.bench.check_parameters(value, true);
    cellvae_tests::check_gradient("extra", extra, copy_of(d_extra), value);
}

}  // namespace mlp_test
