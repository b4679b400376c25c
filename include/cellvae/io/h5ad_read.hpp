// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/csr_rows.hpp"
#include "cellvae/io/h5ad_annotations.hpp"
#include "cellvae/io/hdf5.hpp"
#include "cellvae/io/read_result.hpp"

namespace cellvae {

struct H5adOptions {
    /// Which matrix holds the counts: "X", "layers/NAME" or "raw/X" (whose genes are those of raw/var).
    std::string matrix = "X";
};

namespace io_detail {

/// The column of obs in which write_h5ad() keeps CountMatrix::library_sizes.
inline constexpr std::string_view library_size_column = "cellvae_library_size";

/// Reads one matrix of cells x genes of an h5ad file. The names must be there already: errors use them.
class H5adMatrixReader {
public:
    H5adMatrixReader(const Hdf5File& file, std::string place, CountMatrix& matrix)
        : file_(file), place_(std::move(place)), matrix_(matrix) {}

    /// Returns the form of the matrix in words.
    std::string read(hid_t parent, const std::string& name) {
        const Handle object = open_object(parent, name);
        if (is_dataset(object)) {
            read_dense(Dataset(file_, parent, name, place_));
            return "dense";
        }
        if (!is_group(object)) file_.fail(place_, "is neither a group nor a dataset; expected a matrix");
        auto form = text_attribute(object.get(), "encoding-type");
        if (!form) form = text_attribute(object.get(), "h5sparse_format");
        const std::string kind = form.value_or("");
        const bool by_cells = kind == "csr_matrix" || kind == "csr";
        if (!by_cells && kind != "csc_matrix" && kind != "csc")
            file_.fail(place_, "has the encoding-type '", kind, "'; expected csr_matrix, csc_matrix or a dense array");
        auto shape = integers_attribute(object.get(), "shape");
        if (shape.empty()) shape = integers_attribute(object.get(), "h5sparse_shape");
        if (shape.size() != 2) file_.fail(place_, "has no attribute 'shape' of two numbers; expected cells and genes");
        check_shape(shape[0], shape[1]);
        const Dataset offsets(file_, object.get(), "indptr", join(place_, "indptr"));
        const Dataset indices(file_, object.get(), "indices", join(place_, "indices"));
        const Dataset data(file_, object.get(), "data", join(place_, "data"));
        const auto lines = static_cast<std::size_t>(by_cells ? shape[0] : shape[1]);
        auto positions = read_offsets(offsets, lines, by_cells ? "cells" : "genes");
        const auto size = static_cast<std::size_t>(positions.back());
        indices.require_length(size, "as the last value of indptr says");
        data.require_length(size, "as the last value of indptr says");
        indices.require_numbers();
        data.require_numbers();
        if (by_cells) {
            matrix_.row_offsets = std::move(positions);
            read_by_cells(indices, data, shape[1]);
        } else {
            read_by_genes(positions, indices, data, static_cast<std::size_t>(shape[0]));
        }
        tidy_rows(matrix_);
        return by_cells ? "csr_matrix" : "csc_matrix";
    }

private:
    void check_shape(std::int64_t cells, std::int64_t genes) const {
        if (cells < 1 || genes < 1)
            file_.fail(place_, "has the shape ", cells, " x ", genes, "; expected at least one cell and one gene");
        if (cells != static_cast<std::int64_t>(matrix_.obs.names.size()))
            file_.fail(place_, "has ", cells, " rows, but obs has ", matrix_.obs.names.size(),
                       " names; expected one row for each cell");
        if (genes != static_cast<std::int64_t>(matrix_.var.names.size()))
            file_.fail(place_, "has ", genes, " columns, but var has ", matrix_.var.names.size(),
                       " names; expected one column for each gene");
        if (genes > std::numeric_limits<GeneIndex>::max() || cells > std::numeric_limits<GeneIndex>::max())
            file_.fail(place_, "has the shape ", cells, " x ", genes, "; expected at most 2^31 - 1 of each");
    }

    [[nodiscard]] std::vector<std::int64_t> read_offsets(const Dataset& offsets, std::size_t lines,
                                                         const char* what) const {
        if (offsets.length() != lines + 1)
            file_.fail(offsets.place(), "has ", offsets.length(), " values; expected ", lines + 1,
                       ", one more than the ", what, " that 'shape' names");
        auto positions = offsets.read_all<std::int64_t>();
        if (positions.front() != 0) file_.fail(offsets.place(), "begins with ", positions.front(), "; expected 0");
        for (std::size_t line = 0; line < lines; ++line)
            if (positions[line + 1] < positions[line])
                file_.fail(offsets.place(), "falls from ", positions[line], " to ", positions[line + 1],
                           " at position ", line + 1, "; expected values that ascend");
        return positions;
    }

    [[nodiscard]] std::string entry(std::int64_t cell, std::int64_t gene) const {
        return message("at cell '", matrix_.obs.names[static_cast<std::size_t>(cell)], "', gene '",
                       matrix_.var.names[static_cast<std::size_t>(gene)], "'");
    }

