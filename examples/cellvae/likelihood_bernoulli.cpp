// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/bernoulli.hpp"
#include "model_with.hpp"
#include "train_with.hpp"

namespace cellvae::program {

Trained train_bernoulli(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated,
                        const StartGroups& start, const std::function<void()>& ready) {
    return train_with<Bernoulli>(cells, request, annotated, start, ready);
}

std::unique_ptr<LoadedModel> load_bernoulli(const std::filesystem::path& file, const ModelDescription& description) {
    return load_with<Bernoulli>(file, description);
}

}  // namespace cellvae::program
