// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cellvae/core/version.hpp"
#include "cellvae/data/keep.hpp"
#include "cellvae/data/round_counts.hpp"
#include "cellvae/data/subsample.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/text_lines.hpp"
#include "clustering.hpp"
#include "html_report.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

double peak_memory_mb() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// The names in a file, one a line; empty for no file. @throws InputError where it cannot be read or has none
std::vector<std::string> listed_names(const std::string& file) {
    std::vector<std::string> names;
    if (file.empty()) return names;
    io_detail::TextLines lines(file, "names, one a line");
    std::string_view line;
    while (lines.next(line))
        if (!line.empty()) names.emplace_back(line);
    if (names.empty()) throw InputError(message(file, ": holds no names; expected one a line"));
    return names;
}

/// Reads one input, or several that are merged, with progress, and says what was found.
CountsRead read_described(const CountsRequest& request) {
    ReadOptions reading;
    if (request.orientation == "cells-in-rows") reading.delimited.orientation = Orientation::cells_by_genes;
    if (request.orientation == "genes-in-rows") reading.delimited.orientation = Orientation::genes_by_cells;
    reading.h5ad.matrix = request.matrix;
    reading.tenx.genome = request.genome;
    reading.tenx.feature_type = request.features == "all" ? "" : request.features;
    if (request.merge_genes == "all") reading.merged_genes = MergedGenes::all;
    reading.progress = [](const ReadProgress& progress) {
        std::array<char, 128> text{};
        std::snprintf(text.data(), text.size(), ": read %.1f of %.1f %s, %.1f a second, %.0f s left", progress.done,
                      progress.total, progress.unit, progress.rate(), progress.seconds_left());
        print_progress(progress.file + text.data(), progress.finished);
    };
    CountsRead read =
        read_counts_with_notes(std::vector<std::filesystem::path>(request.files.begin(), request.files.end()), reading);
    print_notice(message(request.counts, ": ", read.counts.cells(), " cells x ", read.counts.genes(), " genes (",
                         read.form, ")"));
    for (const auto& note : read.notes) print_notice("  " + note);
    return read;
}

}  // namespace

std::string other_matrices(const CountsRequest& request) {
    std::string words;
    for (const auto& file : request.files)
        if (const auto found = h5ad_matrices_in_words(file); !found.empty())
            words += message(" (", request.files.size() > 1 ? file + ": " : "", found, ")");
    return words;
}

CountsRead read_and_describe(const std::string& file, const CountsPlace& place) {
    return read_described(one_input(file, place));
}

CountsRead read_and_choose(const CountsRequest& request, const std::string& labels, std::uint64_t seed) {
    refuse_ignored(request.filter.mitochondrial_prefix != FilterOptions().mitochondrial_prefix &&
                       request.filter.max_mitochondrial == FilterOptions().max_mitochondrial,
                   "--mitochondrial-prefix", "without --max-mitochondrial");
    CountsRead read = read_described(request);
    CountMatrix& counts = read.counts;

    const Index all = counts.cells();
    FilterOptions filter = request.filter;
    filter.cells = listed_names(request.keep_cells);
    filter.genes = listed_names(request.keep_genes);
    auto kept = [&] {
        try {
            return filter_counts(counts, filter);
        } catch (const InputError& error) {
            std::string lists;
            for (const auto& list : {request.keep_cells, request.keep_genes})
                if (!list.empty()) lists += message(" and ", list);
            throw InputError(message(request.counts, lists, ": ", error.what()));
        }
    }();
    for (const auto& note : kept.notes) print_notice("  " + note);
    const auto draw = [&](const std::vector<GeneIndex>& drawn, const std::string& how) {
        if (static_cast<Index>(drawn.size()) == counts.cells()) return;
        print_notice(message("  drawn at random: ", drawn.size(), " of ", counts.cells(), " cells", how));
        drop_other_cells(counts, drawn);
        std::vector<GeneIndex> cells;
        for (const GeneIndex cell : drawn) cells.push_back(kept.cells[static_cast<std::size_t>(cell)]);
        kept.cells = std::move(cells);
    };
    if (request.subsample_by_label > 0) {
        const auto known = find_labels(counts, labels, request.counts);
        if (!known)
            throw OptionError(
                message("--subsample-by-label: ", request.counts, " has no column of labels; name one with --labels"));
        draw(subsample_cells(known->values.codes, request.subsample_by_label, seed),
             message(", at most ", request.subsample_by_label, " of each ", known->column));
    }
    if (request.subsample > 0) draw(subsample_cells(counts.cells(), request.subsample, seed), "");
    if (static_cast<Index>(kept.cells.size()) < all)
        for (auto& coordinates : read.obsm) {
            const auto columns = static_cast<std::size_t>(coordinates.columns);
            std::vector<float> values;
            for (const GeneIndex cell : kept.cells) {
                const float* const row = coordinates.values.data() + static_cast<std::size_t>(cell) * columns;
                values.insert(values.end(), row, row + columns);
            }
            coordinates.values = std::move(values);
        }
    if (counts.cells() > 0 && std::none_of(counts.values.begin(), counts.values.end(), [](float v) { return v != 0; }))
        throw InputError(message(request.counts, ": every count is 0; expected counts above 0"));
    if (counts.cells() < all || !kept.notes.empty())
        print_notice(message("  used: ", counts.cells(), " cells x ", counts.genes(), " genes"));
    return read;
}

