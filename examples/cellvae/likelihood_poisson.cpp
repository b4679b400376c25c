// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/poisson.hpp"
#include "model_with.hpp"
#include "train_with.hpp"

namespace cellvae::program {

Trained train_poisson(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated,
                      const StartGroups& start, const std::function<void()>& ready) {
    return train_with<Poisson>(cells, request, annotated, start, ready);
}

std::unique_ptr<LoadedModel> load_poisson(const std::filesystem::path& file, const ModelDescription& description) {
    return load_with<Poisson>(file, description);
}

}  // namespace cellvae::program
