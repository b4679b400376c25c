// SPDX-License-Identifier: Apache-2.0
#include "cellvae/models/vae.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/models/evaluate.hpp"
#include "cellvae/priors/any_prior.hpp"
#include "small_model.hpp"

using namespace cellvae;
using namespace cellvae_tests;
using Catch::Matchers::Message;

namespace {

const ModelOptions two_samples{
    .latent = 2, .hidden = {4}, .activation = ActivationKind::tanh, .dropout = 0.3, .samples = 2};

template <class L>
void refused(const ModelOptions& options, const std::string& text) {
    CHECK_THROWS_MATCHES(SmallVae<L>(HostExec(), 5, options), OptionError, Message(text));
}

/// A user's own activation with state, which the options at run time do not reach.
struct Leaky {
    double slope = 0.25;
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real value(Real u) const {
        return u > Real(0) ? u : static_cast<Real>(slope) * u;
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real derivative(Real u) const {
        return u > Real(0) ? Real(1) : static_cast<Real>(slope);
    }
};

/// The terms of each cell of the last pass, in the order of the cells' numbers.
template <class Small>
std::vector<double> terms_by_cell(const Small& small) {
    std::vector<double> terms(static_cast<std::size_t>(3 * small.batch.cells()));
    for (Index row = 0; row < small.batch.cells(); ++row)
        for (Index term = 0; term < 3; ++term)
            terms[static_cast<std::size_t>(3 * small.batch.cell(row) + term)] = small.model.terms()(row, term);
    return terms;
}

double largest_difference(const std::vector<double>& left, const std::vector<double>& right) {
    REQUIRE(left.size() == right.size());
    double largest = 0;
    for (std::size_t i = 0; i < left.size(); ++i) largest = std::max(largest, std::abs(left[i] - right[i]));
    return largest;
}

}  // namespace

TEST_CASE("options that do not fit each other or the likelihood are refused") {
    refused<Poisson>({.latent = 0}, "the latent needs at least one dimension, found 0");
    refused<Poisson>({.samples = 0}, "a step needs at least one sample, found 0");
    refused<Poisson>({.normalisation = Normalisation::batch, .samples = 2},
                     "batch normalisation is for one sample a cell: use layer normalisation, or none");
    refused<Poisson>({.shared = {"log_rat"}},
                     "the likelihood poisson has no parameter log_rat to share; it has log_rate");
    refused<Bernoulli>(
        {.scale = MeanScale::library},
        "the likelihood bernoulli has no log-mean parameter for the scale library: use the scale none, or a likelihood "
        "with log_mean or log_rate");
    refused<Poisson>({.hidden = {}}, "an encoder needs at least one hidden layer: give its width in hidden");
    refused<Poisson>({.hidden = {8, -1}}, "a hidden layer needs at least one unit, found -1");
    refused<Poisson>({.dropout = 1}, "dropout is a share from 0 to below 1, found 1");
    refused<Poisson>({.conditions = -1}, "conditions are counted from 0 on, found -1");
    refused<Poisson>({.latent = 1, .mask = {1, 0, 1, 1, 1}},
                     "a mask says which latent dimension reaches which gene, and so needs the linear decoder: "
                     "decoder_hidden = {}");
    CHECK_THROWS_MATCHES(
        SmallVae<Poisson>(HostExec(), 5,
                          {.latent = 2, .decoder_hidden = std::vector<Index>{}, .mask = {1, 0, 1, 1, 1}}),
        ShapeError, Message("mask of the decoder, which is genes x latent: found 5, expected 10"));
}

TEST_CASE("masked weights are zero from the start and have no gradient, and conditions reach every gene") {
    const ModelOptions options{.latent = 2,
                               .hidden = {4},
                               .decoder_hidden = std::vector<Index>{},
                               .mask = {1, 0, 0, 1, 0, 0, 1, 1},
                               .conditions = 2};
    SmallModel<Poisson> small(5, 4, options);
    const SmallVae<Poisson> fresh(HostExec(), 4, options);
    const auto& store = small.model.parameters();
    const int id = store.find("decoder/log_rate/weight");
    small.model.gradient(small.exec, small.batch, {.seed = 1});
    for (std::size_t gene = 0; gene < 4; ++gene)
        for (std::size_t column = 0; column < 4; ++column) {
            const bool reaches = column >= 2 || options.mask[2 * gene + column] != 0;
            CHECK((fresh.parameters().value(id)(gene, column) != 0) == reaches);
            CHECK((store.gradient(id)(gene, column) != 0) == reaches);
        }
}

TEST_CASE("cells are encoded and decoded with their own condition, and a model wants the conditions that it has") {
    SmallModel<Poisson> small(5, 6, {.latent = 2, .hidden = {4}, .conditions = 2});
    const HostExec exec;
    const auto bound_of = [&](const std::vector<std::int32_t>& codes) {
        const auto data = make_dataset<Poisson, HostExec>(exec, small.matrix, {.conditions = codes});
        Minibatch<double, HostExec> batch(exec, data, 5);
        batch.assemble(exec, data, order_of({0, 1, 2, 3, 4}));
        small.model.bound(exec, batch, {.seed = 1});
        return std::vector<double>{small.model.terms()(0, 1), small.model.terms()(0, 2), small.model.terms()(1, 1),
                                   small.model.terms()(1, 2)};
    };
    const auto before = bound_of({0, 1, 0, 1, 0});
    const auto after = bound_of({0, 0, 0, 1, 0});
    CHECK(before[0] == after[0]);
    CHECK(before[1] == after[1]);
    CHECK(before[2] != after[2]);
    CHECK(before[3] != after[3]);  // the KL: its encoder saw the condition
    CHECK_THROWS_MATCHES(bound_of({0, 1, 2, 1, 0}), OptionError,
                         Message("the model has 2 conditions, and the cells have 3: one for each is needed"));
    CHECK_THROWS_MATCHES(
        bound_of({}), OptionError,
        Message("the model has 2 conditions, and the cells have none: give each cell's when the data set is made"));
    const SmallVae<Poisson> without(exec, 6, {.latent = 2, .hidden = {4}});
    CHECK_THROWS_MATCHES(without.require_fit(small.data), OptionError,
                         Message("the model has 0 conditions, and the cells have 2: one for each is needed"));
}

TEST_CASE("the decoder mirrors the encoder unless it has widths of its own") {
    const auto width = [](const ModelOptions& options, const char* name) {
        const SmallVae<Poisson> model(HostExec(), 7, options);
        const int id = model.parameters().find(name);
        return id < 0 ? Index{-1} : model.parameters().entries()[static_cast<std::size_t>(id)].rows;
    };
    CHECK(width({.latent = 2, .hidden = {6, 4}}, "decoder/hidden/weight") == 4);
    CHECK(width({.latent = 2, .hidden = {6, 4}}, "decoder/hidden_2/weight") == 6);
    CHECK(width({.latent = 2, .hidden = {6, 4}}, "encoder/mean/weight") == 2);
    CHECK(width({.latent = 2, .hidden = {6, 4}, .decoder_hidden = std::vector<Index>{3}}, "decoder/hidden/weight") ==
          3);
    CHECK(width({.latent = 2, .hidden = {6, 4}, .decoder_hidden = std::vector<Index>{3}}, "decoder/hidden_2/weight") ==
          -1);
    CHECK(width({.latent = 2, .hidden = {6}, .decoder_hidden = std::vector<Index>{}}, "decoder/hidden/weight") == -1);
}

TEST_CASE("a model is named by what it is made of, and options of another composition are refused") {
    const HostExec exec;
    CHECK(SmallVae<Poisson>::composition() == "vae, prior gaussian, likelihood poisson, double");
    using Any = SmallVae<Poisson, Mlp<>, AnyPrior>;
    CHECK(Any::composition() == "vae, prior any, likelihood poisson, double");
    const Any mixture(exec, 7, {.latent = 2, .hidden = {4}, .prior = PriorKind::mixture, .mixture = {.clusters = 3}});
    CHECK(mixture.name() == "vae, prior mixture, likelihood poisson, double");
    CHECK(mixture.clusters() == 3);
    CHECK(SmallVae<Poisson>(exec, 7, {.latent = 2, .hidden = {4}}).clusters() == 0);

    CHECK_THROWS_MATCHES(SmallVae<Poisson>(exec, 7, {.hidden = {4}, .prior = PriorKind::vamp}), OptionError,
                         Message("the option prior is vamp, and the model's type says gaussian: leave the option out, "
                                 "or take AnyPrior"));
    using Fixed = SmallVae<Poisson, Mlp<Silu>>;
    CHECK_NOTHROW(Fixed(exec, 7, {.hidden = {4}}));
    CHECK_THROWS_MATCHES(Fixed(exec, 7, {.hidden = {4}, .activation = ActivationKind::tanh}), OptionError,
                         Message("the option activation is tanh, and the network's type has its own: leave the option "
                                 "out, or take Mlp<>"));
}

TEST_CASE("the initial values follow the seed") {
    const auto values = [](std::uint64_t seed) {
        const SmallVae<Poisson> model(HostExec(), 7, {.latent = 2, .hidden = {6}, .seed = seed});
        const auto flat = model.parameters().values();
        return std::vector<double>(flat.data(), flat.data() + flat.extent(0));
    };
    CHECK(values(1) == values(1));
    CHECK(values(1) != values(2));
}

TEST_CASE("a step's noise follows seed and step, and evaluation has noise of its own and no dropout") {
    SmallModel<Poisson> small(6, 9, two_samples);
    auto& model = small.model;
    const auto gradient = [&](std::uint64_t seed, std::uint32_t step) {
        return model.gradient(small.exec, small.batch, {.seed = seed, .step = step})[0];
    };
    CHECK(gradient(1, 1) == gradient(1, 1));
    CHECK(gradient(1, 1) != gradient(1, 2));
    CHECK(gradient(1, 1) != gradient(2, 1));
    const double bound = model.bound(small.exec, small.batch, {.seed = 1, .step = 1})[0];
    CHECK(bound == model.bound(small.exec, small.batch, {.seed = 1, .step = 1})[0]);
    CHECK(bound != gradient(1, 1));

    // the encoder's mean in evaluation does not depend on any noise
    const Matrix<double, HostExec> first("first", 6, 2), second("second", 6, 2);
    model.encode(small.exec, small.batch, first);
    gradient(5, 5);
    model.encode(small.exec, small.batch, second);
    small.exec.fence();
    for (std::size_t cell = 0; cell < 6; ++cell)
        for (std::size_t l = 0; l < 2; ++l) CHECK(first(cell, l) == second(cell, l));
}

TEST_CASE("bound and terms of a cell do not depend on the minibatch's order or on the other cells in it") {
    SmallModel<Poisson> small(8, 140, two_samples);
    const StepOptions step{.beta = 0.5, .seed = 4, .step = 3};
    const auto all = [&](bool training) {
        const auto means = training ? small.model.gradient(small.exec, small.batch, step)
                                    : small.model.bound(small.exec, small.batch, step);
        return std::make_pair(means, terms_by_cell(small));
    };
    for (const bool training : {false, true}) {
        small.batch.assemble(small.exec, small.data, order_of({0, 1, 2, 3, 4, 5, 6, 7}));
        const auto [means, terms] = all(training);
        small.batch.assemble(small.exec, small.data, order_of({3, 7, 0, 6, 1, 2, 5, 4}));
        const auto [shuffled_means, shuffled_terms] = all(training);
        CHECK(largest_difference(terms, shuffled_terms) < 1e-10);
        for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(means[i] - shuffled_means[i]) <= 1e-12 * std::abs(means[i]));
        double sum = 0;
        for (std::size_t cell = 0; cell < 8; ++cell) sum += terms[3 * cell];
        CHECK(std::abs(means[0] - sum / 8) <= 1e-12 * std::abs(means[0]));

        small.batch.assemble(small.exec, small.data, order_of({5}));
        const auto alone = training ? small.model.gradient(small.exec, small.batch, step)
                                    : small.model.bound(small.exec, small.batch, step);
        for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(alone[i] - terms[15 + i]) < 1e-10);
    }
}

