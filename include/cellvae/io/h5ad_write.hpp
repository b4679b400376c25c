// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/core/progress.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/h5ad_read.hpp"
#include "cellvae/io/hdf5_chunks.hpp"
#include "cellvae/io/hdf5_stream.hpp"
#include "cellvae/io/read_result.hpp"

namespace cellvae {

struct H5adExtras {
    std::vector<CellCoordinates> obsm;
    int compression = 4;  ///< gzip's level, 1 to 9; 0 writes without compression
    bool counts = true;   ///< false: there is no X, as anndata has it for counts that lie elsewhere
    Progress progress{};  ///< told how many of the counts that are not zero are written
};

namespace io_detail {

/// Writes groups and datasets with the attributes that anndata 0.8 and later reads them by.
class H5adWriter {
public:
    H5adWriter(std::string name, hid_t file, int compression)
        : name_(std::move(name)), file_(file), compression_(compression) {}

    void write(const CountMatrix& matrix, const H5adExtras& extras) const {
        const Handle root = check(Handle(H5Gopen2(file_, "/", H5P_DEFAULT)), "/");
        encode(root.get(), "anndata", "0.1.0");
        if (extras.counts) write_counts(root.get(), matrix, extras.progress);
        write_table(root.get(), "obs", matrix.obs, matrix.library_sizes);
        write_table(root.get(), "var", matrix.var, {});
        for (const char* name : {"layers", "obsp", "uns", "varm", "varp"})
            (void)make_group(root.get(), name, "dict", "0.1.0");
        const Handle obsm = make_group(root.get(), "obsm", "dict", "0.1.0");
        for (const auto& coordinates : extras.obsm) {
            const Handle dataset =
                write_array(obsm.get(), coordinates.name, H5T_IEEE_F32LE, coordinates.values.data(),
                            {static_cast<hsize_t>(matrix.obs.names.size()), static_cast<hsize_t>(coordinates.columns)});
            encode(dataset.get(), "array", "0.2.0");
        }
    }

    /// A dense layer of floats without its values, in one piece. @returns the byte of the file where they begin
    [[nodiscard]] std::uint64_t make_layer(const std::string& layer, Index cells, Index genes) const {
        const std::string place = "layers/" + layer;
        const Handle group = check(Handle(H5Gopen2(file_, "layers", H5P_DEFAULT)), place);
        const hsize_t shape[2] = {static_cast<hsize_t>(cells), static_cast<hsize_t>(genes)};
        const Handle space = check(Handle(H5Screate_simple(2, shape, nullptr)), place);
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_obj_track_times(properties.get(), false);
        H5Pset_alloc_time(properties.get(), H5D_ALLOC_TIME_EARLY);
        H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER);
        const Handle dataset = check(Handle(H5Dcreate2(group.get(), layer.c_str(), H5T_NATIVE_FLOAT, space.get(),
                                                       H5P_DEFAULT, properties.get(), H5P_DEFAULT)),
                                     place);
        encode(dataset.get(), "array", "0.2.0");
        return H5Dget_offset(dataset.get());
    }

    // What else is written into the file is written by these.

    [[noreturn]] void fail(std::string_view place) const {
        refuse_to_write(message(name_, ": ", place), hdf5_reason());
    }

    Handle check(Handle handle, std::string_view place) const {
        if (!handle.valid()) fail(place);
        return handle;
    }

    void check(herr_t status, std::string_view place) const {
        if (status < 0) fail(place);
    }

    static Handle text_type() {
        Handle type(H5Tcopy(H5T_C_S1));
        H5Tset_size(type.get(), H5T_VARIABLE);
        H5Tset_cset(type.get(), H5T_CSET_UTF8);
        return type;
    }

    /// The type that h5py shows as bool.
    static Handle flag_type() {
        Handle type(H5Tenum_create(H5T_NATIVE_INT8));
        const std::int8_t no = 0;
        const std::int8_t yes = 1;
        H5Tenum_insert(type.get(), "FALSE", &no);
        H5Tenum_insert(type.get(), "TRUE", &yes);
        return type;
    }

    void put_attribute(hid_t object, const char* name, hid_t type, const Handle& space, const void* value) const {
        const Handle attribute =
            check(Handle(H5Acreate2(object, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT)), name);
        check(H5Awrite(attribute.get(), type, value), name);
    }

