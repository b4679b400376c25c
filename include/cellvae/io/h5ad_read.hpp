// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/data/round_counts.hpp"
#include "cellvae/io/h5ad_annotations.hpp"
#include "cellvae/io/hdf5.hpp"
#include "cellvae/io/hdf5_matrix.hpp"
#include "cellvae/io/read_progress.hpp"
#include "cellvae/io/read_result.hpp"

namespace cellvae {

struct H5adOptions {
    /// Which matrix holds the counts: "X", "layers/NAME" or "raw/X" (whose genes are those of raw/var).
    std::string matrix = "X";
};

namespace io_detail {

/// The column of obs in which write_h5ad() keeps CountMatrix::library_sizes.
inline constexpr std::string_view library_size_column = "cellvae_library_size";

/// Reads a matrix as anndata encodes it. Returns its form in words.
inline std::string read_encoded_matrix(const Hdf5File& file, hid_t parent, const std::string& name,
                                       const std::string& place, CountMatrix& matrix,
                                       const ReadProgressCallback& progress) {
    const Handle object = open_object(parent, name);
    Hdf5MatrixReader reader(file, place, matrix, progress);
    if (is_dataset(object)) {
        const Dataset data(file, parent, name, place);
        if (data.shape().size() != 2)
            file.fail(place, "has ", data.shape().size(), " dimensions; expected cells x genes");
        reader.check_shape(static_cast<std::int64_t>(data.shape()[0]), static_cast<std::int64_t>(data.shape()[1]));
        reader.read_dense(data);
        return "dense";
    }
    if (!is_group(object)) file.fail(place, "is neither a group nor a dataset; expected a matrix");
    auto form = text_attribute(object.get(), "encoding-type");
    if (!form) form = text_attribute(object.get(), "h5sparse_format");
    const std::string kind = form.value_or("");
    const bool by_cells = kind == "csr_matrix" || kind == "csr";
    if (!by_cells && kind != "csc_matrix" && kind != "csc")
        file.fail(place, "has the encoding-type '", kind, "'; expected csr_matrix, csc_matrix or a dense array");
    auto shape = integers_attribute(object.get(), "shape");
    if (shape.empty()) shape = integers_attribute(object.get(), "h5sparse_shape");
    if (shape.size() != 2) file.fail(place, "has no attribute 'shape' of two numbers; expected cells and genes");
    reader.check_shape(shape[0], shape[1]);
    const Dataset offsets(file, object.get(), "indptr", join(place, "indptr"));
    const Dataset indices(file, object.get(), "indices", join(place, "indices"));
    const Dataset data(file, object.get(), "data", join(place, "data"));
    reader.read_compressed(offsets, indices, data, by_cells);
    return by_cells ? "csr_matrix" : "csc_matrix";
}

/// True for what anndata writes where there is no matrix.
inline bool is_null(const Handle& object) {
    if (text_attribute(object.get(), "encoding-type") == "null") return true;
    if (!is_dataset(object)) return false;
    const Handle space(H5Dget_space(object.get()));
    return H5Sget_simple_extent_type(space.get()) == H5S_NULL;
}

/// The matrices that a file has, as H5adOptions::matrix takes them.
inline std::vector<std::string> matrix_names(const Hdf5File& file) {
    std::vector<std::string> names;
    const auto add = [&](const Handle& group, const std::string& name, const std::string& place) {
        if (!is_group(group) || !has(group.get(), name)) return;
        const Handle object = open_object(group.get(), name);
        if (object.valid() && !is_null(object)) names.push_back(place);
    };
    add(Handle(H5Gopen2(file.handle.get(), "/", H5P_DEFAULT)), "X", "X");
    add(open_object(file.handle.get(), "raw"), "X", "raw/X");
    if (const Handle layers = open_object(file.handle.get(), "layers"); is_group(layers))
        for (const auto& layer : members(layers.get())) add(layers, layer, "layers/" + layer);
    return names;
}

/// Where a matrix lies: under a name in a group, whose genes are the group's own in raw.
struct MatrixPlace {
    Handle group;
    std::string name;
    bool raw = false;
};

/// @param matrix as H5adOptions::matrix: "layers/counts" and "raw/X" lie in a group of the root
inline MatrixPlace place_of_matrix(const Hdf5File& file, const std::string& matrix) {
    const auto slash = matrix.find('/');
    if (slash == std::string::npos) return {Handle(H5Gopen2(file.handle.get(), "/", H5P_DEFAULT)), matrix, false};
    const std::string group = matrix.substr(0, slash);
    return {open_object(file.handle.get(), group), matrix.substr(slash + 1), group == "raw"};
}

/// Whether the first values of a matrix are counts: at least 0, and such that round_counts() would make whole ones.
inline bool looks_like_counts(const Hdf5File& file, const std::string& matrix) {
    constexpr hsize_t most = hsize_t{1} << 16;
    try {
        const auto [group, name, raw] = place_of_matrix(file, matrix);
        const Handle object = open_object(group.get(), name);
        const bool sparse = is_group(object);
        const Dataset data(file, sparse ? object.get() : group.get(), sparse ? "data" : name, matrix);
        data.require_numbers();
        auto part = data.shape();
        if (part.size() != (sparse ? 1U : 2U)) return false;
        part.back() = std::min(part.back(), most);
        if (!sparse) part[0] = std::min(part[0], std::max<hsize_t>(1, most / std::max<hsize_t>(1, part[1])));
        std::vector<double> values(static_cast<std::size_t>(sparse ? part[0] : part[0] * part[1]));
        data.read(std::vector<hsize_t>(part.size(), 0), part, H5T_NATIVE_DOUBLE, values.data());
        return std::all_of(values.begin(), values.end(), [](double value) {
            return value >= 0 && std::abs(value - std::nearbyint(value)) <= most_rounded;
        });
    } catch (const InputError&) {
        return false;
    }
}

/// What there is to choose from, for errors; empty where there is no matrix.
inline std::string matrices_in_words(const Hdf5File& file) {
    std::string all, counts;
    for (const auto& name : matrix_names(file)) {
        all += (all.empty() ? "" : ", ") + name;
        if (looks_like_counts(file, name)) counts += (counts.empty() ? "" : ", ") + name;
    }
    return all.empty() ? "" : message("the file has: ", all, "; counts: ", counts.empty() ? "none" : counts);
}

/// @param matrix as H5adOptions::matrix @throws InputError where the file has none of that name; it says what there is
inline MatrixPlace find_matrix(const Hdf5File& file, const std::string& matrix) {
    MatrixPlace place = place_of_matrix(file, matrix);
    const bool there = is_group(place.group) && has(place.group.get(), place.name);
    if (!there || is_null(open_object(place.group.get(), place.name))) {
        const std::string others = matrices_in_words(file);
        file.fail(matrix, there ? "holds no matrix" : "is missing", "; expected a matrix of counts of that name",
                  others.empty() ? ", and the file has no other" : message(" (", others, ")"));
    }
    return place;
}

/// The genes of a matrix.
inline Annotations read_genes(const Hdf5File& file, const MatrixPlace& place, std::vector<std::string>& notes) {
    return place.raw ? read_annotations(file, place.group.get(), "var", "raw/var", notes)
                     : read_annotations(file, file.handle.get(), "var", "var", notes);
}

/// Coordinates of the cells: arrays of numbers in obsm. Others are named in the notes.
inline void read_coordinates(const Hdf5File& file, CountsRead& result) {
    const Handle group = open_object(file.handle.get(), "obsm");
    if (!is_group(group)) return;
    const auto cells = result.counts.obs.names.size();
    for (const auto& name : members(group.get())) {
        const std::string place = join("obsm", name);
        const Handle object = open_object(group.get(), name);
        if (is_dataset(object)) {
            const Dataset data(file, group.get(), name, place);
            const bool numbers = data.kind() == ElementKind::floating || data.kind() == ElementKind::integer;
            if (numbers && data.shape().size() == 2 && data.shape()[0] == cells && data.shape()[1] > 0) {
                CellCoordinates coordinates{name, static_cast<Index>(data.shape()[1]), {}};
                coordinates.values.resize(cells * static_cast<std::size_t>(data.shape()[1]));
                data.read({0, 0}, data.shape(), H5T_NATIVE_FLOAT, coordinates.values.data());
                result.obsm.push_back(std::move(coordinates));
                continue;
            }
        }
        result.notes.push_back(message("left out: ", place, "; arrays of numbers, one row a cell, are kept"));
    }
}

/// Says what of the file goes no further than this.
inline void note_what_is_left(const Hdf5File& file, const std::string& read, std::vector<std::string>& notes) {
    std::string names;
    const auto add = [&](const std::string& name) {
        if (name != read) names += (names.empty() ? "" : ", ") + name;
    };
    add(has(file.handle.get(), "X") ? "X" : read);
    if (has(file.handle.get(), "raw")) add("raw/X");
    for (const char* const part : {"layers", "obsp", "uns", "varm", "varp"})
        if (const Handle group = open_object(file.handle.get(), part); is_group(group))
            for (const auto& name : members(group.get())) add(join(part, name));
    if (!names.empty()) notes.push_back(message("left out: ", names));
}

/// Takes the library sizes that write_h5ad() kept out of the columns.
inline void restore_library_sizes(CountMatrix& matrix) {
    auto& columns = matrix.obs.columns;
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [](const auto& column) { return column.name == library_size_column; });
    if (found == columns.end()) return;
    auto* const sizes = std::get_if<std::vector<double>>(&found->values);
    if (sizes == nullptr ||
        !std::all_of(sizes->begin(), sizes->end(), [](double size) { return std::isfinite(size) && size >= 0; }))
        return;
    matrix.library_sizes = std::move(*sizes);
    columns.erase(found);
}

/// See read_h5ad_with_notes().
inline CountsRead read_open_h5ad(const Hdf5File& file, const H5adOptions& options,
                                 const ReadProgressCallback& progress) {
    CountsRead result;
    CountMatrix& matrix = result.counts;
    const MatrixPlace place = find_matrix(file, options.matrix);
    matrix.obs = read_annotations(file, file.handle.get(), "obs", "obs", result.notes);
    matrix.var = read_genes(file, place, result.notes);
    std::string form;
    try {
        form = read_encoded_matrix(file, place.group.get(), place.name, options.matrix, matrix, progress);
    } catch (const NoCount& error) {
        throw NoCount(message(error.what(), " (", matrices_in_words(file), ")"));
    }
    restore_library_sizes(matrix);
    read_coordinates(file, result);
    note_what_is_left(file, options.matrix, result.notes);
    result.form = message("h5ad, ", options.matrix, form == "dense" ? " dense" : " as " + form);
    return result;
}

}  // namespace io_detail

