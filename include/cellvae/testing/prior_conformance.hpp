// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cellvae/distributions/poisson.hpp"
#include "cellvae/models/vae.hpp"
#include "cellvae/priors/concepts.hpp"
#include "cellvae/priors/factorised_prior.hpp"
#include "cellvae/testing/report.hpp"

/// The mathematics that a prior must satisfy and that no concept can see.
namespace cellvae {

struct PriorCheckOptions {
    /// Sizes of the small model. Its genes and cells are few, and its hidden units smooth.
    ModelOptions model{.latent = 2,
                       .hidden = {5},
                       .activation = ActivationKind::tanh,
                       .mixture = {.clusters = 3},
                       .vamp = {.pseudo_inputs = 3}};
    double spread = 0.4;         ///< all parameters of the model are uniform in +- this
    int seeds = 200;             ///< over which noisy values are averaged
    double standard_errors = 6;  ///< how far a mean may be away
    double tolerance = 1e-6;     ///< relative error allowed in gradients
    std::uint64_t seed = 1;      ///< of parameters, counts and directions
};

namespace testing_detail {

/// Six cells of seven genes, and a model of them in double on the host.
template <class Prior>
class PriorBench {
public:
    using Exec = Kokkos::DefaultHostExecutionSpace;
    using Model = Vae<Mlp<>, Prior, Poisson, double, Exec>;
    static constexpr Index cells = 6;
    static constexpr Index genes = 7;

    explicit PriorBench(const PriorCheckOptions& options)
        : counts_(made_up(options.seed)),
          data_(make_dataset<Poisson, Exec>(exec, counts_)),
          model(exec, genes, options.model),
          batch(exec, data_, cells) {
        RandomStream random(options.seed, Purpose::test, 1);
        const auto values = model.parameters().values();
        for (std::size_t i = 0; i < values.extent(0); ++i) values(i) = options.spread * (2 * random.uniform() - 1);
        const Kokkos::View<Index*, Exec> order("order", cells);
        for (Index cell = 0; cell < cells; ++cell) order(cell) = cell;
        batch.assemble(exec, data_, order);
        model.reserve(exec, batch);
        exec.fence();
    }

    [[nodiscard]] Pass<double, Exec> pass(std::uint32_t step, Mode mode = Mode::training) const {
        return model.pass(exec, batch, {.beta = beta, .seed = 1, .step = step}, mode);
    }

    Exec exec;
    static constexpr double beta = 0.7;

private:
    static CountMatrix made_up(std::uint64_t seed) {
        CountMatrix matrix;
        RandomStream random(seed, Purpose::test);
        for (Index gene = 0; gene < genes; ++gene) matrix.var.names.push_back(message("gene ", gene));
        for (Index cell = 0; cell < cells; ++cell) {
            for (Index gene = 0; gene < genes; ++gene) {
                if (random.below(2) == 0) continue;
                matrix.columns.push_back(static_cast<GeneIndex>(gene));
                matrix.values.push_back(static_cast<float>(1 + random.below(6)));
            }
            matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
            matrix.obs.names.push_back(message("cell ", cell));
        }
        return matrix;
    }

    CountMatrix counts_;
    Dataset<Exec> data_;

public:
    Model model;
    Minibatch<double, Exec> batch;
};

/// A mean over seeds with its standard error.
struct Average {
    double sum = 0, squares = 0;
    int count = 0;

