// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace cellvae::program {

/// What was found, in three sentences: the clusters, the model, how well it fits.
/// @param scores of `cellvae train` @param score writes the score of a name
[[nodiscard]] std::string summary(const nlohmann::ordered_json& scores,
                                  const std::function<std::string(const std::string&)>& score);

/// The same for a terminal.
[[nodiscard]] std::string summary(const nlohmann::ordered_json& scores);

/// Whether a score was taken; what was not is missing or null.
[[nodiscard]] bool has_score(const nlohmann::ordered_json& scores, const std::string& name);

/// A score in few characters.
[[nodiscard]] std::string brief_score(const nlohmann::ordered_json& scores, const std::string& name);

}  // namespace cellvae::program
