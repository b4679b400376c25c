// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/io/csr_rows.hpp"
#include "cellvae/io/hdf5_chunks.hpp"
#include "cellvae/io/read_progress.hpp"
#include "cellvae/io/read_result.hpp"

namespace cellvae::io_detail {

/// A matrix holds a value that is no count: another matrix of the file may.
class NoCount : public InputError {
public:
    using InputError::InputError;
};

/// Reads one matrix of an HDF5 file, dense or compressed, into cells x genes, by blocks. The names must be there
/// already: errors use them.
class Hdf5MatrixReader {
public:
    /// @param place the matrix's name in errors, as in "X"
    Hdf5MatrixReader(const Hdf5File& file, std::string place, CountMatrix& matrix, const ReadProgressCallback& progress)
        : file_(file), place_(std::move(place)), matrix_(matrix), progress_(progress) {}

    /// Compressed lines of cells (`by_cells`) or of genes: positions of the lines, other side of each entry, counts.
    void read_compressed(const Dataset& offsets, const Dataset& indices, const Dataset& data, bool by_cells) {
        const std::size_t cells = matrix_.obs.names.size();
        const std::size_t genes = matrix_.var.names.size();
        require_some(static_cast<std::int64_t>(cells), static_cast<std::int64_t>(genes));
        auto positions = read_offsets(offsets, by_cells ? cells : genes, by_cells ? "cells" : "genes");
        const auto size = static_cast<std::size_t>(positions.back());
        indices.require_length(size, "as the last value of indptr says");
        data.require_length(size, "as the last value of indptr says");
        indices.require_numbers();
        data.require_numbers();
        ProgressMeter meter(progress_, file_.name, 2 * static_cast<double>(size), million, 2e6);
        if (!by_cells) {
            read_by_genes(positions, indices, data, meter);
            tidy_rows(matrix_);
        } else {
            matrix_.row_offsets = std::move(positions);
            if (!(fits_32_bits(indices) ? read_by_cells<std::int32_t>(indices, data, meter)
                                        : read_by_cells<std::int64_t>(indices, data, meter)))
                tidy_rows(matrix_);
        }
        meter.finish();
    }

    /// A dense array of cells x genes.
    void read_dense(const Dataset& data) {
        const auto cells = matrix_.obs.names.size();
        const auto genes = matrix_.var.names.size();
        // Whole chunks of rows, where these fit a buffer.
        const std::size_t rows = dense_lines(data, 0, genes);
        Dense dense(*this, data);
        dense.each([&](auto buffer) {
            for (std::size_t start = 0; start < cells; start += rows) {
                const std::size_t count = std::min(rows, cells - start);
                dense.load(buffer, {start, 0}, {count, genes});
                for (std::size_t row = 0; row < count; ++row) {
                    for (std::size_t gene = 0; gene < genes; ++gene)
                        dense.store(buffer[row * genes + gene], start + row, gene);
                    dense.end_row();
                }
            }
        });
        dense.finish();
    }

    /// A dense array of genes x cells, as loom has it. Blocks of whole cells are read.
    void read_dense_transposed(const Dataset& data) {
        const auto cells = matrix_.obs.names.size();
        const auto genes = matrix_.var.names.size();
        const std::size_t width = dense_lines(data, 1, genes);
        Dense dense(*this, data);
        dense.each([&](auto buffer) {
            for (std::size_t start = 0; start < cells; start += width) {
                const std::size_t count = std::min(width, cells - start);
                dense.load(buffer, {0, start}, {genes, count});
                for (std::size_t cell = 0; cell < count; ++cell) {
                    for (std::size_t gene = 0; gene < genes; ++gene)
                        dense.store(buffer[gene * count + cell], start + cell, gene);
                    dense.end_row();
                }
            }
        });
        dense.finish();
    }

