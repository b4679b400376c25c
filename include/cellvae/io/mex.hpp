// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/matrix_market.hpp"
#include "cellvae/io/orientation.hpp"
#include "cellvae/io/read_progress.hpp"
#include "cellvae/io/read_result.hpp"
#include "cellvae/io/tenx_features.hpp"
#include "cellvae/io/text_lines.hpp"

namespace cellvae {
namespace io_detail {

/// True where a file's name is `ending` or `ending`.gz, whatever comes before; `prefix` is what comes before.
inline bool ends_in(const std::filesystem::path& path, std::string_view ending, std::string& prefix) {
    std::string name = path.filename().string();
    if (name.size() > 3 && name.compare(name.size() - 3, 3, ".gz") == 0) name.resize(name.size() - 3);
    if (name.size() < ending.size() || name.compare(name.size() - ending.size(), ending.size(), ending) != 0)
        return false;
    prefix = name.substr(0, name.size() - ending.size());
    return true;
}

/// A Matrix Market file and the lists that lie beside it; empty paths where there are none.
struct MexFiles {
    std::filesystem::path matrix;
    std::filesystem::path features;
    std::filesystem::path barcodes;
    std::filesystem::path symbols;  ///< where kallisto|bustools has them apart from the features
    std::string prefix;             ///< of the matrix's name
    bool tenx = false;              ///< it is PREFIXmatrix.mtx
};

/// Looks beside PREFIXmatrix.mtx for PREFIXfeatures.tsv or PREFIXgenes.tsv, and PREFIXbarcodes.tsv, each plain or .gz;
/// beside NAME.mtx for NAME.genes.txt and NAME.barcodes.txt, as kallisto|bustools has them.
inline MexFiles mex_files(const std::filesystem::path& matrix) {
    MexFiles files{matrix, {}, {}, {}, {}, false};
    files.tenx = ends_in(matrix, "matrix.mtx", files.prefix);
    if (!files.tenx && !ends_in(matrix, ".mtx", files.prefix)) return files;
    const auto find = [&](const char* name, std::filesystem::path& to) {
        std::error_code code;
        for (const char* const ending : {"", ".gz"})
            if (const auto path = matrix.parent_path() / (files.prefix + name + ending);
                to.empty() && std::filesystem::is_regular_file(path, code))
                to = path;
    };
    find(files.tenx ? "features.tsv" : ".genes.txt", files.features);
    find(files.tenx ? "genes.tsv" : ".genes.txt", files.features);
    find(files.tenx ? "barcodes.tsv" : ".barcodes.txt", files.barcodes);
    if (!files.tenx) find(".genes.names.txt", files.symbols);
    return files;
}

/// The Matrix Market files of a folder, in alphabetical order.
inline std::vector<std::filesystem::path> matrices_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> found;
    std::error_code code;
    std::string prefix;
    for (const auto& entry : std::filesystem::directory_iterator(folder, code))
        if (ends_in(entry.path(), ".mtx", prefix) && entry.path().filename().string().front() != '.')
            found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

/// The fields of each line of a list without a header, split at tabs: one vector a field.
inline std::vector<std::vector<std::string>> read_list(const std::filesystem::path& path, std::size_t most_fields) {
    TextLines lines(path);
    std::vector<std::vector<std::string>> fields;
    std::string_view line;
    while (lines.next(line)) {
        std::size_t number = 0;
        for (bool more = true; more && number < most_fields; ++number) {
            const auto tab = line.find('\t');
            more = tab != std::string_view::npos;
            if (fields.size() <= number) {
                if (lines.line() > 1) break;  // the first line says how many fields there are
                fields.emplace_back();
            }
            fields[number].emplace_back(line.substr(0, tab));
            if (more) line.remove_prefix(tab + 1);
        }
        if (number < fields.size())
            lines.fail("has ", counted(number, "field"), "; expected ", fields.size(),
                       ", as the first line has, divided by tabs");
    }
    if (fields.empty()) throw InputError(message(lines.name(), ": holds no lines; expected one name a line"));
    return fields;
}

/// "g1", "g2", ... for a matrix without names.
inline std::vector<std::string> numbered_names(const char* what, std::int64_t count) {
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(count));
    for (std::int64_t number = 1; number <= count; ++number) names.push_back(message(what, number));
    return names;
}

}  // namespace io_detail

