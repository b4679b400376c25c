// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/io/mex.hpp"

namespace cellvae::io_detail {

/// One file of counts among several, and what its cells are called by.
struct CountInput {
    std::filesystem::path path;
    std::string label;   ///< the name of its file or folder, without the endings that only say the form
    std::string origin;  ///< where it lies in the folder that was given
};

inline bool ends_with(std::string_view text, std::string_view ending) {
    return text.size() >= ending.size() && text.substr(text.size() - ending.size()) == ending;
}

/// "b_cells" of "b_cells_filtered_gene_bc_matrices.h5" and the like.
inline std::string label_of(const std::filesystem::path& path) {
    std::string name = path.filename().empty() ? path.parent_path().filename().string() : path.filename().string();
    static constexpr std::array<std::string_view, 16> endings{".gz",
                                                              ".h5ad",
                                                              ".h5",
                                                              ".loom",
                                                              ".mtx",
                                                              ".csv",
                                                              ".tsv",
                                                              ".txt",
                                                              "_filtered_gene_bc_matrices",
                                                              "_filtered_feature_bc_matrix",
                                                              "_filtered_matrices_mex",
                                                              "_raw_gene_bc_matrices",
                                                              "_raw_feature_bc_matrix",
                                                              "_matrix",
                                                              ".matrix",
                                                              "_counts"};
    for (const auto ending : endings)
        if (name.size() > ending.size() && ends_with(name, ending)) name.resize(name.size() - ending.size());
    return name;
}

/// The entries of a folder without hidden ones, in alphabetical order.
inline std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> entries;
    std::error_code code;
    for (const auto& entry : std::filesystem::directory_iterator(folder, code))
        if (entry.path().filename().string().front() != '.') entries.push_back(entry.path());
    if (code)
        throw InputError(message(folder.string(), ": cannot be listed (", code.message(),
                                 "); expected a folder that this user may read"));
    std::sort(entries.begin(), entries.end());
    return entries;
}

/// The files of counts below a folder, each with the name of the entry of `folder` that it lies in:
///   1. what 10x's own pipeline calls the filtered matrix, where there is one, and nothing else;
///   2. each Matrix Market file, each h5ad, HDF5 and loom file, and those of the folders below, down to four levels;
///   3. where there is none of these, each CSV and TSV file but the lists of names of a 10x MEX folder.
inline std::vector<CountInput> inputs_below(const std::filesystem::path& folder, int levels = 4) {
    std::error_code code;
    static constexpr std::array<const char*, 5> filtered{
        "filtered_feature_bc_matrix.h5", "filtered_gene_bc_matrices_h5.h5", "filtered_feature_bc_matrix",
        "filtered_gene_bc_matrices", "filtered_matrices_mex"};
    for (const char* const name : filtered) {
        const auto path = folder / name;
        if (std::filesystem::is_regular_file(path, code)) return {{path, label_of(folder), name}};
        if (levels > 0 && std::filesystem::is_directory(path, code)) {
            auto inputs = inputs_below(path, levels - 1);
            for (auto& input : inputs) input.origin = message(name, '/', input.origin);
            if (inputs.size() == 1) inputs.front().label = label_of(folder);
            if (!inputs.empty()) return inputs;
        }
    }
    std::vector<CountInput> inputs;
    std::vector<CountInput> texts;
    for (const auto& path : entries_of(folder)) {
        const std::string name = path.filename().string();
        if (std::filesystem::is_directory(path, code)) {
            if (levels == 0) continue;
            for (auto& input : inputs_below(path, levels - 1))
                inputs.push_back({input.path, label_of(path), message(name, '/', input.origin)});
            continue;
        }
        const std::string plain = ends_with(name, ".gz") ? name.substr(0, name.size() - 3) : name;
        const auto ends = [&](std::string_view ending) { return ends_with(plain, ending); };
        if (ends(".mtx") || ends(".h5ad") || ends(".h5") || ends(".loom")) {
            const std::string label = label_of(path);
            inputs.push_back({path, label == "matrix" ? label_of(folder) : label, name});
        } else if (ends("barcodes.tsv") || ends("genes.tsv") || ends("features.tsv")) {
            continue;  // the names of a matrix.mtx
        } else if (ends(".csv") || ends(".tsv") || ends(".txt")) {
            texts.push_back({path, label_of(path), name});
        }
    }
    return inputs.empty() ? texts : inputs;
}

}  // namespace cellvae::io_detail
