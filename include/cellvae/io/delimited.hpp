// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/io/csr_rows.hpp"
#include "cellvae/io/name_rules.hpp"
#include "cellvae/io/orientation.hpp"
#include "cellvae/io/read_progress.hpp"
#include "cellvae/io/read_result.hpp"
#include "cellvae/io/text_fields.hpp"

namespace cellvae {

struct DelimitedOptions {
    /// `automatic` decides by the first of these that applies, and the notes of read_delimited_with_notes say which:
    ///   1. the first header, or that of a text column, says "gene" or "cell" (gene_id, symbol, cell_id, barcode, ...);
    ///   2. other text columns (barcode, cluster) stand beside the names: cells in rows;
    ///   3. more of the rows' or of the columns' names look like genes (Ensembl ids, Rpl*, mt-*, Actb, ...);
    ///   4. more of the rows' or of the columns' names look like cells (six letters of ACGT in a row, "cell...");
    ///   5. the longer side is taken for the genes.
    Orientation orientation = Orientation::automatic;

    /// The separator, or 0 to find it from the first line.
    char delimiter = 0;

    /// Headers of columns that hold no counts, beside those that are recognised: the columns next to the names whose
    /// first value is no number, and well-known headers (barcode, cell_type, batch, n_counts, ...) anywhere.
    std::vector<std::string> annotation_columns;
};

namespace io_detail {

/// Parses one table. The rows are compressed as they come, whichever side they are; the side is settled at the end,
/// when all names are known.
class DelimitedReader {
public:
    DelimitedReader(const std::filesystem::path& path, const DelimitedOptions& options,
                    const ReadProgressCallback& progress)
        : options_(options),
          fields_(path, options.delimiter),
          meter_(progress, path.string(), static_cast<double>(std::filesystem::file_size(path)), "MB", 1e6) {}

    [[nodiscard]] CountsRead read() {
        read_header();
        while (!fields_.at_end()) {
            read_row();
            meter_.at(fields_.consumed());
        }
        check_annotations();
        meter_.finish();
        return finish();
    }

private:
    [[nodiscard]] std::string place(std::int64_t line) const { return message(fields_.name(), ": line ", line); }

    void read_header() {
        if (fields_.at_end())
            throw InputError(message(fields_.name(), ": the file holds empty lines only; expected a header line"));
        const std::int64_t header_line = fields_.line();
        for (bool more = true; more;) {
            const Field field = fields_.next();
            headers_.emplace_back(field.text);
            more = !field.ends_line;
        }
        if (headers_.front().compare(0, 14, "%%MatrixMarket") == 0)
            throw InputError(
                message(fields_.name(), ": is a Matrix Market file; expected CSV or TSV with a header line"));
        if (fields_.at_end())
            throw InputError(message(place(header_line), ": is the only line, a header of ", headers_.size(),
                                     " names; expected one more line for each cell or gene"));
        first_line_ = fields_.line();
        for (bool more = true; more;) {
            const Field field = fields_.next();
            first_row_.emplace_back(field.text);
            more = !field.ends_line;
        }
        leave_out_empty_end();
        // R's write.table leaves out the header of the names.
        if (first_row_.size() == headers_.size() + 1) headers_.insert(headers_.begin(), std::string());
        if (first_row_.size() != headers_.size()) ragged(first_line_, first_row_.front(), first_row_.size());
        if (headers_.size() > static_cast<std::size_t>(std::numeric_limits<GeneIndex>::max()))
            throw InputError(
                message(place(header_line), ": has ", headers_.size(), " columns; expected at most 2^31 - 1"));
        refuse_numbers_for_names(header_line);
        find_annotations();
        store_first_row();
    }

    /// Spreadsheets write a separator at each line's end as well: what is behind it is no column.
    void leave_out_empty_end() {
        if (first_row_.size() < 3 || !first_row_.back().empty()) return;
        const std::size_t row = first_row_.size() - 1;
        const std::size_t header = headers_.size() - (headers_.back().empty() ? 1 : 0);
        if (header != row && header + 1 != row) return;
        first_row_.resize(row);
        headers_.resize(header);
        empty_end_ = true;
    }

