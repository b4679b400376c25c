// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/delimited.hpp"
#include "cellvae/io/h5ad.hpp"
#include "cellvae/io/read_result.hpp"
#include "cellvae/io/text_fields.hpp"

namespace cellvae {

struct ReadOptions {
    DelimitedOptions delimited;  ///< for CSV and TSV
    H5adOptions h5ad;            ///< for h5ad
};

namespace io_detail {

inline constexpr const char* readable_forms = "expected h5ad, CSV or TSV (plain or gzip)";

/// What a folder is, if it is one that people have counts in.
inline std::string folder_kind(const std::filesystem::path& path) {
    std::error_code code;
    const auto holds = [&](const char* name) { return std::filesystem::exists(path / name, code); };
    if (holds("matrix.mtx") || holds("matrix.mtx.gz")) return "a 10x folder of Matrix Market files (MEX)";
    if (holds(".zgroup") || holds("zarr.json") || holds(".zattrs")) return "a Zarr store";
    return "a folder";
}

/// The form that the first bytes of a file, decompressed if need be, show; empty where they may be text.
inline std::string form_by_bytes(std::string_view bytes) {
    struct Sign {
        std::size_t offset;
        std::string_view bytes;
        const char* form;
    };
    using namespace std::string_view_literals;
    static constexpr std::array<Sign, 15> signs{{{0, "PK\3\4"sv, "a zip archive (also npz and xlsx)"},
                                                 {0, "RDX2\n"sv, "an R data file"},
                                                 {0, "RDX3\n"sv, "an R data file"},
                                                 {0, "X\n\0\0\0"sv, "an R object (.rds)"},
                                                 {0, "A\n2\n"sv, "an R object (.rds)"},
                                                 {0, "A\n3\n"sv, "an R object (.rds)"},
                                                 {0, "%%MatrixMarket"sv, "a Matrix Market file"},
                                                 {0, "BZh"sv, "compressed with bzip2"},
                                                 {0,
                                                  "\xfd"sv
                                                  "7zXZ\0"sv,
                                                  "compressed with xz"},
                                                 {0, "\x28\xb5\x2f\xfd"sv, "compressed with Zstandard"},
                                                 {257, "ustar"sv, "a tar archive"},
                                                 {0, "PAR1"sv, "a Parquet file"},
                                                 {0, "%PDF"sv, "a PDF document"},
                                                 {0, "<!DOCTYPE"sv, "a web page"},
                                                 {0, "<html"sv, "a web page"}}};
    for (const auto& sign : signs)
        if (bytes.size() >= sign.offset + sign.bytes.size() &&
            bytes.substr(sign.offset, sign.bytes.size()) == sign.bytes)
            return sign.form;
    return {};
}

/// What an HDF5 file holds; empty for h5ad.
inline std::string hdf5_kind(const std::filesystem::path& path) {
    const QuietHdf5 quiet;
    const Hdf5File file = open_hdf5(path);
    const hid_t root = file.handle.get();
    if (has(root, "obs") && has(root, "var")) return {};
    if (has(root, "row_attrs") && has(root, "col_attrs")) return "a loom file";
    if (is_group(open_object(root, "matrix"))) return "a 10x feature-barcode HDF5 file";
    if (has(root, "assays") && has(root, "cell.names")) return "an h5Seurat file";
    std::string names;
    for (const auto& member : members(root)) {
        const Handle group = open_object(root, member);
        if (is_group(group) && has(group.get(), "barcodes") && has(group.get(), "indptr"))
            return "a 10x HDF5 file of version 2";
        if (names.size() < 200) names += (names.empty() ? "" : ", ") + member;
    }
    return message("an HDF5 file of another kind (it holds: ", names.empty() ? "nothing" : names, ")");
}

}  // namespace io_detail

/// Reads counts of cells x genes from a file of any form read here; the form is decided by the content, not by the
/// name.
/// @throws InputError where the file is none of them (it says what it is), and as read_h5ad() and read_delimited().
[[nodiscard]] inline CountsRead read_counts_with_notes(const std::filesystem::path& path,
                                                       const ReadOptions& options = {}) {
    using namespace io_detail;
    const auto refuse = [&](const std::string& kind) {
        throw InputError(message(path.string(), ": is ", kind, ", which is not read; ", readable_forms));
    };
    std::error_code code;
    if (std::filesystem::is_directory(path, code)) refuse(folder_kind(path));
    require_regular_file(path);
    std::array<char, 512> bytes{};
    const std::size_t size = ByteSource(path).read(bytes.data(), bytes.size());
    const std::string_view start(bytes.data(), size);
    if (start.substr(0, 8) == "\x89HDF\r\n\x1a\n") {
        if (const std::string kind = hdf5_kind(path); !kind.empty()) refuse(kind);
        return read_h5ad_with_notes(path, options.h5ad);
    }
    if (const std::string kind = form_by_bytes(start); !kind.empty()) refuse(kind);
    return read_delimited_with_notes(path, options.delimited);
}

/// read_counts_with_notes() without the notes.
[[nodiscard]] inline CountMatrix read_counts(const std::filesystem::path& path, const ReadOptions& options = {}) {
    return read_counts_with_notes(path, options).counts;
}

}  // namespace cellvae
