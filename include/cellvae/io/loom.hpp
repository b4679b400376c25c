// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/h5ad_annotations.hpp"
#include "cellvae/io/hdf5.hpp"
#include "cellvae/io/hdf5_matrix.hpp"
#include "cellvae/io/mex.hpp"
#include "cellvae/io/read_progress.hpp"
#include "cellvae/io/read_result.hpp"

namespace cellvae {
namespace io_detail {

/// Reads the attributes of one side of a loom file. The names are the first of `name_columns` that is there, else
/// numbers.
inline Annotations read_loom_side(const Hdf5File& file, const std::string& place, std::size_t size,
                                  std::initializer_list<const char*> name_columns, const char* numbered,
                                  std::vector<std::string>& notes) {
    const Handle group = open_object(file.handle.get(), place);
    if (!is_group(group)) file.fail(place, "is missing or no group; expected the attributes of a loom file");
    Annotations table;
    for (const char* const name : name_columns) {
        if (!has(group.get(), name)) continue;
        const Dataset names(file, group.get(), name, join(place, name));
        names.require_length(size, "as the matrix has");
        table.names = read_as_texts(names);
        table.index_name = name;
        break;
    }
    if (table.names.empty()) {
        table.names = numbered_names(numbered, static_cast<std::int64_t>(size));
        notes.push_back(message(place, " has no names: they are numbered"));
    }
    for (const auto& name : members(group.get())) {
        if (name == table.index_name) continue;
        const Handle object = open_object(group.get(), name);
        std::optional<ColumnValues> values;
        if (is_dataset(object)) {
            const Dataset dataset(file, group.get(), name, join(place, name));
            if (dataset.shape().size() == 1) {
                dataset.require_length(size, "as the matrix has");
                values = read_plain_column(dataset);
            }
        }
        if (values)
            table.set({name, std::move(*values)});
        else
            notes.push_back(message("left out: ", join(place, name), ", whose form is not known here"));
    }
    return table;
}

/// See read_loom_with_notes().
inline CountsRead read_open_loom(const Hdf5File& file, const std::string& matrix,
                                 const ReadProgressCallback& progress) {
    const bool main = matrix == "X";
    const std::string layer = matrix.compare(0, 7, "layers/") == 0 ? matrix.substr(7) : "";
    const Handle group = open_object(file.handle.get(), layer.empty() || main ? "row_attrs" : "layers");
    if (!main && (layer.empty() || !is_group(group) || !has(group.get(), layer)))
        file.fail(matrix, "is missing; expected X or layers/NAME");
    const Dataset data(file, main ? file.handle.get() : group.get(), main ? "matrix" : layer, main ? "matrix" : matrix);
    if (data.shape().size() != 2)
        file.fail(data.place(), "has ", data.shape().size(), " dimensions; expected genes x cells");
    CountsRead result;
    const auto genes = static_cast<std::size_t>(data.shape()[0]);
    const auto cells = static_cast<std::size_t>(data.shape()[1]);
    result.counts.var =
        read_loom_side(file, "row_attrs", genes, {"Gene", "var_names", "Accession"}, "gene", result.notes);
    result.counts.obs = read_loom_side(file, "col_attrs", cells, {"CellID", "obs_names"}, "cell", result.notes);
    Hdf5MatrixReader reader(file, data.place(), result.counts, progress);
    reader.check_shape(static_cast<std::int64_t>(cells), static_cast<std::int64_t>(genes));
    reader.read_dense_transposed(data);
    std::string others;
    if (const Handle layers = open_object(file.handle.get(), "layers"); is_group(layers))
        for (const auto& name : members(layers.get()))
            if (join("layers", name) != matrix) others += (others.empty() ? "" : ", ") + join("layers", name);
    if (!others.empty()) result.notes.push_back("left out: " + others);
    result.form = message("loom, ", data.place());
    return result;
}

}  // namespace io_detail

/// Reads a loom file: `matrix` (genes x cells, dense) or the layer the options name, row_attrs and col_attrs. Cells are
/// named by CellID (or obs_names), genes by Gene (or var_names, Accession). Blocks of whole cells are read.
/// @param matrix "X" for the main matrix, or "layers/NAME"
/// @throws InputError with file and dataset as read_h5ad() does
[[nodiscard]] inline CountsRead read_loom_with_notes(const std::filesystem::path& path, const std::string& matrix = "X",
                                                     const ReadProgressCallback& progress = {}) {
    io_detail::require_regular_file(path);
    const io_detail::QuietHdf5 quiet;
    return io_detail::read_open_loom(io_detail::open_hdf5(path), matrix, progress);
}

}  // namespace cellvae