    void put_text(hid_t object, const char* name, const std::string& text) const {
        const char* const pointer = text.c_str();
        const Handle type = text_type();
        put_attribute(object, name, type.get(), Handle(H5Screate(H5S_SCALAR)), &pointer);
    }

    void encode(hid_t object, const char* type, const char* version) const {
        put_text(object, "encoding-type", type);
        put_text(object, "encoding-version", version);
    }

    Handle make_group(hid_t parent, const std::string& name, const char* type, const char* version) const {
        Handle group = check(Handle(H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)), name);
        encode(group.get(), type, version);
        return group;
    }

    /// An empty dataset, of no shape a single value; in chunks and compressed where it is large enough to gain by it.
    Handle make_dataset(hid_t parent, const std::string& name, hid_t type, const std::vector<hsize_t>& shape) const {
        const Handle space =
            check(Handle(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr)), name);
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        H5Pset_obj_track_times(properties.get(), false);  // equal contents, equal bytes
        hsize_t elements = 1;
        for (const hsize_t size : shape) elements *= size;
        if (compression_ > 0 && elements >= 1024) {
            std::vector<hsize_t> chunk(shape);
            const hsize_t width = shape.size() == 2 ? shape[1] : 1;
            chunk[0] = std::min(shape[0], std::max<hsize_t>(1, chunk_elements / width));
            check(H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data()), name);
            check(H5Pset_shuffle(properties.get()), name);
            check(H5Pset_deflate(properties.get(), static_cast<unsigned>(compression_)), name);
        }
        return check(
            Handle(H5Dcreate2(parent, name.c_str(), type, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT)),
            name);
    }