    /// @throws InputError unless the matrix is of the cells and genes that obs and var name.
    void check_shape(std::int64_t cells, std::int64_t genes) const {
        require_some(cells, genes);
        if (cells != static_cast<std::int64_t>(matrix_.obs.names.size()))
            file_.fail(place_, "has ", cells, " rows, but obs has ", matrix_.obs.names.size(),
                       " names; expected one row for each cell");
        if (genes != static_cast<std::int64_t>(matrix_.var.names.size()))
            file_.fail(place_, "has ", genes, " columns, but var has ", matrix_.var.names.size(),
                       " names; expected one column for each gene");
    }

private:
    static constexpr const char* million = "million values";

    void require_some(std::int64_t cells, std::int64_t genes) const {
        if (cells < 1 || genes < 1)
            file_.fail(place_, "has the shape ", cells, " x ", genes, "; expected at least one cell and one gene");
        if (genes > std::numeric_limits<GeneIndex>::max() || cells > std::numeric_limits<GeneIndex>::max())
            file_.fail(place_, "has the shape ", cells, " x ", genes, "; expected at most 2^31 - 1 of each");
    }

    [[nodiscard]] std::vector<std::int64_t> read_offsets(const Dataset& offsets, std::size_t lines,
                                                         const char* what) const {
        if (offsets.length() != lines + 1)
            file_.fail(offsets.place(), "has ", offsets.length(), " values; expected ", lines + 1,
                       ", one more than the ", what, " that 'shape' names");
        auto positions = offsets.read_all<std::int64_t>();
        if (positions.front() != 0) file_.fail(offsets.place(), "begins with ", positions.front(), "; expected 0");
        for (std::size_t line = 0; line < lines; ++line)
            if (positions[line + 1] < positions[line])
                file_.fail(offsets.place(), "falls from ", positions[line], " to ", positions[line + 1],
                           " at position ", line + 1, "; expected values that ascend");
        return positions;
    }

    [[nodiscard]] std::string entry(std::int64_t cell, std::int64_t gene) const {
        return message("at cell '", matrix_.obs.names[static_cast<std::size_t>(cell)], "', gene '",
                       matrix_.var.names[static_cast<std::size_t>(gene)], "'");
    }

    /// The cell or gene of a position in compressed lines.
    static std::int64_t line_of(const std::vector<std::int64_t>& offsets, std::size_t position) {
        return std::upper_bound(offsets.begin(), offsets.end(), static_cast<std::int64_t>(position)) - offsets.begin() -
               1;
    }

    [[noreturn]] void refuse_value(const std::string& place, double value, std::int64_t cell, std::int64_t gene) const {
        throw NoCount(message(file_.name, ": ", place, ": value ", value, ' ', entry(cell, gene),
                              "; expected a count, finite and at least 0"));
    }

    template <class Value>
    static bool is_count(Value value) {
        // & has no branch, which would keep loops from being vectorised
        return static_cast<bool>(static_cast<int>(value >= 0) &
                                 static_cast<int>(value <= static_cast<Value>(std::numeric_limits<float>::max())));
    }

    /// 0 to size - 1, by one comparison: numbers below 0 are large without a sign.
    template <class Number>
    static bool in_range(Number number, Number size) {
        using Unsigned = std::make_unsigned_t<Number>;
        return static_cast<Unsigned>(number) < static_cast<Unsigned>(size);
    }

    void refuse_index(const Dataset& indices, std::int64_t index, std::size_t position, std::int64_t limit) const {
        file_.fail(indices.place(), "value ", index, " at position ", position, "; expected 0 to ", limit - 1);
    }

