// SPDX-License-Identifier: Apache-2.0
#include "request.hpp"

namespace cellvae::program {

// Each is the instantiation of one source file, likelihood_<name>.cpp.
Trained train_bernoulli(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                        const StartLabels& start, const std::function<void()>& ready);
Trained train_continuous_bernoulli(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                                   const StartLabels& start, const std::function<void()>& ready);
Trained train_gaussian(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                       const StartLabels& start, const std::function<void()>& ready);
Trained train_poisson(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                      const StartLabels& start, const std::function<void()>& ready);
Trained train_zero_inflated_poisson(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                                    const StartLabels& start, const std::function<void()>& ready);
Trained train_negative_binomial(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                                const StartLabels& start, const std::function<void()>& ready);
Trained train_negative_binomial_mean(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                                     const StartLabels& start, const std::function<void()>& ready);
Trained train_zero_inflated_negative_binomial(const CountMatrix& counts, const TrainRequest& request,
                                              const Annotated& annotated, const StartLabels& start,
                                              const std::function<void()>& ready);
Trained train_zero_inflated_negative_binomial_mean(const CountMatrix& counts, const TrainRequest& request,
                                                   const Annotated& annotated, const StartLabels& start,
                                                   const std::function<void()>& ready);

const std::vector<LikelihoodEntry>& likelihoods() {
    static const std::vector<LikelihoodEntry> table{
        {"zinb", "zero-inflated negative binomial of the counts, by mean and dispersion",
         train_zero_inflated_negative_binomial_mean},
        {"nb", "negative binomial of the counts, by mean and dispersion", train_negative_binomial_mean},
        {"zip", "zero-inflated Poisson of the counts", train_zero_inflated_poisson},
        {"poisson", "Poisson of the counts", train_poisson},
        {"zinb_rp", "as zinb, by total count r and success probability p", train_zero_inflated_negative_binomial},
        {"nb_rp", "as nb, by total count r and success probability p", train_negative_binomial},
        {"gaussian", "Gaussian of the log-normalised counts", train_gaussian},
        {"cb", "continuous Bernoulli of log counts over the cell's largest", train_continuous_bernoulli},
        {"bernoulli", "Bernoulli of the same values", train_bernoulli},
    };
    return table;
}

}  // namespace cellvae::program
