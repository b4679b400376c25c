// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/SparseCore>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"

namespace cellvae {

/// Counts of cells x genes in compressed rows that somebody else owns, on the host. What the library trains on: it is
/// made from spans, a CountMatrix or Kokkos views, and must not outlive them; a CountMatrix that nobody keeps is not
/// taken.
///
/// The nonzeros of cell c lie at row_offsets[c] to row_offsets[c + 1]; within a cell, genes ascend and none appears
/// twice.
struct CellsView {
    std::span<const std::int64_t> row_offsets;  ///< cells + 1
    std::span<const GeneIndex> columns;         ///< the gene of each nonzero
    std::span<const float> values;              ///< the count of each nonzero
    Index gene_count = 0;
    std::span<const double> library_sizes;  ///< total count of each cell over all genes; empty: the sums of the rows
    const CountMatrix* source = nullptr;    ///< where there is one, errors name its cells and genes
    Index first_cell = 0;                   ///< the number of the first of these cells among those of `source`

    CellsView() = default;

    CellsView(std::span<const std::int64_t> offsets, std::span<const GeneIndex> gene_of, std::span<const float> counts,
              Index genes, std::span<const double> libraries = {})
        : row_offsets(offsets), columns(gene_of), values(counts), gene_count(genes), library_sizes(libraries) {}

    /// @throws ShapeError if no gene has a name: a matrix has as many genes as names
    CellsView(
        const CountMatrix& matrix)  // NOLINT(google-explicit-constructor): a matrix is accepted wherever cells are
        : row_offsets(matrix.row_offsets),
          columns(matrix.columns),
          values(matrix.values),
          gene_count(matrix.genes()),
          library_sizes(matrix.library_sizes),
          source(&matrix) {
        if (matrix.genes() == 0 && !matrix.columns.empty())
            throw ShapeError(
                "the counts have no genes, since a CountMatrix has one for each name: fill var.names, or make the "
                "CellsView from row_offsets, columns and values with a number of genes");
    }

    /// Arrays of other numbers, which would have to be copied: a compile-time error says which are right.
    template <std::ranges::contiguous_range Offsets, std::ranges::contiguous_range Columns,
              std::ranges::contiguous_range Values>
    requires(!std::is_same_v<std::ranges::range_value_t<Offsets>, std::int64_t> ||
             !std::is_same_v<std::ranges::range_value_t<Columns>, GeneIndex> ||
             !std::is_same_v<std::ranges::range_value_t<Values>, float>)
        CellsView(const Offsets&, const Columns&, const Values&, Index, std::span<const double> = {}) {
        static_assert(std::is_same_v<std::ranges::range_value_t<Offsets>, std::int64_t>,
                      "row offsets of cells are std::int64_t: copy them to a std::vector<std::int64_t>");
        static_assert(std::is_same_v<std::ranges::range_value_t<Columns>, GeneIndex>,
                      "genes of nonzeros are cellvae::GeneIndex (std::int32_t): copy them to a vector of it");
        static_assert(std::is_same_v<std::ranges::range_value_t<Values>, float>,
                      "counts are float: copy them to a std::vector<float>");
    }

    CellsView(const CountMatrix&&) = delete;  ///< the matrix would be gone: keep it in a variable of its own

    /// Host views of row offsets, genes and counts.
    /// @throws ShapeError if one of them is not contiguous
    template <class Offsets, class Columns, class Values>
    requires(Kokkos::is_view_v<Offsets>&& Kokkos::is_view_v<Columns>&& Kokkos::is_view_v<Values>)
        CellsView(const Offsets& offsets, const Columns& gene_of, const Values& counts, Index genes)
        : CellsView(std::span<const std::int64_t>(offsets.data(), offsets.extent(0)),
                    std::span<const GeneIndex>(gene_of.data(), gene_of.extent(0)),
                    std::span<const float>(counts.data(), counts.extent(0)), genes) {
        static_assert(on_host<Offsets> && on_host<Columns> && on_host<Values>,
                      "copy the cells to the host first (Kokkos::create_mirror_view_and_copy)");
        if (!offsets.span_is_contiguous() || !gene_of.span_is_contiguous() || !counts.span_is_contiguous())
            throw ShapeError(
                "views of cells must be contiguous: copy row offsets, genes and counts to arrays of their own");
    }

    [[nodiscard]] Index cells() const { return static_cast<Index>(row_offsets.size()) - 1; }
    [[nodiscard]] Index genes() const { return gene_count; }
    [[nodiscard]] Index nonzeros() const { return static_cast<Index>(values.size()); }