    /// @returns whether all rows are in CountMatrix's form
    template <class Number>
    bool read_by_cells(const Dataset& indices, const Dataset& data, ProgressMeter& meter) {
        const auto genes = static_cast<Number>(matrix_.var.names.size());
        AscentWatch ascents;
        read_as<Number>(
            indices, matrix_.columns, meter, [genes](Number gene) { return in_range(gene, genes); }, ascents,
            [&](std::size_t position, Number gene) { refuse_index(indices, gene, position, genes); });
        std::atomic<bool> zeros{false};
        auto watch_zeros = [&zeros](std::size_t, const float* values, std::size_t count) {
            std::int32_t found = 0;
            for (std::size_t k = 0; k < count; ++k) found |= values[k] == 0 ? 1 : 0;
            if (found != 0) zeros = true;
        };
        const auto read_counts_as = [&](auto number) {
            using Value = decltype(number);
            read_as<Value>(
                data, matrix_.values, meter, [](Value value) { return is_count(value); }, watch_zeros,
                [&](std::size_t position, Value value) {
                    refuse_value(data.place(), static_cast<double>(value), line_of(matrix_.row_offsets, position),
                                 matrix_.columns[position]);
                });
        };
        if (fits_float(data))
            read_counts_as(float{});
        else
            read_counts_as(double{});
        return !zeros && ascents.all_ascend(matrix_);
    }

    /// Fills `into`, which is of the type Number or takes its values after they have been looked at;
    /// watch(position, targets, count) sees all of them.
    template <class Number, class Target, class Good, class Watch, class Refuse>
    void read_as(const Dataset& dataset, std::vector<Target>& into, ProgressMeter& meter, const Good& good,
                 Watch& watch, const Refuse& refuse) {
        const auto tell = [&](std::size_t count) { meter.add(static_cast<double>(count)); };
        if constexpr (std::is_same_v<Number, Target>) {
            read_values(
                dataset, into, good, watch, [&](std::size_t position) { refuse(position, into[position]); }, tell);
        } else {
            into.reserve(dataset.length());
            std::vector<Number> buffer;
            for_each_block(dataset, buffer, [&](std::size_t start, const Number* values, std::size_t count) {
                std::size_t wrong = 0;
                for (std::size_t k = 0; k < count; ++k) wrong += good(values[k]) ? 0 : 1;
                for (std::size_t k = 0; k < count && wrong > 0; ++k)
                    if (!good(values[k])) refuse(start + k, values[k]);
                into.insert(into.end(), values, values + count);
                watch(start, into.data() + start, count);
                tell(count);
            });
        }
    }

    /// Two passes over the indices: one counts each cell's entries, one puts every entry in its place. Nothing is held
    /// twice.
    void read_by_genes(const std::vector<std::int64_t>& gene_offsets, const Dataset& indices, const Dataset& data,
                       ProgressMeter& meter) {
        const std::size_t cells = matrix_.obs.names.size();
        matrix_.row_offsets.assign(cells + 1, 0);
        std::vector<std::int64_t> buffer;
        for_each_block(indices, buffer, [&](std::size_t start, const std::int64_t* values, std::size_t count) {
            for (std::size_t k = 0; k < count; ++k) {
                if (values[k] < 0 || values[k] >= static_cast<std::int64_t>(cells))
                    refuse_index(indices, values[k], start + k, static_cast<std::int64_t>(cells));
                ++matrix_.row_offsets[static_cast<std::size_t>(values[k]) + 1];
            }
            meter.add(static_cast<double>(count));
        });
        for (std::size_t cell = 0; cell < cells; ++cell) matrix_.row_offsets[cell + 1] += matrix_.row_offsets[cell];
        std::vector<std::int64_t> next(matrix_.row_offsets.begin(), matrix_.row_offsets.end() - 1);
        matrix_.columns.resize(indices.length());
        matrix_.values.resize(indices.length());
        // Blocks of both datasets by the same positions: the indices' chunks set the length.
        std::vector<double> values;
        std::size_t gene = 0;
        for_each_block(indices, buffer, [&](std::size_t start, const std::int64_t* cell_of, std::size_t count) {
            values.resize(count);
            data.read({start}, {count}, H5T_NATIVE_DOUBLE, values.data());
            for (std::size_t k = 0; k < count; ++k) {
                while (gene_offsets[gene + 1] <= static_cast<std::int64_t>(start + k)) ++gene;
                if (!is_count(values[k]))
                    refuse_value(data.place(), values[k], cell_of[k], static_cast<std::int64_t>(gene));
                const auto to = static_cast<std::size_t>(next[static_cast<std::size_t>(cell_of[k])]++);
                matrix_.columns[to] = static_cast<GeneIndex>(gene);
                matrix_.values[to] = static_cast<float>(values[k]);
            }
            meter.add(static_cast<double>(count));
        });
    }

