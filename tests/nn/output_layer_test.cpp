// SPDX-License-Identifier: Apache-2.0
#include "cellvae/nn/output_layer.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "output_layer_oracle.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;

namespace {

using Zinb = ZeroInflated<NegativeBinomial<MeanDispersion>>;

/// Poisson counts of one cell whose parameters are the biases, far outside the bounds.
template <OutputDriver driver>
struct Beyond {
    std::vector<double> log_prob, d_bias;

    Beyond(const std::vector<std::vector<float>>& counts, const std::vector<double>& bias, double weight) {
        const HostExec exec;
        const CountMatrix matrix = count_matrix(counts);
        const auto data = make_dataset<Poisson, HostExec>(exec, matrix);
        Minibatch<double, HostExec> batch(exec, data, matrix.cells());
        const Kokkos::View<Index*, HostExec> order("order", counts.size());
        for (std::size_t row = 0; row < counts.size(); ++row) order(row) = static_cast<Index>(row);
        batch.assemble(exec, data, order);
        const Products<double, HostExec> products(exec);
        ParameterStore<double, HostExec> store;
        OutputLayer<Poisson, double, HostExec, driver> layer(store, "decoder", 1, matrix.genes(), {});
        store.allocate(exec);
        layer.reserve(exec, matrix.cells(), matrix.nonzeros(), 1);
        exec.fence();
        const auto biases = store.value(store.find("decoder/log_rate/bias"));
        for (std::size_t gene = 0; gene < bias.size(); ++gene) biases(0, gene) = bias[gene];
        const HostMatrix hidden("hidden", counts.size(), 1), d_hidden("d_hidden", counts.size(), 1);
        const Vector<double, HostExec> weights("weights", counts.size()), values("log_prob", counts.size());
        Kokkos::deep_copy(weights, weight);
        layer.gradient({exec, &products, &store, nullptr, &batch}, hidden, weights, values, d_hidden);
        exec.fence();
        log_prob.assign(values.data(), values.data() + counts.size());
        const auto gradient = store.gradient(store.find("decoder/log_rate/bias"));
        d_bias.assign(gradient.data(), gradient.data() + bias.size());
    }
};

using Kept = VectorSlice<const Index, HostExec::memory_space>;

/// A layer over 7 cells in 3 blocks of rows, of which some are left out.
template <OutputDriver driver>
struct LeftOut {
    HostExec exec;
    OutputCase one{7, 3, 140, 6};
    CountMatrix matrix = count_matrix(one.dense);
    Dataset<HostExec> data = make_dataset<Poisson, HostExec>(exec, matrix);
    Minibatch<double, HostExec> batch{exec, data, 7};
    Products<double, HostExec> products{exec};
    ParameterStore<double, HostExec> store;
    OutputLayer<Poisson, double, HostExec, driver> layer{store, "decoder", 6, 140, {MeanScale::library, {}}};

    LeftOut() {
        const Kokkos::View<Index*, HostExec> order("order", 7);
        for (Index row = 0; row < 7; ++row) order(row) = row;
        batch.assemble(exec, data, order);
        store.allocate(exec);
        layer.reserve(exec, 7, matrix.nonzeros(), 3);
        exec.fence();
        for (int id = 0; id < 2; ++id) fill_random(store.value(id), static_cast<std::uint32_t>(id), 0, 0.5);
    }