TEST_CASE("the model's memory grows for a larger minibatch and serves a smaller one") {
    SmallModel<Poisson> small(8, 30, two_samples);
    const StepOptions step{.seed = 4, .step = 3};
    const auto bound = small.model.bound(small.exec, small.batch, step)[0];
    SmallVae<Poisson> other(small.exec, 30, two_samples);
    Kokkos::deep_copy(other.parameters().values(), small.model.parameters().values());
    Minibatch<double, HostExec> one(small.exec, small.data, 1);
    one.assemble(small.exec, small.data, order_of({2}));
    const auto before = other.bound(small.exec, one, step)[0];
    CHECK(other.bound(small.exec, small.batch, step)[0] == bound);
    CHECK(std::abs(other.bound(small.exec, one, step)[0] - before) < 1e-10);
}

TEST_CASE("a user's own activation makes a model, and the gradient follows it") {
    SmallModel<Poisson, Mlp<Leaky>> small(5, 6, {.latent = 2, .hidden = {4}});
    auto& model = small.model;
    const auto pass = model.pass(small.exec, small.batch, {.seed = 3, .step = 2}, Mode::training);
    model.inference().draw_noise(pass);
    model.gradient_at_noise(pass, 1);
    const int id = model.parameters().find("encoder/hidden/bias");
    const std::vector<double> gradient(model.parameters().gradient(id).data(),
                                       model.parameters().gradient(id).data() + 4);
    const auto bias = model.parameters().value(id);
    for (std::size_t unit = 0; unit < 4; ++unit) {
        const double before = bias(0, unit), step = 1e-5;
        bias(0, unit) = before + step;
        const double above = model.gradient_at_noise(pass, 1)[0];
        bias(0, unit) = before - step;
        const double below = model.gradient_at_noise(pass, 1)[0];
        bias(0, unit) = before;
        CHECK(std::abs(gradient[unit] - (above - below) / (2 * step)) < 1e-6 * (1 + std::abs(gradient[unit])));
    }
}

