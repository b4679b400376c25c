// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "cellvae/core/version.hpp"
#include "cellvae/data/k_means.hpp"
#include "cellvae/evaluation/cluster_count.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/evaluation/latent.hpp"
#include "cellvae/evaluation/silhouette.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/counts.hpp"
#include "commands.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

/// Columns that are taken for labels where the user names none, in this order.
constexpr std::array<std::string_view, 7> label_columns{
    "cell_type", "celltype", "assigned_cluster", "cell_types", "labels", "cell_ontology_class", "label"};

/// A column of obs as codes from 0 on, -1 where missing.
Categorical labels_of(const AnnotationColumn& column, const std::string& file) {
    if (const auto* categorical = std::get_if<Categorical>(&column.values)) return *categorical;
    Categorical labels;
    const auto add = [&](const std::string& text) {
        if (text.empty()) {
            labels.codes.push_back(-1);
            return;
        }
        const auto found = std::find(labels.categories.begin(), labels.categories.end(), text);
        labels.codes.push_back(static_cast<std::int32_t>(found - labels.categories.begin()));
        if (found == labels.categories.end()) labels.categories.push_back(text);
    };
    if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values))
        for (const auto& text : *texts) add(text);
    else if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&column.values))
        for (const auto number : *numbers) add(std::to_string(number));
    else if (const auto* flags = std::get_if<std::vector<bool>>(&column.values))
        for (const bool flag : *flags) add(flag ? "true" : "false");
    else
        throw OptionError(message(file, ": the column ", column.name, " holds decimal numbers, which are no labels"));
    return labels;
}

/// The labels that the user named, or a well-known column's, or none.
std::optional<Categorical> find_labels(const CountMatrix& counts, const TrainRequest& request, std::string& name) {
    if (request.labels == "none") return std::nullopt;
    if (request.labels != "auto") {
        if (const auto* column = counts.obs.find(request.labels)) {
            name = request.labels;
            return labels_of(*column, request.counts);
        }
        std::string names;
        for (const auto& column : counts.obs.columns) names += (names.empty() ? "" : ", ") + column.name;
        throw OptionError(message(request.counts, ": there is no column ", request.labels,
                                  " among the cells' annotations; there ",
                                  names.empty() ? "are none" : "are " + names));
    }
    for (const auto candidate : label_columns) {
        const auto* column = counts.obs.find(candidate);
        if (column == nullptr || std::holds_alternative<std::vector<double>>(column->values)) continue;
        name = candidate;
        return labels_of(*column, request.counts);
    }
    return std::nullopt;
}

/// How many different labels cells have.
int labels_in_use(const Categorical& labels) {
    std::vector<bool> used(labels.categories.size());
    for (const auto code : labels.codes)
        if (code >= 0) used[static_cast<std::size_t>(code)] = true;
    return static_cast<int>(std::count(used.begin(), used.end(), true));
}

Categorical cluster_column(const std::vector<std::int32_t>& codes, int clusters) {
    Categorical column;
    for (int k = 0; k < clusters; ++k) column.categories.push_back(std::to_string(k));
    column.codes = codes;
    return column;
}

double peak_memory_mb() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

std::string rounded(double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), std::abs(value) < 10 ? "%.4f" : "%.1f", value);
    return text.data();
}

/// The scores as the terminal shows them: numbers rounded, what is not known left out.
void print_scores(const Json& scores) {
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& [name, value] : scores.items()) {
        if (value.is_null()) continue;
        rows.emplace_back(name, value.is_number_float() ? rounded(value.get<double>())
                                : value.is_string()     ? value.get<std::string>()
                                                        : value.dump());
    }
    print_table(rows);
}

std::filesystem::path made_folder(const std::string& name) {
    const std::filesystem::path folder(name);
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    if (!std::filesystem::is_directory(folder))
        throw OptionError(message("--out ", name, ": cannot make this folder", code ? ": " + code.message() : ""));
    return folder;
}

}  // namespace