/// Reads an h5ad file into cells x genes: X (or the matrix the options name) as CSR, CSC or dense, of any number type;
/// obs and var with their names and their columns of text, labels, numbers and flags (also nullable ones); obsm's
/// arrays of numbers. What else there is (other layers, raw, uns, obsp, varm, varp) is named in the notes.
///
/// Genes are sorted inside each cell, entries of the same gene added, explicit zeros left out. Cell and gene names may
/// repeat, as anndata allows. The matrix is read by blocks: beside it, a few megabytes are held. Columns of unknown
/// form are left out, and named in the notes. Sizes, offsets and indices are checked before they are trusted; what HDF5
/// itself reads without checking (references from one part of the file to another) is beyond that.
/// @throws InputError with file and dataset where the file is missing or damaged, its sizes contradict each other, a
///   value is no finite number of at least 0, or a compression filter is not there.
[[nodiscard]] inline CountsRead read_h5ad_with_notes(const std::filesystem::path& path, const H5adOptions& options = {},
                                                     const ReadProgressCallback& progress = {}) {
    io_detail::require_regular_file(path);
    const io_detail::QuietHdf5 quiet;
    return io_detail::read_open_h5ad(io_detail::open_hdf5(path), options, progress);
}

/// What matrices an h5ad file has and which look like counts, in words for an error; empty where it is no h5ad file.
[[nodiscard]] inline std::string h5ad_matrices_in_words(const std::filesystem::path& path) {
    using namespace io_detail;
    try {
        const QuietHdf5 quiet;
        if (!std::filesystem::is_regular_file(path) || H5Fis_hdf5(path.c_str()) <= 0) return "";
        return matrices_in_words(open_hdf5(path));
    } catch (const InputError&) {
        return "";
    }
}

/// read_h5ad_with_notes() without the notes.
[[nodiscard]] inline CountMatrix read_h5ad(const std::filesystem::path& path, const H5adOptions& options = {}) {
    return read_h5ad_with_notes(path, options).counts;
}

}  // namespace cellvae
