// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "cellvae/core/count_matrix.hpp"

// A run of `cellvae train` as one page and as pictures.

namespace cellvae::program {

/// The columns of var in which `train` leaves what the model generates for the cells, and what the cells are like, gene
/// by gene: "cellvae_simulated_mean" and so on. NaN for genes that were not trained on.
inline constexpr const char* predictive_columns[2][3] = {
    {"cellvae_observed_mean", "cellvae_observed_variance", "cellvae_observed_zeros"},
    {"cellvae_simulated_mean", "cellvae_simulated_variance", "cellvae_simulated_zeros"}};

/// What a run left behind.
struct RunResults {
    const CountMatrix& counts;      ///< all genes; with obs/cellvae_cluster and var/highly_variable
    std::span<const float> latent;  ///< cells x latent, row-major
    nlohmann::ordered_json scores;  ///< scores.json
    std::string history;            ///< history.csv
    std::string options;            ///< options.toml; empty where it is missing
};

/// Writes DIR/report.html, which needs nothing else, DIR/pictures/*.svg and DIR/markers.csv, of a run that has written
/// scores.json.
/// @throws InputError where the results do not fit together
void write_report(const std::filesystem::path& folder, const RunResults& results);

/// The same of what lies in DIR: cells.h5ad, scores.json, history.csv and, where it is there, options.toml.
void report_on_folder(const std::filesystem::path& folder);

}  // namespace cellvae::program
