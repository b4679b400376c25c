// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "model_with.hpp"
#include "train_with.hpp"

namespace cellvae::program {

Trained train_continuous_bernoulli(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated,
                                   const StartGroups& start, const std::function<void()>& ready) {
    return train_with<ContinuousBernoulli>(cells, request, annotated, start, ready);
}

std::unique_ptr<LoadedModel> load_continuous_bernoulli(const std::filesystem::path& file,
                                                       const ModelDescription& description) {
    return load_with<ContinuousBernoulli>(file, description);
}

}  // namespace cellvae::program
