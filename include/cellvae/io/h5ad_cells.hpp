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

    void read(std::span<const Index> cells, CountMatrix& rows) override {
        const io_detail::QuietHdf5 quiet;
        rows.row_offsets.assign(1, 0);
        rows.columns.clear();
        rows.values.clear();
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
        // HDF5 gives zeros for what lies beyond the end of a file
        std::error_code code;
        if (const auto bytes = std::filesystem::file_size(path_, code); code || bytes < file_.bytes)
            throw InputError(message(file_.name, ": the file has become shorter while it was read; expected ",
                                     file_.bytes, " bytes"));
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
        indices_->read(start, size, H5T_NATIVE_INT32, columns_.data());
        data_->read(start, size, H5T_NATIVE_FLOAT, values_.data());
        const auto genes = static_cast<GeneIndex>(annotations_.var.names.size());
        for (const Index cell : cells) {
            const auto from = static_cast<std::size_t>(offset(cell) - begin);
            const auto to = static_cast<std::size_t>(offset(cell + 1) - begin);
            for (auto k = from; k < to; ++k) {
                if (columns_[k] < 0 || columns_[k] >= genes)
                    file_.fail(indices_->place(), "value ", columns_[k], " at cell '", name_of(cell),
                               "'; expected 0 to ", genes - 1);
                if (!(values_[k] >= 0 && values_[k] <= std::numeric_limits<float>::max()))
                    file_.fail(data_->place(), "value ", values_[k], " at cell '", name_of(cell), "', gene '",
                               annotations_.var.names[static_cast<std::size_t>(columns_[k])],
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

    [[nodiscard]] const std::string& name_of(Index cell) const {
        return annotations_.obs.names[static_cast<std::size_t>(cell)];
    }

    std::filesystem::path path_;
    io_detail::Hdf5File file_;
    CountMatrix annotations_;
    std::vector<std::int64_t> offsets_;                 // of all cells
    std::optional<io_detail::Dataset> indices_, data_;  // closed before the file is
    std::vector<GeneIndex> columns_;                    // of one run
    std::vector<float> values_;
};

}  // namespace cellvae