void warn_of_normalised(const CountMatrix& counts, const CountsRequest& request) {
    const auto other =
        std::find_if(counts.values.begin(), counts.values.end(), [](float value) { return fraction_bits(value) != 0; });
    if (other != counts.values.end())
        print_notice(message("warning: ", request.counts, ": ", request.matrix, " holds ", *other,
                             ", which is no whole count; what is normalised already is normalised again",
                             other_matrices(request)));
}

void require_other_file(const std::filesystem::path& out, const std::vector<std::string>& inputs) {
    std::error_code code;
    if (!std::filesystem::exists(out, code)) return;
    const auto refuse = [&](const std::string& what) {
        throw OptionError(message("--out: ", out.string(), " is ", what,
                                  ", which is read and would be lost; name another file or folder to write"));
    };
    for (const auto& input : inputs) {
        if (std::filesystem::equivalent(out, input, code)) refuse(input);
        if (!std::filesystem::is_directory(input, code)) continue;
        const auto within = std::filesystem::proximate(out, input, code);
        if (!within.empty() && within.is_relative() && *within.begin() != "..") refuse("in the folder " + input);
    }
}

void require_other_folder(const std::string& out, const std::vector<std::string>& inputs) {
    for (const char* name : {"cells.h5ad", "model.h5", "scores.json", "history.csv", "options.toml", "markers.csv"})
        require_other_file(std::filesystem::path(out) / name, inputs);
}

void require_no_earlier(const std::string& out, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const auto file = std::filesystem::path(out) / name; std::filesystem::exists(file))
            throw OptionError(message("--out ", out, ": holds ", name,
                                      " of an earlier run, which would lie beside results that are not its own; name "
                                      "another folder, or remove it"));
}

void forget_results(CountMatrix& counts, std::vector<CellCoordinates>& obsm) {
    const auto drop = [](auto& from, std::initializer_list<std::string_view> names) {
        std::erase_if(from, [&](const auto& column) {
            return std::find(names.begin(), names.end(), column.name) != names.end();
        });
    };
    drop(counts.obs.columns, {"cellvae_cluster", "cellvae_certainty"});
    drop(obsm, {"X_cellvae", "X_cellvae_responsibility"});
    for (const auto& kind : predictive_columns) drop(counts.var.columns, {kind[0], kind[1], kind[2]});
}

void set_coordinates(H5adExtras& extras, CellCoordinates coordinates) {
    std::erase_if(extras.obsm, [&](const auto& present) { return present.name == coordinates.name; });
    extras.obsm.push_back(std::move(coordinates));
}

void write_cells(const std::filesystem::path& path, const CountMatrix& counts, H5adExtras extras) {
    if (extras.counts) extras.progress = ProgressLine("write " + path.string(), counts.nonzeros(), "counts");
    write_h5ad(path, counts, extras);
}

std::filesystem::path made_folder(const std::string& name) {
    std::filesystem::path folder(name);
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    if (!std::filesystem::is_directory(folder))
        throw OptionError(message("--out ", name, ": cannot make this folder", code ? ": " + code.message() : ""));
    return folder;
}

nlohmann::ordered_json write_scores(nlohmann::ordered_json scores, const std::filesystem::path& folder,
                                    std::chrono::steady_clock::time_point start) {
    scores["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    scores["peak_memory_mb"] = peak_memory_mb();
    scores["version"] = message(version_major, '.', version_minor, '.', version_patch);
    write_text_atomically(folder / "scores.json", json_text(scores, 2) + "\n");
    print_result(scores);
    return scores;
}

}  // namespace cellvae::program