    /// The gradients of the parameters with these rows.
    std::vector<double> run(const HostMatrix& hidden, const Vector<double, HostExec>& weights, const Kept& kept,
                            const Vector<double, HostExec>& log_prob, const HostMatrix& d_hidden) {
        Pass<double, HostExec> pass{exec, &products, &store, nullptr, &batch};
        pass.kept_rows = kept;
        layer.gradient(pass, hidden, weights, log_prob, d_hidden);
        exec.fence();
        return {store.gradients().data(), store.gradients().data() + store.size()};
    }
};

template <OutputDriver driver>
void check_left_out() {
    LeftOut<driver> all;
    const std::vector<Index> kept{0, 2, 3, 8, 9, 13, 14, 20};
    const HostMatrix some("hidden", kept.size(), 6), d_some("d_hidden", kept.size(), 6), d_hidden("d_hidden", 21, 6);
    const Vector<double, HostExec> weights("weights", 21), some_weights("weights", kept.size());
    const Vector<double, HostExec> log_prob("log_prob", 21), some_log_prob("log_prob", kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
        const auto row = static_cast<std::size_t>(kept[i]);
        weights(row) = some_weights(i) = 0.2 + 0.1 * static_cast<double>(i);
        for (std::size_t h = 0; h < 6; ++h) some(i, h) = all.one.hidden(row, h);
    }
    const auto expected = all.run(all.one.hidden, weights, {}, log_prob, d_hidden);
    const auto found = all.run(some, some_weights, Kept(kept.data(), kept.size()), some_log_prob, d_some);
    check_close("gradient", found, expected, 1e-13);
    std::vector<double> expected_log_prob, expected_d_hidden;
    for (const Index row : kept) {
        expected_log_prob.push_back(log_prob(static_cast<std::size_t>(row)));
        for (std::size_t h = 0; h < 6; ++h) expected_d_hidden.push_back(d_hidden(static_cast<std::size_t>(row), h));
    }
    check_close("log-probability", some_log_prob, expected_log_prob, 1e-13);
    check_close("gradient by hidden", d_some.data(), expected_d_hidden, 1e-13);
}

}  // namespace

TEST_CASE("rows that are left out are as rows of weight zero, and the others stay with their cells") {
    check_left_out<OutputDriver::host>();
    check_left_out<OutputDriver::device>();
}

TEST_CASE("the output layer equals plain loops, on both drivers, at the borders of panels and blocks") {
    const Index genes = GENERATE(1, 127, 128, 129, 300);
    const auto [cells, samples] = GENERATE(table<Index, Index>({{1, 1}, {128, 1}, {26, 5}, {43, 3}}));
    const OutputCase one(cells, samples, genes, 6);
    check_output_layer<Poisson>(one, {});
    check_output_layer<Zinb>(one, {});
}

TEST_CASE("a share of the mean equals plain loops, on both drivers, at the borders of panels and blocks") {
    const auto scale = GENERATE(MeanScale::share, MeanScale::library_share);
    const Index genes = GENERATE(1, 129, 300);
    const auto [cells, samples] = GENERATE(table<Index, Index>({{1, 1}, {128, 1}, {43, 3}}));
    check_output_layer<Poisson>(OutputCase(cells, samples, genes, 6), {scale, {}});
    check_output_layer<Zinb>(OutputCase(cells, samples, genes, 6), {scale, {"log_dispersion"}});
}

TEST_CASE("a share of the mean with more blocks of rows, more panels than lanes and more than one wide panel") {
    check_output_layer<Poisson>(OutputCase(nn_detail::device_share_rows / 4 + 1, 4, 130, 3),
                                {MeanScale::library_share, {}});
    const Index genes =
        std::max(nn_detail::device_panel_width, nn_detail::most_lanes * genes_per_panel) + genes_per_panel + 1;
    check_output_layer<Zinb>(OutputCase(3, 2, genes, 4), {MeanScale::library_share, {}});
}

TEST_CASE("a share that all cells have, and shares outside the bounds") {
    check_output_layer<Zinb>(OutputCase(26, 5, 129, 6), {MeanScale::library_share, {"log_mean", "log_dispersion"}});
    check_output_layer<Zinb>(OutputCase(20, 2, 140, 6), {MeanScale::library_share, {}}, 1e-11, 45);
}

TEST_CASE("the output layer adds library sizes and shares parameters as asked") {
    const auto options =
        GENERATE(OutputOptions{MeanScale::library, {}}, OutputOptions{MeanScale::none, {"log_dispersion"}},
                 OutputOptions{MeanScale::library, {"log_dispersion"}},
                 OutputOptions{MeanScale::library, {"log_mean", "logit_zero_inflation"}},
                 OutputOptions{MeanScale::library, {"log_mean", "logit_zero_inflation", "log_dispersion"}});
    check_output_layer<Zinb>(OutputCase(26, 5, 129, 6), options);
    check_output_layer<Zinb>(OutputCase(3, 1, 300, 1), options);
}

