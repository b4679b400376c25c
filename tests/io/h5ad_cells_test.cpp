// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/h5ad_cells.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

#include "../data/small_cells.hpp"
#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/streamed_dataset.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/io/h5ad_write.hpp"
#include "io_files.hpp"

using namespace cellvae;
using namespace io_files;
using cellvae_tests::count_matrix;
using cellvae_tests::random_counts;

namespace {

std::string refused(const std::filesystem::path& path) {
    return refusal(path, [](const auto& file) { return H5adCells(file).annotations().cells(); });
}

}  // namespace

TEST_CASE("cells are read from an h5ad file as read_h5ad has them, near and far ones, compressed and not") {
    const Folder folder;
    for (const int compression : {0, 4}) {
        CountMatrix matrix = count_matrix(random_counts(300, 90, 0.5));
        std::vector<double> library_sizes;  // beside the matrix, which takes what it has for all cells
        for (Index cell = 0; cell < matrix.cells(); ++cell) library_sizes.push_back(matrix.library_size(cell) + 1);
        matrix.library_sizes = library_sizes;
        const auto path = folder.path("counts.h5ad");
        write_h5ad(path, matrix, {.obsm = {}, .compression = compression});
        H5adCells reader(path);
        CHECK(reader.annotations().obs.names == matrix.obs.names);
        CHECK(reader.annotations().var.names == matrix.var.names);
        CHECK(reader.annotations().library_sizes == matrix.library_sizes);
        for (const auto& cells :
             {std::vector<Index>{0}, std::vector<Index>{3, 4, 5, 9, 250, 299}, std::vector<Index>{}}) {
            CountMatrix rows;
            reader.read(cells, rows);
            REQUIRE(rows.cells() == static_cast<Index>(cells.size()));
            for (std::size_t row = 0; row < cells.size(); ++row) {
                const auto cell = static_cast<std::size_t>(cells[row]);
                const auto part = [](const auto& all, std::int64_t begin, std::int64_t end) {
                    return std::vector(all.begin() + begin, all.begin() + end);
                };
                CHECK(part(rows.columns, rows.row_offsets[row], rows.row_offsets[row + 1]) ==
                      part(matrix.columns, matrix.row_offsets[cell], matrix.row_offsets[cell + 1]));
                CHECK(part(rows.values, rows.row_offsets[row], rows.row_offsets[row + 1]) ==
                      part(matrix.values, matrix.row_offsets[cell], matrix.row_offsets[cell + 1]));
            }
        }
    }
}

TEST_CASE("rows out of order, entries twice and stored zeros are tidied") {
    const Folder folder;
    H5adParts parts;
    parts.indptr = {0, 4, 6, 6};
    parts.indices = {2, 0, 2, 1, 3, 3};
    parts.data = {5, 1, 2, 0, 4, 3};
    H5adCells reader(parts.write(folder.path("untidy.h5ad")));
    CountMatrix rows;
    reader.read(std::vector<Index>{0, 1, 2}, rows);
    CHECK(rows.row_offsets == std::vector<std::int64_t>{0, 2, 3, 3});
    CHECK(rows.columns == std::vector<GeneIndex>{0, 2, 3});
    CHECK(rows.values == std::vector<float>{1, 7, 7});
}

TEST_CASE("files whose cells cannot be read one by one are refused with the place") {
    const Folder folder;
    const auto path = folder.path("bad.h5ad");
    H5adParts parts;
    parts.form = "csc_matrix";
    CHECK(
        refused(parts.write(path)) ==
        "bad.h5ad: X: is a csc_matrix; expected csr_matrix, whose cells can be read one by one (write it again with X "
        "in that form, or read the file whole)");
    parts = {};
    parts.dense.assign(expected_dense.begin(), expected_dense.end());
    CHECK(refused(parts.write(path)).find("bad.h5ad: X: is no sparse matrix; expected csr_matrix") == 0);
    parts = {};
    parts.indptr = {0, 2, 1, 4};
    CHECK(refused(parts.write(path)) == "bad.h5ad: X/indptr: falls somewhere; expected values that ascend");
    parts = {};
    parts.shape = {3, 5};
    CHECK(refused(parts.write(path)).find("bad.h5ad: X: has another shape than the 3 names in obs") == 0);
    CHECK(refusal(path, [](const auto& file) { return H5adCells(file, {.matrix = "layers/counts"}); }) ==
          "bad.h5ad: layers/counts: is missing; expected a matrix of counts of that name (the file has: X; "
          "counts: X)");

    const auto read_all = [](const auto& file) {
        H5adCells reader(file);
        CountMatrix rows;
        reader.read(std::vector<Index>{0, 1, 2}, rows);
        return rows.cells();
    };
    parts = {};
    parts.indices = {0, 2, 4, 3};
    CHECK(refusal(parts.write(path), read_all) == "bad.h5ad: X/indices: value 4 at cell 'c1'; expected 0 to 3");
    parts = {};
    parts.data = {1, 5, -2, 7};
    CHECK(refusal(parts.write(path), read_all) ==
          "bad.h5ad: X/data: value -2 at cell 'c1', gene 'g1'; expected a count, finite and at least 0 (the file has: "
          "X; counts: none)");
}

