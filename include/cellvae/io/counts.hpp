// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/data/round_counts.hpp"
#include "cellvae/io/delimited.hpp"
#include "cellvae/io/h5ad.hpp"
#include "cellvae/io/inputs.hpp"
#include "cellvae/io/loom.hpp"
#include "cellvae/io/matrix_market.hpp"
#include "cellvae/io/merge.hpp"
#include "cellvae/io/mex.hpp"
#include "cellvae/io/read_progress.hpp"
#include "cellvae/io/read_result.hpp"
#include "cellvae/io/tenx_hdf5.hpp"
#include "cellvae/io/text_fields.hpp"
#include "cellvae/io/unique_names.hpp"
#include "cellvae/io/utf8.hpp"

namespace cellvae {

struct ReadOptions {
    DelimitedOptions delimited{};                    ///< for CSV and TSV; its orientation also for Matrix Market files
    H5adOptions h5ad{};                              ///< for h5ad and loom
    TenxOptions tenx{};                              ///< for 10x's HDF5 and MEX
    MergedGenes merged_genes = MergedGenes::common;  ///< of several inputs
    ReadProgressCallback progress{};
};

namespace io_detail {

inline constexpr const char* readable_forms =
    "expected h5ad, 10x HDF5, 10x MEX, loom, Matrix Market, CSV or TSV (text plain or gzip)";

/// What a folder is, if it is one that people have counts in.
inline std::string folder_kind(const std::filesystem::path& path) {
    std::error_code code;
    const auto holds = [&](const char* name) { return std::filesystem::exists(path / name, code); };
    if (holds(".zgroup") || holds("zarr.json") || holds(".zattrs")) return "a Zarr store";
    if (holds("barcodes.tsv") || holds("barcodes.tsv.gz"))
        return "a 10x MEX folder whose matrix.mtx (or matrix.mtx.gz) is missing";
    return "a folder without a file of counts";
}

/// The form that the first bytes of a file, decompressed if need be, show; empty where they may be text.
inline std::string form_by_bytes(std::string_view bytes) {
    struct Sign {
        std::size_t offset;
        std::string_view bytes;
        const char* form;
    };
    using namespace std::string_view_literals;
    static constexpr std::array<Sign, 14> signs{{{0, "PK\3\4"sv, "a zip archive (also npz and xlsx)"},
                                                 {0, "RDX2\n"sv, "an R data file"},
                                                 {0, "RDX3\n"sv, "an R data file"},
                                                 {0, "X\n\0\0\0"sv, "an R object (.rds)"},
                                                 {0, "A\n2\n"sv, "an R object (.rds)"},
                                                 {0, "A\n3\n"sv, "an R object (.rds)"},
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

enum class Hdf5Form { h5ad, tenx, loom };

/// What an HDF5 file holds. @throws InputError where that is none of the forms
inline Hdf5Form hdf5_form(const Hdf5File& file) {
    const hid_t root = file.handle.get();
    if (has(root, "obs") && has(root, "var")) return Hdf5Form::h5ad;
    if (has(root, "row_attrs") && has(root, "col_attrs")) return Hdf5Form::loom;
    if (!tenx_groups(file).empty()) return Hdf5Form::tenx;
    const auto refuse = [&](const std::string& kind) {
        throw InputError(message(file.name, ": is ", kind, ", which is not read; ", readable_forms));
    };
    if (has(root, "assays") && has(root, "cell.names")) refuse("an h5Seurat file");
    std::string names;
    for (const auto& member : members(root))
        if (names.size() < 200) names += (names.empty() ? "" : ", ") + member;
    refuse(message("an HDF5 file of another kind (it holds: ", names.empty() ? "nothing" : names, ")"));
    return Hdf5Form::h5ad;
}

/// @throws OptionError for options of 10x's forms, of which a file of another has none
inline void require_no_tenx_options(const std::filesystem::path& path, const TenxOptions& options, bool has_features) {
    if (!options.genome.empty())
        throw OptionError(message(path.string(), ": has no genomes to choose '", options.genome,
                                  "' from; expected 10x HDF5 of version 2"));
    if (!has_features && options.feature_type != TenxOptions().feature_type)
        throw OptionError(message(path.string(), ": has no kinds of features to choose '",
                                  options.feature_type.empty() ? "all" : options.feature_type,
                                  "' from; expected 10x HDF5 or MEX"));
}

/// @throws OptionError where the form of a file says what its rows are
inline void require_no_orientation(const std::filesystem::path& path, const ReadOptions& options) {
    if (options.delimited.orientation != Orientation::automatic)
        throw OptionError(
            message(path.string(), ": says itself what its rows are; an orientation is of CSV, TSV and Matrix Market"));
}

/// Reads one file; its names may repeat.
inline CountsRead read_one(const std::filesystem::path& path, const ReadOptions& options) {
    require_regular_file(path);
    std::array<char, 512> bytes{};
    const std::size_t size = ByteSource(path).read(bytes.data(), bytes.size());
    const std::string_view start(bytes.data(), size);
    if (start.substr(0, 8) == "\x89HDF\r\n\x1a\n") {
        const QuietHdf5 quiet;
        const Hdf5File file = open_hdf5(path);
        const Hdf5Form form = hdf5_form(file);
        require_no_orientation(path, options);
        if (form != Hdf5Form::tenx) require_no_tenx_options(path, options.tenx, false);
        if (form == Hdf5Form::h5ad) return read_open_h5ad(file, options.h5ad, options.progress);
        if (form == Hdf5Form::loom) return read_open_loom(file, options.h5ad.matrix, options.progress);
        if (options.h5ad.matrix == "X") return read_open_tenx_hdf5(file, options.tenx, options.progress);
    }
    if (options.h5ad.matrix != "X")
        throw OptionError(message(path.string(), ": has one matrix only, so there is no '", options.h5ad.matrix,
                                  "'; expected an h5ad or a loom file"));
    const bool is_matrix_market = start.substr(0, matrix_market_sign.size()) == matrix_market_sign;
    require_no_tenx_options(path, options.tenx, is_matrix_market);
    if (is_matrix_market)
        return read_matrix_market_with_notes(path, options.delimited.orientation, options.tenx, options.progress);
    if (const std::string kind = form_by_bytes(start); !kind.empty())
        throw InputError(message(path.string(), ": is ", kind, ", which is not read; ", readable_forms));
    return read_delimited_with_notes(path, options.delimited, options.progress);
}

}  // namespace io_detail

/// Reads counts of cells x genes from files of any form read here; the form is decided by the content, not by the name.
/// A folder stands for what it holds: a 10x MEX folder for its matrix, another one for every file of counts below it.
///
/// Several inputs are merged (merge_counts()): on the genes that all have, or on all, with obs/origin and obs/cell_type
/// from the names of files and folders. Names of genes and cells that repeat are made unique as anndata does; counts
/// that are all within 1e-3 of whole numbers are rounded (round_counts()). The notes say so.
/// @throws InputError where a file is of none of these forms (it says what it is), and as the reader of each form.
//
// Every reader is behind this one function, a third of a small program's compilation. A project of several programs can
// compile it once: it defines CELLVAE_COMPILED_READERS for all sources but one, which takes the function's address.
#ifdef CELLVAE_COMPILED_READERS
[[nodiscard]] CountsRead read_counts_with_notes(std::span<const std::filesystem::path> paths,
                                                const ReadOptions& options = {});
#else
[[nodiscard]] inline CountsRead read_counts_with_notes(std::span<const std::filesystem::path> paths,
                                                       const ReadOptions& options = {}) {
    using namespace io_detail;
    std::vector<CountInput> inputs;
    std::error_code code;
    for (const auto& path : paths) {
        if (!std::filesystem::is_directory(path, code)) {
            inputs.push_back({path, label_of(path), path.filename().string()});
            continue;
        }
        auto found = inputs_below(path);
        if (found.empty()) throw InputError(message(path.string(), ": is ", folder_kind(path), "; ", readable_forms));
        if (found.size() == 1 && paths.size() > 1) found.front().label = label_of(path);
        if (paths.size() > 1)
            for (auto& input : found) input.origin = message(label_of(path), '/', input.origin);
        inputs.insert(inputs.end(), found.begin(), found.end());
    }
    if (inputs.empty()) throw OptionError(message("no file of counts is named; ", readable_forms));
    std::string file = inputs.front().path.string();
    try {
        CountsRead result;
        if (inputs.size() == 1) {
            result = read_one(inputs.front().path, options);
        } else {
            std::vector<MergePart> parts;
            for (const auto& input : inputs) {
                file = input.path.string();
                parts.push_back({read_one(input.path, options), input.label, input.origin});
            }
            result = merge_counts(std::move(parts), options.merged_genes);
        }
        make_utf8(result.counts.var, "genes", result.notes);
        make_utf8(result.counts.obs, "cells", result.notes);
        make_unique(result.counts.var.names, "gene", result.notes);
        make_unique(result.counts.obs.names, "cell", result.notes);
        if (const auto rounded = round_counts(result.counts); rounded.values > 0)
            result.notes.push_back(message(rounded.values, " counts are up to ", rounded.furthest,
                                           " from a whole number, and were rounded to it"));
        return result;
    } catch (const std::bad_alloc&) {
        throw InputError(message(file,
                                 ": the counts do not fit into this machine's memory; expected 8 bytes for each "
                                 "nonzero count to be free"));
    }
}
#endif

[[nodiscard]] inline CountsRead read_counts_with_notes(const std::filesystem::path& path,
                                                       const ReadOptions& options = {}) {
    return read_counts_with_notes(std::span(&path, 1), options);
}

/// read_counts_with_notes() without the notes.
[[nodiscard]] inline CountMatrix read_counts(const std::filesystem::path& path, const ReadOptions& options = {}) {
    return read_counts_with_notes(path, options).counts;
}

}  // namespace cellvae