    void refuse_numbers_for_names(std::int64_t header_line) const {
        std::unordered_map<std::string_view, std::size_t> seen;
        bool repeats = false;
        for (std::size_t column = 1; column < headers_.size(); ++column) {
            if (parse_number(headers_[column]).first == NumberKind::not_a_number) return;
            repeats = !seen.emplace(headers_[column], column).second || repeats;
        }
        if (repeats)
            throw InputError(message(place(header_line),
                                     ": holds numbers where names are expected; expected a header line "
                                     "with the names of the genes or of the cells"));
    }

    void find_annotations() {
        is_annotation_.assign(headers_.size(), 0);
        is_annotation_.front() = 1;
        bool leading = true;
        for (std::size_t column = 1; column < headers_.size(); ++column) {
            const bool listed = std::find(options_.annotation_columns.begin(), options_.annotation_columns.end(),
                                          headers_[column]) != options_.annotation_columns.end();
            const bool known =
                listed || names_annotation(headers_[column]) || (leading && names_gene_column(headers_[column]));
            const bool text = leading && parse_number(first_row_[column]).first == NumberKind::not_a_number &&
                              !first_row_[column].empty();
            if (known || text) {
                is_annotation_[column] = 1;
                annotations_.push_back({column, known, {}});
            } else {
                leading = false;
                value_headers_.push_back(headers_[column]);
            }
        }
        for (const auto& name : options_.annotation_columns)
            if (std::find(headers_.begin(), headers_.end(), name) == headers_.end())
                throw OptionError(message(fields_.name(), ": has no column '", name, "' to keep as an annotation"));
        if (value_headers_.empty())
            throw InputError(message(place(first_line_), ": no column of counts: none of the ", headers_.size() - 1,
                                     " columns after the names holds numbers; expected one for each gene or cell"));
    }

    void store_first_row() {
        row_names_.push_back(std::move(first_row_.front()));
        std::size_t annotation = 0;
        GeneIndex position = 0;
        for (std::size_t column = 1; column < first_row_.size(); ++column) {
            if (is_annotation_[column])
                annotations_[annotation++].values.push_back(std::move(first_row_[column]));
            else
                store(first_row_[column], first_line_, column, position++);
        }
        offsets_.push_back(static_cast<std::int64_t>(values_.size()));
        first_row_ = {};
    }

    void read_row() {
        const std::int64_t line = fields_.line();
        Field field = fields_.next();
        row_names_.emplace_back(field.text);
        const std::size_t width = headers_.size();
        std::size_t column = 1;
        std::size_t annotation = 0;
        GeneIndex position = 0;
        while (!field.ends_line) {
            const std::size_t next_annotation =
                annotation < annotations_.size() ? annotations_[annotation].column : width;
            if (column < next_annotation) {
                const std::size_t zeros = fields_.skip_zeros(next_annotation - column);
                column += zeros;
                position += static_cast<GeneIndex>(zeros);
            }
            field = fields_.next();
            if (column == width && empty_end_ && field.ends_line && field.text.empty()) break;
            if (column >= width) {
                std::size_t found = column + 1;
                for (; !field.ends_line; ++found) field = fields_.next();
                ragged(line, row_names_.back(), found);
            }
            if (column == next_annotation) {
                annotations_[annotation++].values.emplace_back(field.text);
            } else {
                store(field.text, line, column, position++);
            }
            ++column;
        }
        if (column != width) ragged(line, row_names_.back(), column);
        offsets_.push_back(static_cast<std::int64_t>(values_.size()));
    }

    [[noreturn]] void ragged(std::int64_t line, const std::string& name, std::size_t found) const {
        throw InputError(message(place(line), " (row '", name, "') has ", counted(found, "field"), "; expected ",
                                 headers_.size(), ", as the header has"));
    }

