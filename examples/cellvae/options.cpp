// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <charconv>
#include <cmath>
#include <system_error>

#include "cellvae/core/error.hpp"

namespace cellvae::program {

namespace {

/// Refuses what is below zero or infinite, or is zero where that may not be. NaN is left to refuse_nan(), as
/// everywhere.
CLI::Validator not_negative(bool zero_too, const char* type) {
    const auto check = [zero_too](std::string& text) {
        double value = 0;
        const bool is_number = CLI::detail::lexical_cast(text, value);
        const bool below = value < 0 || (!zero_too && value == 0);
        if (is_number && !below && !std::isinf(value)) return std::string();
        return std::string(zero_too ? "must be zero or more" : "must be above zero") + "; found " + text;
    };
    return {check, type};
}

}  // namespace

void refuse_ignored(bool ignored, const std::string& option, const std::string& why) {
    if (ignored) throw OptionError(message(option, " would be ignored ", why, ": leave it out"));
}

void refuse_ignored(const CLI::App& command, bool ignored, const std::string& why,
                    std::initializer_list<const char*> options) {
    for (const char* option : options) refuse_ignored(ignored && command.get_option(option)->count() > 0, option, why);
}

void refuse_ignored(const ClusteringRequest& request) {
    refuse_ignored(request.by != "leiden" && request.resolution != ClusteringRequest().resolution, "--resolution",
                   "without --cluster-by leiden");
    refuse_ignored(request.by != "kmeans" && request.clusters != 0, "--clusters", "without --cluster-by kmeans");
}

CLI::Validator above_zero() { return not_negative(false, "POSITIVE"); }

CLI::Validator zero_or_more() { return not_negative(true, "NONNEGATIVE"); }

void add_counts(CLI::App& command, std::string& counts, CountsPlace& place) {
    command.add_option("counts", counts, "Counts: h5ad, 10x HDF5 or MEX folder, loom, Matrix Market, or CSV/TSV")
        ->required();
    add_place(command, place);
}

void add_place(CLI::App& command, CountsPlace& place) {
    command
        .add_option("--orientation", place.orientation,
                    "Of CSV/TSV and Matrix Market: auto, cells-in-rows or genes-in-rows")
        ->check(CLI::IsMember({"auto", "cells-in-rows", "genes-in-rows"}));
    command.add_option("--matrix", place.matrix, "Of h5ad and loom: X, layers/NAME or raw/X");
    command.add_option("--genome", place.genome, "Of 10x HDF5 files of version 2 that hold several");
    command.add_option("--features", place.features,
                       "Of 10x: the kind of features that is kept, such as 'Antibody Capture'; all");
}

void add_counts(CLI::App& command, CountsRequest& request) {
    command
        .add_option_function<std::vector<std::string>>(
            "counts",
            [&request](const std::vector<std::string>& files) {
                request.files = files;
                request.counts = files.front();
                if (files.size() > 1) request.counts += " and " + std::to_string(files.size() - 1) + " more";
            },
            "Counts: h5ad, 10x HDF5 or MEX folder, loom, Matrix Market, CSV/TSV (text with or without gzip). Several, "
            "or a folder of several: merged on common genes, their names as obs/cell_type and obs/origin")
        ->required();
    begin_group(command, "Which cells and genes");
    add_place(command, request);
    command
        .add_option("--merge-genes", request.merge_genes,
                    "Of several inputs: common (the genes that all have) or all (what an input lacks is zero)")
        ->check(CLI::IsMember({"common", "all"}));
    command.add_option("--keep-cells", request.keep_cells, "File with a cell's name a line: all others are dropped");
    command.add_option("--keep-genes", request.keep_genes, "File with a gene's name a line: all others are dropped");
    command.add_option("--min-counts", request.filter.min_counts, "Cells with a smaller total count are dropped");
    command.add_option("--max-counts", request.filter.max_counts, "Cells with a larger total count are dropped");
    command.add_option("--min-genes", request.filter.min_genes, "Cells with fewer detected genes are dropped");
    command.add_option("--max-mitochondrial", request.filter.max_mitochondrial,
                       "Cells with a larger share of counts in mitochondrial genes are dropped");
    command.add_option("--mitochondrial-prefix", request.filter.mitochondrial_prefix,
                       "How names of mitochondrial genes begin, in any case");
    command.add_option("--min-cells", request.filter.min_cells, "Genes detected in fewer cells are dropped");
    command.add_option("--subsample", request.subsample, "Cells drawn at random, after the filters; 0: all")
        ->check(zero_or_more());
    command
        .add_option("--subsample-by-label", request.subsample_by_label,
                    "Cells of each label (see --labels) drawn at random, after the filters; 0: all")
        ->check(zero_or_more());
    begin_group(command, "Options");
}

void add_labels(CLI::App& command, std::string& labels) {
    command.add_option(
        "--labels", labels,
        "Column of the cells' known types, for scores alone; auto: a well-known name such as cell_type; none");
}

void add_clustering(CLI::App& command, ClusteringRequest& request, const std::string& what) {
    command.add_option("--cluster-by", request.by, "kmeans, or leiden (only where igraph, which is GPL, is built in)")
        ->check(CLI::IsMember({"kmeans", "leiden"}));
    command.add_option("--resolution", request.resolution, "Of leiden: higher means more clusters")
        ->check(above_zero());
    command
        .add_option("--clusters", request.clusters,
                    "Clusters of k-means on " + what +
                        "; 0: as many as labels, or the number from 2 to 25 with the best silhouette")
        ->check(zero_or_more());
    add_seed(command, request.seed);
}

void add_seed(CLI::App& command, std::uint64_t& seed) {
    const auto check = [](const std::string& text) {
        std::uint64_t value = 0;
        const auto end = text.data() + text.size();
        const auto [last, error] = std::from_chars(text.data(), end, value);
        return error == std::errc() && last == end
                   ? std::string()
                   : "must be a whole number from 0 to 18446744073709551615; found " + text;
    };
    command.add_option("--seed", seed, "Same seed, same result, for any number of threads")
        ->check(CLI::Validator(check, "NONNEGATIVE"));
}

}  // namespace cellvae::program
