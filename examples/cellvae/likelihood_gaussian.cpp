// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/gaussian.hpp"
#include "model_with.hpp"
#include "train_with.hpp"

namespace cellvae::program {

Trained train_gaussian(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated,
                       const StartGroups& start, const std::function<void()>& ready) {
    return train_with<Gaussian>(cells, request, annotated, start, ready);
}

std::unique_ptr<LoadedModel> load_gaussian(const std::filesystem::path& file, const ModelDescription& description) {
    return load_with<Gaussian>(file, description);
}

}  // namespace cellvae::program
