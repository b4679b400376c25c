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

/// One of several pictures in the place of one, by its name and its words.
struct Choice {
    std::string name;
    std::string words;
};

struct Section {
    std::string title;
    std::string before;  ///< HTML
    std::vector<Figure> figures;
    std::string after{};  ///< HTML
    /// Where there are some, one figure is seen at a time, that named "<arrangement>_<colouring>".
    std::vector<Choice> arrangements{}, colourings{};
};

/// A run, and what every section asks of it.
struct Run {
    const RunResults& results;
    Kokkos::DefaultHostExecutionSpace host{};
    Index latent_size = 0;
    Categorical clusters{};
    std::optional<KnownLabels> labels{};
    std::optional<Categorical> condition{};  ///< of the cells, where the model has some
    std::string condition_name{};
    std::vector<std::size_t> shown{};  ///< the cells in the pictures, evenly over labels
    std::string markers{};             ///< CSV, filled by marker_section
    std::vector<GeneIndex> genes{};    ///< by which the latent is coloured: those asked for, and marker_section's best
};

/// @throws InputError where the results do not fit together, OptionError for a gene that is not there
[[nodiscard]] Run describe(const RunResults& results);

/// The value of an option in options.toml, without its quotes; empty where it is not there.
[[nodiscard]] std::string option_of(const std::string& options, const std::string& name);

/// A score in few characters, with the whole number as its value: what a program reads is what scores.json holds.
[[nodiscard]] std::string score_text(const nlohmann::ordered_json& scores, const std::string& name);

[[nodiscard]] Section training_section(const Run& run);
[[nodiscard]] Section latent_section(const Run& run);
[[nodiscard]] Section cluster_section(const Run& run);
[[nodiscard]] Section unit_section(const Run& run);
/// Fills run.markers, and run.genes up.
[[nodiscard]] Section marker_section(Run& run);
[[nodiscard]] Section predictive_section(const Run& run);

}  // namespace cellvae::program
