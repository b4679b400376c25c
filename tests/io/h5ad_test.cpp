// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/h5ad.hpp"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "io_files.hpp"

using cellvae::Categorical;
using cellvae::CountMatrix;
using cellvae::read_h5ad;
using cellvae::read_h5ad_with_notes;
using cellvae::write_h5ad;
using io_files::dense;
using io_files::expected_dense;
using io_files::Folder;
using io_files::group;
using io_files::H5adParts;
using io_files::Handle;
using io_files::is_tidy;
using io_files::refusal;

namespace h5ad_test {

namespace {

using Names = std::vector<std::string>;

std::string read_refusal(const std::filesystem::path& path) {
    return refusal(path, [](const auto& file) { return read_h5ad(file); });
}

Handle gzip_chunks(const std::vector<hsize_t>& chunk) {
    Handle properties(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(properties.get(), 6);
    return properties;
}

/// Columns of every kind, missing values, names that need care.
CountMatrix rich_matrix() {
    const double none = std::numeric_limits<double>::quiet_NaN();
    CountMatrix matrix;
    matrix.row_offsets = {0, 2, 2, 3};
    matrix.columns = {0, 3, 1};
    matrix.values = {1, 16777216, 2.5F};
    matrix.obs.names = {"cell a", "z\xc3\xa4hler", ""};
    matrix.obs.index_name = "cell_id";
    matrix.obs.columns = {{"number", std::vector<double>{1.5, none, -3}},
                          {"whole", std::vector<std::int64_t>{1, -2, 9007199254740993}},
                          {"flag", std::vector<bool>{true, false, true}},
                          {"text", Names{"x", "", "\xce\xb2 cell"}},
                          {"label", Categorical{{"T", "B", "never"}, {1, -1, 0}, true}}};
    matrix.var.names = {"g", "g", "Actb", "mt-Co1"};
    matrix.library_sizes = {20000000, 3, 4.5};
    return matrix;
}

void check_equal(const cellvae::Annotations& found, const cellvae::Annotations& expected) {
    CHECK(found.names == expected.names);
    CHECK(found.index_name == expected.index_name);
    REQUIRE(found.columns.size() == expected.columns.size());
    for (std::size_t k = 0; k < expected.columns.size(); ++k) {
        INFO(expected.columns[k].name);
        CHECK(found.columns[k].name == expected.columns[k].name);
        REQUIRE(found.columns[k].values.index() == expected.columns[k].values.index());
        if (const auto* labels = std::get_if<Categorical>(&expected.columns[k].values)) {
            const auto& other = std::get<Categorical>(found.columns[k].values);
            CHECK(other.categories == labels->categories);
            CHECK(other.codes == labels->codes);
            CHECK(other.ordered == labels->ordered);
        } else if (const auto* numbers = std::get_if<std::vector<double>>(&expected.columns[k].values)) {
            const auto& other = std::get<std::vector<double>>(found.columns[k].values);
            REQUIRE(other.size() == numbers->size());
            for (std::size_t row = 0; row < other.size(); ++row)
                CHECK((other[row] == (*numbers)[row] || (std::isnan(other[row]) && std::isnan((*numbers)[row]))));
        } else if (const auto* names = std::get_if<Names>(&expected.columns[k].values)) {
            CHECK(std::get<Names>(found.columns[k].values) == *names);
        } else if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&expected.columns[k].values)) {
            CHECK(std::get<std::vector<std::int64_t>>(found.columns[k].values) == *whole);
        } else {
            CHECK(std::get<std::vector<bool>>(found.columns[k].values) ==
                  std::get<std::vector<bool>>(expected.columns[k].values));
        }
    }
}

}  // namespace

TEST_CASE("what write_h5ad writes, read_h5ad reads") {
    const Folder folder;
    const CountMatrix matrix = rich_matrix();
    for (const int compression : {0, 4, 9}) {
        cellvae::H5adExtras extras;
        extras.compression = compression;
        extras.obsm.push_back({"X_cellvae", 2, {1, 2, 3, 4, 5, 6}});
        write_h5ad(folder.path("a.h5ad"), matrix, extras);
        const auto read = read_h5ad_with_notes(folder.path("a.h5ad"));
        CHECK(read.form == "h5ad, X as csr_matrix");
        CHECK(read.notes.empty());
        CHECK(read.counts.row_offsets == matrix.row_offsets);
        CHECK(read.counts.columns == matrix.columns);
        CHECK(read.counts.values == matrix.values);
        CHECK(read.counts.library_sizes == matrix.library_sizes);
        check_equal(read.counts.obs, matrix.obs);
        check_equal(read.counts.var, matrix.var);
        const cellvae::io_detail::Hdf5File file = cellvae::io_detail::open_hdf5(folder.path("a.h5ad"));
        const Handle obsm(H5Gopen2(file.handle.get(), "obsm", H5P_DEFAULT));
        const cellvae::io_detail::Dataset coordinates(file, obsm.get(), "X_cellvae", "obsm/X_cellvae");
        CHECK(coordinates.shape() == std::vector<hsize_t>{3, 2});
        std::vector<float> values(6);
        coordinates.read({0, 0}, {3, 2}, H5T_NATIVE_FLOAT, values.data());
        CHECK(values == std::vector<float>{1, 2, 3, 4, 5, 6});
    }
    CHECK(folder.names() == Names{"a.h5ad"});
}

