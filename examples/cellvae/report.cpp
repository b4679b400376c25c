// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <sys/resource.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "cellvae/core/version.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

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

}  // namespace

CountsRead read_and_describe(const std::string& file, const std::string& orientation) {
    ReadOptions reading;
    if (orientation == "cells-in-rows") reading.delimited.orientation = Orientation::cells_by_genes;
    if (orientation == "genes-in-rows") reading.delimited.orientation = Orientation::genes_by_cells;
    CountsRead read = read_counts_with_notes(file, reading);
    print_notice(
        message(file, ": ", read.counts.cells(), " cells x ", read.counts.genes(), " genes (", read.form, ")"));
    for (const auto& note : read.notes) print_notice("  " + note);
    return read;
}

std::filesystem::path made_folder(const std::string& name) {
    const std::filesystem::path folder(name);
    std::error_code code;
    std::filesystem::create_directories(folder, code);
    if (!std::filesystem::is_directory(folder))
        throw OptionError(message("--out ", name, ": cannot make this folder", code ? ": " + code.message() : ""));
    return folder;
}

void write_scores(nlohmann::ordered_json scores, const std::filesystem::path& folder,
                  std::chrono::steady_clock::time_point start) {
    scores["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    scores["peak_memory_mb"] = peak_memory_mb();
    scores["version"] = message(version_major, '.', version_minor, '.', version_patch);
    write_text_atomically(folder / "scores.json", scores.dump(2) + "\n");
    std::vector<std::pair<std::string, std::string>> rows;
    for (const auto& [name, value] : scores.items()) {
        if (value.is_null()) continue;  // what is not known is left out
        rows.emplace_back(name, value.is_number_float() ? rounded(value.get<double>())
                                : value.is_string()     ? value.get<std::string>()
                                                        : value.dump());
    }
    print_table(rows);
}

}  // namespace cellvae::program
