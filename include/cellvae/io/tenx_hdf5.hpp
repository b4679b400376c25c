// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/hdf5.hpp"
#include "cellvae/io/hdf5_matrix.hpp"
#include "cellvae/io/hdf5_texts.hpp"
#include "cellvae/io/read_progress.hpp"
#include "cellvae/io/read_result.hpp"
#include "cellvae/io/tenx_features.hpp"

namespace cellvae {
namespace io_detail {

/// The groups of an HDF5 file that hold a 10x matrix: "matrix" (version 3), or one a genome (version 2).
inline std::vector<std::string> tenx_groups(const Hdf5File& file) {
    std::vector<std::string> names;
    for (const auto& name : members(file.handle.get())) {
        const Handle group = open_object(file.handle.get(), name);
        if (is_group(group) && has(group.get(), "barcodes") && (has(group.get(), "indptr") || name == "matrix"))
            names.push_back(name);
    }
    return names;
}

inline std::string chosen_tenx_group(const Hdf5File& file, const TenxOptions& options) {
    const auto names = tenx_groups(file);
    std::string list;
    for (const auto& name : names) {
        if (name == "matrix" && !options.genome.empty())
            throw OptionError(message(file.name,
                                      ": is of version 3, which has all genomes in one matrix; there is no '",
                                      options.genome, "' to choose"));
        if (name == "matrix" || name == options.genome) return name;
        list += (list.empty() ? "" : ", ") + name;
    }
    if (names.empty())
        throw InputError(message(file.name, ": has no group of a 10x matrix; expected 'matrix' or one a genome"));
    if (!options.genome.empty())
        throw OptionError(message(file.name, ": has no genome '", options.genome, "'; it has ", list));
    if (names.size() > 1)
        throw OptionError(
            message(file.name, ": holds several genomes (", list, "); expected one of them to be chosen"));
    return names.front();
}

/// See read_tenx_hdf5_with_notes().
inline CountsRead read_open_tenx_hdf5(const Hdf5File& file, const TenxOptions& options,
                                      const ReadProgressCallback& progress) {
    const std::string name = chosen_tenx_group(file, options);
    const Handle group = open_object(file.handle.get(), name);
    const auto texts = [&](const Handle& parent, const std::string& place, const char* member) {
        return read_texts(Dataset(file, parent.get(), member, join(place, member)));
    };
    CountsRead result;
    CountMatrix& matrix = result.counts;
    matrix.obs.names = texts(group, name, "barcodes");
    TenxFeatures features;
    const bool third = has(group.get(), "features");
    if (third) {
        const Handle table = open_object(group.get(), "features");
        const std::string place = join(name, "features");
        if (!is_group(table)) file.fail(place, "is no group; expected one with id and name");
        features.ids = texts(table, place, "id");
        features.names = texts(table, place, "name");
        if (has(table.get(), "feature_type")) features.types = texts(table, place, "feature_type");
        if (has(table.get(), "genome")) features.genomes = texts(table, place, "genome");
    } else {
        features.ids = texts(group, name, "genes");
        features.names = texts(group, name, "gene_names");
    }
    const auto require_count = [&](const std::vector<std::string>& list, const char* what) {
        if (!list.empty() && list.size() != features.ids.size())
            file.fail(name, "has ", features.ids.size(), " ids of genes, but ", list.size(), ' ', what,
                      "; expected as many");
    };
    if (features.names.empty() && !features.ids.empty()) file.fail(name, "has no names of genes; expected one an id");
    require_count(features.names, "names");
    require_count(features.types, "feature types");
    require_count(features.genomes, "genomes");
    const std::vector<std::string> types = features.types;
    matrix.var = tenx_genes(std::move(features));
    const auto shape = Dataset(file, group.get(), "shape", join(name, "shape")).read_all<std::int64_t>();
    if (shape.size() != 2 || shape[0] != matrix.genes() ||
        shape[1] != static_cast<std::int64_t>(matrix.obs.names.size()))
        file.fail(join(name, "shape"), "says ",
                  shape.size() == 2 ? message(shape[0], " x ", shape[1]) : message(shape.size(), " sizes"),
                  ", but there are ", matrix.genes(), " genes and ", matrix.obs.names.size(),
                  " barcodes; expected genes x barcodes");
    const Dataset offsets(file, group.get(), "indptr", join(name, "indptr"));
    const Dataset indices(file, group.get(), "indices", join(name, "indices"));
    const Dataset data(file, group.get(), "data", join(name, "data"));
    Hdf5MatrixReader(file, name, matrix, progress).read_compressed(offsets, indices, data, true);
    keep_feature_type(matrix, types, options, file.name, result.notes);
    result.form = third ? "10x HDF5, version 3" : message("10x HDF5, version 2, genome ", name);
    return result;
}

}  // namespace io_detail

/// Reads a 10x HDF5 file: version 3 (group "matrix", with kinds of features) or version 2 (a group a genome).
///
/// Genes are named by their symbols, which may repeat; var has gene_ids and, of version 3, feature_types and genome.
/// Features of other kinds than the options' (antibodies, guides) are left out, and the notes say how many.
/// @throws InputError with file and dataset as read_h5ad() does; OptionError where a genome must be chosen.
[[nodiscard]] inline CountsRead read_tenx_hdf5_with_notes(const std::filesystem::path& path,
                                                          const TenxOptions& options = {},
                                                          const ReadProgressCallback& progress = {}) {
    io_detail::require_regular_file(path);
    const io_detail::QuietHdf5 quiet;
    return io_detail::read_open_tenx_hdf5(io_detail::open_hdf5(path), options, progress);
}

}  // namespace cellvae