    /// The cell or gene of a position in compressed lines.
    static std::int64_t line_of(const std::vector<std::int64_t>& offsets, std::size_t position) {
        return std::upper_bound(offsets.begin(), offsets.end(), static_cast<std::int64_t>(position)) - offsets.begin() -
               1;
    }

    [[noreturn]] void refuse_value(const std::string& place, double value, std::int64_t cell, std::int64_t gene) const {
        file_.fail(place, "value ", value, ' ', entry(cell, gene),
                   "; expected a count, finite and at least 0 (counts may lie in layers or in raw/X)");
    }

    template <class Value>
    static bool is_count(Value value) {
        return value >= 0 && value <= static_cast<Value>(std::numeric_limits<float>::max());
    }

    void refuse_index(const Dataset& indices, std::int64_t index, std::size_t position, std::int64_t limit) const {
        file_.fail(indices.place(), "value ", index, " at position ", position, "; expected 0 to ", limit - 1);
    }

    void read_by_cells(const Dataset& indices, const Dataset& data, std::int64_t genes) {
        // Reserved, not filled: memory is taken only as data comes.
        matrix_.columns.reserve(indices.length());
        matrix_.values.reserve(data.length());
        std::vector<std::int64_t> buffer;
        indices.for_each_block(buffer, [&](std::size_t start, const std::int64_t* values, std::size_t count) {
            for (std::size_t k = 0; k < count; ++k) {
                if (values[k] < 0 || values[k] >= genes) refuse_index(indices, values[k], start + k, genes);
                matrix_.columns.push_back(static_cast<GeneIndex>(values[k]));
            }
        });
        for_each_value(data, [&](std::size_t position, auto value) {
            if (!is_count(value))
                refuse_value(data.place(), static_cast<double>(value), line_of(matrix_.row_offsets, position),
                             matrix_.columns[position]);
            matrix_.values.push_back(static_cast<float>(value));
        });
    }

    /// Two passes over the indices: one counts each cell's entries, one puts every entry in its place. Nothing is held
    /// twice.
    void read_by_genes(const std::vector<std::int64_t>& gene_offsets, const Dataset& indices, const Dataset& data,
                       std::size_t cells) {
        matrix_.row_offsets.assign(cells + 1, 0);
        std::vector<std::int64_t> buffer;
        indices.for_each_block(buffer, [&](std::size_t start, const std::int64_t* values, std::size_t count) {
            for (std::size_t k = 0; k < count; ++k) {
                if (values[k] < 0 || values[k] >= static_cast<std::int64_t>(cells))
                    refuse_index(indices, values[k], start + k, static_cast<std::int64_t>(cells));
                ++matrix_.row_offsets[static_cast<std::size_t>(values[k]) + 1];
            }
        });
        for (std::size_t cell = 0; cell < cells; ++cell) matrix_.row_offsets[cell + 1] += matrix_.row_offsets[cell];
        std::vector<std::int64_t> next(matrix_.row_offsets.begin(), matrix_.row_offsets.end() - 1);
        matrix_.columns.resize(indices.length());
        matrix_.values.resize(indices.length());
        // Blocks of both datasets by the same positions: the indices' chunks set the length.
        std::vector<double> values;
        std::size_t gene = 0;
        indices.for_each_block(buffer, [&](std::size_t start, const std::int64_t* cell_of, std::size_t count) {
            values.resize(count);
            data.read({start}, {count}, H5T_NATIVE_DOUBLE, values.data());
            for (std::size_t k = 0; k < count; ++k) {
                while (gene_offsets[gene + 1] <= static_cast<std::int64_t>(start + k)) ++gene;
                if (!is_count(values[k]))
                    refuse_value(data.place(), values[k], cell_of[k], static_cast<std::int64_t>(gene));
                const auto to = static_cast<std::size_t>(next[static_cast<std::size_t>(cell_of[k])]++);
                matrix_.columns[to] = static_cast<GeneIndex>(gene);
                matrix_.values[to] = static_cast<float>(values[k]);
            }
        });
    }

    /// Calls use(position, value) for every value, as float where that holds the file's numbers exactly, else as
    /// double.
    template <class Use>
    static void for_each_value(const Dataset& data, const Use& use) {
        const auto each = [&](auto buffer) {
            data.for_each_block(buffer, [&](std::size_t start, const auto* values, std::size_t count) {
                for (std::size_t k = 0; k < count; ++k) use(start + k, values[k]);
            });
        };
        if (fits_float(data))
            each(std::vector<float>{});
        else
            each(std::vector<double>{});
    }

    static bool fits_float(const Dataset& data) {
        return data.kind() == ElementKind::floating ? data.element_size() <= 4 : data.element_size() <= 2;
    }