    void store(std::string_view text, std::int64_t line, std::size_t column, GeneIndex position) {
        if (text == "0") return;
        const auto [kind, value] = parse_number(text);
        if (kind == NumberKind::finite && value > 0) {
            columns_.push(position);
            values_.push(value);
        } else if (kind != NumberKind::finite || value < 0) {
            refuse(text, kind, line, column);
        }
    }

    [[noreturn]] void refuse(std::string_view text, NumberKind kind, std::int64_t line, std::size_t column) const {
        const std::string where = message(place(line), " (row '", row_names_.back(), "'), column ", column + 1, " ('",
                                          headers_[column], "'): ");
        const std::string shown(text.substr(0, 40));
        if (kind == NumberKind::finite)
            throw InputError(message(where, "negative value ", shown, "; expected a count, finite and at least 0"));
        if (kind == NumberKind::not_finite)
            throw InputError(
                message(where, "value ", shown, " is not finite; expected a count, finite and at least 0"));
        if (text.empty()) throw InputError(message(where, "empty field; expected a count, finite and at least 0"));
        throw InputError(message(where, "'", shown,
                                 "' is not a number; expected a count, finite and at least 0 (a column "
                                 "of text must stand beside the names or be listed as an annotation)"));
    }

    /// A text column was recognised by its first value alone. Where most of the others are numbers, that value is
    /// wrong.
    void check_annotations() const {
        for (const auto& annotation : annotations_) {
            if (annotation.known) continue;
            std::size_t numbers = 0;
            for (const auto& text : annotation.values)
                if (parse_number(text).first != NumberKind::not_a_number) ++numbers;
            if (2 * numbers > annotation.values.size() - 1)
                throw InputError(message(place(first_line_), " (row '", row_names_.front(), "'), column ",
                                         annotation.column + 1, " ('", headers_[annotation.column], "'): '",
                                         annotation.values.front().substr(0, 40), "' is not a number, but ", numbers,
                                         " other rows have numbers there; expected a count, finite and at least 0"));
        }
    }

    static void refuse_duplicate_cells(const std::string& file, const std::vector<std::string>& names,
                                       const char* side) {
        std::unordered_map<std::string_view, std::size_t> seen;
        seen.reserve(names.size());
        for (std::size_t cell = 0; cell < names.size(); ++cell) {
            const auto [entry, fresh] = seen.emplace(names[cell], cell);
            if (!fresh)
                throw InputError(message(file, ": the cell name '", names[cell], "' appears twice, for cells ",
                                         entry->second + 1, " and ", cell + 1, " (", side,
                                         "); expected one name for each cell"));
        }
    }

    struct Decision {
        Orientation orientation;
        std::string reason;
    };

    [[nodiscard]] Decision decide() const {
        if (options_.orientation != Orientation::automatic) return {options_.orientation, "as the options say"};
        const auto quoted = [](const std::string& name) { return message("the header '", name, "'"); };
        if (names_gene_column(headers_.front())) return {Orientation::genes_by_cells, quoted(headers_.front())};
        if (names_cell_column(headers_.front())) return {Orientation::cells_by_genes, quoted(headers_.front())};
        for (const auto& annotation : annotations_)
            if (names_gene_column(headers_[annotation.column]))
                return {Orientation::genes_by_cells, quoted(headers_[annotation.column])};
        if (!annotations_.empty())
            return {Orientation::cells_by_genes,
                    message("the column '", headers_[annotations_.front().column], "' beside the names")};
        const auto compare = [&](auto predicate) {
            const auto rows = std::count_if(row_names_.begin(), row_names_.end(), predicate);
            const auto columns = std::count_if(value_headers_.begin(), value_headers_.end(), predicate);
            return rows > columns ? 1 : rows < columns ? -1 : 0;
        };
        if (const int side = compare([](const std::string& name) { return looks_like_gene(name); }); side != 0)
            return {side > 0 ? Orientation::genes_by_cells : Orientation::cells_by_genes, "names that look like genes"};
        if (const int side = compare([](const std::string& name) { return looks_like_cell(name); }); side != 0)
            return {side > 0 ? Orientation::cells_by_genes : Orientation::genes_by_cells, "names that look like cells"};
        return {value_headers_.size() >= row_names_.size() ? Orientation::cells_by_genes : Orientation::genes_by_cells,
                "the longer side, taken for the genes; the options can say otherwise"};
    }