TEST_CASE("the Gaussian KL and the ratio of densities agree with sampling") {
    SmallModel<Poisson> small(4, 5, {.latent = 3, .hidden = {4}});
    const auto pass = small.model.pass(small.exec, small.batch, {}, Mode::evaluation);
    const Matrix<double, HostExec> mean("mean", 4, 3), log_variance("log_variance", 4, 3);
    RandomStream random(2, Purpose::test);
    for (std::size_t cell = 0; cell < 4; ++cell)
        for (std::size_t l = 0; l < 3; ++l) {
            mean(cell, l) = random.normal();
            log_variance(cell, l) = random.normal();
        }
    mean(3, 0) = mean(3, 1) = mean(3, 2) = 0;  // the last cell is at the prior
    log_variance(3, 0) = log_variance(3, 1) = log_variance(3, 2) = 0;
    using Slice = MatrixSlice<double, HostExec>;
    const Vector<double, HostExec> kl("kl", 4);
    priors_detail::standard_kl(pass, Slice(mean), Slice(log_variance), kl);
    small.exec.fence();
    CHECK(kl(3) == 0);

    const int draws = 5000;
    const Matrix<double, HostExec> noise("noise", 4, 3), z("z", 4, 3);
    const Vector<double, HostExec> ratio("ratio", 4);
    std::vector<double> sums(4), squares(4);
    double largest = 0;
    for (int draw = 0; draw < draws; ++draw) {
        priors_detail::draw_noise(pass, Slice(noise), static_cast<std::uint32_t>(draw));
        priors_detail::reparametrise(pass, Slice(mean), Slice(log_variance), Slice(noise), Slice(z));
        priors_detail::standard_log_density(pass, Slice(z), ratio);
        priors_detail::subtract_log_q(pass, Slice(log_variance), Slice(noise), ratio);
        small.exec.fence();
        for (std::size_t cell = 0; cell < 4; ++cell) {
            double log_q_over_p = 0;
            for (std::size_t l = 0; l < 3; ++l) {
                const double centred = z(cell, l) - mean(cell, l);
                log_q_over_p += -log_variance(cell, l) / 2 - centred * centred / (2 * std::exp(log_variance(cell, l))) +
                                z(cell, l) * z(cell, l) / 2;
            }
            largest = std::max(largest, std::abs(ratio(cell) + log_q_over_p) / (1 + std::abs(log_q_over_p)));
            sums[cell] += log_q_over_p;
            squares[cell] += log_q_over_p * log_q_over_p;
        }
    }
    CHECK(largest < 1e-12);
    for (std::size_t cell = 0; cell < 3; ++cell) {
        const double average = sums[cell] / draws;
        const double error = std::sqrt((squares[cell] / draws - average * average) / draws);
        CHECK(error < 0.1);
        CHECK(std::abs(kl(cell) - average) < 5 * error);
    }
}

