// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>
#include <optional>
#include <string>
#include <vector>

#include "clustering.hpp"
#include "html_report.hpp"

// The parts of a report: each looks at a run in one way.

namespace cellvae::program {

struct Figure {
    std::string name;  ///< of its file
    std::string svg;
};

struct Section {
    std::string title;
    std::string before;  ///< HTML
    std::vector<Figure> figures;
    std::string after{};  ///< HTML
};

/// A run, and what every section asks of it.
struct Run {
    const RunResults& results;
    Kokkos::DefaultHostExecutionSpace host{};
    Index latent_size = 0;
    Categorical clusters{};
    std::optional<KnownLabels> labels{};
    std::vector<std::size_t> shown{};  ///< the cells in the pictures, evenly over labels
    std::string markers{};             ///< CSV, filled by marker_section
};

/// @throws InputError where the results do not fit together
[[nodiscard]] Run describe(const RunResults& results);

/// A score in few characters, with the whole number as its value: what a program reads is what scores.json holds.
[[nodiscard]] std::string score_text(const nlohmann::ordered_json& scores, const std::string& name);

[[nodiscard]] Section training_section(const Run& run);
[[nodiscard]] Section latent_section(const Run& run);
[[nodiscard]] Section cluster_section(const Run& run);
[[nodiscard]] Section unit_section(const Run& run);
[[nodiscard]] Section marker_section(Run& run);
[[nodiscard]] Section predictive_section(const Run& run);

}  // namespace cellvae::program