    [[nodiscard]] CountsRead finish() {
        const auto [orientation, reason] = decide();
        const bool cells_in_rows = orientation == Orientation::cells_by_genes;
        CountsRead result;
        CountMatrix& matrix = result.counts;
        refuse_duplicate_cells(fields_.name(), cells_in_rows ? row_names_ : value_headers_,
                               cells_in_rows ? "in rows" : "in columns");
        Annotations& rows = cells_in_rows ? matrix.obs : matrix.var;
        Annotations& columns = cells_in_rows ? matrix.var : matrix.obs;
        if (!headers_.front().empty()) rows.index_name = headers_.front();
        if (cells_in_rows) {
            matrix.row_offsets = std::move(offsets_);
            matrix.columns = columns_.take();
            matrix.values = values_.take();
        } else {
            transpose_into(matrix, offsets_, columns_, values_, value_headers_.size());
        }
        rows.names = std::move(row_names_);
        columns.names = std::move(value_headers_);
        std::string kept;
        for (auto& annotation : annotations_) {
            std::string name = headers_[annotation.column];
            while (name.empty() || rows.find(name) != nullptr) name += "_";
            kept += (kept.empty() ? "" : ", ") + name;
            rows.set(make_column(std::move(name), std::move(annotation.values)));
        }
        const char delimiter = fields_.delimiter();
        result.form = message(delimiter == '\t'  ? "tab"
                              : delimiter == ',' ? "comma"
                              : delimiter == ';' ? "semicolon"
                              : delimiter == ' ' ? "blank"
                                                 : "otherwise",
                              "-separated, ", cells_in_rows ? "cells" : "genes", " in rows");
        result.notes.push_back(message(cells_in_rows ? "cells" : "genes", " are in rows: ", reason));
        if (!kept.empty())
            result.notes.push_back(message("kept as annotations of the ", cells_in_rows ? "cells: " : "genes: ", kept));
        return result;
    }

    struct Annotation {
        std::size_t column;
        bool known;  ///< by its header, not by its first value
        std::vector<std::string> values;
    };

    const DelimitedOptions& options_;
    TextFields fields_;
    ProgressMeter meter_;
    std::vector<std::string> headers_;
    std::vector<std::string> first_row_;
    std::int64_t first_line_ = 0;
    bool empty_end_ = false;  // each line ends with a separator
    std::vector<char> is_annotation_;
    std::vector<Annotation> annotations_;
    std::vector<std::string> value_headers_;
    std::vector<std::string> row_names_;
    std::vector<std::int64_t> offsets_{0};
    Pile<GeneIndex> columns_;
    Pile<float> values_;
};

}  // namespace io_detail

/// Reads a table of counts, CSV or TSV, plain or gzip (decided by the content), into cells x genes.
///
/// The first line holds the names of the columns, the first column those of the rows. Columns of text beside the names
/// become annotations of the rows: a barcode stays text, labels become a Categorical. No cell and no gene is dropped;
/// gene names may repeat. The file is read through a buffer of fixed size; a table with genes in rows is transposed,
/// for which the nonzeros are held twice.
/// @throws InputError with file, line and column for a file that is missing, empty, truncated, ragged, or holds a value
///   that is no finite number of at least 0, and for cell names that repeat. OptionError for an unknown annotation
///   column.
[[nodiscard]] inline CountsRead read_delimited_with_notes(const std::filesystem::path& path,
                                                          const DelimitedOptions& options = {},
                                                          const ReadProgressCallback& progress = {}) {
    return io_detail::DelimitedReader(path, options, progress).read();
}

/// read_delimited_with_notes() without the notes.
[[nodiscard]] inline CountMatrix read_delimited(const std::filesystem::path& path,
                                                const DelimitedOptions& options = {}) {
    return read_delimited_with_notes(path, options).counts;
}

}  // namespace cellvae
