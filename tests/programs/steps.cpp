// SPDX-License-Identifier: Apache-2.0
#include "steps.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "cellvae/data/simulator.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/models/evaluate.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "cellvae/priors/vamp_prior.hpp"
#include "cellvae/training/adam.hpp"

namespace cellvae_tests {

namespace {

using Zinb = cellvae::ZeroInflated<cellvae::NegativeBinomial<cellvae::MeanDispersion>>;

/// 100 cells of three panels of genes, the last of them partial.
cellvae::CountMatrix some_cells() {
    return cellvae::simulate(
               Kokkos::DefaultHostExecutionSpace(),
               {.cells = 100, .genes = 2 * cellvae::genes_per_panel + 45, .types = 3, .seed = 1, .mean_count = 0.5})
        .counts;
}

template <class L, class Real, class Prior>
class StepsOf : public Steps {
public:
    StepsOf(const Exec& exec, const cellvae::CountMatrix& cells, const cellvae::ModelOptions& options)
        : exec_(exec),
          conditions_(conditions_of(cells.cells(), options.conditions)),
          data_(cellvae::make_dataset<L>(exec, cells, {.conditions = conditions_})),
          model_(exec, cells.genes(), options),
          batch_(exec, data_, 40),
          adam_(exec, model_.parameters(), {}) {
        std::vector<cellvae::Index> numbers(static_cast<std::size_t>(cells.cells()));
        std::iota(numbers.begin(), numbers.end(), cellvae::Index{0});
        order_ = cellvae::cell_order(exec, numbers);
        model_.start_from(exec, data_);
    }

    void step(std::uint32_t number) override {
        const auto first = static_cast<cellvae::Index>(number % 3) * 40;
        const auto last = std::min<cellvae::Index>(first + 40, data_.cells());
        batch_.assemble(exec_, data_, Kokkos::subview(order_, std::make_pair(first, last)));
        model_.gradient(exec_, batch_, {.beta = 0.5, .seed = 1, .step = number});
        const double norm = adam_.gradient_norm(exec_, model_.parameters());
        adam_.step(exec_, model_.parameters(), norm > 1 ? 1 / norm : 1);
    }

    double bound() override { return model_.bound(exec_, batch_, {.beta = 1, .seed = 1, .step = 0})[0]; }

    void evaluate() override {
        const auto cells = cellvae::all_cells(data_);
        (void)cellvae::mean_bound(exec_, model_, data_, cells, batch_, 1);
        if (model_.options().bound == cellvae::Bound::importance_weighted || !cellvae::HasClusters<decltype(model_)>)
            (void)cellvae::mean_log_likelihood(exec_, model_, data_, cells, batch_, 2, 1);
        (void)cellvae::latent_means(exec_, model_, data_, batch_);
        if constexpr (cellvae::HasClusters<decltype(model_)>)
            (void)cellvae::responsibilities(exec_, model_, data_, batch_);
    }

private:
    static std::vector<std::int32_t> conditions_of(cellvae::Index cells, cellvae::Index count) {
        std::vector<std::int32_t> codes(count > 0 ? static_cast<std::size_t>(cells) : 0);
        for (std::size_t cell = 0; cell < codes.size(); ++cell)
            codes[cell] = static_cast<std::int32_t>(cell % static_cast<std::size_t>(count));
        return codes;
    }

    Exec exec_;
    std::vector<std::int32_t> conditions_;
    cellvae::Dataset<Exec> data_;
    cellvae::Vae<cellvae::Mlp<>, Prior, L, Real> model_;
    cellvae::Minibatch<Real, Exec> batch_;
    cellvae::CellOrder<Exec> order_;
    cellvae::Adam<Real, Exec> adam_;
};

}  // namespace

void for_each_model(const Exec& exec, const std::function<void(Steps&, const std::string&)>& visit) {
    const auto cells = some_cells();
    const auto one = [&]<class L, class Real, class Prior = cellvae::StandardGaussian>(
        const std::string& what, const cellvae::ModelOptions& options) {
        StepsOf<L, Real, Prior> steps(exec, cells, options);
        visit(steps, std::string(L::name) + ", " + what);
    };
    using cellvae::Normalisation;
    one.template operator()<Zinb, float>("float, 128 hidden", {.hidden = {128}, .scale = cellvae::MeanScale::library});
    one.template operator()<Zinb, float>("float, 128 hidden, products of bfloat16",
                                         {.hidden = {128}, .products = cellvae::ProductPrecision::bfloat16});
    one.template operator()<Zinb, float>(
        "float, 600 hidden, layer normalisation, dropout, shares of the mean, four samples",
        {.hidden = {600, 600},
         .normalisation = Normalisation::layer,
         .dropout = 0.1,
         .scale = cellvae::MeanScale::library_share,
         .samples = 4});
    one.template operator()<Zinb, double>(
        "double, 600 hidden, batch normalisation, shared dispersion",
        {.hidden = {600, 600}, .normalisation = Normalisation::batch, .shared = {"log_dispersion"}});
    one.template operator()<cellvae::Poisson, float>(
        "float, a masked linear decoder with conditions",
        {.hidden = {128},
         .decoder_hidden = std::vector<cellvae::Index>{},
         .mask = std::vector<std::uint8_t>(static_cast<std::size_t>(10 * cells.genes()), 1),
         .conditions = 2});
    one.template operator()<cellvae::Gaussian, double>("double, 128 hidden, tanh",
                                                       {.hidden = {128}, .activation = cellvae::ActivationKind::tanh});
    using Sum = cellvae::ClusterSumKind;
    for (const auto kind : {Sum::exact, Sum::threshold, Sum::gumbel_softmax, Sum::straight_through}) {
        StepsOf<cellvae::Poisson, float, cellvae::GaussianMixture<>> steps(
            exec, cells,
            {.latent = 3,
             .hidden = {40},
             .mixture = {.clusters = 4, .sum = {.kind = kind, .threshold = 0.25, .all_every = 3}}});
        visit(steps, cellvae::message("a mixture, sum ", name_of(kind)));
    }
    one.template operator()<cellvae::Poisson, float, cellvae::VampPrior>(
        "float, a VampPrior, dropout",
        {.hidden = {128}, .normalisation = Normalisation::layer, .dropout = 0.1, .vamp = {.pseudo_inputs = 30}});
    one.template operator()<cellvae::Poisson, float, cellvae::MarginalGaussianMixture>(
        "float, a marginal mixture, importance-weighted",
        {.hidden = {128}, .mixture = {.clusters = 5}, .samples = 3, .bound = cellvae::Bound::importance_weighted});
}

}  // namespace cellvae_tests