    void read_dense(const Dataset& data) {
        if (data.shape().size() != 2)
            file_.fail(place_, "has ", data.shape().size(), " dimensions; expected cells x genes");
        data.require_numbers();
        check_shape(static_cast<std::int64_t>(data.shape()[0]), static_cast<std::int64_t>(data.shape()[1]));
        const auto cells = static_cast<std::size_t>(data.shape()[0]);
        const auto genes = static_cast<std::size_t>(data.shape()[1]);
        // Whole chunks of rows, where these fit a buffer.
        std::size_t rows = std::max<std::size_t>(1, (std::size_t{1} << 18) / genes);
        const auto chunk = static_cast<std::size_t>(data.chunk(0));
        if (chunk > 0 && chunk <= (std::size_t{1} << 23) / genes) rows = (rows + chunk - 1) / chunk * chunk;
        Pile<GeneIndex> columns;
        Pile<float> values;
        matrix_.row_offsets.assign(1, 0);
        matrix_.row_offsets.reserve(cells + 1);
        const auto each = [&](auto buffer) {
            using Value = typename decltype(buffer)::value_type;
            for (std::size_t start = 0; start < cells; start += rows) {
                const std::size_t count = std::min(rows, cells - start);
                buffer.resize(count * genes);
                data.read({start, 0}, {count, genes}, native_type<Value>(), buffer.data());
                for (std::size_t row = 0; row < count; ++row) {
                    for (std::size_t gene = 0; gene < genes; ++gene) {
                        const Value value = buffer[row * genes + gene];
                        if (value == 0) continue;
                        if (!is_count(value))
                            refuse_value(place_, static_cast<double>(value), static_cast<std::int64_t>(start + row),
                                         static_cast<std::int64_t>(gene));
                        columns.push(static_cast<GeneIndex>(gene));
                        values.push(static_cast<float>(value));
                    }
                    matrix_.row_offsets.push_back(static_cast<std::int64_t>(values.size()));
                }
            }
        };
        if (fits_float(data))
            each(std::vector<float>{});
        else
            each(std::vector<double>{});
        matrix_.columns = columns.take();
        matrix_.values = values.take();
    }

    const Hdf5File& file_;
    std::string place_;
    CountMatrix& matrix_;
};

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

}  // namespace io_detail

/// Reads an h5ad file into cells x genes: X (or the matrix the options name) as CSR, CSC or dense, of any number type;
/// obs and var with their names and their columns of text, labels, numbers and flags (also nullable ones).
///
/// Genes are sorted inside each cell, entries of the same gene added, explicit zeros left out. Cell and gene names may
/// repeat, as anndata allows. The matrix is read by blocks: beside it, a few megabytes are held. Columns of unknown
/// form are left out, and named in the notes. Sizes, offsets and indices are checked before they are trusted; what HDF5
/// itself reads without checking (references from one part of the file to another) is beyond that.
/// @throws InputError with file and dataset where the file is missing or damaged, its sizes contradict each other, a
///   value is no finite number of at least 0, or a compression filter is not there.
[[nodiscard]] inline CountsRead read_h5ad_with_notes(const std::filesystem::path& path,
                                                     const H5adOptions& options = {}) {
    using namespace io_detail;
    require_regular_file(path);
    const QuietHdf5 quiet;
    try {
        const Hdf5File file = open_hdf5(path);
        CountsRead result;
        CountMatrix& matrix = result.counts;
        // "layers/counts" and "raw/X" lie in a group of the root.
        const auto slash = options.matrix.find('/');
        const std::string group_name = slash == std::string::npos ? "" : options.matrix.substr(0, slash);
        const std::string name = slash == std::string::npos ? options.matrix : options.matrix.substr(slash + 1);
        const Handle group = group_name.empty() ? Handle(H5Gopen2(file.handle.get(), "/", H5P_DEFAULT))
                                                : open_object(file.handle.get(), group_name);
        if (!is_group(group) || !has(group.get(), name)) {
            std::string layers;
            if (const Handle list = open_object(file.handle.get(), "layers"); is_group(list))
                for (const auto& layer : members(list.get())) layers += " layers/" + layer;
            if (has(file.handle.get(), "raw")) layers += " raw/X";
            file.fail(options.matrix, "is missing; expected a matrix of counts of that name",
                      layers.empty() ? "" : " (there is:" + layers + ")");
        }
        matrix.obs = read_annotations(file, file.handle.get(), "obs", "obs", result.notes);
        if (group_name == "raw")
            matrix.var = read_annotations(file, group.get(), "var", "raw/var", result.notes);
        else
            matrix.var = read_annotations(file, file.handle.get(), "var", "var", result.notes);
        const std::string form = H5adMatrixReader(file, options.matrix, matrix).read(group.get(), name);
        restore_library_sizes(matrix);
        result.form = message("h5ad, ", options.matrix, form == "dense" ? " dense" : " as " + form);
        return result;
    } catch (const std::bad_alloc&) {
        throw InputError(message(path.string(),
                                 ": the counts do not fit into this machine's memory; expected 8 bytes for "
                                 "each nonzero count to be free"));
    }
}

/// read_h5ad_with_notes() without the notes.
[[nodiscard]] inline CountMatrix read_h5ad(const std::filesystem::path& path, const H5adOptions& options = {}) {
    return read_h5ad_with_notes(path, options).counts;
}

}  // namespace cellvae
