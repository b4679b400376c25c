// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "../data/small_cells.hpp"
#include "cellvae/nn/output_layer.hpp"
#include "differences.hpp"

// The output layer against plain loops over all cells and genes, in double.

namespace cellvae_tests {

using cellvae::Index;

/// What the layer is given, in double, with every count written out.
struct OutputCase {
    Index cells, samples, genes, hidden_width;
    std::vector<std::vector<float>> dense;
    HostMatrix hidden;            ///< rows x hidden
    std::vector<double> weights;  ///< of each row, one of them zero

    OutputCase(Index cell_count, Index sample_count, Index gene_count, Index width)
        : cells(cell_count),
          samples(sample_count),
          genes(gene_count),
          hidden_width(width),
          dense(random_counts(cell_count, gene_count, 0.2, 5)),
          hidden("hidden", static_cast<std::size_t>(rows()), static_cast<std::size_t>(width)) {
        fill_random(hidden, 31);
        cellvae::RandomStream random(9, cellvae::Purpose::test);
        for (Index row = 0; row < rows(); ++row) weights.push_back(row == 2 ? 0 : 1.5 * random.uniform());
    }

    [[nodiscard]] Index rows() const { return cells * samples; }
};

/// What the layer should give.
template <class L>
struct OutputOracle {
    static constexpr std::size_t count = cellvae::parameter_count<L>;
    std::vector<double> log_prob;                             ///< rows
    std::array<std::vector<double>, count> d_weight, d_bias;  ///< genes x hidden, genes
    std::vector<double> d_hidden;                             ///< rows x hidden

