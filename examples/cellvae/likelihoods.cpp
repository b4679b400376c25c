// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "loaded_model.hpp"
#include "request.hpp"

namespace cellvae::program {

// Each is the instantiation of one source file, likelihood_<name>.cpp.
using Train = Trained(const TrainCells&, const TrainRequest&, const Annotated&, const StartGroups&,
                      const std::function<void()>& ready);
using Load = std::unique_ptr<LoadedModel>(const std::filesystem::path&, const ModelDescription&);
Train train_bernoulli, train_continuous_bernoulli, train_gaussian, train_poisson, train_zero_inflated_poisson,
    train_negative_binomial, train_negative_binomial_mean, train_zero_inflated_negative_binomial,
    train_zero_inflated_negative_binomial_mean;
Load load_bernoulli, load_continuous_bernoulli, load_gaussian, load_poisson, load_zero_inflated_poisson,
    load_negative_binomial, load_negative_binomial_mean, load_zero_inflated_negative_binomial,
    load_zero_inflated_negative_binomial_mean;

const std::vector<LikelihoodEntry>& likelihoods() {
    static const std::vector<LikelihoodEntry> table{
        {"zinb", "zero-inflated negative binomial of the counts, by mean and dispersion",
         train_zero_inflated_negative_binomial_mean, load_zero_inflated_negative_binomial_mean,
         ZeroInflated<NegativeBinomial<MeanDispersion>>::name},
        {"nb", "negative binomial of the counts, by mean and dispersion", train_negative_binomial_mean,
         load_negative_binomial_mean, NegativeBinomial<MeanDispersion>::name},
        {"zip", "zero-inflated Poisson of the counts", train_zero_inflated_poisson, load_zero_inflated_poisson,
         ZeroInflated<Poisson>::name},
        {"poisson", "Poisson of the counts", train_poisson, load_poisson, Poisson::name},
        {"zinb_rp", "as zinb, by total count r and success probability p", train_zero_inflated_negative_binomial,
         load_zero_inflated_negative_binomial, ZeroInflated<NegativeBinomial<TotalCountProbability>>::name},
        {"nb_rp", "as nb, by total count r and success probability p", train_negative_binomial, load_negative_binomial,
         NegativeBinomial<TotalCountProbability>::name},
        {"gaussian", "Gaussian of the log-normalised counts", train_gaussian, load_gaussian, Gaussian::name},
        {"cb", "continuous Bernoulli of log counts over the cell's largest", train_continuous_bernoulli,
         load_continuous_bernoulli, ContinuousBernoulli::name},
        {"bernoulli", "Bernoulli of the same values", train_bernoulli, load_bernoulli, Bernoulli::name},
    };
    return table;
}

}  // namespace cellvae::program