private:
    /// @param tell is called with the number of values of each part that is compressed; others are written at once
    template <class Value>
    Handle write_array(
        hid_t parent, const std::string& name, hid_t type, const Value* values, const std::vector<hsize_t>& shape,
        const std::function<void(std::size_t)>& tell = [](std::size_t) {}) const {
        Handle dataset = make_dataset(parent, name, type, shape);
        if (shape.size() == 1 && shape[0] > chunk_elements && compression_ > 0 &&
            H5Tequal(type, native_type<Value>()) > 0) {
            if (!write_chunks(dataset.get(), values, static_cast<std::size_t>(shape[0]), chunk_elements, compression_,
                              tell))
                fail(name);
        } else if (std::find(shape.begin(), shape.end(), hsize_t{0}) == shape.end())
            check(H5Dwrite(dataset.get(), native_type<Value>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), name);
        return dataset;
    }

    void write_counts(hid_t root, const CountMatrix& matrix, const Progress& progress) const {
        Index written = 0;
        const auto tell = [&](std::size_t count) {
            written += static_cast<Index>(count);
            if (progress) progress(written / 2);  // of values and of their columns
        };
        const Handle group = make_group(root, "X", "csr_matrix", "0.1.0");
        const std::int64_t shape[2] = {matrix.cells(), matrix.genes()};
        const hsize_t two = 2;
        put_attribute(group.get(), "shape", H5T_NATIVE_INT64, Handle(H5Screate_simple(1, &two, nullptr)), shape);
        const auto size = static_cast<hsize_t>(matrix.nonzeros());
        const bool small = matrix.nonzeros() <= std::numeric_limits<std::int32_t>::max();
        (void)write_array(group.get(), "data", H5T_IEEE_F32LE, matrix.values.data(), {size}, tell);
        (void)write_array(group.get(), "indices", small ? H5T_STD_I32LE : H5T_STD_I64LE, matrix.columns.data(), {size},
                          tell);
        (void)write_array(group.get(), "indptr", small ? H5T_STD_I32LE : H5T_STD_I64LE, matrix.row_offsets.data(),
                          {matrix.row_offsets.size()});
    }

    void write_texts(hid_t parent, const std::string& name, const std::vector<std::string>& texts) const {
        const Handle type = text_type();
        const Handle dataset = make_dataset(parent, name, type.get(), {texts.size()});
        encode(dataset.get(), "string-array", "0.2.0");
        // Whole chunks, so that each is compressed once.
        std::vector<const char*> pointers;
        for (std::size_t start = 0; start < texts.size(); start += chunk_elements) {
            const hsize_t from = start;
            const hsize_t count = std::min<std::size_t>(chunk_elements, texts.size() - start);
            pointers.clear();
            for (std::size_t k = 0; k < count; ++k) pointers.push_back(texts[start + k].c_str());
            const Handle space(H5Dget_space(dataset.get()));
            H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, &from, nullptr, &count, nullptr);
            const Handle memory(H5Screate_simple(1, &count, nullptr));
            check(H5Dwrite(dataset.get(), type.get(), memory.get(), space.get(), H5P_DEFAULT, pointers.data()), name);
        }
    }

    void write_column(hid_t table, const std::string& name, const ColumnValues& values) const {
        std::visit(
            [&](const auto& column) {
                using Column = std::decay_t<decltype(column)>;
                if constexpr (std::is_same_v<Column, std::vector<std::string>>) {
                    write_texts(table, name, column);
                } else if constexpr (std::is_same_v<Column, Categorical>) {
                    write_categorical(table, name, column);
                } else if constexpr (std::is_same_v<Column, std::vector<bool>>) {
                    const std::vector<std::int8_t> flags(column.begin(), column.end());
                    const Handle type = flag_type();
                    const Handle dataset = make_dataset(table, name, type.get(), {flags.size()});
                    encode(dataset.get(), "array", "0.2.0");
                    if (!flags.empty())
                        check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, flags.data()), name);
                } else {
                    constexpr bool whole = std::is_same_v<Column, std::vector<std::int64_t>>;
                    encode(
                        write_array(table, name, whole ? H5T_STD_I64LE : H5T_IEEE_F64LE, column.data(), {column.size()})
                            .get(),
                        "array", "0.2.0");
                }
            },
            values);
    }

    void write_categorical(hid_t table, const std::string& name, const Categorical& column) const {
        const Handle group = make_group(table, name, "categorical", "0.2.0");
        const std::int8_t ordered = column.ordered ? 1 : 0;
        const Handle flag = flag_type();
        put_attribute(group.get(), "ordered", flag.get(), Handle(H5Screate(H5S_SCALAR)), &ordered);
        write_texts(group.get(), "categories", column.categories);
        // pandas takes the smallest type.
        const std::size_t size = column.categories.size();
        const hid_t type = size <= 127 ? H5T_STD_I8LE : size <= 32767 ? H5T_STD_I16LE : H5T_STD_I32LE;
        encode(write_array(group.get(), "codes", type, column.codes.data(), {column.codes.size()}).get(), "array",
               "0.2.0");
    }

    /// A name that HDF5 and anndata accept and that the table does not have yet.
    static std::string free_name(std::string name, std::unordered_set<std::string>& taken) {
        std::replace(name.begin(), name.end(), '/', '_');
        if (name.empty() || name == ".") name = "column";
        while (name == "_index" || !taken.insert(name).second) name += '_';
        return name;
    }

    void write_table(hid_t root, const char* name, const Annotations& table,
                     const std::vector<double>& library_sizes) const {
        const Handle group = make_group(root, name, "dataframe", "0.2.0");
        // The names lie under the index's own name, unless a column has that too.
        const bool plain = table.index_name.empty() || table.index_name == "." ||
                           table.index_name.find('/') != std::string::npos || table.find(table.index_name) != nullptr;
        const std::string index = plain ? "_index" : table.index_name;
        put_text(group.get(), "_index", index);
        write_texts(group.get(), index, table.names);
        std::unordered_set<std::string> taken{index};
        std::vector<std::string> order;
        for (const auto& column : table.columns) {
            order.push_back(free_name(column.name, taken));
            write_column(group.get(), order.back(), column.values);
        }
        if (!library_sizes.empty()) {
            order.push_back(free_name(std::string(library_size_column), taken));
            write_column(group.get(), order.back(), library_sizes);
        }
        std::vector<const char*> pointers;
        for (const auto& column : order) pointers.push_back(column.c_str());
        const hsize_t count = pointers.size();
        const Handle type = text_type();
        if (pointers.empty()) {
            // anndata writes an empty list of numbers here.
            const Handle space(H5Screate_simple(1, &count, nullptr));
            const Handle attribute = check(
                Handle(H5Acreate2(group.get(), "column-order", H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, H5P_DEFAULT)),
                name);
        } else {
            put_attribute(group.get(), "column-order", type.get(), Handle(H5Screate_simple(1, &count, nullptr)),
                          pointers.data());
        }
    }

    static constexpr std::size_t chunk_elements = std::size_t{1} << 15;
    std::string name_;
    hid_t file_;
    int compression_;
};