TEST_CASE("parameters on both sides of their bounds give the loops' values and gradients") {
    check_output_layer<Poisson>(OutputCase(20, 2, 140, 6), {}, 1e-11, 45);
    check_output_layer<Zinb>(OutputCase(20, 2, 140, 6), {}, 1e-11, 45);
    check_output_layer<Zinb>(OutputCase(20, 2, 140, 6), {MeanScale::library, {"log_dispersion"}}, 1e-11, 45);
}

TEST_CASE("more panels than lanes, and more genes than a wide panel, make no difference") {
    const Index genes =
        std::max(nn_detail::device_panel_width, nn_detail::most_lanes * genes_per_panel) + genes_per_panel + 1;
    check_output_layer<Poisson>(OutputCase(3, 2, genes, 4), {MeanScale::library, {}});
}

TEST_CASE("in float the output layer is the same to float's precision") {
    check_output_layer<Poisson, float>(OutputCase(43, 3, 300, 6), {}, 2e-5);
    check_output_layer<Poisson, float>(OutputCase(43, 3, 300, 6), {MeanScale::library, {}}, 2e-5);
    check_output_layer<Poisson, float>(OutputCase(43, 3, 300, 6), {MeanScale::library_share, {}}, 2e-5);
}

TEST_CASE("with products of bfloat16 gradients are the same to its precision, and log_prob() to float's") {
    const auto scale = GENERATE(MeanScale::library, MeanScale::library_share);
    const Index genes = GENERATE(1, 128, 300), hidden = GENERATE(7, 40);
    const auto [cells, samples] = GENERATE(table<Index, Index>({{1, 1}, {43, 3}}));
    const auto shared = GENERATE(std::vector<std::string>{}, std::vector<std::string>{"log_dispersion"});
    if (is_share(scale) && genes == 1) return;  // its share is 1, whatever is rounded
    OutputOptions options{scale, shared};
    options.products = ProductPrecision::bfloat16;
    check_output_driver<Zinb, float, OutputDriver::host>(OutputCase(cells, samples, genes, hidden), options, 1e-2, 0.5);
}

TEST_CASE("the fastest products are of bfloat16 in float on the host, where the processor is faster by them") {
    OutputOptions options{MeanScale::library, {}};
    options.products = ProductPrecision::fastest;
    const OutputCase one(43, 3, 300, 40);
    check_output_driver<Zinb, float, OutputDriver::host>(one, options, bfloat16_is_faster() ? 1e-2 : 2e-5, 0.5);
    check_output_driver<Zinb, float, OutputDriver::device>(one, options, 2e-5, 0.5);
    check_output_layer<Zinb, double>(one, options);
}

TEMPLATE_TEST_CASE_SIG("beyond a bound only the gradient that would lead further out is zero", "",
                       ((OutputDriver driver), driver), OutputDriver::host, OutputDriver::device) {
    const double weight = GENERATE(1.0, 0.25);
    const double largest = std::exp(20.0), smallest = std::exp(-30.0);
    const std::vector<std::vector<float>> counts{{0, 1e10f, 0, 5, 0, 5}};
    const std::vector<double> bias{25, 25, -40, -40, 1, 1};
    const Beyond<driver> found(counts, bias, weight);
    const auto close = [&](double value, double expected) {
        return std::abs(value - weight * expected) <= 1e-12 * std::abs(expected);
    };
    CHECK(close(found.d_bias[0], -largest));      // above, and the count asks for less: inward
    CHECK(found.d_bias[1] == 0);                  // above, and the count asks for more: outward
    CHECK(found.d_bias[2] == 0);                  // below, and a zero asks for less: outward
    CHECK(close(found.d_bias[3], 5 - smallest));  // below, and the count asks for more: inward
    CHECK(close(found.d_bias[4], -std::exp(1.0)));
    CHECK(close(found.d_bias[5], 5 - std::exp(1.0)));
    const double expected =
        -largest + (1e10 * 20 - largest) - smallest + (5 * -30.0 - smallest) - std::exp(1.0) + (5 - std::exp(1.0));
    CHECK(std::abs(found.log_prob[0] - expected) < 1e-12 * std::abs(expected));
}

TEST_CASE("an empty cell with a library scale stays finite") {
    auto counts = random_counts(2, 140);
    counts[1].assign(140, 0);  // its log library size is -inf, and the log mean counts as its bound
    OutputCase one(2, 1, 140, 3);
    one.dense = counts;
    check_output_layer<Zinb>(one, {MeanScale::library, {}});
    check_output_layer<Zinb>(one, {MeanScale::library_share, {}});
}

