// SPDX-License-Identifier: Apache-2.0
#include "run_folder.hpp"

#include <filesystem>
#include <fstream>

#include "cellvae/core/error.hpp"

namespace cellvae::program {

nlohmann::ordered_json read_scores(const std::string& folder) {
    const auto path = std::filesystem::path(folder) / "scores.json";
    std::ifstream file(path);
    if (!file)
        throw InputError(
            message(path.string(), ": cannot be read; expected the folder that cellvae train or baseline wrote"));
    const auto scores = nlohmann::ordered_json::parse(file, nullptr, false);
    if (!scores.is_object()) throw InputError(message(path.string(), ": is no JSON object; expected a run's scores"));
    return scores;
}

}  // namespace cellvae::program