    /// True where int32 holds every number of the dataset.
    static bool fits_32_bits(const Dataset& data) {
        return data.kind() == ElementKind::integer &&
               (data.element_size() < 4 || (data.element_size() == 4 && H5Tget_sign(data.type()) == H5T_SGN_2));
    }

    /// True where float holds every number of the dataset exactly.
    static bool fits_float(const Dataset& data) {
        return data.kind() == ElementKind::floating ? data.element_size() <= 4 : data.element_size() <= 2;
    }

    /// How many lines along `side` are read at a time, so that no chunk is decompressed twice where a buffer can hold
    /// them.
    static std::size_t dense_lines(const Dataset& data, std::size_t side, std::size_t across) {
        std::size_t lines = std::max<std::size_t>(1, (std::size_t{1} << 18) / across);
        const auto chunk = static_cast<std::size_t>(data.chunk(side));
        if (chunk > 0 && chunk <= (std::size_t{1} << 23) / across) lines = (lines + chunk - 1) / chunk * chunk;
        return lines;
    }

    /// Collects the counts of a dense array.
    class Dense {
    public:
        Dense(Hdf5MatrixReader& reader, const Dataset& data)
            : reader_(reader),
              data_(data),
              meter_(reader.progress_, reader.file_.name,
                     static_cast<double>(data.shape()[0]) * static_cast<double>(data.shape()[1]), million, 1e6) {
            data.require_numbers();
            reader.matrix_.row_offsets.assign(1, 0);
            reader.matrix_.row_offsets.reserve(reader.matrix_.obs.names.size() + 1);
        }

        /// Calls read(buffer) with a buffer of the type that holds the file's numbers.
        template <class Read>
        void each(const Read& read) {
            if (fits_float(data_))
                read(std::vector<float>{});
            else
                read(std::vector<double>{});
        }

        template <class Value>
        void load(std::vector<Value>& buffer, const std::vector<hsize_t>& start, const std::vector<hsize_t>& counts) {
            buffer.resize(static_cast<std::size_t>(counts[0] * counts[1]));
            data_.read(start, counts, native_type<Value>(), buffer.data());
            meter_.add(static_cast<double>(buffer.size()));
        }

        template <class Value>
        void store(Value value, std::size_t cell, std::size_t gene) {
            if (value == 0) return;
            if (!is_count(value))
                reader_.refuse_value(data_.place(), static_cast<double>(value), static_cast<std::int64_t>(cell),
                                     static_cast<std::int64_t>(gene));
            columns_.push(static_cast<GeneIndex>(gene));
            values_.push(static_cast<float>(value));
        }

        void end_row() { reader_.matrix_.row_offsets.push_back(static_cast<std::int64_t>(values_.size())); }

        void finish() {
            reader_.matrix_.columns = columns_.take();
            reader_.matrix_.values = values_.take();
            meter_.finish();
        }

    private:
        Hdf5MatrixReader& reader_;
        const Dataset& data_;
        ProgressMeter meter_;
        Pile<GeneIndex> columns_;
        Pile<float> values_;
    };

    const Hdf5File& file_;
    std::string place_;
    CountMatrix& matrix_;
    const ReadProgressCallback& progress_;
};

}  // namespace cellvae::io_detail
