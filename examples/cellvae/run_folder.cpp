// SPDX-License-Identifier: Apache-2.0
#include "run_folder.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

#include "cellvae/core/error.hpp"
#include "cellvae/io/h5ad.hpp"

namespace cellvae::program {

std::string text_of_file(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

nlohmann::ordered_json read_scores(const std::string& folder) {
    const auto path = std::filesystem::path(folder) / "scores.json";
    std::ifstream file(path);
    if (!file)
        throw InputError(
            message(path.string(), ": cannot be read; expected the folder that cellvae train or baseline wrote"));
    auto scores = nlohmann::ordered_json::parse(file, nullptr, false);
    if (!scores.is_object()) throw InputError(message(path.string(), ": is no JSON object; expected a run's scores"));
    return scores;
}

std::string table_field(const std::string& text, char separator) {
    if (text.find_first_of(std::string("\"\r\n") + separator) == std::string::npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    return quoted + "\"";
}

Columns read_history(const std::string& csv) {
    Columns columns;
    std::istringstream lines(csv);
    std::string line, field;
    std::getline(lines, line);
    for (std::istringstream fields(line); std::getline(fields, field, ',');) columns.push_back({field, {}});
    while (std::getline(lines, line)) {
        std::istringstream fields(line);
        for (auto& [name, values] : columns) {
            if (!std::getline(fields, field, ',')) field.clear();
            char* end = nullptr;
            const double value = std::strtod(field.c_str(), &end);
            values.push_back(end == field.c_str() ? std::numeric_limits<double>::quiet_NaN() : value);
        }
    }
    return columns;
}

const std::vector<double>* find(const Columns& columns, const std::string& name) {
    for (const auto& [column, values] : columns)
        if (column == name) return &values;
    return nullptr;
}

std::optional<ClusteredCells> read_clusters(const std::string& folder) {
    const auto path = std::filesystem::path(folder) / "cells.h5ad";
    if (!std::filesystem::exists(path)) return std::nullopt;
    const io_detail::QuietHdf5 quiet;
    const auto file = io_detail::open_hdf5(path);
    std::vector<std::string> notes;
    auto obs = io_detail::read_annotations(file, file.handle.get(), "obs", "obs", notes);
    const auto* column = obs.find("cellvae_cluster");
    const auto* clusters = column == nullptr ? nullptr : std::get_if<Categorical>(&column->values);
    if (clusters == nullptr) return std::nullopt;
    ClusteredCells cells{{}, *clusters};
    cells.names = std::move(obs.names);
    return cells;
}

}  // namespace cellvae::program