TEST_CASE("cells are written without counts where these lie elsewhere") {
    const Folder folder;
    CountMatrix matrix = rich_matrix();
    matrix.columns.clear();
    matrix.values.clear();
    matrix.row_offsets = {0};
    cellvae::H5adExtras extras{.obsm = {{"X_cellvae", 2, {1, 2, 3, 4, 5, 6}}}, .counts = false};
    write_h5ad(folder.path("a.h5ad"), matrix, extras);
    CHECK(read_refusal(folder.path("a.h5ad")).find("a.h5ad: X: is missing") == 0);
    const cellvae::io_detail::Hdf5File file = cellvae::io_detail::open_hdf5(folder.path("a.h5ad"));
    std::vector<std::string> notes;
    check_equal(cellvae::io_detail::read_annotations(file, file.handle.get(), "var", "var", notes), matrix.var);
    cellvae::CountMatrix read;
    read.obs = cellvae::io_detail::read_annotations(file, file.handle.get(), "obs", "obs", notes);
    cellvae::io_detail::restore_library_sizes(read);
    check_equal(read.obs, matrix.obs);
    CHECK(read.library_sizes == matrix.library_sizes);
    extras.obsm[0].columns = 3;
    CHECK(refusal<cellvae::Error>(folder.path("b.h5ad"), [&](const auto& path) {
              write_h5ad(path, matrix, extras);
              return 0;
          }) == "values of obsm/X_cellvae: found 6, expected 9");
}

TEST_CASE("dense layers are written beside the counts, and read where they are asked for") {
    const Folder folder;
    CountMatrix matrix;
    matrix.obs.names = {"c0", "c1"};
    matrix.var.names = {"g0", "g1", "g2"};
    matrix.row_offsets = {0, 1, 1};
    matrix.columns = {2};
    matrix.values = {4};
    const auto path = folder.path("layers.h5ad");
    const std::vector<float> values{0.5f, 1.5f, 3, 0, 2, 0.25f};
    {
        cellvae::H5adLayerWriter writer(path, matrix, "denoised");
        writer.append(std::span(values).first(3));
        CHECK_THROWS_AS(writer.commit(), cellvae::ShapeError);
        CHECK_THROWS_AS(writer.append(std::span(values).first(2)), cellvae::ShapeError);
    }
    CHECK(folder.names().empty());
    cellvae::H5adLayerWriter writer(path, matrix, "denoised");
    writer.append(std::span(values).first(3));
    CHECK(!std::filesystem::exists(path));
    writer.append(std::span(values).last(3));
    CHECK_THROWS_AS(writer.append(std::span(values).first(3)), cellvae::ShapeError);
    writer.commit();
    CHECK(read_h5ad(path).values == matrix.values);
    const auto layer = read_h5ad(path, {.matrix = "layers/denoised"});
    CHECK(layer.columns == std::vector<cellvae::GeneIndex>{0, 1, 2, 1, 2});
    CHECK(layer.values == std::vector<float>{0.5f, 1.5f, 3, 2, 0.25f});
    CHECK_THROWS_AS(cellvae::H5adLayerWriter(path, matrix, "a/b"), cellvae::OptionError);
}

