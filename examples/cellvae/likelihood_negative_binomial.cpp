// SPDX-License-Identifier: Apache-2.0
#include "cellvae/distributions/negative_binomial.hpp"
#include "model_with.hpp"
#include "train_with.hpp"

namespace cellvae::program {

Trained train_negative_binomial(const TrainCells& cells, const TrainRequest& request, const Annotated& annotated,
                                const StartGroups& start, const std::function<void()>& ready) {
    return train_with<NegativeBinomial<TotalCountProbability>>(cells, request, annotated, start, ready);
}

std::unique_ptr<LoadedModel> load_negative_binomial(const std::filesystem::path& file,
                                                    const ModelDescription& description) {
    return load_with<NegativeBinomial<TotalCountProbability>>(file, description);
}

}  // namespace cellvae::program