inline void check_table(const Annotations& table, const char* name, std::size_t rows) {
    for (const auto& column : table.columns) {
        const std::size_t found = std::visit(
            [](const auto& values) {
                if constexpr (std::is_same_v<std::decay_t<decltype(values)>, Categorical>)
                    return values.codes.size();
                else
                    return values.size();
            },
            column.values);
        if (found != rows)
            throw ShapeError(message(name, "/", column.name, ": has ", found, " values; expected ", rows));
        const auto* const labels = std::get_if<Categorical>(&column.values);
        if (labels == nullptr) continue;
        const auto size = static_cast<std::int64_t>(labels->categories.size());
        for (const auto code : labels->codes)
            if (code < -1 || code >= size)
                throw InputError(
                    message(name, "/", column.name, ": code ", code, "; expected -1 (missing) to ", size - 1));
        if (std::unordered_set<std::string_view>(labels->categories.begin(), labels->categories.end()).size() !=
            labels->categories.size())
            throw InputError(message(name, "/", column.name, ": a category is listed twice; expected each once"));
    }
}

/// HDF5 divides paths by '/'.
inline bool can_be_named(const std::string& name) {
    return !name.empty() && name != "." && name.find('/') == std::string::npos;
}

inline void check_writable(const CountMatrix& matrix, const H5adExtras& extras) {
    const auto rows = extras.counts ? matrix.cells() : static_cast<Index>(matrix.obs.names.size());
    const auto cells = static_cast<std::size_t>(rows);
    require_size(static_cast<Index>(matrix.obs.names.size()), rows, "names of cells to write");
    if (extras.counts) {
        require_size(static_cast<Index>(matrix.columns.size()), matrix.nonzeros(), "genes of the nonzeros to write");
        require_size(matrix.row_offsets.back(), matrix.nonzeros(), "last row offset to write");
    }
    if (!matrix.library_sizes.empty())
        require_size(static_cast<Index>(matrix.library_sizes.size()), rows, "library sizes to write");
    check_table(matrix.obs, "obs", cells);
    check_table(matrix.var, "var", static_cast<std::size_t>(matrix.genes()));
    std::unordered_set<std::string> names;
    for (const auto& coordinates : extras.obsm) {
        require_size(static_cast<Index>(coordinates.values.size()), rows * coordinates.columns,
                     ("values of obsm/" + coordinates.name).c_str());
        if (!can_be_named(coordinates.name) || !names.insert(coordinates.name).second)
            throw OptionError(message("obsm: the name '", coordinates.name,
                                      "' is empty, has a '/' or comes twice; expected distinct names"));
    }
    if (extras.compression < 0 || extras.compression > 9)
        throw OptionError(message("compression ", extras.compression, ": expected 0 (none) to 9, gzip's level"));
}

}  // namespace io_detail

/// Writes cells x genes as an h5ad file that anndata 0.8 and later reads: X as CSR of float32, obs, var, obsm.
///
/// The file is written under a temporary name beside the target as it is composed, flushed to the disk, then renamed:
/// memory does not grow with the cells, and whatever happens, the target is the old file or the whole new one.
/// `library_sizes`, where there are any, become the column obs/cellvae_library_size, which read_h5ad() takes back. In
/// names of columns '/' becomes '_', since HDF5 divides paths by it.
/// @throws ShapeError or OptionError before anything is written, InputError where the system refuses to write.
inline void write_h5ad(const std::filesystem::path& path, const CountMatrix& matrix, const H5adExtras& extras = {}) {
    using namespace io_detail;
    check_writable(matrix, extras);
    const QuietHdf5 quiet;
    AtomicFile target(path);  // first, so that a wrong target costs no work
    Hdf5Stream file(target, path.string());
    H5adWriter(path.string(), file.get(), extras.compression).write(matrix, extras);
    file.commit();
}

}  // namespace cellvae
