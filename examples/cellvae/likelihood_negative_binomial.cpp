// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/negative_binomial.hpp"
#include "train_with.hpp"

namespace cellvae::program {

Trained train_negative_binomial(const CountMatrix& counts, const TrainRequest& request, const Annotated& annotated,
                                const StartLabels& start, const std::function<void()>& ready) {
    return train_with<NegativeBinomial<TotalCountProbability>>(counts, request, annotated, start, ready);
}

}  // namespace cellvae::program