TEST_CASE("a matrix of many chunks survives the round trip") {
    const Folder folder;
    CountMatrix matrix;
    const int cells = 700;
    const int genes = 900;
    for (int gene = 0; gene < genes; ++gene) matrix.var.names.push_back(cellvae::message("gene", gene));
    for (int cell = 0; cell < cells; ++cell) {
        matrix.obs.names.push_back(cellvae::message("cell", cell));
        for (int gene = cell % 3; gene < genes; gene += 2 + cell % 5) {
            matrix.columns.push_back(gene);
            matrix.values.push_back(static_cast<float>(1 + (cell * gene) % 97));
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
    }
    REQUIRE(matrix.nonzeros() > (1 << 17));  // more than one block of the reader
    write_h5ad(folder.path("a.h5ad"), matrix);
    const CountMatrix read = read_h5ad(folder.path("a.h5ad"));
    CHECK((read.values == matrix.values && read.columns == matrix.columns && read.row_offsets == matrix.row_offsets));
    CHECK(read.obs.names == matrix.obs.names);
    CHECK(read.var.names == matrix.var.names);
}

TEST_CASE("names that HDF5 cannot hold are changed, not lost") {
    const Folder folder;
    CountMatrix matrix = rich_matrix();
    matrix.library_sizes.clear();
    matrix.obs.index_name = "a/b";
    matrix.obs.columns = {{"cell/type", Names{"x", "y", "z"}},
                          {"cell_type", Names{"1", "2", "3"}},
                          {"", Names{"p", "q", "r"}},
                          {"_index", Names{"i", "j", "k"}}};
    write_h5ad(folder.path("a.h5ad"), matrix);
    const CountMatrix read = read_h5ad(folder.path("a.h5ad"));
    CHECK(read.obs.index_name == "_index");
    Names found;
    for (const auto& column : read.obs.columns) found.push_back(column.name);
    CHECK(found == Names{"cell_type", "cell_type_", "column", "_index_"});
    CHECK(std::get<Names>(read.obs.columns[1].values) == Names{"1", "2", "3"});
}

TEST_CASE("X of every number type and index type") {
    const Folder folder;
    for (const hid_t data_type : {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_STD_U8LE, H5T_STD_I16LE,
                                  H5T_STD_U16LE, H5T_STD_I32LE, H5T_STD_U32LE, H5T_STD_I64LE, H5T_STD_U64LE})
        for (const hid_t index_type : {H5T_STD_I32LE, H5T_STD_I64LE, H5T_STD_U32LE, H5T_STD_U64LE, H5T_STD_I64BE})
            for (const bool is_dense : {false, true}) {
                H5adParts parts;
                parts.data_type = data_type;
                parts.index_type = parts.offset_type = index_type;
                if (is_dense) parts.dense.assign(expected_dense.begin(), expected_dense.end());
                const CountMatrix matrix = read_h5ad(parts.write(folder.path("a.h5ad")));
                CHECK(dense(matrix) == expected_dense);
                CHECK(is_tidy(matrix));
                CHECK(matrix.nonzeros() == 4);
            }
}

TEST_CASE("CSC, unsorted genes, repeated entries, explicit zeros, gzip") {
    const Folder folder;
    H5adParts csc;
    csc.form = "csc_matrix";
    csc.indptr = {0, 1, 2, 3, 4};
    csc.indices = {0, 1, 0, 2};
    csc.data = {1, 2, 5, 7};
    CHECK(read_h5ad_with_notes(csc.write(folder.path("csc.h5ad"))).form == "h5ad, X as csc_matrix");
    CHECK(dense(read_h5ad(folder.path("csc.h5ad"))) == expected_dense);
    CHECK(is_tidy(read_h5ad(folder.path("csc.h5ad"))));
    csc.indptr = {0, 3, 4, 7, 8};  // unsorted cells, an entry in two parts, a zero
    csc.indices = {2, 0, 0, 1, 1, 0, 0, 2};
    csc.data = {0, 0.25, 0.75, 2, 0, 4, 1, 7};
    CHECK(dense(read_h5ad(csc.write(folder.path("csc.h5ad")))) == expected_dense);
    CHECK(is_tidy(read_h5ad(folder.path("csc.h5ad"))));

    H5adParts csr;
    csr.indptr = {0, 4, 6, 7};
    csr.indices = {2, 0, 3, 2, 1, 0, 3};
    csr.data = {3, 1, 0, 2, 2, 0, 7};
    const Handle chunks = gzip_chunks({2});
    csr.properties = chunks.get();
    const CountMatrix matrix = read_h5ad(csr.write(folder.path("csr.h5ad")));
    CHECK(dense(matrix) == expected_dense);
    CHECK(is_tidy(matrix));
    CHECK(matrix.nonzeros() == 4);

    H5adParts table;
    table.dense.assign(expected_dense.begin(), expected_dense.end());
    const Handle tiles = gzip_chunks({2, 3});
    table.properties = tiles.get();
    CHECK(read_h5ad_with_notes(table.write(folder.path("dense.h5ad"))).form == "h5ad, X dense");
    CHECK(dense(read_h5ad(folder.path("dense.h5ad"))) == expected_dense);

    H5adParts old;  // anndata 0.6
    old.form.clear();
    old.shape.clear();
    const auto path = old.write(folder.path("old.h5ad"), [](hid_t file, hid_t) {
        const Handle x(H5Gopen2(file, "X", H5P_DEFAULT));
        io_files::text_attribute(x.get(), "h5sparse_format", "csr");
        io_files::integers_attribute(x.get(), "h5sparse_shape", {3, 4});
    });
    CHECK(dense(read_h5ad(path)) == expected_dense);
}

TEST_CASE("layers and raw") {
    const Folder folder;
    const auto path = H5adParts().write(folder.path("a.h5ad"), [](hid_t file, hid_t) {
        const Handle layers = group(file, "layers");
        (void)io_files::numbers(layers.get(), "counts", H5T_STD_I32LE,
                                std::vector<double>{0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 3, 0}, {3, 4});
        const Handle raw = group(file, "raw");
        (void)io_files::numbers(raw.get(), "X", H5T_STD_I32LE, std::vector<double>{4, 0, 6}, {3, 1});
        const Handle var = group(raw.get(), "var");
        io_files::text_attribute(var.get(), "_index", "ids");
        (void)io_files::texts(var.get(), "ids", {"only"});
    });
    cellvae::H5adOptions options;
    options.matrix = "layers/counts";
    CHECK(dense(read_h5ad(path, options)) == std::vector<float>{0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 3, 0});
    options.matrix = "raw/X";
    CHECK(dense(read_h5ad(path, options)) == std::vector<float>{4, 0, 6});
    CHECK(read_h5ad(path, options).var.names == Names{"only"});
    options.matrix = "layers/none";
    CHECK(refusal(path, [&](const auto& file) { return read_h5ad(file, options); }) ==
          "a.h5ad: layers/none: is missing; expected a matrix of counts of that name (the file has: X, "
          "raw/X, layers/counts; counts: X, raw/X, layers/counts)");
}

TEST_CASE("columns as other versions write them") {
    const Folder folder;
    const auto path = H5adParts().write(folder.path("a.h5ad"), [](hid_t, hid_t obs) {
        // Before anndata 0.8: codes beside a group of categories.
        (void)io_files::numbers(obs, "old", H5T_STD_I8LE, std::vector<std::int32_t>{1, -1, 0});
        const Handle categories = group(obs, "__categories");
        (void)io_files::texts(categories.get(), "old", {"B", "T"});
        const Handle counted = group(obs, "numbered");
        (void)io_files::numbers(counted.get(), "codes", H5T_STD_I16LE, std::vector<std::int32_t>{1, 1, 0});
        (void)io_files::numbers(counted.get(), "categories", H5T_STD_I64LE, std::vector<std::int64_t>{3, 10});
        const Handle nullable = group(obs, "nullable");
        (void)io_files::numbers(nullable.get(), "values", H5T_STD_I64LE, std::vector<std::int64_t>{5, 1, 6});
        (void)io_files::numbers(nullable.get(), "mask", H5T_STD_I8LE, std::vector<std::int32_t>{0, 1, 0});
        const Handle whole = group(obs, "whole");
        (void)io_files::numbers(whole.get(), "values", H5T_STD_I64LE, std::vector<std::int64_t>{5, 1, 6});
        (void)io_files::numbers(whole.get(), "mask", H5T_STD_I8LE, std::vector<std::int32_t>{0, 0, 0});
        (void)io_files::fixed_texts(obs, "fixed", {"abc", "d", ""}, 3);
        (void)io_files::numbers(obs, "table", H5T_STD_I32LE, std::vector<std::int32_t>{1, 2, 3, 4, 5, 6}, {3, 2});
        io_files::texts_attribute(obs, "column-order", {"whole", "old"});
    });
    const auto read = read_h5ad_with_notes(path);
    const auto& obs = read.counts.obs;
    REQUIRE(obs.columns.size() == 5);
    CHECK(obs.columns[0].name == "whole");  // the file's order first
    CHECK(obs.columns[1].name == "old");
    const auto& old = std::get<Categorical>(obs.columns[1].values);
    CHECK(old.categories == Names{"B", "T"});
    CHECK(old.codes == std::vector<std::int32_t>{1, -1, 0});
    CHECK(std::get<Categorical>(obs.find("numbered")->values).categories == Names{"3", "10"});
    const auto& nullable = std::get<std::vector<double>>(obs.find("nullable")->values);
    CHECK(nullable[0] == 5);
    CHECK(std::isnan(nullable[1]));
    CHECK(std::get<std::vector<std::int64_t>>(obs.find("whole")->values) == std::vector<std::int64_t>{5, 1, 6});
    CHECK(std::get<Names>(obs.find("fixed")->values) == Names{"abc", "d", ""});
    CHECK(read.notes == Names{"left out: obs/table, whose form is not known here"});
}

TEST_CASE("wrong h5ad files are refused with file and dataset") {
    const Folder folder;
    const auto says = [&](const auto& change) {
        H5adParts parts;
        change(parts);
        return read_refusal(parts.write(folder.path("a.h5ad")));
    };
    CHECK(says([](H5adParts&) {}) == "(accepted)");
    CHECK(says([](H5adParts& p) {
              p.indptr = {0, 2, 4};
          }) == "a.h5ad: X/indptr: has 3 values; expected 4, one more than the cells that 'shape' names");
    CHECK(says([](H5adParts& p) { p.indptr = {1, 2, 3, 4}; }) == "a.h5ad: X/indptr: begins with 1; expected 0");
    CHECK(says([](H5adParts& p) {
              p.indptr = {0, 3, 2, 4};
          }) == "a.h5ad: X/indptr: falls from 3 to 2 at position 2; expected values that ascend");
    CHECK(says([](H5adParts& p) {
              p.indptr = {0, 2, 3, 5};
          }) == "a.h5ad: X/indices: has 4 values; expected 5, as the last value of indptr says");
    CHECK(says([](H5adParts& p) {
              p.data = {1, 5, 2};
          }) == "a.h5ad: X/data: has 3 values; expected 4, as the last value of indptr says");
    CHECK(says([](H5adParts& p) {
              p.indices = {0, 4, 1, 3};
          }) == "a.h5ad: X/indices: value 4 at position 1; expected 0 to 3");
    CHECK(says([](H5adParts& p) {
              p.indices = {0, 2, -1, 3};
          }) == "a.h5ad: X/indices: value -1 at position 2; expected 0 to 3");
    CHECK(says([](H5adParts& p) {
              p.indices = {0, 2, std::int64_t{1} << 32, 3};
              p.index_type = H5T_STD_I64LE;
          }) == "a.h5ad: X/indices: value 4294967296 at position 2; expected 0 to 3");
    CHECK(says([](H5adParts& p) { p.form = "coo_matrix"; }) ==
          "a.h5ad: X: has the encoding-type 'coo_matrix'; expected csr_matrix, csc_matrix or a dense array");
    CHECK(says([](H5adParts& p) { p.form.clear(); }) ==
          "a.h5ad: X: has the encoding-type ''; expected csr_matrix, csc_matrix or a dense array");
    CHECK(says([](H5adParts& p) { p.shape.clear(); }) ==
          "a.h5ad: X: has no attribute 'shape' of two numbers; expected cells and genes");
    CHECK(says([](H5adParts& p) {
              p.shape = {0, 4};
          }) == "a.h5ad: X: has the shape 0 x 4; expected at least one cell and one gene");
    CHECK(says([](H5adParts& p) {
              p.shape = {-3, 4};
          }) == "a.h5ad: X: has the shape -3 x 4; expected at least one cell and one gene");
    CHECK(says([](H5adParts& p) { p.cells.push_back("c3"); }) ==
          "a.h5ad: X: has 3 rows, but obs has 4 names; expected one row for each cell");
    CHECK(says([](H5adParts& p) { p.genes.pop_back(); }) ==
          "a.h5ad: X: has 4 columns, but var has 3 names; expected one column for each gene");
    CHECK(says([](H5adParts& p) { p.data[2] = -2; }) ==
          "a.h5ad: X/data: value -2 at cell 'c1', gene 'g1'; expected a count, finite and at least 0 (the file has: "
          "X; counts: none)");
    CHECK(says([](H5adParts& p) { p.data[3] = std::nan(""); }).find("X/data: value nan at cell 'c2', gene 'g3'") !=
          std::string::npos);
    CHECK(says([](H5adParts& p) {
              p.data[3] = 1e300;
              p.data_type = H5T_IEEE_F64LE;
          }).find("X/data: value 1e+300 at cell 'c2', gene 'g3'") != std::string::npos);
    CHECK(says([](H5adParts& p) {
              p.form = "csc_matrix";
              p.indptr = {0, 1, 2, 3, 4};
              p.indices = {0, 1, 0, 3};
          }) == "a.h5ad: X/indices: value 3 at position 3; expected 0 to 2");
    CHECK(says([](H5adParts& p) {
              p.form = "csc_matrix";
              p.indptr = {0, 1, 2, 3, 4};
              p.indices = {0, 1, 0, 2};
              p.data[2] = INFINITY;
          }).find("X/data: value inf at cell 'c0', gene 'g2'") != std::string::npos);
    CHECK(says([](H5adParts& p) {
              p.dense = {1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0};
          }).find("X: value -1 at cell 'c1', gene 'g1'") != std::string::npos);
    CHECK(says([](H5adParts& p) {
              p.dense = {1, 0, 0};
              p.shape = {3, 1};
          }) == "a.h5ad: X: has 1 columns, but var has 4 names; expected one column for each gene");

    const auto with = [&](const auto& more) { return read_refusal(H5adParts().write(folder.path("a.h5ad"), more)); };
    CHECK(with([](hid_t, hid_t obs) { (void)io_files::texts(obs, "short", {"x"}); }) ==
          "a.h5ad: obs/short: has 1 values; expected 3, one for each row of the table");
    CHECK(with([](hid_t, hid_t obs) {
              const Handle column = group(obs, "type");
              (void)io_files::numbers(column.get(), "codes", H5T_STD_I8LE, std::vector<std::int32_t>{0, 1, 2});
              (void)io_files::texts(column.get(), "categories", {"B", "T"});
          }) == "a.h5ad: obs/type/codes: code 2 at position 2, but there are 2 categories; expected -1 (missing) to 1");
    CHECK(with([](hid_t, hid_t obs) { io_files::texts_attribute(obs, "column-order", {"gone"}); }) ==
          "a.h5ad: obs/gone: is named in column-order but missing; expected a column");
    CHECK(with([](hid_t file, hid_t) { H5Ldelete(file, "var", H5P_DEFAULT); }) ==
          "a.h5ad: var: is missing; expected the group that holds the names");
    CHECK(with([](hid_t, hid_t obs) { H5Ldelete(obs, "_index", H5P_DEFAULT); }) ==
          "a.h5ad: obs/_index: is missing; expected the names (the attribute _index of obs says under which name)");
    CHECK(with([](hid_t file, hid_t) { H5Ldelete(file, "X", H5P_DEFAULT); }) ==
          "a.h5ad: X: is missing; expected a matrix of counts of that name, and the file has no other");
    // as anndata writes an object without X
    const auto without_x = [](hid_t file) {
        H5Ldelete(file, "X", H5P_DEFAULT);
        const Handle space(H5Screate(H5S_NULL));
        const Handle null(H5Dcreate2(file, "X", H5T_NATIVE_FLOAT, space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        io_files::text_attribute(null.get(), "encoding-type", "null");
    };
    CHECK(with([&](hid_t file, hid_t) {
              without_x(file);
              const Handle layers = group(file, "layers");
              (void)group(layers.get(), "counts");
          }) ==
          "a.h5ad: X: holds no matrix; expected a matrix of counts of that name (the file has: "
          "layers/counts; counts: none)");
    CHECK(with([&](hid_t file, hid_t) { without_x(file); }) ==
          "a.h5ad: X: holds no matrix; expected a matrix of counts of that name, and the file has no other");
    CHECK(with([](hid_t file, hid_t) { H5Ldelete(file, "X/data", H5P_DEFAULT); }) ==
          "a.h5ad: X/data: is missing or no dataset; expected a dataset of that name");
    CHECK(with([](hid_t file, hid_t) {
              H5Ldelete(file, "X/data", H5P_DEFAULT);
              const Handle x(H5Gopen2(file, "X", H5P_DEFAULT));
              (void)io_files::texts(x.get(), "data", {"a", "b", "c", "d"});
          }) == "a.h5ad: X/data: holds no numbers; expected integers or floating-point numbers");
    CHECK(with([](hid_t file, hid_t) {
              H5Ldelete(file, "obs", H5P_DEFAULT);
              (void)io_files::numbers(file, "obs", H5T_STD_I8LE, std::vector<std::int32_t>{0, 1, 2});
          }).find("a.h5ad: obs: is a compound dataset, as anndata before 0.7 wrote it") == 0);
}

TEST_CASE("a size that the file cannot hold is refused before memory is taken") {
    const Folder folder;
    H5adParts parts;
    parts.indptr = {0, 0, 0, std::int64_t{1} << 40};
    parts.offset_type = H5T_STD_I64LE;
    const auto path = parts.write(folder.path("a.h5ad"), [](hid_t file, hid_t) {
        // A trillion values declared, none written.
        const Handle x(H5Gopen2(file, "X", H5P_DEFAULT));
        const hsize_t size = hsize_t{1} << 40;
        const Handle space(H5Screate_simple(1, &size, nullptr));
        const Handle chunks = gzip_chunks({1000});
        for (const char* name : {"indices", "data"}) {
            H5Ldelete(x.get(), name, H5P_DEFAULT);
            const Handle dataset(
                H5Dcreate2(x.get(), name, H5T_STD_I32LE, space.get(), H5P_DEFAULT, chunks.get(), H5P_DEFAULT));
        }
    });
    const std::string error = read_refusal(path);
    CHECK(error.find("a.h5ad: X/indices: declares 1.09951e+12 values, but the file has 0 bytes for them") == 0);
    CHECK(error.find("expected a size that the data can fill") != std::string::npos);
}

TEST_CASE("a compression filter that is not there is named") {
    const Folder folder;
    // marked as optional: HDF5 then writes without it, and the dataset still says that it is needed
    const Handle properties = gzip_chunks({2});
    REQUIRE(H5Pset_filter(properties.get(), 32004, H5Z_FLAG_OPTIONAL, 0, nullptr) >= 0);
    H5adParts parts;
    parts.properties = properties.get();
    parts.write(folder.path("a.h5ad"));
    CHECK(read_refusal(folder.path("a.h5ad")) ==
          "a.h5ad: X/indices: is compressed with the filter LZ4, which this build of HDF5 lacks; expected gzip or no "
          "compression");
}

#ifdef CELLVAE_WITH_LZF
TEST_CASE("chunks that h5py compressed with LZF are read") {
    const Folder folder;
    const cellvae::io_detail::QuietHdf5 quiet;
    cellvae::io_detail::register_lzf();
    const auto file_with = [&](const std::string& name, std::size_t cut) {
        H5adParts parts;  // without X, which follows
        parts.write(folder.path(name));
        const Handle file(H5Fopen(folder.path(name).c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
        H5Ldelete(file.get(), "X", H5P_DEFAULT);
        const Handle properties(H5Pcreate(H5P_DATASET_CREATE));
        const hsize_t size[2] = {3, 400}, chunk[2] = {3, 400}, start[2] = {0, 0};
        H5Pset_chunk(properties.get(), 2, chunk);
        const unsigned parameters[3] = {4, 0x0105, 4800};
        H5Pset_filter(properties.get(), 32000, H5Z_FLAG_OPTIONAL, 3, parameters);
        const Handle space(H5Screate_simple(2, size, nullptr));
        const Handle x(
            H5Dcreate2(file.get(), "X", H5T_IEEE_F32LE, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT));
        std::vector<float> plain(1200);
        for (std::size_t k = 0; k < plain.size(); k += 5) plain[k] = static_cast<float>(k % 7);
        std::vector<char> bytes(4800);
        const unsigned packed = lzf_compress(plain.data(), 4800, bytes.data(), 4799);
        REQUIRE(packed > 0);
        H5Dwrite_chunk(x.get(), H5P_DEFAULT, 0, start, packed - cut, bytes.data());
        H5Ldelete(file.get(), "var/_index", H5P_DEFAULT);
        std::vector<std::string> genes;
        for (int gene = 0; gene < 400; ++gene) genes.push_back("g" + std::to_string(gene));
        const Handle var(H5Gopen2(file.get(), "var", H5P_DEFAULT));
        (void)io_files::texts(var.get(), "_index", genes);
        return plain;
    };
    const auto expected = file_with("a.h5ad", 0);
    CHECK(dense(read_h5ad(folder.path("a.h5ad"))) == expected);
    (void)file_with("b.h5ad", 9);
    CHECK(read_refusal(folder.path("b.h5ad")).find("b.h5ad: X: cannot be read") == 0);
}
#endif

TEST_CASE("matrices that contradict themselves are not written") {
    const Folder folder;
    const auto write = [&](const auto& change, cellvae::H5adExtras extras = {}) {
        return refusal<cellvae::Error>(folder.path("a.h5ad"), [&](const auto& path) {
            CountMatrix matrix = rich_matrix();
            change(matrix);
            write_h5ad(path, matrix, extras);
            return 0;
        });
    };
    const auto nothing = [](CountMatrix&) {};
    CHECK(write([](CountMatrix& m) { m.obs.names.pop_back(); }) == "names of cells to write: found 2, expected 3");
    CHECK(write([](CountMatrix& m) { m.obs.columns[0].values = Names{"x"}; }) ==
          "obs/number: has 1 values; expected 3");
    CHECK(write([](CountMatrix& m) { std::get<Categorical>(m.obs.columns[4].values).codes[0] = 3; }) ==
          "obs/label: code 3; expected -1 (missing) to 2");
    CHECK(write([](CountMatrix& m) { std::get<Categorical>(m.obs.columns[4].values).categories[0] = "B"; }) ==
          "obs/label: a category is listed twice; expected each once");
    cellvae::H5adExtras extras;
    extras.obsm.push_back({"X_cellvae", 2, {1, 2, 3}});
    CHECK(write(nothing, extras) == "values of obsm/X_cellvae: found 3, expected 6");
    extras.obsm[0] = {"a/b", 1, {1, 2, 3}};
    CHECK(write(nothing, extras).find("obsm: the name 'a/b' is empty, has a '/' or comes twice") == 0);
    CHECK(write(nothing, {{}, 10}) == "compression 10: expected 0 (none) to 9, gzip's level");
    CHECK(folder.names().empty());
}

TEST_CASE("a file cut short and a damaged heap of texts are refused") {
    const Folder folder;
    write_h5ad(folder.path("a.h5ad"), rich_matrix());
    const std::string whole = io_files::content_of(folder.path("a.h5ad"));
    for (std::size_t length = 1; length < whole.size(); length += 251) {
        INFO(length);
        CHECK(read_refusal(folder.text("b.h5ad", whole.substr(0, length))).find("b.h5ad: ") == 0);
    }
    const std::size_t heap = whole.find("GCOL");
    REQUIRE(heap != std::string::npos);
    const std::string expected =
        cellvae::message("b.h5ad: the heap of texts at byte ", heap, " is damaged; expected a whole HDF5 file");
    const auto says = [&](std::size_t offset, const std::string& bytes) {
        std::string damaged = whole;
        damaged.replace(heap + offset, bytes.size(), bytes);
        return read_refusal(folder.text("b.h5ad", damaged));
    };
    CHECK(says(16, std::string(16, '\0')) == expected);   // free room of size 0: HDF5 would never come to an end
    CHECK(says(24, std::string(8, '\xff')) == expected);  // an object of 2^64 - 1 bytes
    CHECK(says(25, std::string(1, '\x40')) == expected);  // an object beyond the heap
    CHECK(says(8, std::string(8, '\xff')) == expected);   // a heap beyond the file
    CHECK(says(8, std::string(8, '\0')) == expected);     // a heap of no size
}

// The next two serve tests/io/anndata_check.py, which sets the variables.
TEST_CASE("writes the file that anndata_check.py examines", "[anndata]") {
    const char* const target = std::getenv("CELLVAE_ANNDATA_WRITE");
    if (target == nullptr) SKIP("CELLVAE_ANNDATA_WRITE names no file; anndata_check.py sets it");
    cellvae::H5adExtras extras;
    extras.obsm.push_back({"X_cellvae", 2, {1, 2, 3, 4, 5, 6}});
    CountMatrix matrix = rich_matrix();
    matrix.var.names = {"g0", "g1", "Actb", "mt-Co1"};  // anndata warns of names that repeat
    write_h5ad(target, matrix, extras);
    CHECK(std::filesystem::exists(target));
}

TEST_CASE("reads the files that anndata_check.py made", "[anndata]") {
    const char* const folder = std::getenv("CELLVAE_ANNDATA_READ");
    if (folder == nullptr) SKIP("CELLVAE_ANNDATA_READ names no folder; anndata_check.py sets it");
    int files = 0;
    cellvae::io_detail::register_lzf();
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        INFO(entry.path().filename().string());
        if (!H5Zfilter_avail(cellvae::io_detail::lzf_number) &&
            entry.path().string().find("lzf") != std::string::npos) {
            CHECK(read_refusal(entry.path()).find("is compressed with the filter LZF") != std::string::npos);
            continue;
        }
        const auto read = read_h5ad_with_notes(entry.path());
        const CountMatrix& matrix = read.counts;
        // make_anndata_files.py: 60 cells x 40 genes, count (7 c + 3 g) mod 11 where that is below 4, else 0.
        REQUIRE(matrix.cells() == 60);
        REQUIRE(matrix.genes() == 40);
        CHECK(is_tidy(matrix));
        const auto table = dense(matrix);
        int wrong = 0;
        for (int cell = 0; cell < 60; ++cell)
            for (int gene = 0; gene < 40; ++gene) {
                const int count = (7 * cell + 3 * gene) % 11;
                if (table[static_cast<std::size_t>(cell * 40 + gene)] != static_cast<float>(count < 4 ? count : 0))
                    ++wrong;
            }
        CHECK(wrong == 0);
        CHECK(matrix.obs.names[59] == "cell59");
        CHECK(matrix.var.names[39] == "gene39");
        const auto& label = std::get<Categorical>(matrix.obs.find("label")->values);
        CHECK(label.categories == Names{"B", "T", "\xce\xb2"});
        CHECK(label.codes[0] == 0);
        CHECK(label.codes[4] == 1);
        CHECK(label.codes[3] == -1);
        CHECK(std::get<Names>(matrix.obs.find("text")->values)[5] == "t5");
        CHECK(std::get<std::vector<double>>(matrix.obs.find("number")->values)[3] == 1.5);
        CHECK(std::get<std::vector<std::int64_t>>(matrix.obs.find("whole")->values)[3] == 3);
        CHECK(std::get<std::vector<bool>>(matrix.obs.find("flag")->values)[1]);
        CHECK_FALSE(label.ordered);
        const auto& grade = std::get<Categorical>(matrix.obs.find("grade")->values);
        CHECK(grade.categories == Names{"low", "middle", "high"});
        CHECK(grade.codes[5] == 2);
        CHECK(grade.ordered);
        if (matrix.obs.find("nullable") != nullptr) {  // anndata 0.7 cannot write these
            const auto& nullable = std::get<std::vector<double>>(matrix.obs.find("nullable")->values);
            CHECK(std::isnan(nullable[1]));
            CHECK(nullable[2] == 2);
            const auto& maybe = std::get<std::vector<double>>(matrix.obs.find("maybe")->values);
            CHECK(std::isnan(maybe[1]));
            CHECK(maybe[2] == 1);
            CHECK(maybe[3] == 0);
        }
        CHECK(read.notes.empty());
        ++files;
    }
    CHECK(files >= 10);
}

}  // namespace h5ad_test
