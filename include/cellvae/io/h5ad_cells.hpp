// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cellvae/data/window_reader.hpp"
#include "cellvae/io/h5ad_read.hpp"

namespace cellvae {

/// The counts of an h5ad file, read cell by cell as they are wanted: for make_streamed_dataset. The matrix must lie in
/// compressed rows (csr_matrix). In memory are names and annotations, and 8 bytes a cell.
class H5adCells : public CellReader {
public:
    /// @throws InputError as read_h5ad, and for a matrix in another form
    explicit H5adCells(const std::filesystem::path& path, const H5adOptions& options = {}) : path_(path) {
        using namespace io_detail;
        require_regular_file(path);
        const QuietHdf5 quiet;
        file_ = open_hdf5(path);
        const MatrixPlace place = find_matrix(file_, options.matrix);
        const Handle matrix = open_object(place.group.get(), place.name);
        auto form = is_group(matrix) ? text_attribute(matrix.get(), "encoding-type") : std::nullopt;
        if (is_group(matrix) && !form) form = text_attribute(matrix.get(), "h5sparse_format");
        if (form != "csr_matrix" && form != "csr")
            file_.fail(options.matrix, "is ", form ? "a " + *form : std::string("no sparse matrix"),
                       "; expected csr_matrix, whose cells can be read one by one (write it again with X in that form, "
                       "or read the file whole)");
        std::vector<std::string> notes;
        annotations_.obs = read_annotations(file_, file_.handle.get(), "obs", "obs", notes);
        annotations_.var = read_genes(file_, place, notes);
        restore_library_sizes(annotations_);
        auto shape = integers_attribute(matrix.get(), "shape");
        if (shape.empty()) shape = integers_attribute(matrix.get(), "h5sparse_shape");
        const auto cells = annotations_.obs.names.size(), genes = annotations_.var.names.size();
        if (shape.size() != 2 || shape[0] != static_cast<std::int64_t>(cells) ||
            shape[1] != static_cast<std::int64_t>(genes))
            file_.fail(options.matrix, "has another shape than the ", cells, " names in obs and the ", genes,
                       " in var; expected one row for each cell and one column for each gene");
        const io_detail::Dataset offsets(file_, matrix.get(), "indptr", join(options.matrix, "indptr"));
        offsets.require_length(cells + 1, "one more than there are cells");
        offsets_ = offsets.read_all<std::int64_t>();
        if (offsets_.front() != 0) file_.fail(offsets.place(), "begins with ", offsets_.front(), "; expected 0");
        if (!std::is_sorted(offsets_.begin(), offsets_.end()))
            file_.fail(offsets.place(), "falls somewhere; expected values that ascend");
        indices_.emplace(file_, matrix.get(), "indices", join(options.matrix, "indices"));
        data_.emplace(file_, matrix.get(), "data", join(options.matrix, "data"));
        for (const auto* part : {&*indices_, &*data_}) {
            part->require_length(static_cast<std::size_t>(offsets_.back()), "as the last value of indptr says");
            part->require_numbers();
        }
    }

    [[nodiscard]] const CountMatrix& annotations() const override { return annotations_; }

    /// Nonzeros in the file, over all of its genes.
    [[nodiscard]] std::int64_t nonzeros() const { return offsets_.back(); }

    /// From here on cells have other genes: some of the file's, or those of a model. Library sizes stay those over all
    /// genes of the file.
    /// @param place of each gene of the file: its number among these, or -1 @param genes their names and annotations
    void take_genes(std::vector<GeneIndex> place, Annotations genes) {
        require_size(static_cast<Index>(place.size()), static_cast<Index>(annotations_.var.names.size()),
                     "genes of the file that are placed");
        place_ = std::move(place);
        file_genes_ = std::exchange(annotations_.var, std::move(genes)).names;
    }

    /// The annotations, given away: nothing may be read, nor asked of them, afterwards.
    [[nodiscard]] CountMatrix release_annotations() { return std::move(annotations_); }

    void read(std::span<const Index> cells, CountMatrix& rows) override {
        const io_detail::QuietHdf5 quiet;
        rows.row_offsets.assign(1, 0);
        rows.columns.clear();
        rows.values.clear();
        rows.library_sizes.clear();
        std::int64_t size = 0;
        for (const Index cell : cells) size += offset(cell + 1) - offset(cell);
        rows.columns.reserve(static_cast<std::size_t>(size));  // as it grew it would take up to twice as much
        rows.values.reserve(static_cast<std::size_t>(size));
        for (std::size_t first = 0; first < cells.size();) {
            // what is near in the file is read at once, with what lies between
            std::size_t last = first + 1;
            const auto begin = offset(cells[first]);
            while (last < cells.size() && offset(cells[last]) - offset(cells[last - 1] + 1) <= longest_gap &&
                   offset(cells[last] + 1) - begin <= most_at_once)
                ++last;
            read_run(cells.subspan(first, last - first), rows);
            first = last;
        }
        io_detail::tidy_rows(rows);
        if (!place_.empty()) place_genes(rows);
        // HDF5 gives zeros for what lies beyond the end of a file
        std::error_code code;
        if (const auto bytes = std::filesystem::file_size(path_, code); code || bytes < file_.bytes)
            throw InputError(message(file_.name, ": the file has become shorter while it was read; expected ",
                                     file_.bytes, " bytes", where(cells)));
    }

private:
    static constexpr std::int64_t longest_gap = 1 << 14;   // nonzeros
    static constexpr std::int64_t most_at_once = 1 << 20;  // nonzeros, but at least a cell