    /// "cell 12 (AAACCT-1)", with the name where it is known.
    [[nodiscard]] std::string cell_name(Index cell) const {
        return named("cell ", first_cell + cell, source == nullptr ? nullptr : &source->obs.names);
    }
    /// "gene 40 (Ins1)", with the name where it is known.
    [[nodiscard]] std::string gene_name(Index gene) const {
        return named("gene ", gene, source == nullptr ? nullptr : &source->var.names);
    }

    /// @throws ShapeError if the arrays are not compressed rows of cells x genes
    void check() const {
        if (row_offsets.empty() || row_offsets.front() != 0)
            throw ShapeError(
                "row offsets of the cells: they must start with 0 and have one entry more than there are cells");
        require_size(static_cast<Index>(columns.size()), nonzeros(), "genes of the nonzeros");
        require_size(row_offsets.back(), nonzeros(), "the last row offset, which is the number of nonzeros");
        if (!library_sizes.empty()) require_size(static_cast<Index>(library_sizes.size()), cells(), "library sizes");
        for (Index cell = 0; cell < cells(); ++cell) {
            const auto begin = row_offsets[static_cast<std::size_t>(cell)];
            const auto end = row_offsets[static_cast<std::size_t>(cell) + 1];
            if (begin > end || end > nonzeros())
                throw ShapeError(
                    message("row offsets of the cells descend at ", cell_name(cell), ": ", begin, " then ", end));
            for (auto k = begin; k < end; ++k) {
                const Index gene = columns[static_cast<std::size_t>(k)];
                if (gene < 0 || gene >= gene_count)
                    throw ShapeError(message(cell_name(cell), " has a count for gene ", gene, ", but there are ",
                                             gene_count, " genes"));
                if (k > begin && gene <= columns[static_cast<std::size_t>(k) - 1])
                    throw ShapeError(message(cell_name(cell),
                                             ": its genes must ascend and none may appear twice, found ", gene,
                                             " after ", columns[static_cast<std::size_t>(k) - 1]));
            }
        }
    }

private:
    template <class View>
    static constexpr bool on_host =
        Kokkos::SpaceAccessibility<Kokkos::HostSpace, typename View::memory_space>::accessible;

    static std::string named(const char* kind, Index position, const std::vector<std::string>* names) {
        std::string text = message(kind, position);
        if (names != nullptr && position < static_cast<Index>(names->size()))
            text += " (" + (*names)[static_cast<std::size_t>(position)] + ")";
        return text;
    }
};

/// @param what the counts are given to, which the error names
/// @throws InputError for a count that is below 0 or not finite
inline void require_counts(const CellsView& cells, const char* what) {
    const auto wrong = std::find_if_not(cells.values.begin(), cells.values.end(),
                                        [](float count) { return count >= 0 && std::isfinite(count); });
    if (wrong == cells.values.end()) return;
    const auto k = wrong - cells.values.begin();
    const auto after = std::upper_bound(cells.row_offsets.begin(), cells.row_offsets.end(), k);
    throw InputError(message(what, ": ", cells.cell_name(after - cells.row_offsets.begin() - 1), ", ",
                             cells.gene_name(cells.columns[static_cast<std::size_t>(k)]), " is ", *wrong,
                             *wrong < 0 ? ", expected 0 or more" : ", expected a finite number"));
}

/// A count matrix with the numbers of any Eigen sparse matrix of cells x genes; cells and genes are named by their
/// position.
template <class Scalar, int Options, class StorageIndex>
[[nodiscard]] CountMatrix to_count_matrix(const Eigen::SparseMatrix<Scalar, Options, StorageIndex>& cells) {
    using Rows = Eigen::SparseMatrix<Scalar, Eigen::RowMajor, std::int64_t>;
    Rows rows;
    rows = cells;  // whatever their order
    CountMatrix matrix;
    matrix.row_offsets.reserve(static_cast<std::size_t>(rows.rows()) + 1);
    for (Index cell = 0; cell < rows.rows(); ++cell) {
        std::vector<std::pair<GeneIndex, float>> found;
        for (typename Rows::InnerIterator it(rows, cell); it; ++it)
            if (it.value() != Scalar(0))
                found.emplace_back(static_cast<GeneIndex>(it.col()), static_cast<float>(it.value()));
        std::sort(found.begin(), found.end());
        for (const auto& [gene, count] : found) {
            matrix.columns.push_back(gene);
            matrix.values.push_back(count);
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back(std::to_string(cell));
    }
    for (Index gene = 0; gene < rows.cols(); ++gene) matrix.var.names.push_back(std::to_string(gene));
    return matrix;
}

}  // namespace cellvae
