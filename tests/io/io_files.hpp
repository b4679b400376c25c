// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/hdf5.hpp"

namespace io_files {

/// A folder of its own for one test, removed at its end.
class Folder {
public:
    Folder() {
        static std::atomic<int> serial{0};
        path_ = std::filesystem::temp_directory_path() /
                ("cellvae-io-" + std::to_string(::getpid()) + "-" + std::to_string(serial++));
        std::filesystem::create_directories(path_);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::filesystem::path path(std::string_view name) const { return path_ / name; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    std::filesystem::path text(std::string_view name, std::string_view content) const {
        std::ofstream(path(name), std::ios::binary) << content;
        return path(name);
    }

    std::filesystem::path gzip(std::string_view name, std::string_view content) const {
        gzFile file = gzopen(path(name).c_str(), "wb");
        gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
        gzclose(file);
        return path(name);
    }

    /// The names of everything in the folder.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> result;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) result.push_back(entry.path().filename());
        return result;
    }

private:
    std::filesystem::path path_;
};

/// While it lives, no file of this process may grow beyond `bytes`: writing fails as on a full disk.
class FullDisk {
public:
    explicit FullDisk(rlim_t bytes) {
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &old_);
        const rlimit limit{bytes, old_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FullDisk() {
        setrlimit(RLIMIT_FSIZE, &old_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit old_{};
    void (*handler_)(int) = nullptr;
};

inline std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A number as HDF5's structures have it: `width` bytes, least significant first.
inline std::string word(std::uint64_t number, std::size_t width) {
    std::string bytes;
    for (std::size_t k = 0; k < width; ++k) bytes += static_cast<char>(number >> (8 * k));
    return bytes;
}

/// What `action` says as it refuses, without the file's folder; "(accepted)" where it does not refuse.
template <class Refusal = cellvae::InputError, class Action>
std::string refusal(const std::filesystem::path& path, const Action& action) {
    try {
        (void)action(path);
    } catch (const Refusal& error) {
        const std::string text = error.what();
        const std::string folder = path.parent_path().string() + "/";
        return text.compare(0, folder.size(), folder) == 0 ? text.substr(folder.size()) : text;
    }
    return "(accepted)";
}

/// The counts as a dense table, row by row.
inline std::vector<float> dense(const cellvae::CountMatrix& matrix) {
    std::vector<float> table(static_cast<std::size_t>(matrix.cells() * matrix.genes()), 0.0F);
    for (cellvae::Index cell = 0; cell < matrix.cells(); ++cell)
        for (auto k = matrix.row_offsets[static_cast<std::size_t>(cell)];
             k < matrix.row_offsets[static_cast<std::size_t>(cell) + 1]; ++k)
            table[static_cast<std::size_t>(cell * matrix.genes() + matrix.columns[static_cast<std::size_t>(k)])] +=
                matrix.values[static_cast<std::size_t>(k)];
    return table;
}

/// True where the rows have CountMatrix's form: genes ascend, none comes twice, no zero is stored.
inline bool is_tidy(const cellvae::CountMatrix& matrix) {
    for (std::size_t cell = 0; cell + 1 < matrix.row_offsets.size(); ++cell)
        for (auto k = static_cast<std::size_t>(matrix.row_offsets[cell]);
             k < static_cast<std::size_t>(matrix.row_offsets[cell + 1]); ++k) {
            if (matrix.values[k] == 0) return false;
            if (k > static_cast<std::size_t>(matrix.row_offsets[cell]) && matrix.columns[k] <= matrix.columns[k - 1])
                return false;
        }
    return matrix.columns.size() == matrix.values.size() &&
           static_cast<std::size_t>(matrix.row_offsets.back()) == matrix.values.size();
}

// --- HDF5 files as other programs lay them out, written with the C interface alone

using cellvae::io_detail::Handle;

inline Handle group(hid_t parent, const std::string& name) {
    return Handle(H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

template <class Value>
Handle numbers(hid_t parent, const std::string& name, hid_t file_type, const std::vector<Value>& values,
               std::vector<hsize_t> shape = {}, hid_t properties = H5P_DEFAULT) {
    if (shape.empty()) shape = {values.size()};
    const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
    Handle dataset(H5Dcreate2(parent, name.c_str(), file_type, space.get(), H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Dwrite(dataset.get(), cellvae::io_detail::native_type<Value>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    return dataset;
}

inline Handle variable_text() {
    Handle type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type.get(), H5T_VARIABLE);
    return type;
}

inline Handle texts(hid_t parent, const std::string& name, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    for (const auto& value : values) pointers.push_back(value.c_str());
    const hsize_t size = values.size();
    const Handle space(H5Screate_simple(1, &size, nullptr));
    const Handle type = variable_text();
    Handle dataset(H5Dcreate2(parent, name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data());
    return dataset;
}

/// Texts of a fixed width, padded with zeros, as numpy's 'S' types are.
inline Handle fixed_texts(hid_t parent, const std::string& name, const std::vector<std::string>& values,
                          std::size_t width) {
    std::string bytes;
    for (const auto& value : values) bytes += (value + std::string(width, '\0')).substr(0, width);
    const hsize_t size = values.size();
    const Handle space(H5Screate_simple(1, &size, nullptr));
    const Handle type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type.get(), width);
    H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
    Handle dataset(H5Dcreate2(parent, name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
    return dataset;
}

inline void text_attribute(hid_t object, const char* name, const std::string& value) {
    const char* const pointer = value.c_str();
    const Handle type = variable_text();
    const Handle space(H5Screate(H5S_SCALAR));
    const Handle attribute(H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
    H5Awrite(attribute.get(), type.get(), &pointer);
}

inline void texts_attribute(hid_t object, const char* name, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    for (const auto& value : values) pointers.push_back(value.c_str());
    const hsize_t size = values.size();
    const Handle type = variable_text();
    const Handle space(H5Screate_simple(1, &size, nullptr));
    const Handle attribute(H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
    H5Awrite(attribute.get(), type.get(), pointers.data());
}

inline void integers_attribute(hid_t object, const char* name, const std::vector<std::int64_t>& values) {
    const hsize_t size = values.size();
    const Handle space(H5Screate_simple(1, &size, nullptr));
    const Handle attribute(H5Acreate2(object, name, H5T_STD_I64LE, space.get(), H5P_DEFAULT, H5P_DEFAULT));
    H5Awrite(attribute.get(), H5T_NATIVE_INT64, values.data());
}

/// An h5ad file of three cells x four genes whose parts a test can get wrong, one at a time.
///     c0: 1 0 5 0     c1: 0 2 0 0     c2: 0 0 0 7
struct H5adParts {
    std::string form = "csr_matrix";
    std::vector<std::int64_t> shape{3, 4};
    std::vector<std::int64_t> indptr{0, 2, 3, 4};
    std::vector<std::int64_t> indices{0, 2, 1, 3};
    std::vector<double> data{1, 5, 2, 7};
    hid_t offset_type = H5T_STD_I32LE;
    hid_t index_type = H5T_STD_I32LE;
    hid_t data_type = H5T_IEEE_F32LE;
    hid_t properties = H5P_DEFAULT;
    std::vector<std::string> cells{"c0", "c1", "c2"};
    std::vector<std::string> genes{"g0", "g1", "g2", "g3"};
    std::vector<double> dense;  ///< if not empty, X is this array of shape `shape`

    /// Writes the file; `more` may add to it through the root's id.
    template <class More>
    std::filesystem::path write(const std::filesystem::path& path, const More& more) const {
        const cellvae::io_detail::QuietHdf5 quiet;
        const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        if (!dense.empty()) {
            (void)numbers(file.get(), "X", data_type, dense,
                          {static_cast<hsize_t>(shape[0]), static_cast<hsize_t>(shape[1])}, properties);
        } else {
            const Handle x = group(file.get(), "X");
            if (!form.empty()) text_attribute(x.get(), "encoding-type", form);
            if (!shape.empty()) integers_attribute(x.get(), "shape", shape);
            (void)numbers(x.get(), "indptr", offset_type, indptr);
            (void)numbers(x.get(), "indices", index_type, indices, {}, properties);
            (void)numbers(x.get(), "data", data_type, data, {}, properties);
        }
        const Handle obs = group(file.get(), "obs");
        text_attribute(obs.get(), "_index", "_index");
        (void)texts(obs.get(), "_index", cells);
        const Handle var = group(file.get(), "var");
        text_attribute(var.get(), "_index", "_index");
        (void)texts(var.get(), "_index", genes);
        more(file.get(), obs.get());
        return path;
    }
    std::filesystem::path write(const std::filesystem::path& path) const {
        return write(path, [](hid_t, hid_t) {});
    }
};

inline const std::vector<float> expected_dense{1, 0, 5, 0, 0, 2, 0, 0, 0, 0, 0, 7};

/// A 10x file of four features x three barcodes (expected_dense) whose parts a test can get wrong.
struct TenxParts {
    std::vector<std::int64_t> shape{4, 3};
    std::vector<std::int64_t> indptr{0, 2, 3, 4};
    std::vector<std::int64_t> indices{0, 2, 1, 3};
    std::vector<std::int64_t> data{1, 5, 2, 7};
    hid_t index_type = H5T_STD_I64LE;
    std::vector<std::string> barcodes{"c0-1", "c1-1", "c2-1"};
    std::vector<std::string> ids{"E0", "E1", "E2", "E3"};
    std::vector<std::string> names{"g0", "g1", "g1", "g3"};
    std::vector<std::string> types{"Gene Expression", "Gene Expression", "Gene Expression", "Gene Expression"};

    void write_matrix(const Handle& target) const {
        (void)fixed_texts(target.get(), "barcodes", barcodes, 8);
        (void)numbers(target.get(), "shape", H5T_STD_I32LE, shape);
        (void)numbers(target.get(), "indptr", index_type, indptr);
        (void)numbers(target.get(), "indices", index_type, indices);
        (void)numbers(target.get(), "data", H5T_STD_I32LE, data);
    }

    std::filesystem::path third(const std::filesystem::path& path) const {
        const cellvae::io_detail::QuietHdf5 quiet;
        const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        const Handle matrix = group(file.get(), "matrix");
        write_matrix(matrix);
        const Handle features = group(matrix.get(), "features");
        (void)fixed_texts(features.get(), "id", ids, 15);
        (void)fixed_texts(features.get(), "name", names, 15);
        (void)fixed_texts(features.get(), "feature_type", types, 16);
        (void)fixed_texts(features.get(), "genome", std::vector<std::string>(ids.size(), "GRCh38"), 8);
        return path;
    }

    std::filesystem::path second(const std::filesystem::path& path, const std::vector<std::string>& genomes) const {
        const cellvae::io_detail::QuietHdf5 quiet;
        const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
        for (const auto& genome : genomes) {
            const Handle matrix = group(file.get(), genome);
            write_matrix(matrix);
            (void)fixed_texts(matrix.get(), "genes", ids, 15);
            (void)fixed_texts(matrix.get(), "gene_names", names, 15);
        }
        return path;
    }
};

/// Four genes x three cells, the counts of expected_dense, in tiles as loompy writes them.
template <class More>
std::filesystem::path write_loom(const std::filesystem::path& path, const More& more) {
    const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
    const hsize_t tile[2] = {2, 2};
    H5Pset_chunk(properties.get(), 2, tile);
    H5Pset_deflate(properties.get(), 2);
    (void)numbers(file.get(), "matrix", H5T_IEEE_F32LE, std::vector<double>{1, 0, 0, 0, 2, 0, 5, 0, 0, 0, 0, 7}, {4, 3},
                  properties.get());
    const Handle layers = group(file.get(), "layers");
    (void)numbers(layers.get(), "spliced", H5T_STD_I32LE, std::vector<double>{0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0},
                  {4, 3});
    const Handle rows = group(file.get(), "row_attrs");
    (void)texts(rows.get(), "Gene", {"g0", "g1", "g2", "g3"});
    (void)texts(rows.get(), "Accession", {"E0", "E1", "E2", "E3"});
    const Handle columns = group(file.get(), "col_attrs");
    (void)texts(columns.get(), "CellID", {"c0", "c1", "c2"});
    (void)numbers(columns.get(), "Age", H5T_STD_I64LE, std::vector<std::int64_t>{1, 2, 3});
    more(file.get(), columns.get());
    return path;
}

}  // namespace io_files
