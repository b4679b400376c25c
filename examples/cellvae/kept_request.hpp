// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cellvae/io/model_file_description.hpp"
#include "request.hpp"

// What model.h5 keeps of the request beside what the library keeps: the options that decide what is learned, as JSON,
// by the names that the user knows them by.

namespace cellvae::program {

/// Training of a mixture has two stages, each with a model file of its own under the same name.
enum class Stage {
    start,  ///< the plain model that a mixture starts from
    model,
};

/// @param started_from where a mixture's components were placed
[[nodiscard]] std::string kept_request(const TrainRequest& request, Stage stage, const std::string& started_from);

/// What --resume goes on from.
struct KeptModel {
    std::filesystem::path file;
    ModelDescription description;
    Stage stage = Stage::model;
    std::string started_from;  ///< as kept_request() was told; empty in a file that is too old to say
};

/// The model file of --resume; nothing without. @param counts with the genes in use
/// @throws OptionError for the first option that differs, with both values; InputError where the file is none of ours
/// or of other genes
[[nodiscard]] std::optional<KeptModel> kept_model(const TrainRequest& request, const CountMatrix& counts);

}  // namespace cellvae::program
