// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cellvae/data/cell_statistics.hpp"
#include "cellvae/models/model_options.hpp"
#include "cellvae/training/training_options.hpp"
#include "request.hpp"

namespace cellvae::program {

/// What a plan takes from the likelihood.
struct LikelihoodDefaults {
    std::vector<std::string> shared;  ///< scatter_parameters()
    Target target = Target::counts;
    bool has_log_mean = false;  ///< to which an offset can be added
};

template <class L>
[[nodiscard]] LikelihoodDefaults likelihood_defaults() {
    return {scatter_parameters<L>(), default_target<L>(), L::log_mean_parameter >= 0};
}

/// What a request says of the model, the data and the training.
struct Plan {
    ModelOptions model;
    DatasetOptions data;  ///< views into the annotations
    TrainingOptions training;
    Index start_epochs = 0;  ///< of the plain model before a mixture; 0: there is none
};

/// @throws OptionError for a name that an option does not have, with those that it has
[[nodiscard]] Plan plan_of(const LikelihoodDefaults& likelihood, const TrainCells& cells, const TrainRequest& request,
                           const Annotated& annotated);

/// The plan of the plain model that a mixture starts from: as the mixture's, without what is of clusters.
[[nodiscard]] Plan plain_plan(Plan mixture);

}  // namespace cellvae::program
