// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace cellvae::program {

/// The scores.json of a run's folder. @throws InputError where it is missing or no such object
[[nodiscard]] nlohmann::ordered_json read_scores(const std::string& folder);

}  // namespace cellvae::program