/// Reads a Matrix Market file, plain or gzip. Where 10x's lists lie beside it (genes.tsv or features.tsv, barcodes.tsv,
/// with the same prefix as matrix.mtx) or those of kallisto|bustools (NAME.genes.txt and NAME.barcodes.txt beside
/// NAME.mtx), they name its genes and cells; else both are numbered.
///
/// Genes are in rows, as 10x has it, unless the lists' lengths or `orientation` say otherwise. Genes are named by their
/// symbols, which may repeat; var has gene_ids and feature_types. Features of other kinds than the options' are left
/// out, and the notes say how many. Entries in the order of cells are stored as they come; a file in another order is
/// read three times. Beside the matrix, a megabyte is held.
/// @throws InputError with file and line where a file is missing or damaged, a position is outside the sizes, an entry
///   comes twice, a value is no finite number of at least 0, or the lists' lengths differ from the matrix's.
[[nodiscard]] inline CountsRead read_matrix_market_with_notes(const std::filesystem::path& path,
                                                              Orientation orientation = Orientation::automatic,
                                                              const TenxOptions& options = {},
                                                              const ReadProgressCallback& progress = {}) {
    using namespace io_detail;
    require_regular_file(path);
    const MexFiles files = mex_files(path);
    if (files.features.empty() != files.barcodes.empty()) {
        const std::string missing = !files.features.empty()
                                        ? files.tenx ? "barcodes.tsv" : files.prefix + ".barcodes.txt"
                                    : files.tenx ? "features.tsv or genes.tsv"
                                                 : files.prefix + ".genes.txt";
        throw InputError(message(path.string(), ": has no ", missing, " beside it (plain or .gz), but ",
                                 (files.features.empty() ? files.barcodes : files.features).filename().string(),
                                 "; expected both lists or neither"));
    }
    CountsRead result;
    CountMatrix& matrix = result.counts;
    MatrixMarketText text(path);
    bool genes_in_rows = orientation != Orientation::cells_by_genes;
    std::vector<std::string> types;
    if (!files.features.empty()) {
        auto fields = read_list(files.features, 3);
        auto barcodes = read_list(files.barcodes, 1);
        const auto genes = static_cast<std::int64_t>(fields[0].size());
        const auto cells = static_cast<std::int64_t>(barcodes[0].size());
        if (orientation == Orientation::automatic && genes == text.columns() && cells == text.rows())
            genes_in_rows = genes == cells;
        if (orientation == Orientation::automatic && !genes_in_rows)
            result.notes.emplace_back("cells are in rows, as the lengths of the lists say");
        const auto require = [&](const std::filesystem::path& list, std::int64_t lines, std::int64_t expected,
                                 bool rows) {
            if (lines != expected)
                throw InputError(message(list.string(), ": has ", lines, " lines, but ", path.filename().string(),
                                         " has ", expected, rows ? " rows" : " columns",
                                         "; expected one line for each"));
        };
        require(files.features, genes, genes_in_rows ? text.rows() : text.columns(), genes_in_rows);
        require(files.barcodes, cells, genes_in_rows ? text.columns() : text.rows(), !genes_in_rows);
        TenxFeatures features;
        features.ids = std::move(fields[0]);
        if (fields.size() > 1) features.names = std::move(fields[1]);
        if (fields.size() > 2) features.types = std::move(fields[2]);
        if (!files.symbols.empty()) {
            features.names = std::move(read_list(files.symbols, 1)[0]);
            if (static_cast<std::int64_t>(features.names.size()) != genes)
                throw InputError(message(files.symbols.string(), ": has ", features.names.size(), " lines; expected ",
                                         genes, ", one for each of ", files.features.filename().string()));
        }
        types = features.types;
        matrix.var = tenx_genes(std::move(features));
        matrix.obs.names = std::move(barcodes[0]);
        result.form = message(files.tenx ? "10x MEX, " : "Matrix Market, ", files.features.filename().string());
    } else {
        matrix.var.names = numbered_names("gene", genes_in_rows ? text.rows() : text.columns());
        matrix.obs.names = numbered_names("cell", genes_in_rows ? text.columns() : text.rows());
        result.form = "Matrix Market";
        result.notes.push_back(message(genes_in_rows ? "genes" : "cells", " are in rows: ",
                                       orientation == Orientation::automatic
                                           ? "as 10x has it; the options can say otherwise"
                                           : "as the options say"));
        result.notes.emplace_back("no lists of names lie beside it: cells and genes are numbered");
    }
    MatrixMarketReader(path, genes_in_rows, matrix, progress).read(text);
    keep_feature_type(matrix, types, options, files.features.string(), result.notes);
    return result;
}

}  // namespace cellvae
