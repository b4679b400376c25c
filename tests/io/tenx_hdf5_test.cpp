// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/tenx_hdf5.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <variant>
#include <vector>

#include "cellvae/io/counts.hpp"
#include "io_files.hpp"

using cellvae::Categorical;
using cellvae::read_tenx_hdf5_with_notes;
using io_files::dense;
using io_files::expected_dense;
using io_files::Folder;
using io_files::group;
using io_files::Handle;
using io_files::refusal;
using io_files::TenxParts;

namespace {

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("10x HDF5 of version 3") {
    const Folder folder;
    const auto read = read_tenx_hdf5_with_notes(TenxParts().third(folder.path("a.h5")));
    CHECK(dense(read.counts) == expected_dense);
    CHECK(io_files::is_tidy(read.counts));
    CHECK(read.form == "10x HDF5, version 3");
    CHECK(read.notes.empty());
    CHECK(read.counts.obs.names == Names{"c0-1", "c1-1", "c2-1"});
    CHECK(read.counts.var.names == Names{"g0", "g1", "g1", "g3"});
    CHECK(std::get<Names>(read.counts.var.find("gene_ids")->values) == Names{"E0", "E1", "E2", "E3"});
    CHECK(std::get<Categorical>(read.counts.var.find("genome")->values).categories == Names{"GRCh38"});
    CHECK(cellvae::read_counts(folder.path("a.h5")).var.names == Names{"g0", "g1", "g1-1", "g3"});

    for (const hid_t type : {H5T_STD_I32LE, H5T_STD_U32LE, H5T_STD_U64LE}) {
        TenxParts other;
        other.index_type = type;
        CHECK(dense(read_tenx_hdf5_with_notes(other.third(folder.path("c.h5"))).counts) == expected_dense);
    }

    TenxParts mixed;
    mixed.types[1] = "Antibody Capture";
    mixed.indices = {2, 0, 1, 3};  // unsorted
    mixed.data = {5, 1, 2, 7};
    const auto kept = read_tenx_hdf5_with_notes(mixed.third(folder.path("b.h5")));
    CHECK(dense(kept.counts) == std::vector<float>{1, 5, 0, 0, 0, 0, 0, 0, 7});
    CHECK(kept.notes ==
          Names{"left out: features 1 of the type 'Antibody Capture'; 3 of the type 'Gene Expression' are "
                "kept"});
    CHECK(std::get<Names>(kept.counts.var.find("gene_ids")->values) == Names{"E0", "E2", "E3"});
}

TEST_CASE("what CellBender's remove-background writes: no genome, and groups of its own beside the matrix") {
    const Folder folder;
    const auto path = TenxParts().third(folder.path("out.h5"));
    {
        const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
        H5Ldelete(file.get(), "matrix/features/genome", H5P_DEFAULT);
        const Handle latents = group(file.get(), "droplet_latents"), metadata = group(file.get(), "metadata");
        (void)io_files::numbers<double>(latents.get(), "cell_probability", H5T_IEEE_F32LE, {0.9, 0.8, 0.99});
        (void)io_files::numbers<std::int64_t>(latents.get(), "barcode_indices_for_latents", H5T_STD_I64LE, {0, 1, 2});
        (void)io_files::texts(metadata.get(), "features_analyzed_inds", {"a"});
        (void)group(file.get(), "global_latents");
        const Handle matrix(H5Gopen2(file.get(), "matrix", H5P_DEFAULT));
        (void)io_files::numbers<double>(matrix.get(), "latent_cell_probability", H5T_IEEE_F64LE, {0.9, 0.8, 0.99});
    }
    const auto read = cellvae::read_counts_with_notes(path);
    CHECK(dense(read.counts) == expected_dense);
    CHECK(read.form == "10x HDF5, version 3");
    CHECK(read.counts.var.find("genome") == nullptr);
}

TEST_CASE("10x HDF5 of version 2") {
    const Folder folder;
    const auto read = cellvae::read_counts_with_notes(TenxParts().second(folder.path("a.h5"), {"hg19"}));
    CHECK(dense(read.counts) == expected_dense);
    CHECK(read.form == "10x HDF5, version 2, genome hg19");
    const auto both = TenxParts().second(folder.path("b.h5"), {"hg19", "mm10"});
    CHECK(refusal<cellvae::OptionError>(both, [](const auto& path) { return read_tenx_hdf5_with_notes(path); }) ==
          "b.h5: holds several genomes (hg19, mm10); expected one of them to be chosen");
    cellvae::TenxOptions options;
    options.genome = "mm10";
    CHECK(read_tenx_hdf5_with_notes(both, options).form == "10x HDF5, version 2, genome mm10");
    options.genome = "mm9";
    CHECK(refusal<cellvae::OptionError>(both, [&](const auto& path) {
              return read_tenx_hdf5_with_notes(path, options);
          }) == "b.h5: has no genome 'mm9'; it has hg19, mm10");
}

TEST_CASE("wrong 10x HDF5 files are refused with file and dataset") {
    const Folder folder;
    const auto says = [&](const auto& change) {
        TenxParts parts;
        change(parts);
        return refusal(parts.third(folder.path("a.h5")),
                       [](const auto& path) { return read_tenx_hdf5_with_notes(path); });
    };
    CHECK(says([](TenxParts&) {}) == "(accepted)");
    CHECK(says([](TenxParts& p) {
              p.shape = {3, 4};
          }) == "a.h5: matrix/shape: says 3 x 4, but there are 4 genes and 3 barcodes; expected genes x barcodes");
    CHECK(says([](TenxParts& p) { p.shape = {4}; }) ==
          "a.h5: matrix/shape: says 1 sizes, but there are 4 genes and 3 barcodes; expected genes x barcodes");
    CHECK(says([](TenxParts& p) { p.names.pop_back(); }) ==
          "a.h5: matrix: has 4 ids of genes, but 3 names; expected as many");
    CHECK(says([](TenxParts& p) { p.types.pop_back(); }) ==
          "a.h5: matrix: has 4 ids of genes, but 3 feature types; expected as many");
    CHECK(says([](TenxParts& p) { p.indices[1] = 4; }) ==
          "a.h5: matrix/indices: value 4 at position 1; expected 0 to 3");
    CHECK(says([](TenxParts& p) { p.data[2] = -2; }).find("a.h5: matrix/data: value -2 at cell 'c1-1', gene 'g1'") ==
          0);
    CHECK(says([](TenxParts& p) {
              p.barcodes.pop_back();
          }).find("matrix/shape: says 4 x 3, but there are 4 genes and 2") != std::string::npos);
    CHECK(says([](TenxParts& p) { p.types.assign(4, "CRISPR"); }) ==
          "a.h5: has no features of the type 'Gene Expression'; it has 4 of the type 'CRISPR'");
}