void run_train(const TrainRequest& request) {
    const auto start = std::chrono::steady_clock::now();
    const auto& table = likelihoods();
    const auto entry =
        std::find_if(table.begin(), table.end(), [&](const auto& row) { return request.likelihood == row.option; });
    if (entry == table.end()) {
        std::string names;
        for (const auto& row : table) names += (names.empty() ? "" : ", ") + std::string(row.option);
        throw OptionError(message("--likelihood is one of ", names, "; found ", request.likelihood));
    }
    ReadOptions reading;
    if (request.orientation == "cells-in-rows") reading.delimited.orientation = Orientation::cells_by_genes;
    if (request.orientation == "genes-in-rows") reading.delimited.orientation = Orientation::genes_by_cells;
    CountsRead read = read_counts_with_notes(request.counts, reading);
    CountMatrix& counts = read.counts;
    print_notice(
        message(request.counts, ": ", counts.cells(), " cells x ", counts.genes(), " genes (", read.form, ")"));
    for (const auto& note : read.notes) print_notice("  " + note);
    std::string label_name;
    const auto labels = find_labels(counts, request, label_name);
    if (request.clusters > counts.cells())
        throw OptionError(message("--clusters ", request.clusters, " is more than the ", counts.cells(), " cells of ",
                                  request.counts));
    std::filesystem::path folder;
    const Trained trained = entry->train(counts, request, [&] { folder = made_folder(request.out); });
    if (trained.interrupted)
        print_notice(message("interrupted: going on with what was reached in epoch ", trained.best_epoch));
    if (trained.stopped_early)
        print_notice(message("stopped after epoch ", trained.epochs, ": the held-out bound was best in epoch ",
                             trained.best_epoch));

    const Kokkos::DefaultHostExecutionSpace host;
    const std::span<const float> latent(trained.latent);
    std::vector<std::int32_t> clusters;
    int cluster_number = request.clusters;
    std::string clusters_from = "--clusters";
    if (cluster_number == 0 && labels) {
        cluster_number = labels_in_use(*labels);
        clusters_from = "the number of labels";
    }
    if (cluster_number == 0) {
        auto chosen =
            choose_cluster_count(host, latent, counts.cells(), request.latent, {.k_means = {.seed = request.seed}});
        cluster_number = chosen.clusters;
        clusters = std::move(chosen.labels);
        clusters_from = "the best silhouette of 2 to 25";
        print_notice(message("clusters: ", cluster_number, ", the number from 2 to 25 with the best silhouette"));
    } else {
        clusters =
            k_means(host, latent, counts.cells(), request.latent, {.clusters = cluster_number, .seed = request.seed})
                .labels;
    }

    const auto units = active_units(latent, counts.cells(), request.latent);
    Json scores;
    scores["cells"] = counts.cells();
    scores["genes"] = counts.genes();
    scores["likelihood"] = request.likelihood;
    scores["bound_train"] = trained.bound_train;
    scores["bound_test"] = trained.bound_test ? Json(*trained.bound_test) : Json();
    scores["log_likelihood_test"] = trained.log_likelihood_test ? Json(*trained.log_likelihood_test) : Json();
    scores["labels"] = labels ? Json(label_name) : Json();
    const bool several = labels && labels_in_use(*labels) > 1;
    scores["silhouette"] =
        several ? Json(silhouette(host, latent, counts.cells(), request.latent, labels->codes).mean) : Json();
    scores["ari"] = labels ? Json(adjusted_rand_index(labels->codes, clusters)) : Json();
    scores["nmi"] = labels ? Json(normalised_mutual_information(labels->codes, clusters)) : Json();
    scores["clusters"] = cluster_number;
    scores["clusters_from"] = clusters_from;
    scores["latent"] = request.latent;
    scores["active_units"] = units.count;
    scores["epochs"] = trained.epochs;
    scores["best_epoch"] = trained.best_epoch;
    scores["interrupted"] = trained.interrupted;
    scores["seed"] = request.seed;
    scores["threads"] = Kokkos::DefaultExecutionSpace().concurrency();
    scores["cells_per_second"] = trained.cells_per_second;

    counts.obs.set({"cellvae_cluster", cluster_column(clusters, cluster_number)});
    H5adExtras extras;
    extras.obsm.push_back({"X_cellvae", request.latent, trained.latent});
    write_h5ad(folder / "cells.h5ad", counts, extras);
    write_text_atomically(folder / "history.csv", trained.history);
    scores["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    scores["peak_memory_mb"] = peak_memory_mb();
    scores["model"] = trained.model;
    scores["version"] = message(version_major, '.', version_minor, '.', version_patch);
    write_text_atomically(folder / "scores.json", scores.dump(2) + "\n");
    print_scores(scores);
    print_notice(message("written to ", (folder / "cells.h5ad").string(), ", history.csv and scores.json beside it"));
}

}  // namespace cellvae::program
