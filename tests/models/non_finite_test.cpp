// SPDX-License-Identifier: Apache-2.0
#include "cellvae/models/non_finite.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <limits>

#include "cellvae/distributions/poisson.hpp"
#include "small_model.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Equals;
using Catch::Matchers::StartsWith;

namespace non_finite_test {

namespace {

/// Fails at one count: in its value at 77, in its gradient at 78.
struct Breaks : Poisson {
    static constexpr std::string_view name = "breaks";
    template <class Real, class X>
    static LogProb<Real, 1> log_prob(X x, const Parameters<Real, 1>& eta) {
        auto result = Poisson::log_prob(x, eta);
        if constexpr (std::is_same_v<X, Real>) {
            if (x == Real(77)) result.value = std::numeric_limits<Real>::quiet_NaN();
            if (x == Real(78)) result.d_log_prob[0] = std::numeric_limits<Real>::infinity();
        }
        return result;
    }
};

/// An activation whose value is finite and whose slope is not.
struct Vertical {
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real value(Real u) const {
        return u;
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real derivative(Real) const {
        return Kokkos::Experimental::infinity_v<Real>;
    }
};

ModelOptions options() {
    return {.latent = 2, .hidden = {4}, .activation = ActivationKind::tanh, .scale = MeanScale::library};
}

/// What is said of the model with one count, of gene 4 in cell 2, replaced.
std::string described(float count) {
    SmallModel<Breaks> small(5, 6, options());
    std::vector<std::vector<float>> dense = random_counts(5, 6, 0.4);
    dense[2][4] = count;
    const CountMatrix cells = count_matrix(dense);
    const auto data = make_dataset<Breaks, HostExec>(small.exec, cells);
    Minibatch<double, HostExec> batch(small.exec, data, 3);
    batch.assemble(small.exec, data, order_of({4, 2, 0}));  // the cell is not at its own place
    return describe_non_finite(small.exec, small.model, batch, cells, {.seed = 1});
}

}  // namespace

TEST_CASE("a value that is not finite is found with cell, gene and parameters") {
    CHECK_THAT(described(77),
               StartsWith("cell 2 (c2), gene 4 (g4): log-probability nan at the value 77 with log_rate = "));
    CHECK_THAT(described(78), StartsWith("cell 2 (c2), gene 4 (g4): d_log_rate inf at the value 78 with log_rate = "));
    CHECK_THAT(described(5), Equals("when repeated, every log-probability and the gradient are finite"));
}

TEST_CASE("the parameters named are those at which the entry was computed") {
    ModelOptions chosen = options();
    chosen.scale = GENERATE(MeanScale::library, MeanScale::library_share);
    SmallModel<Breaks> small(5, 6, chosen);
    auto& model = small.model;
    // the head without weights: log_rate is bias plus log library size, or log share plus log total
    Kokkos::deep_copy(model.parameters().value(model.parameters().find("decoder/log_rate/weight")), 0.0);
    model.parameters().value(model.parameters().find("decoder/log_rate/bias"))(0, 3) = 1.5;
    if (chosen.scale == MeanScale::library_share) {  // 0.2 of 1
        const auto bias = model.parameters().value(model.parameters().find("decoder/log_rate/bias"));
        for (std::size_t gene = 0; gene < 6; ++gene) bias(0, gene) = std::log(gene == 3 ? 0.2 : 0.16);
    }
    std::vector<std::vector<float>> dense = random_counts(5, 6, 0.4);
    dense[1] = {0, 0, 0, 77, 23, 0};
    const CountMatrix cells = count_matrix(dense);
    const auto data = make_dataset<Breaks, HostExec>(small.exec, cells);
    Minibatch<double, HostExec> batch(small.exec, data, 2);
    batch.assemble(small.exec, data, order_of({0, 1}));
    CHECK(describe_non_finite(small.exec, model, batch, cells, {.seed = 1}) ==
          message("cell 1 (c1), gene 3 (g3): log-probability nan at the value 77 with log_rate = ",
                  (chosen.scale == MeanScale::library ? 1.5 : std::log(0.2)) + std::log(100.0)));
    // cells without names are named by their numbers
    const CellsView nameless(cells.row_offsets, cells.columns, cells.values, cells.genes());
    CHECK_THAT(describe_non_finite(small.exec, model, batch, nameless, {.seed = 1}),
               StartsWith("cell 1, gene 3: log-probability"));
}

TEST_CASE("a parameter that is not finite shows in the first entry that it reaches") {
    SmallModel<Poisson> small(5, 6, options());
    small.model.parameters().value(small.model.parameters().find("decoder/log_rate/bias"))(0, 2) = std::nan("");
    CHECK_THAT(describe_non_finite(small.exec, small.model, small.batch, small.matrix, {.seed = 1}),
               StartsWith("cell 0 (c0), gene 2 (g2): log-probability nan at the value ") &&
                   ContainsSubstring("log_rate = nan"));
}

TEST_CASE("where every entry is finite, the array whose gradient is not is named") {
    SmallModel<Poisson, Mlp<Vertical>> small(5, 6, {.latent = 2, .hidden = {4}});
    CHECK_THAT(describe_non_finite(small.exec, small.model, small.batch, small.matrix, {.seed = 1}),
               StartsWith("every log-probability is finite, but the gradient of encoder/hidden/weight has "));
}

}  // namespace non_finite_test