TEST_CASE("log variances are used inside their limits, and only their outward gradient is zero") {
    SmallModel<Poisson> small(2, 5, {.latent = 2, .hidden = {4}});
    const auto pass = small.model.pass(small.exec, small.batch, {}, Mode::training);
    using Slice = MatrixSlice<double, HostExec>;
    const Matrix<double, HostExec> mean("mean", 2, 2), log_variance("log_variance", 2, 2), noise("noise", 2, 2),
        d_z("d_z", 2, 2), d_mean("d_mean", 2, 2), d_log_variance("d_log_variance", 2, 2), z("z", 2, 2);
    log_variance(0, 0) = log_variance(0, 1) = 25;
    log_variance(1, 0) = log_variance(1, 1) = -25;
    Kokkos::deep_copy(noise, 1.0);
    const Vector<double, HostExec> kl("kl", 2);
    priors_detail::standard_kl(pass, Slice(mean), Slice(log_variance), kl);
    priors_detail::reparametrise(pass, Slice(mean), Slice(log_variance), Slice(noise), Slice(z));
    small.exec.fence();
    CHECK(std::abs(kl(0) - (std::exp(20.0) - 21)) < 1e-6);
    CHECK(std::abs(kl(1) - (std::exp(-20.0) + 19)) < 1e-12);
    CHECK(std::abs(z(0, 0) - std::exp(10.0)) < 1e-9);
    CHECK(std::abs(z(1, 0) - std::exp(-10.0)) < 1e-15);

    d_z(0, 0) = 1e9;   // asks for a larger variance: outward
    d_z(0, 1) = -1e9;  // and this for a smaller one
    d_z(1, 0) = 1e9;
    d_z(1, 1) = -1e9;
    priors_detail::standard_backward(pass, 1.0, Slice(mean), Slice(log_variance), Slice(noise), Slice(d_z),
                                     Slice(d_mean), Slice(d_log_variance));
    small.exec.fence();
    CHECK(d_log_variance(0, 0) == 0);
    CHECK(d_log_variance(0, 1) < 0);
    CHECK(d_log_variance(1, 0) > 0);
    CHECK(d_log_variance(1, 1) == 0);
}

