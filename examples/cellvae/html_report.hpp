// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

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
    const CountMatrix& counts;         ///< all genes; with obs/cellvae_cluster and var/highly_variable
    std::span<const float> latent;     ///< cells x latent, row-major
    nlohmann::ordered_json scores;     ///< scores.json
    std::string history;               ///< history.csv
    std::string options;               ///< options.toml; empty where it is missing
    std::vector<std::string> genes{};  ///< by which the latent is coloured, before the best marker genes
};

/// A page that needs nothing else: the style sheets of pages and pictures, and the body's HTML.
[[nodiscard]] std::string html_page(const std::string& title, const std::string& body);

/// Writes DIR/report.html, which needs nothing else, DIR/pictures/*.svg and DIR/markers.csv, of a run that has written
/// scores.json.
/// @throws InputError where the results do not fit together
void write_report(const std::filesystem::path& folder, const RunResults& results);

/// The same of what lies in DIR: cells.h5ad, scores.json, history.csv and, where it is there, options.toml.
/// @param genes names of genes by which the latent is coloured too. @throws OptionError for one that is not there
void report_on_folder(const std::filesystem::path& folder, const std::vector<std::string>& genes = {});

/// The latent coordinates of a cells.h5ad that train wrote: cells x latent, row-major. @throws InputError
[[nodiscard]] std::vector<float> read_latent(const std::filesystem::path& file, Index cells);

}  // namespace cellvae::program
