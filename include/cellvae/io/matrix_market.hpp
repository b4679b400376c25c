// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/csr_rows.hpp"
#include "cellvae/io/name_rules.hpp"
#include "cellvae/io/read_progress.hpp"
#include "cellvae/io/text_lines.hpp"

/// Reads Matrix Market's coordinate format (Boisvert, Pozo and Remington 1996): a header, comments, the sizes, and one
/// line "row column value" for each nonzero.
namespace cellvae::io_detail {

inline constexpr std::string_view matrix_market_sign = "%%MatrixMarket";

/// The text of one file, its header already read.
class MatrixMarketText {
public:
    explicit MatrixMarketText(const std::filesystem::path& path) : lines_(path) {
        std::error_code code;
        const auto bytes = static_cast<double>(std::filesystem::file_size(path, code));
        read_header();
        // gzip shrinks a thousand times at best, and the shortest line has six bytes.
        const double possible = (lines_.compressed() ? 1040 : 1) * bytes / 6 + 1;
        if (static_cast<double>(entries_) > possible)
            lines_.fail("declares ", entries_, " entries, more than the file's ", bytes,
                        " bytes can hold; expected their number");
        for (const std::int64_t size : {rows_, columns_})
            if (size > std::max<std::int64_t>(entries_, std::int64_t{1} << 22) ||
                size > std::numeric_limits<GeneIndex>::max())
                lines_.fail("declares ", rows_, " x ", columns_, " for ", entries_,
                            " entries; expected sizes that the entries can fill, below 2^31");
    }

    [[nodiscard]] const std::string& name() const { return lines_.name(); }
    [[nodiscard]] std::int64_t rows() const { return rows_; }
    [[nodiscard]] std::int64_t columns() const { return columns_; }
    [[nodiscard]] std::int64_t entries() const { return entries_; }
    [[nodiscard]] double consumed() const { return lines_.consumed(); }

    /// The next entry; row and column from 0. False at the end. @throws InputError with the line
    [[nodiscard]] bool next(GeneIndex& row, GeneIndex& column, float& value) {
        std::string_view line;
        do {
            if (!lines_.next(line)) {
                if (read_ < entries_)
                    throw InputError(message(name(), ": ends after ", read_, " entries; expected ", entries_,
                                             ", as the line of sizes says"));
                return false;
            }
        } while (blank(line));
        if (read_ == entries_)
            lines_.fail("follows the last of ", entries_, " entries; expected the end of the file, as the sizes say");
        const char* at = line.data();
        const char* const end = at + line.size();
        row = position(at, end, rows_, "row", line);
        column = position(at, end, columns_, "column", line);
        while (at < end && space(*at)) ++at;
        while (at < end && space(line.back())) line.remove_suffix(1);
        const std::string_view text(at, static_cast<std::size_t>(line.data() + line.size() - at));
        if (text.size() == 1 && *at >= '1' && *at <= '9') {  // most counts
            value = static_cast<float>(*at - '0');
        } else {
            const auto [kind, number] = parse_number(text);
            if (kind != NumberKind::finite || number < 0)
                lines_.fail("value '", text.substr(0, 40), "'; expected a count, finite and at least 0");
            value = number;
        }
        ++read_;
        return true;
    }

private:
    static bool space(char character) { return character == ' ' || character == '\t'; }
    static bool blank(std::string_view line) { return std::all_of(line.begin(), line.end(), space); }

    void read_header() {
        std::string_view line;
        if (!lines_.next(line) || line.substr(0, matrix_market_sign.size()) != matrix_market_sign)
            throw InputError(message(name(), ": line 1: has no ", matrix_market_sign, "; expected the header '",
                                     matrix_market_sign, " matrix coordinate integer general'"));
        const std::string words = canonical_name(line.substr(matrix_market_sign.size()));  // blanks are '_' now
        if (words != "_matrix_coordinate_integer_general" && words != "_matrix_coordinate_real_general")
            lines_.fail("is '", line.substr(0, 80), "'; expected '", matrix_market_sign,
                        " matrix coordinate', then integer or real, then general");
        do {
            if (!lines_.next(line))
                throw InputError(message(name(), ": ends after its header; expected rows, columns and entries"));
        } while (blank(line) || line.front() == '%');
        const char* at = line.data();
        const char* const end = at + line.size();
        for (std::int64_t* const number : {&rows_, &columns_, &entries_}) {
            while (at < end && space(*at)) ++at;
            const auto result = std::from_chars(at, end, *number);
            at = result.ptr;
            if (result.ec != std::errc{} || *number < 0 || (at < end && !space(*at))) at = end + 1;
            if (at > end) break;
        }
        if (at > end || !blank({at, static_cast<std::size_t>(end - at)}))
            lines_.fail("is '", line.substr(0, 80), "'; expected three whole numbers: rows, columns and entries");
        if (rows_ < 1 || columns_ < 1)
            lines_.fail("declares ", rows_, " x ", columns_, "; expected at least one row and one column");
    }