TEST_CASE("every entry of a model refuses data that do not fit it") {
    SmallModel<Poisson> small(6, 5, {.latent = 2, .hidden = {4}});
    const HostExec exec;
    const auto wide = count_matrix(random_counts(6, 9));
    const auto wide_data = make_dataset<Poisson, HostExec>(exec, wide);
    const auto other = make_dataset<Gaussian, HostExec>(exec, small.matrix);
    const std::string genes = "genes of the data set: found 9, expected 5";
    const std::string likelihood =
        "the data set was made for the likelihood gaussian, and the model has poisson: make it for the model's";
    CHECK_THROWS_MATCHES(small.model.start_from(exec, wide_data), ShapeError, Message(genes));
    CHECK_THROWS_MATCHES(small.model.start_from(exec, other), OptionError, Message(likelihood));
    const Matrix<double, HostExec> latent("latent", 6, 2);
    const Vector<double, HostExec> result("result", 6);
    const auto refused = [&](const Dataset<HostExec>& data, const std::string& text) {
        Minibatch<double, HostExec> batch(exec, data, 6);
        batch.assemble(exec, data, order_of({0, 1, 2, 3, 4, 5}));
        exec.fence();
        const auto with = Message(text);
        CHECK_THROWS_MATCHES(small.model.gradient(exec, batch, {}), Error, with);
        CHECK_THROWS_MATCHES(small.model.bound(exec, batch, {}), Error, with);
        CHECK_THROWS_MATCHES(small.model.encode(exec, batch, latent), Error, with);
        CHECK_THROWS_MATCHES(small.model.log_likelihood(exec, batch, 1, 1, result), Error, with);
        CHECK_THROWS_MATCHES(small.model.decode_draws(exec, batch, 0, 1, 1, [](const auto&) {}), Error, with);
        CHECK_THROWS_MATCHES(latent_means(exec, small.model, data, batch), Error, with);
    };
    refused(wide_data, genes);
    refused(other, likelihood);
}