    void add(double value) {
        sum += value;
        squares += value * value;
        ++count;
    }
    [[nodiscard]] double mean() const { return sum / count; }
    [[nodiscard]] double error() const {
        return std::sqrt(std::max(squares / count - mean() * mean(), 0.0) / (count - 1));
    }
};

template <class Bench>
void check_shapes(CheckReport& report, const Bench& bench) {
    report.begin("shapes");
    const auto& inference = bench.model.inference();
    const Index most = inference.rows_per_cell();
    if (most < 1 || inference.draws_per_pass() < 1 || most % inference.draws_per_pass() != 0)
        report.fail("rows_per_cell() is ", most, " and draws_per_pass() ", inference.draws_per_pass(),
                    ": a whole number of rows makes a draw");
    for (const Mode mode : {Mode::training, Mode::evaluation}) {
        const auto pass = bench.pass(1, mode);
        const auto z = inference.z(pass), d_z = inference.d_z(pass), latent = inference.latent(pass);
        const auto rows = static_cast<Index>(z.extent(0));
        const Index dimensions = bench.model.options().latent;
        if (rows < Bench::cells || rows > most * Bench::cells || rows % Bench::cells != 0)
            report.fail("z has ", rows, " rows for ", Bench::cells, " cells, where rows_per_cell() is ", most);
        if (d_z.extent(0) != z.extent(0) || d_z.extent(1) != z.extent(1)) report.fail("d_z has not the shape of z");
        if (static_cast<Index>(z.extent(1)) != dimensions || static_cast<Index>(latent.extent(1)) != dimensions)
            report.fail("z has ", z.extent(1), " columns and the latent coordinates ", latent.extent(1), ", not ",
                        dimensions);
        if (static_cast<Index>(latent.extent(0)) != Bench::cells)
            report.fail("there are latent coordinates for ", latent.extent(0), " cells of ", Bench::cells);
    }
}

template <class Bench>
void check_terms(CheckReport& report, Bench& bench, Bound bound) {
    using Model = typename Bench::Model;
    report.begin("terms");
    if (Model::term_names[0] != "bound" || Model::term_names[1] != "reconstruction")
        report.fail("the first terms are called ", Model::term_names[0], " and ", Model::term_names[1],
                    ", not bound and reconstruction");
    bench.model.gradient(bench.exec, bench.batch, {.beta = Bench::beta, .seed = 1, .step = 1});
    bench.exec.fence();
    for (Index cell = 0; cell < Bench::cells; ++cell) {
        double expected = bench.model.terms()(cell, 1);
        for (std::size_t i = 0; i < Model::term_count; ++i) {
            const double term = bench.model.terms()(cell, i);
            if (!std::isfinite(term)) report.fail("the ", Model::term_names[i], " of cell ", cell, " is ", term);
            if (i > 1) expected -= Bench::beta * term;
        }
        const double found = bench.model.terms()(cell, 0);
        if (bound == Bound::elbo && !(std::abs(found - expected) <= 1e-10 * (1 + std::abs(expected))))
            report.fail("the bound of cell ", cell, " is ", found,
                        ", where reconstruction - beta x the other terms is ", expected, ", beta ", Bench::beta);
    }
}

template <class Bench>
void check_prior_gradient(CheckReport& report, Bench& bench, const PriorCheckOptions& options) {
    report.begin("gradient");
    const auto& store = bench.model.parameters();
    const auto pass = bench.pass(2);
    bench.model.inference().draw_noise(pass);
    Kokkos::deep_copy(store.gradients(), std::numeric_limits<double>::quiet_NaN());
    bench.model.gradient_at_noise(pass, Bench::beta);
    const std::vector<double> gradient(store.gradients().data(), store.gradients().data() + store.size());
    RandomStream random(options.seed, Purpose::test, 2);
    for (const auto& entry : store.entries()) {
        const auto size = static_cast<std::size_t>(entry.rows * entry.columns);
        double* values = store.values().data() + entry.offset;
        const std::vector<double> start(values, values + size);
        for (int trial = 0; trial < 2; ++trial) {  // a direction through the array, and one of its entries
            std::vector<double> direction(size, 0.0);
            const auto single = random.below(static_cast<std::uint32_t>(size));
            for (std::size_t i = 0; i < size; ++i)
                direction[i] = trial == 0 ? 2 * random.uniform() - 1 : (i == single ? 1 : 0);
            double slope = 0;
            for (std::size_t i = 0; i < size; ++i)
                slope += direction[i] * gradient[i + static_cast<std::size_t>(entry.offset)];
            const auto at = [&](double distance) {
                for (std::size_t i = 0; i < size; ++i) values[i] = start[i] + distance * direction[i];
                return bench.model.gradient_at_noise(pass, Bench::beta)[0];
            };
            constexpr double step = 1e-5;
            const double difference = (at(step) - at(-step)) / (2 * step);
            const double bound = at(0);
            if (!(std::abs(slope - difference) <=
                  options.tolerance * (1 + std::abs(difference)) + 1e-9 * std::abs(bound)))
                report.fail("by ", entry.name, ": ", slope, ", where the bound's difference is ", difference);
        }
    }
}

template <class Bench>
void check_noise(CheckReport& report, Bench& bench) {
    report.begin("noise");
    const auto bound = [&](std::uint32_t step) {
        return bench.model.gradient(bench.exec, bench.batch, {.beta = Bench::beta, .seed = 1, .step = step})[0];
    };
    const double first = bound(3), other = bound(4), again = bound(3);
    if (first != again) report.fail("the same seed and step gave the bounds ", first, " and ", again);
    if (first == other) report.fail("two steps gave the same bound, ", first);
}

template <class Bench>
void check_estimate(CheckReport& report, Bench& bench, const PriorCheckOptions& options) {
    report.begin("estimate");
    Average bound, one, many;
    const Vector<double, typename Bench::Exec> cells("cells", Bench::cells);
    const auto estimate = [&](Index samples, std::uint64_t seed) {
        bench.model.log_likelihood(bench.exec, bench.batch, samples, seed, cells);
        bench.exec.fence();
        double sum = 0;
        for (Index cell = 0; cell < Bench::cells; ++cell) sum += cells(cell);
        return sum / static_cast<double>(Bench::cells);
    };
    for (int i = 0; i < options.seeds; ++i) {
        const auto seed = static_cast<std::uint64_t>(i);
        bound.add(bench.model.bound(bench.exec, bench.batch, {.seed = seed})[0]);
        one.add(estimate(1, seed + 1000000));
        many.add(estimate(20, seed + 2000000));
    }
    const auto allowed = [&](const Average& a, const Average& b) {
        return options.standard_errors * std::hypot(a.error(), b.error()) + 1e-10 * std::abs(a.mean());
    };
    if (!(one.mean() >= bound.mean() - allowed(one, bound)))
        report.fail("the estimate of log p(x) from one draw is ", one.mean(), " +- ", one.error(),
                    ", below the bound, ", bound.mean(), " +- ", bound.error());
    if (!(many.mean() >= one.mean() - allowed(many, one)))
        report.fail("the estimate of log p(x) from 20 draws is ", many.mean(), " +- ", many.error(),
                    ", below that from one, ", one.mean(), " +- ", one.error());
    // where a draw is one row, one draw estimates the bound itself, its KL sampled
    const auto& inference = bench.model.inference();
    if (inference.rows_per_cell() == inference.draws_per_pass() && options.model.bound == Bound::elbo &&
        !(std::abs(one.mean() - bound.mean()) <= allowed(one, bound)))
        report.fail("the estimate of log p(x) from one draw is ", one.mean(), " +- ", one.error(), ", not the bound, ",
                    bound.mean(), " +- ", bound.error(), ": log_ratio() and the terms disagree");
}

/// A density on the line integrates to one, and its derivatives are those of the differences.
template <class D>
void check_latent_density(CheckReport& report, const PriorCheckOptions& options) {
    constexpr std::size_t count = latent_parameter_count<D>;
    using Values = Kokkos::Array<double, count>;
    RandomStream random(options.seed, Purpose::test, 3);
    const auto described = [](const Values& parameters) {
        std::string text;
        for (std::size_t n = 0; n < count; ++n)
            text += message(n == 0 ? " at " : ", ", D::parameters[n], " = ", parameters[n]);
        return text;
    };
    std::vector<Values> points(5);
    for (auto& point : points)
        for (std::size_t n = 0; n < count; ++n) point[n] = 1.5 * (2 * random.uniform() - 1);
    report.begin("density");
    for (const auto& point : points) {
        using Rule = boost::math::quadrature::gauss_kronrod<double, 31>;
        const auto density = [&](double z) { return std::exp(D::log_density(z, point).value); };
        const double infinity = std::numeric_limits<double>::infinity();
        const double total =
            Rule::integrate(density, -infinity, 0.0, 12, 1e-9) + Rule::integrate(density, 0.0, infinity, 12, 1e-9);
        if (!(std::abs(total - 1) <= 1e-6))
            report.fail("the density integrates to ", total, ", not to 1,", described(point));
    }
    report.begin("density's gradient");
    for (const auto& point : points)
        for (const double z : {-3.0, -0.4, 0.9, 2.5}) {
            const auto found = D::log_density(z, point);
            const auto compare = [&](std::string_view what, double derivative, double above, double below) {
                const double difference = (above - below) / 2e-5;
                if (!(std::abs(derivative - difference) <= options.tolerance * (1 + std::abs(difference))))
                    report.fail("by ", what, ": ", derivative, ", where the difference is ", difference, ", z = ", z,
                                described(point));
            };
            compare("z", found.d_z, D::log_density(z + 1e-5, point).value, D::log_density(z - 1e-5, point).value);
            for (std::size_t n = 0; n < count; ++n) {
                Values above = point, below = point;
                above[n] += 1e-5;
                below[n] -= 1e-5;
                compare(D::parameters[n], found.d_parameters[n], D::log_density(z, above).value,
                        D::log_density(z, below).value);
            }
        }
}

}  // namespace testing_detail

/// Checks the mathematics of a prior in a small model with a Poisson likelihood, in double on the host:
///
/// - density and its gradient, of a FactorisedPrior: it integrates to one;
/// - shapes: of z, its gradient and the latent coordinates;
/// - terms: finite, and the bound is reconstruction - beta x the others;
/// - gradient: that of the bound by every array of parameters, the encoder's among them, against differences;
/// - noise: the same seed and step give the same bound, another step another;
/// - estimate: the importance-weighted estimate of log p(x) is not below the bound and rises with the draws.
///
/// Needs a running Kokkos. The report says for each what was found and where.
template <class Prior>
CheckReport check_prior(const PriorCheckOptions& options = {}) {
    using namespace testing_detail;
    using Exec = Kokkos::DefaultHostExecutionSpace;
    static_assert(PriorInference<typename Prior::template Inference<double, Exec, Mlp<>>, double, Exec>,
                  "a prior's Inference must have what cellvae/priors/concepts.hpp asks for");
    CheckReport report;
    report.subject = std::string(std::string_view{Prior::name});
    if constexpr (requires { typename Prior::density_type; })
        check_latent_density<typename Prior::density_type>(report, options);
    PriorBench<Prior> bench(options);
    bench.model.gradient(bench.exec, bench.batch, {.seed = 1});
    check_shapes(report, bench);
    check_terms(report, bench, options.model.bound);
    check_prior_gradient(report, bench, options);
    check_noise(report, bench);
    check_estimate(report, bench, options);
    return report;
}

}  // namespace cellvae