    GeneIndex position(const char*& at, const char* end, std::int64_t limit, const char* what, std::string_view line) {
        while (at < end && space(*at)) ++at;
        std::int64_t number = 0;
        const auto result = std::from_chars(at, end, number);
        if (result.ec != std::errc{} || (result.ptr < end && !space(*result.ptr)) || result.ptr == end)
            lines_.fail("is '", line.substr(0, 80), "'; expected a row, a column (whole numbers) and a count");
        if (number < 1 || number > limit) lines_.fail(what, ' ', number, "; expected 1 to ", limit);
        at = result.ptr;
        return static_cast<GeneIndex>(number - 1);
    }

    TextLines lines_;
    std::int64_t rows_ = 0;
    std::int64_t columns_ = 0;
    std::int64_t entries_ = 0;
    std::int64_t read_ = 0;
};

/// Fills the matrix's rows from a text whose header is read. The names must be there already: errors use them.
///
/// Entries that come cell by cell, as 10x writes them, are stored as they come. Of others the file is read twice more:
/// once to count each cell's entries, once to put them in their places. Nothing is held twice.
class MatrixMarketReader {
public:
    MatrixMarketReader(const std::filesystem::path& path, bool genes_in_rows, CountMatrix& matrix,
                       const ReadProgressCallback& progress)
        : path_(path),
          genes_in_rows_(genes_in_rows),
          matrix_(matrix),
          meter_(progress, path.string(), file_bytes(path), "MB", 1e6) {}

    void read(MatrixMarketText& text) {
        if (!read_in_order(text)) read_in_any_order();
        tidy_rows(matrix_, [&](std::size_t cell, GeneIndex gene) {
            throw InputError(message(path_.string(), ": cell '", matrix_.obs.names[cell], "', gene '",
                                     matrix_.var.names[static_cast<std::size_t>(gene)],
                                     "' has two entries; expected one at most"));
        });
        meter_.finish();
    }

private:
    static double file_bytes(const std::filesystem::path& path) {
        std::error_code code;
        return static_cast<double>(std::filesystem::file_size(path, code));
    }

    bool next(MatrixMarketText& text, GeneIndex& cell, GeneIndex& gene, float& value) {
        if ((++count_ & 0xffff) == 0) meter_.at(text.consumed());
        return genes_in_rows_ ? text.next(gene, cell, value) : text.next(cell, gene, value);
    }

    bool read_in_order(MatrixMarketText& text) {
        const std::size_t cells = matrix_.obs.names.size();
        matrix_.row_offsets.assign(1, 0);
        matrix_.row_offsets.reserve(cells + 1);
        matrix_.columns.reserve(static_cast<std::size_t>(text.entries()));
        matrix_.values.reserve(static_cast<std::size_t>(text.entries()));
        GeneIndex cell = 0;
        GeneIndex gene = 0;
        float value = 0;
        while (next(text, cell, gene, value)) {
            const auto at = static_cast<std::size_t>(cell);
            if (at + 1 < matrix_.row_offsets.size()) return false;
            if (at >= matrix_.row_offsets.size())
                matrix_.row_offsets.resize(at + 1, static_cast<std::int64_t>(matrix_.values.size()));
            matrix_.columns.push_back(gene);
            matrix_.values.push_back(value);
        }
        matrix_.row_offsets.resize(cells + 1, static_cast<std::int64_t>(matrix_.values.size()));
        return true;
    }

    void read_in_any_order() {
        GeneIndex cell = 0;
        GeneIndex gene = 0;
        float value = 0;
        const std::size_t cells = matrix_.obs.names.size();
        matrix_.row_offsets.assign(cells + 1, 0);
        {
            MatrixMarketText text(path_);
            require_same(text);
            while (next(text, cell, gene, value)) ++matrix_.row_offsets[static_cast<std::size_t>(cell) + 1];
        }
        for (std::size_t row = 0; row < cells; ++row) matrix_.row_offsets[row + 1] += matrix_.row_offsets[row];
        matrix_.columns.resize(static_cast<std::size_t>(matrix_.row_offsets.back()));
        matrix_.values.resize(matrix_.columns.size());
        std::vector<std::int64_t> to(matrix_.row_offsets.begin(), matrix_.row_offsets.end() - 1);
        MatrixMarketText text(path_);
        require_same(text);
        while (next(text, cell, gene, value)) {
            const auto row = static_cast<std::size_t>(cell);
            if (to[row] == matrix_.row_offsets[row + 1]) changed();
            const auto place = static_cast<std::size_t>(to[row]++);
            matrix_.columns[place] = gene;
            matrix_.values[place] = value;
        }
    }

    void require_same(const MatrixMarketText& text) const {
        const auto cells = genes_in_rows_ ? text.columns() : text.rows();
        const auto genes = genes_in_rows_ ? text.rows() : text.columns();
        if (cells != static_cast<std::int64_t>(matrix_.obs.names.size()) || genes != matrix_.genes()) changed();
    }

    [[noreturn]] void changed() const {
        throw InputError(message(path_.string(), ": was changed while it was read; expected a file at rest"));
    }

    const std::filesystem::path& path_;
    bool genes_in_rows_;
    CountMatrix& matrix_;
    ProgressMeter meter_;
    std::uint64_t count_ = 0;
};

}  // namespace cellvae::io_detail