TEST_CASE("heads start from the genes' statistics, or from zero and small weights") {
    const HostExec exec;
    CountMatrix matrix = count_matrix({{0, 4, 0, 1}, {0, 2, 1, 1}, {0, 0, 0, 1}, {0, 6, 0, 1}});
    matrix.library_sizes = {10, 20, 30, 40};
    const auto data = make_dataset<Poisson, HostExec>(exec, matrix);
    const MeanScale scale = GENERATE(MeanScale::none, MeanScale::library, MeanScale::share, MeanScale::library_share);
    ParameterStore<double, HostExec> store;
    OutputLayer<Poisson, double, HostExec> layer(store, "decoder", 16, 4, {scale, {}});
    store.allocate(exec);
    layer.initialise(exec, store, 3);
    exec.fence();
    const auto bias = store.value(store.find("decoder/log_rate/bias"));
    const auto weight = store.value(store.find("decoder/log_rate/weight"));
    REQUIRE(weight.extent(0) == 4);
    REQUIRE(weight.extent(1) == 16);
    double largest = 0;
    for (std::size_t gene = 0; gene < 4; ++gene) {
        CHECK(bias(0, gene) == 0);
        for (std::size_t h = 0; h < 16; ++h) largest = std::max(largest, std::abs(weight(gene, h)));
    }
    CHECK(largest <= 0.25);
    CHECK(largest > 0.2);

    layer.start_from(exec, store, data);
    // the mean library size, or for shares the mean total of these genes
    const double offset = scale == MeanScale::none ? 0 : std::log(is_share(scale) ? 17.0 / 4 : 25.0);
    const double means[] = {0.5 / 4, 3, 0.25, 1};  // a gene that was never seen counts as half a count
    for (std::size_t gene = 0; gene < 4; ++gene)
        CHECK(std::abs(bias(0, gene) - (std::log(means[gene]) - offset)) < 1e-12);
}

TEST_CASE("output layers that cannot be, and rows that do not fit, are refused") {
    const HostExec exec;
    ParameterStore<double, HostExec> store;
    const auto made = [&]<class L>(const OutputOptions& options) {
        OutputLayer<L, double, HostExec>(store, "decoder", 2, 3, options);
    };
    CHECK_THROWS_MATCHES(
        made.operator()<Zinb>({MeanScale::none, {"dispersion"}}), OptionError,
        Message("the likelihood zero_inflated_negative_binomial_mean has no parameter dispersion to share; it has "
                "logit_zero_inflation, log_mean, log_dispersion"));
    CHECK_THROWS_MATCHES(
        made.operator()<Bernoulli>({MeanScale::library, {}}), OptionError,
        Message("the likelihood bernoulli has no log-mean parameter for the scale library: use the scale none, or a "
                "likelihood with log_mean or log_rate"));

    OutputOptions rounded;
    rounded.products = ProductPrecision::bfloat16;
    CHECK_THROWS_MATCHES(made.operator()<Poisson>(rounded), OptionError,
                         Message("products of bfloat16 are for models of float on the host: use float32"));

    const CountMatrix matrix = count_matrix({{0, 4, 1}, {1, 2, 1}});
    const auto data = make_dataset<Poisson, HostExec>(exec, matrix);
    Minibatch<double, HostExec> batch(exec, data, 2);
    const Products<double, HostExec> products(exec);
    ParameterStore<double, HostExec> other;
    OutputLayer<Poisson, double, HostExec> layer(other, "decoder", 2, 3, {});
    OutputLayer<Poisson, double, HostExec> four_genes(other, "other", 2, 4, {});
    other.allocate(exec);
    const Vector<double, HostExec> log_prob("log_prob", 2);
    const Pass<double, HostExec> pass{exec, &products, &other, nullptr, &batch};
    CHECK_THROWS_MATCHES(layer.log_prob(pass, HostMatrix("hidden", 2, 5), log_prob), ShapeError,
                         Message("width of the output layer's rows: found 5, expected 2"));
    CHECK_THROWS_MATCHES(four_genes.log_prob(pass, HostMatrix("hidden", 2, 2), log_prob), ShapeError,
                         Message("genes of the minibatch: found 3, expected 4"));
}