    [[nodiscard]] std::int64_t offset(Index cell) const { return offsets_[static_cast<std::size_t>(cell)]; }

    void read_run(std::span<const Index> cells, CountMatrix& rows) {
        const auto begin = offset(cells.front());
        const auto count = static_cast<std::size_t>(offset(cells.back() + 1) - begin);
        columns_.resize(count);
        values_.resize(count);
        const std::vector<hsize_t> start{static_cast<hsize_t>(begin)}, size{static_cast<hsize_t>(count)};
        try {
            indices_->read(start, size, H5T_NATIVE_INT32, columns_.data());
            data_->read(start, size, H5T_NATIVE_FLOAT, values_.data());
        } catch (const InputError& error) {
            throw InputError(error.what() + where(cells));
        }
        const auto& names = gene_names();
        const auto genes = static_cast<GeneIndex>(names.size());
        for (const Index cell : cells) {
            const auto from = static_cast<std::size_t>(offset(cell) - begin);
            const auto to = static_cast<std::size_t>(offset(cell + 1) - begin);
            for (auto k = from; k < to; ++k) {
                if (columns_[k] < 0 || columns_[k] >= genes)
                    file_.fail(indices_->place(), "value ", columns_[k], " at cell '", name_of(cell),
                               "'; expected 0 to ", genes - 1);
                if (!(values_[k] >= 0 && values_[k] <= std::numeric_limits<float>::max()))
                    file_.fail(data_->place(), "value ", values_[k], " at cell '", name_of(cell), "', gene '",
                               names[static_cast<std::size_t>(columns_[k])],
                               "'; expected a count, finite and at least 0 (", io_detail::matrices_in_words(file_),
                               ")");
            }
            const auto part = [&](auto& all, const auto& buffer) {
                all.insert(all.end(), buffer.begin() + static_cast<std::ptrdiff_t>(from),
                           buffer.begin() + static_cast<std::ptrdiff_t>(to));
            };
            part(rows.columns, columns_);
            part(rows.values, values_);
            rows.row_offsets.push_back(static_cast<std::int64_t>(rows.values.size()));
        }
    }

    /// Leaves the genes that are wanted, under their own numbers.
    void place_genes(CountMatrix& rows) const {
        if (annotations_.library_sizes.empty()) {
            std::vector<double> sizes;  // beside the rows, which take what they have for all of them
            for (Index row = 0; row < rows.cells(); ++row) sizes.push_back(rows.library_size(row));
            rows.library_sizes = std::move(sizes);
        }
        std::int64_t kept = 0, begin = 0;
        std::vector<std::pair<GeneIndex, float>> row;
        for (std::size_t cell = 0; cell + 1 < rows.row_offsets.size(); ++cell) {
            row.clear();
            const std::int64_t end = rows.row_offsets[cell + 1];
            for (auto k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k)
                if (const auto place = place_[static_cast<std::size_t>(rows.columns[k])]; place >= 0)
                    row.emplace_back(place, rows.values[k]);
            std::sort(row.begin(), row.end());
            for (const auto& [gene, value] : row) {
                rows.columns[static_cast<std::size_t>(kept)] = gene;
                rows.values[static_cast<std::size_t>(kept++)] = value;
            }
            begin = end;
            rows.row_offsets[cell + 1] = kept;
        }
        rows.columns.resize(static_cast<std::size_t>(kept));
        rows.values.resize(static_cast<std::size_t>(kept));
    }

    [[nodiscard]] const std::vector<std::string>& gene_names() const {
        return place_.empty() ? annotations_.var.names : file_genes_;
    }

    /// For an error in the midst of a file: what was read.
    [[nodiscard]] std::string where(std::span<const Index> cells) const {
        if (cells.empty()) return {};
        return message(" (while cells '", name_of(cells.front()), "' to '", name_of(cells.back()), "' were read, rows ",
                       cells.front(), " to ", cells.back(), ")");
    }

    [[nodiscard]] const std::string& name_of(Index cell) const {
        return annotations_.obs.names[static_cast<std::size_t>(cell)];
    }

    std::filesystem::path path_;
    io_detail::Hdf5File file_;
    CountMatrix annotations_;
    std::vector<std::int64_t> offsets_;                 // of all cells
    std::optional<io_detail::Dataset> indices_, data_;  // closed before the file is
    std::vector<GeneIndex> place_;                      // empty: the file's genes as they are
    std::vector<std::string> file_genes_;               // otherwise, their names
    std::vector<GeneIndex> columns_;                    // of one run
    std::vector<float> values_;
};

}  // namespace cellvae
