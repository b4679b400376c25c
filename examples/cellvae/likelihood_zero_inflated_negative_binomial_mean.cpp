// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "model_with.hpp"
#include "train_with.hpp"

namespace cellvae::program {

Trained train_zero_inflated_negative_binomial_mean(const TrainCells& cells, const TrainRequest& request,
                                                   const Annotated& annotated, const StartGroups& start,
                                                   const std::function<void()>& ready) {
    return train_with<ZeroInflated<NegativeBinomial<MeanDispersion>>>(cells, request, annotated, start, ready);
}

std::unique_ptr<LoadedModel> load_zero_inflated_negative_binomial_mean(const std::filesystem::path& file,
                                                                       const ModelDescription& description) {
    return load_with<ZeroInflated<NegativeBinomial<MeanDispersion>>>(file, description);
}

}  // namespace cellvae::program