TEST_CASE("a file that is damaged or cut off in the middle ends with an error") {
    const Folder folder;
    const auto path = folder.path("cut.h5ad");
    const CountMatrix matrix = count_matrix(random_counts(2000, 90, 0.5));
    write_h5ad(path, matrix);
    const auto whole = std::filesystem::file_size(path);
    const auto first_and_last = [](H5adCells& reader) {
        CountMatrix rows;
        reader.read(std::vector<Index>{0, 1}, rows);
        reader.read(std::vector<Index>{1998, 1999}, rows);
    };
    {
        H5adCells reader(path);
        first_and_last(reader);
        std::filesystem::resize_file(path, whole / 2);  // while it is open
        CHECK(refusal(path, [&](const auto&) {
                  first_and_last(reader);
                  return 0;
              }).find("cut.h5ad: ") == 0);
    }
    CHECK(refused(path).find("cut.h5ad: is cut short: has ") == 0);

    write_h5ad(path, matrix);
    std::string bytes = content_of(path);
    bytes.replace(bytes.size() / 3, 4000, std::string(4000, 'x'));  // inside a compressed chunk
    folder.text("cut.h5ad", bytes);
    const std::string said = refusal(path, [](const auto& file) {
        H5adCells reader(file);
        CountMatrix rows;
        std::vector<Index> all(2000);
        for (std::size_t cell = 0; cell < all.size(); ++cell) all[cell] = static_cast<Index>(cell);
        reader.read(all, rows);
        return rows.cells();
    });
    CHECK(said.find("cut.h5ad: X/") == 0);
    CHECK(said.find("cannot be read (") != std::string::npos);
    CHECK(said.find(" (while cells 'c0' to 'c1999' were read, rows 0 to 1999)") != std::string::npos);
}

TEST_CASE("some of the genes are read as they are kept in memory, with library sizes over all of them") {
    const Folder folder;
    const auto path = folder.path("counts.h5ad");
    const CountMatrix matrix = count_matrix(random_counts(50, 40, 0.5));
    write_h5ad(path, matrix);
    const std::vector<GeneIndex> genes{1, 7, 8, 39};
    const CountMatrix expected = keep_genes(matrix, genes);
    std::vector<GeneIndex> place(40, -1);
    for (std::size_t i = 0; i < genes.size(); ++i)
        place[static_cast<std::size_t>(genes[i])] = static_cast<GeneIndex>(i);
    H5adCells reader(path);
    reader.take_genes(place, expected.var);
    CHECK(reader.annotations().var.names == expected.var.names);
    CHECK(reader.nonzeros() == matrix.nonzeros());
    CountMatrix rows;
    for (int again = 0; again < 2; ++again) {
        std::vector<Index> all;
        for (Index cell = 0; cell < 50; ++cell) all.push_back(cell);
        reader.read(all, rows);
        CHECK(rows.row_offsets == expected.row_offsets);
        CHECK(rows.columns == expected.columns);
        CHECK(rows.values == expected.values);
        CHECK(rows.library_sizes == expected.library_sizes);
    }
    const Kokkos::DefaultHostExecutionSpace exec;
    const auto streamed = make_streamed_dataset<Poisson>(exec, std::make_shared<H5adCells>(path));
    CHECK(streamed.host_library.size() == 50);
    const auto some = std::make_shared<H5adCells>(path);
    some->take_genes(place, expected.var);
    const auto of_file = make_streamed_dataset<Poisson>(exec, some, {.input = Input::log1p_normalised}, 11);
    const auto in_memory = make_dataset<Poisson>(exec, expected, {.input = Input::log1p_normalised});
    CHECK(of_file.host_library == in_memory.host_library);
    CHECK(of_file.host_total == in_memory.host_total);
    CHECK_THROWS_AS(reader.take_genes({0, 1}, expected.var), ShapeError);  // not one place a gene
    CHECK(some->release_annotations().obs.names == matrix.obs.names);
}
