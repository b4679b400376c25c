// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cellvae/core/in_threads.hpp"
#include "cellvae/data/round_counts.hpp"
#include "cellvae/io/counts.hpp"
#include "cellvae/io/model_file.hpp"
#include "options.hpp"
#include "report.hpp"
#include "run_folder.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

struct InfoRequest {
    std::string file;
    CountsPlace place;
};

std::string list_of(const std::vector<Index>& numbers) {
    std::string text;
    for (const Index number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
    return text.empty() ? "none" : text;
}

Json info_of_model(const std::string& file, const ModelDescription& model) {
    Json info{{"file", file},
              {"what", "model file"},
              {"model", model.type},
              {"likelihood", model.likelihood},
              {"prior", std::string(name_of(model.options.prior))},
              {"genes", model.genes.size()},
              {"latent", model.options.latent},
              {"hidden", list_of(model.options.hidden)},
              {"components", nullptr},
              {"clusters", nullptr},
              {"scale", std::string(name_of(model.options.scale))},
              {"input", std::string(name_of(model.input))},
              {"target", std::string(name_of(model.target))}};
    if (has_clusters(model.options.prior)) info["components"] = model.options.mixture.clusters;
    if (!model.cluster_of.empty())
        info["clusters"] = 1 + *std::max_element(model.cluster_of.begin(), model.cluster_of.end());
    info["conditions"] = model.condition_names;
    info["condition_column"] = model.condition_column.empty() ? Json() : Json(model.condition_column);
    info["label_names"] = model.label_names;
    info["latent_names"] = model.latent_names;
    info["trained_on_cells"] = model.cells;
    info["held_out_cells"] = model.held_out.size();
    info["epochs_trained"] = model.epochs_trained;
    info["best_epoch"] = model.best_epoch;
    info["seed"] = model.options.seed;
    info["can_be_resumed"] = model.can_be_resumed;
    return info;
}

struct CountFacts {
    bool whole = true;
    float largest = 0;
    std::vector<double> library;  // of each cell
};

CountFacts facts_of(const CountMatrix& counts) {
    CountFacts facts;
    const auto cells = static_cast<std::size_t>(counts.cells());
    constexpr std::size_t at_once = 1024;  // cells
    const std::size_t blocks = (cells + at_once - 1) / at_once;
    facts.library.resize(cells);
    std::vector<std::int32_t> fractions(blocks, 0), largest_bits(blocks, 0);
    core_detail::in_threads(core_detail::reading_threads(), blocks, [&](std::size_t block) {
        const std::size_t first = block * at_once, last = std::min(cells, first + at_once);
        for (std::size_t cell = first; cell < last; ++cell)
            facts.library[cell] = counts.library_size(static_cast<Index>(cell));
        // Counts are not negative, so their bits are ordered as they are; the largest integer is found without
        // branches.
        std::int32_t fraction = 0, largest = 0;
        const auto end = static_cast<std::size_t>(counts.row_offsets[last]);
        for (auto k = static_cast<std::size_t>(counts.row_offsets[first]); k < end; ++k) {
            fraction |= fraction_bits(counts.values[k]);
            largest = std::max(largest, std::bit_cast<std::int32_t>(counts.values[k]));
        }
        fractions[block] = fraction;
        largest_bits[block] = largest;
    });
    for (std::size_t block = 0; block < blocks; ++block) {
        facts.whole = facts.whole && fractions[block] == 0;
        facts.largest = std::max(facts.largest, std::bit_cast<float>(largest_bits[block]));
    }
    return facts;
}

Json info_of_counts(const std::string& file, const CountsPlace& place) {
    const auto start = std::chrono::steady_clock::now();
    const CountsRead read = read_and_describe(file, place);
    const std::chrono::duration<double> reading = std::chrono::steady_clock::now() - start;
    const CountMatrix& counts = read.counts;
    CountFacts facts = facts_of(counts);
    std::vector<double>& library = facts.library;
    std::sort(library.begin(), library.end());
    std::vector<std::string> obs, var;
    for (const auto& column : counts.obs.columns) obs.push_back(column.name);
    for (const auto& column : counts.var.columns) var.push_back(column.name);
    const double entries = static_cast<double>(counts.cells()) * static_cast<double>(counts.genes());
    return {{"file", file},
            {"what", "cells and genes"},
            {"form", read.form},
            {"cells", counts.cells()},
            {"genes", counts.genes()},
            {"nonzeros", counts.nonzeros()},
            {"share_of_zeros", entries > 0 ? Json(1 - static_cast<double>(counts.nonzeros()) / entries) : Json()},
            {"whole_counts", facts.whole},
            {"largest_count", facts.largest},
            {"median_library_size", library.empty() ? Json() : Json(library[library.size() / 2])},
            {"obs", obs},
            {"var", var},
            {"notes", read.notes},
            {"seconds_reading", reading.count()}};
}

void run_info(const InfoRequest& request) {
    const std::filesystem::path path(request.file);
    if (std::filesystem::is_directory(path) && std::filesystem::exists(path / "scores.json")) {
        Json info{{"file", request.file}, {"what", "folder of a run"}};
        std::vector<std::string> files;
        for (const char* name : {"model.h5", "cells.h5ad", "history.csv", "report.html"})
            if (std::filesystem::exists(path / name)) files.emplace_back(name);
        info["files"] = files;
        info.update(read_scores(request.file));
        print_result(info);
    } else if (std::filesystem::is_directory(path) && is_model_file(path / "model.h5")) {
        Json info = info_of_model((path / "model.h5").string(), read_model_description(path / "model.h5"));
        info["what"] = "folder of a training that has not ended; --resume goes on";
        print_result(info);
    } else if (is_model_file(path)) {
        print_result(info_of_model(request.file, read_model_description(path)));
    } else {
        print_result(info_of_counts(request.file, request.place));
    }
}

}  // namespace

void add_info(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<InfoRequest>();
    auto& info = add_command(app, invocation,
                             {"info", "What is in a count file, a model file or a run's folder",
                              "cellvae info cells.h5ad\ncellvae info run"},
                             request, run_info);
    info.add_option("file", request->file, "Count file in any form, model file, or folder of a run")->required();
    add_place(info, request->place);
}

}  // namespace cellvae::program
