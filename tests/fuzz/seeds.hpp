// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../io/io_files.hpp"
#include "cellvae/io/h5ad_write.hpp"
#include "model_files.hpp"
#include "readers.hpp"

/// Small whole files of every form that is read here, made by this program.
namespace fuzz {

enum class Content { text, gzip, hdf5 };

struct File {
    std::string name;
    std::string bytes;
    Content content;
};

/// A whole input: a file, or a folder of several.
struct Seed {
    std::string name;
    Reader reader;
    std::vector<File> files;
    bool folder = false;

    /// What the reader is given where the files lie in `parent`.
    [[nodiscard]] std::filesystem::path path(const std::filesystem::path& parent) const {
        return folder ? parent : parent / files.front().name;
    }
};

/// Cells x genes, one nonzero in four.
inline cellvae::CountMatrix small_counts(std::size_t cells, std::size_t genes) {
    cellvae::CountMatrix matrix;
    std::vector<double> numbers;
    cellvae::Categorical types{{"B cell", "T cell"}, {}, false};
    for (std::size_t cell = 0; cell < cells; ++cell) {
        for (std::size_t gene = cell % 4; gene < genes; gene += 4) {
            matrix.columns.push_back(static_cast<cellvae::GeneIndex>(gene));
            matrix.values.push_back(static_cast<float>(1 + (cell * gene) % 7));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back("cell" + std::to_string(cell));
        numbers.push_back(0.5 * static_cast<double>(cell));
        types.codes.push_back(static_cast<std::int32_t>(cell % 3) - 1);
    }
    matrix.obs.columns = {{"score", numbers}, {"cell_type", types}};
    for (std::size_t gene = 0; gene < genes; ++gene) matrix.var.names.push_back("gene" + std::to_string(gene));
    return matrix;
}

/// The counts as a table, cells or genes in rows.
inline std::string table_of(const cellvae::CountMatrix& matrix, char delimiter, bool cells_in_rows, const char* end) {
    const auto dense = io_files::dense(matrix);
    const auto genes = static_cast<std::size_t>(matrix.genes());
    const auto& rows = cells_in_rows ? matrix.obs.names : matrix.var.names;
    const auto& columns = cells_in_rows ? matrix.var.names : matrix.obs.names;
    std::string text = cells_in_rows ? "cell" : "gene";
    if (cells_in_rows) (text += delimiter) += "cell_type";
    for (const auto& name : columns) (text += delimiter) += name;
    text += end;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        text += rows[row];
        if (cells_in_rows) (text += delimiter) += row % 2 == 0 ? "\"B \"\"cell\"\"\"" : "T";
        for (std::size_t column = 0; column < columns.size(); ++column) {
            const float value = cells_in_rows ? dense[row * genes + column] : dense[column * genes + row];
            (text += delimiter) += std::to_string(static_cast<int>(value));
        }
        text += end;
    }
    return text;
}

/// The counts as Matrix Market has them: genes in rows, numbered from one.
inline std::string matrix_market_of(const cellvae::CountMatrix& matrix) {
    std::string text = "%%MatrixMarket matrix coordinate integer general\n%\n" + std::to_string(matrix.genes()) + " " +
                       std::to_string(matrix.cells()) + " " + std::to_string(matrix.nonzeros()) + "\n";
    for (std::size_t cell = 0; cell + 1 < matrix.row_offsets.size(); ++cell)
        for (auto k = static_cast<std::size_t>(matrix.row_offsets[cell]);
             k < static_cast<std::size_t>(matrix.row_offsets[cell + 1]); ++k)
            text += std::to_string(matrix.columns[k] + 1) + " " + std::to_string(cell + 1) + " " +
                    std::to_string(static_cast<int>(matrix.values[k])) + "\n";
    return text;
}

/// What a gzip file holds. The folder is for a moment's copy.
inline std::string decompressed(const std::string& bytes, const io_files::Folder& folder) {
    std::string text;
    gzFile file = gzopen(folder.text("compressed.gz", bytes).c_str(), "rb");
    char buffer[4096];
    for (int read = 0; (read = gzread(file, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(read));
    gzclose(file);
    return text;
}

/// Collects seeds; files of HDF5 and gzip pass through a folder.
class SeedMaker {
public:
    [[nodiscard]] std::vector<Seed> make() {
        make_tables();
        make_gene_sets();
        make_h5ad();
        make_tenx();
        add_hdf5("model.h5", read_model, write_model);
        return std::move(seeds_);
    }

private:
    void add(const std::string& name, Reader reader, std::string bytes, Content content) {
        seeds_.push_back({name, reader, {{name, std::move(bytes), content}}});
    }

    void add_text(const std::string& name, Reader reader, const std::string& text) {
        add(name, reader, text, Content::text);
        add(name + ".gz", reader, io_files::content_of(folder_.gzip(name + ".gz", text)), Content::gzip);
    }

    void make_tables() {
        const auto counts = small_counts(12, 20);
        add_text("cells.csv", read_counts, table_of(counts, ',', true, "\n"));
        add_text("genes.tsv", read_counts, table_of(counts, '\t', false, "\n"));
        add("semicolons.csv", read_counts, "\xef\xbb\xbf" + table_of(counts, ';', true, "\r\n"), Content::text);
        add("blanks.txt", read_counts, table_of(counts, ' ', false, "\n"), Content::text);
    }

    /// Matrix Market alone, 10x's folders and HDF5 files, each old and new, and loom.
    void make_tenx() {
        using namespace io_files;
        const auto counts = small_counts(12, 20);
        const std::string matrix = matrix_market_of(counts);
        add_text("counts.mtx", read_counts, matrix);
        std::string genes, features, barcodes;
        for (const auto& name : counts.var.names) {
            genes += "ENSG" + name + "\t" + name + "\n";
            features += "ENSG" + name + "\t" + name + "\tGene Expression\n";
        }
        for (const auto& name : counts.obs.names) barcodes += name + "\n";
        seeds_.push_back({"mex_old",
                          read_counts,
                          {{"matrix.mtx", matrix, Content::text},
                           {"genes.tsv", genes, Content::text},
                           {"barcodes.tsv", barcodes, Content::text}},
                          true});
        const auto compressed = [&](const std::string& name, const std::string& text) {
            return File{name, content_of(folder_.gzip(name, text)), Content::gzip};
        };
        seeds_.push_back({"mex_new",
                          read_counts,
                          {compressed("matrix.mtx.gz", matrix), compressed("features.tsv.gz", features),
                           compressed("barcodes.tsv.gz", barcodes)},
                          true});
        add_hdf5("tenx3.h5", read_counts, [](const auto& path) { TenxParts().third(path); });
        add_hdf5("tenx2.h5", read_counts, [](const auto& path) { TenxParts().second(path, {"hg19"}); });
        const cellvae::io_detail::QuietHdf5 quiet;
        add_hdf5("loompy.loom", read_counts, [](const auto& path) { write_loom(path, [](hid_t, hid_t) {}); });
    }

    void make_gene_sets() {
        add_text("sets.gmt", read_gene_sets,
                 "A\tfirst\tgene1\tgene2\tgene3\nB\t\tgene2\n\nC\tthird\tgene1\t\tgene9\r\n");
    }

    /// `write` makes the file of that path.
    void add_hdf5(const std::string& name, Reader reader,
                  const std::function<void(const std::filesystem::path&)>& write) {
        const auto path = folder_.path(name);
        write(path);
        add(name, reader, io_files::content_of(path), Content::hdf5);
    }

    void make_h5ad() {
        using namespace io_files;
        const cellvae::io_detail::QuietHdf5 quiet;
        add_hdf5("csr.h5ad", read_counts, [](const auto& path) { H5adParts().write(path); });
        add_hdf5("csc.h5ad", read_counts, [](const auto& path) {
            H5adParts parts;
            parts.form = "csc_matrix";
            parts.indptr = {0, 1, 2, 3, 4};
            parts.indices = {0, 1, 0, 2};
            parts.data = {1, 2, 5, 7};
            parts.offset_type = parts.index_type = H5T_STD_I64LE;
            parts.data_type = H5T_IEEE_F64LE;
            parts.write(path);
        });
        add_hdf5("dense.h5ad", read_counts, [](const auto& path) {
            H5adParts parts;
            parts.dense.assign(expected_dense.begin(), expected_dense.end());
            parts.write(path);
        });
        add_hdf5("chunks.h5ad", read_counts, [](const auto& path) {
            const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
            const hsize_t chunk = 3;
            H5Pset_chunk(properties.get(), 1, &chunk);
            H5Pset_shuffle(properties.get());
            H5Pset_deflate(properties.get(), 6);
            H5adParts parts;
            parts.properties = properties.get();
            parts.write(path);
        });
        add_hdf5("written.h5ad", read_counts, [](const auto& path) {
            auto counts = small_counts(60, 90);  // more than 1,024 nonzeros: compressed
            counts.library_sizes.assign(60, 100);
            cellvae::write_h5ad(path, counts, {.obsm = {}, .compression = 4});
        });
        const auto columns = [](hid_t root, hid_t obs) {
            const Handle label = group(obs, "label");
            (void)numbers<std::int32_t>(label.get(), "codes", H5T_STD_I8LE, {1, -1, 0});
            (void)texts(label.get(), "categories", {"B", "T"});
            const Handle masked = group(obs, "masked");
            (void)numbers<std::int64_t>(masked.get(), "values", H5T_STD_I64LE, {1, 2, 3});
            (void)numbers<std::int8_t>(masked.get(), "mask", H5T_STD_I8LE, {0, 1, 0});
            (void)fixed_texts(obs, "fixed", {"a", "bc", "def"}, 4);
            (void)numbers<std::int32_t>(obs, "old", H5T_STD_I8LE, {0, 1, 0});
            const Handle categories = group(obs, "__categories");
            (void)texts(categories.get(), "old", {"x", "y"});
            texts_attribute(obs, "column-order", {"label", "masked", "fixed", "old"});
            const Handle layers = group(root, "layers");
            (void)numbers<double>(layers.get(), "counts", H5T_IEEE_F32LE,
                                  {expected_dense.begin(), expected_dense.end()}, {3, 4});
            const Handle raw = group(root, "raw");
            H5Lcreate_hard(root, "X", raw.get(), "X", H5P_DEFAULT, H5P_DEFAULT);
            H5Lcreate_soft("/var", raw.get(), "var", H5P_DEFAULT, H5P_DEFAULT);
        };
        for (const auto& [name, reader] : {std::pair<std::string, Reader>{"columns.h5ad", read_counts},
                                           {"layer.h5ad", read_layer},
                                           {"raw.h5ad", read_raw}})
            add_hdf5(name, reader, [&](const auto& path) { H5adParts().write(path, columns); });
        // The same in HDF5's newest structures, whose metadata have checksums.
        add_hdf5("newest.h5ad", read_counts, [&](const auto& path) {
            const Handle old(H5Fopen(folder_.path("columns.h5ad").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
            const Handle access(H5Pcreate(H5P_FILE_ACCESS));
            H5Pset_libver_bounds(access.get(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
            const Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()));
            for (const char* name : {"X", "obs", "var"})
                H5Ocopy(old.get(), name, file.get(), name, H5P_DEFAULT, H5P_DEFAULT);
        });
    }

    io_files::Folder folder_;
    std::vector<Seed> seeds_;
};

}  // namespace fuzz