    /// @param targets cells x genes @param offset of the log mean: cells, or empty for none
    /// @param share the log mean goes through a log-softmax over the genes first
    /// @param weight, bias of each head; the weight of a shared parameter is empty
    OutputOracle(const OutputCase& one, const std::vector<std::vector<double>>& targets,
                 const std::vector<double>& offset, bool share, const std::array<std::vector<double>, count>& weight,
                 const std::array<std::vector<double>, count>& bias) {
        const auto genes = static_cast<std::size_t>(one.genes);
        const auto width = static_cast<std::size_t>(one.hidden_width);
        const auto rows = static_cast<std::size_t>(one.rows());
        const auto cells = static_cast<std::size_t>(one.cells);
        log_prob.assign(rows, 0);
        d_hidden.assign(rows * width, 0);
        for (std::size_t n = 0; n < count; ++n) {
            d_weight[n].assign(genes * width, 0);
            d_bias[n].assign(genes, 0);
        }
        constexpr int log_mean = L::log_mean_parameter;
        for (std::size_t row = 0; row < rows; ++row) {
            std::array<std::vector<double>, count> eta, d;
            for (std::size_t n = 0; n < count; ++n) {
                d[n].assign(genes, 0);
                eta[n] = bias[n];
                for (std::size_t gene = 0; gene < genes; ++gene)
                    for (std::size_t h = 0; h < width && !weight[n].empty(); ++h)
                        eta[n][gene] += one.hidden(row, h) * weight[n][gene * width + h];
            }
            std::vector<double> shares(genes);
            if (share) {
                auto& logits = eta[static_cast<std::size_t>(log_mean)];
                const double largest = *std::max_element(logits.begin(), logits.end());
                double sum = 0;
                for (const double logit : logits) sum += std::exp(logit - largest);
                for (std::size_t gene = 0; gene < genes; ++gene) {
                    logits[gene] -= largest + std::log(sum);
                    shares[gene] = std::exp(logits[gene]);
                }
            }
            for (std::size_t gene = 0; gene < genes; ++gene) {
                cellvae::Parameters<double, count> inside{};
                for (std::size_t n = 0; n < count; ++n) {
                    if (!offset.empty() && static_cast<int>(n) == log_mean) eta[n][gene] += offset[row % cells];
                    const auto bounds = L::bounds(static_cast<int>(n));
                    inside[n] = std::clamp(eta[n][gene], bounds.lower, bounds.upper);
                }
                const auto result = L::log_prob(targets[row % cells][gene], inside);
                log_prob[row] += result.value;
                for (std::size_t n = 0; n < count; ++n) {
                    d[n][gene] = result.d_log_prob[n] * one.weights[row];
                    const bool outward =
                        (eta[n][gene] > inside[n] && d[n][gene] > 0) || (eta[n][gene] < inside[n] && d[n][gene] < 0);
                    if (outward) d[n][gene] = 0;
                }
            }
            if (share) {
                auto& own = d[static_cast<std::size_t>(log_mean)];
                double sum = 0;
                for (const double value : own) sum += value;
                for (std::size_t gene = 0; gene < genes; ++gene) own[gene] -= shares[gene] * sum;
            }
            for (std::size_t n = 0; n < count; ++n)
                for (std::size_t gene = 0; gene < genes; ++gene) {
                    d_bias[n][gene] += d[n][gene];
                    for (std::size_t h = 0; h < width && !weight[n].empty(); ++h) {
                        d_weight[n][gene * width + h] += d[n][gene] * one.hidden(row, h);
                        d_hidden[row * width + h] += d[n][gene] * weight[n][gene * width + h];
                    }
                }
        }
    }
};

/// Counts the entries of `found` that differ from `expected` by more than `tolerance` times the largest magnitude, and
/// says which is the first. NaN differs.
template <class Found>
void check_close(const std::string& what, const Found& found, const std::vector<double>& expected, double tolerance) {
    double scale = 1;
    for (const double value : expected) scale = std::max(scale, std::abs(value));
    std::size_t wrong = 0;
    std::string first = "none";
    for (std::size_t i = 0; i < expected.size(); ++i) {
        if (std::abs(static_cast<double>(found[i]) - expected[i]) <= tolerance * scale) continue;
        if (wrong++ == 0) first = cellvae::message("entry ", i, ": found ", found[i], ", expected ", expected[i]);
    }
    INFO(what << ", of " << expected.size() << " entries; the first wrong one: " << first);
    CHECK(wrong == 0);
}

/// One layer, one minibatch, one driver, in Real, against the oracle: log-probabilities with and without gradient, and
/// every gradient.
template <class L, class Real, cellvae::OutputDriver driver>
void check_output_driver(const OutputCase& one, const cellvae::OutputOptions& options, double tolerance,
                         double bias_spread) {
    using namespace cellvae;
    constexpr std::size_t count = parameter_count<L>;
    const HostExec exec;
    std::vector<double> libraries;
    CountMatrix matrix = count_matrix(one.dense);
    for (Index cell = 0; cell < matrix.cells(); ++cell) libraries.push_back(1.5 * matrix.library_size(cell));
    matrix.library_sizes = libraries;  // more than the genes that are here have together
    const auto data = make_dataset<L, HostExec>(exec, matrix);
    Minibatch<Real, HostExec> batch(exec, data, one.cells);
    const Kokkos::View<Index*, HostExec> order("order", static_cast<std::size_t>(one.cells));
    for (Index row = 0; row < one.cells; ++row) order(row) = row;
    batch.assemble(exec, data, order);

    const Products<Real, HostExec> products(exec);
    ParameterStore<Real, HostExec> store;
    OutputLayer<L, Real, HostExec, driver> layer(store, "decoder", one.hidden_width, one.genes, options);
    store.allocate(exec);
    layer.reserve(exec, one.cells, static_cast<Index>(batch.columns.extent(0)), one.samples);
    exec.fence();
    for (std::size_t id = 0; id < store.entries().size(); ++id) {
        const bool weight = store.entries()[id].name.ends_with("weight");
        fill_random(store.value(static_cast<int>(id)), static_cast<std::uint32_t>(id), 0, weight ? 0.5 : bias_spread);
        Kokkos::deep_copy(store.gradient(static_cast<int>(id)), Real(std::nan("")));
    }

    const auto rows = static_cast<std::size_t>(one.rows());
    const auto width = static_cast<std::size_t>(one.hidden_width);
    const Matrix<Real, HostExec> hidden("hidden", rows, width), d_hidden("d_hidden", rows, width);
    const Vector<Real, HostExec> weights("weights", rows);
    const Vector<double, HostExec> log_prob("log_prob", rows), alone("alone", rows);
    for (std::size_t row = 0; row < rows; ++row) {
        weights(row) = static_cast<Real>(one.weights[row]);
        for (std::size_t h = 0; h < width; ++h) hidden(row, h) = static_cast<Real>(one.hidden(row, h));
    }
    Kokkos::deep_copy(d_hidden, Real(std::nan("")));
    Kokkos::deep_copy(log_prob, std::nan(""));
    Kokkos::deep_copy(alone, std::nan(""));
    const Pass<Real, HostExec> pass{exec, &products, &store, nullptr, &batch};
    layer.log_prob(pass, hidden, alone);
    layer.gradient(pass, hidden, weights, log_prob, d_hidden);
    layer.gradient(pass, hidden, weights, log_prob, d_hidden);  // a second pass adds nothing to the first
    exec.fence();

    std::vector<std::vector<double>> targets;
    for (std::size_t cell = 0; cell < one.dense.size(); ++cell) {
        targets.emplace_back();
        for (const float value : one.dense[cell])
            targets.back().push_back(
                target_value(data.target, static_cast<double>(value), data.library(cell), data.maximum(cell)));
    }
    std::vector<double> offset;
    if (adds_library(options.scale))
        for (std::size_t cell = 0; cell < one.dense.size(); ++cell) {
            const double total = is_share(options.scale) ? libraries[cell] / 1.5 : libraries[cell];
            offset.push_back(total > 0 ? std::log(total) : 0);  // an empty cell: one
        }
    std::array<std::vector<double>, count> weight, bias;
    std::array<std::string, count> paths;
    for (std::size_t n = 0; n < count; ++n) {
        paths[n] = "decoder/" + std::string(L::parameters[n]);
        const int weight_id = store.find(paths[n] + "/weight");
        const bool shared =
            std::find(options.shared.begin(), options.shared.end(), L::parameters[n]) != options.shared.end();
        REQUIRE(shared == (weight_id < 0));
        const auto values = store.value(store.find(paths[n] + (shared ? "/shared" : "/bias")));
        bias[n].assign(values.data(), values.data() + one.genes);
        if (shared) continue;
        const auto matrix_values = store.value(weight_id);
        weight[n].assign(matrix_values.data(), matrix_values.data() + one.genes * one.hidden_width);
    }
    const OutputOracle<L> expected(one, targets, offset, is_share(options.scale), weight, bias);
    CAPTURE(L::name, one.cells, one.samples, one.genes, name_of(options.scale), options.shared,
            driver == OutputDriver::device, sizeof(Real));
    check_close("log-probability", log_prob, expected.log_prob, tolerance);
    const bool chosen = std::is_same_v<Real, float> && driver == OutputDriver::host && bfloat16_is_faster();
    if (options.products == ProductPrecision::float32 || (options.products == ProductPrecision::fastest && !chosen)) {
        check_close("log-probability without gradient", alone, expected.log_prob, tolerance);
    } else {  // its products are not rounded
        check_close("log-probability without gradient", alone, expected.log_prob, 2e-5);
        CHECK(!std::equal(alone.data(), alone.data() + rows, log_prob.data()));
    }
    check_close("gradient by hidden", d_hidden.data(), expected.d_hidden, tolerance);
    for (std::size_t n = 0; n < count; ++n) {
        if (!weight[n].empty())
            check_close("gradient by " + paths[n] + "/weight", store.gradient(store.find(paths[n] + "/weight")).data(),
                        expected.d_weight[n], tolerance);
        check_close("gradient by " + paths[n],
                    store.gradient(store.find(paths[n] + (weight[n].empty() ? "/shared" : "/bias"))).data(),
                    expected.d_bias[n], tolerance);
    }
}

/// Both drivers.
template <class L, class Real = double>
void check_output_layer(const OutputCase& one, const cellvae::OutputOptions& options, double tolerance = 1e-11,
                        double bias_spread = 0.5) {
    check_output_driver<L, Real, cellvae::OutputDriver::host>(one, options, tolerance, bias_spread);
    check_output_driver<L, Real, cellvae::OutputDriver::device>(one, options, tolerance, bias_spread);
}

}  // namespace cellvae_tests
