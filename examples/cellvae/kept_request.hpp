// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "request.hpp"

// What model.h5 keeps of the request beside what the library keeps: the options that decide what is learned, as JSON,
// by the names that the user knows them by.

namespace cellvae::program {

/// Training of a mixture has two stages, each with a model file of its own under the same name.
enum class Stage {
    start,  ///< the plain model that a mixture starts from
    model,
};

[[nodiscard]] std::string kept_request(const TrainRequest& request, Stage stage);

/// The stage of a model file whose options are those of the request.
/// @param kept what kept_request() gave @param file its name, for errors
/// @throws OptionError for the first option that differs, with both values; InputError where `kept` is none of ours
[[nodiscard]] Stage require_same_request(const std::string& kept, const TrainRequest& request, const std::string& file);

}  // namespace cellvae::program
