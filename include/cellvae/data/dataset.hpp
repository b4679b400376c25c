// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/data/cells.hpp"
#include "cellvae/data/target.hpp"

namespace cellvae {

struct DatasetOptions {
    Input input = Input::log1p;
    std::optional<Target> target{};  ///< none: default_target of the likelihood
    std::span<const std::int32_t>
        labels{};  ///< each cell's known cluster, -1 where it is not known; empty: none is known
    std::span<const std::int32_t>
        conditions{};  ///< each cell's condition (a batch, a donor), numbered from 0 on; empty: there are none
};

namespace data_detail {

/// What is to be said to somebody whose values a likelihood refuses.
template <class Likelihood>
std::string wanted_values() {
    switch (default_target<Likelihood>()) {
        case Target::counts:
            return "whole counts from 0 on; give the raw counts, not normalised values";
        case Target::unit_maximum:
            return "values in [0, 1]; use the target unit_maximum";
        default:
            return "finite values";
    }
}

/// A view of host memory where the backend can read it, else a copy in the backend's memory.
template <class Exec, class Value>
Kokkos::View<const Value*, typename Exec::memory_space> on_backend(std::span<const Value> values, const char* label) {
    using Space = typename Exec::memory_space;
    if constexpr (runs_on_host<Exec>) {
        return Kokkos::View<const Value*, Space>(values.data(), values.size());
    } else {
        Kokkos::View<Value*, Space> copy(Kokkos::view_alloc(Kokkos::WithoutInitializing, std::string(label)),
                                         values.size());
        Kokkos::deep_copy(copy, Kokkos::View<const Value*, Kokkos::HostSpace>(values.data(), values.size()));
        return copy;
    }
}

/// Of each gene: mean / deviation and 1 / deviation of log1p(count x 10,000 / library size) over the cells.
inline std::pair<std::vector<double>, std::vector<double>> standardisation(const CellsView& cells,
                                                                           std::span<const double> library) {
    const auto genes = static_cast<std::size_t>(cells.genes());
    const auto count = static_cast<double>(cells.cells());
    std::vector<double> mean(genes), square(genes);
    for (std::size_t cell = 0; cell < library.size(); ++cell)
        for (auto k = cells.row_offsets[cell]; k < cells.row_offsets[cell + 1]; ++k) {
            const auto at = static_cast<std::size_t>(k);
            const double value = std::log1p(static_cast<double>(cells.values[at]) * 1e4 / library[cell]);
            mean[static_cast<std::size_t>(cells.columns[at])] += value / count;
            square[static_cast<std::size_t>(cells.columns[at])] += value * value / count;
        }
    for (std::size_t gene = 0; gene < genes; ++gene) {
        const double variance = square[gene] - mean[gene] * mean[gene];
        square[gene] = variance > 1e-12 ? 1 / std::sqrt(variance) : 0;
        mean[gene] *= square[gene];
    }
    return {std::move(mean), std::move(square)};
}

}  // namespace data_detail

/// Cells as one backend reads them, checked against a likelihood: counts in compressed rows, and for each cell its
/// library size, largest count and base measure.
///
/// On host backends it looks into the memory of the CellsView that it was made from, which must outlive it.
template <class Exec>
struct Dataset {
    using Space = typename Exec::memory_space;

    Kokkos::View<const std::int64_t*, Space> row_offsets;  ///< cells + 1
    Kokkos::View<const GeneIndex*, Space> columns;         ///< the gene of each nonzero
    Kokkos::View<const float*, Space> values;              ///< the count of each nonzero
    Vector<double, Space> library;                         ///< total count of each cell over all genes of the file
    Vector<double, Space> total;                           ///< total count of each cell over the genes that are here
    Vector<double, Space> maximum;                         ///< largest count of each cell
    Vector<double, Space> base_measure;     ///< of each cell: the likelihood's log base measure, summed over all genes
    Vector<std::int32_t, Space> label;      ///< each cell's known cluster, or -1
    Vector<std::int32_t, Space> condition;  ///< each cell's condition; empty where there are none
    Vector<double, Space> input_shift;      ///< of each gene, for standardised inputs: mean / standard deviation
    Vector<double, Space> input_scale;      ///< 1 / standard deviation, 0 for a gene that does not vary
    Input input = Input::log1p;
    Target target = Target::counts;
    std::int32_t largest_label = -1;
    Index condition_count = 0;  ///< the largest condition and one
    Index cell_count = 0;
    Index gene_count = 0;
    std::vector<std::int64_t> host_offsets;  ///< row offsets on the host, from which minibatches take their sizes
    std::vector<double> host_library, host_total, host_maximum;  ///< of each cell, as above
    CellsView cells_view;  ///< where the counts came from: errors take names from it

    [[nodiscard]] Index cells() const { return cell_count; }
    [[nodiscard]] Index genes() const { return gene_count; }

    /// The largest number of nonzeros that any `count` cells have together.
    [[nodiscard]] Index most_nonzeros(Index count) const {
        std::vector<Index> sizes;
        sizes.reserve(static_cast<std::size_t>(cells()));
        for (std::size_t cell = 0; cell + 1 < host_offsets.size(); ++cell)
            sizes.push_back(host_offsets[cell + 1] - host_offsets[cell]);
        const Index taken = std::min(count, cells());
        std::partial_sort(sizes.begin(), sizes.begin() + taken, sizes.end(), std::greater<>());
        Index total = 0;
        for (Index i = 0; i < taken; ++i) total += sizes[static_cast<std::size_t>(i)];
        return total;
    }
};

/// Checks cells against a likelihood and makes them readable for a backend.
///
/// @throws ShapeError if the arrays are not compressed rows of cells x genes
/// @throws InputError if there is no cell or gene, if the counts of a cell are to be divided by a library size that is
/// not
///         above 0, if a target lies outside the likelihood's support, or if a condition is negative; the message names
///         cell, gene and value
template <class Likelihood, class Exec = Kokkos::DefaultExecutionSpace>
[[nodiscard]] Dataset<Exec> make_dataset(const Exec& exec, const CellsView& cells, const DatasetOptions& options = {}) {
    cells.check();
    if (cells.cells() == 0 || cells.genes() == 0)
        throw InputError(message("there are ", cells.cells(), " cells and ", cells.genes(),
                                 " genes: at least one of each is needed"));
    Dataset<Exec> data;
    data.input = options.input;
    data.target = options.target.value_or(default_target<Likelihood>());
    data.cell_count = cells.cells();
    data.gene_count = cells.genes();
    data.cells_view = cells;
    data.host_offsets.assign(cells.row_offsets.begin(), cells.row_offsets.end());
    const auto count = static_cast<std::size_t>(cells.cells());
    std::vector<double> library(count), sums(count), maximum(count), base_measure(count);
    const double zero_measure = Likelihood::log_base_measure(0.0);
    if (!Likelihood::supports(0.0) && cells.nonzeros() < cells.cells() * cells.genes())
        throw InputError(message("the likelihood ", Likelihood::name, " does not support zero, which most counts are"));
    for (std::size_t cell = 0; cell < count; ++cell) {
        const auto begin = static_cast<std::size_t>(cells.row_offsets[cell]);
        const auto end = static_cast<std::size_t>(cells.row_offsets[cell + 1]);
        double total = 0;
        double most = 0;
        for (auto k = begin; k < end; ++k) {
            total += static_cast<double>(cells.values[k]);
            most = std::max(most, static_cast<double>(cells.values[k]));
        }
        sums[cell] = total;
        library[cell] = cells.library_sizes.empty() ? total : cells.library_sizes[cell];
        maximum[cell] = most;
        const bool divides =
            data.target != Target::counts || data.input == Input::log1p_normalised || data.input == Input::standardised;
        if (divides && begin < end && !(library[cell] > 0 && most > 0))
            throw InputError(message(cells.cell_name(static_cast<Index>(cell)), " has the library size ", library[cell],
                                     ": normalised values need counts from 0 on that add up to more than 0"));
        double measure = zero_measure * static_cast<double>(cells.genes() - static_cast<Index>(end - begin));
        for (auto k = begin; k < end; ++k) {
            const auto value = static_cast<double>(cells.values[k]);
            const double target = target_value(data.target, value, library[cell], maximum[cell]);
            if (!std::isfinite(value) || !Likelihood::supports(target))
                throw InputError(message(cells.cell_name(static_cast<Index>(cell)), ", ",
                                         cells.gene_name(cells.columns[k]), ": the value ", target,
                                         " is outside the support of the likelihood ", Likelihood::name,
                                         ", which wants ", data_detail::wanted_values<Likelihood>()));
            if (data.input != Input::raw && data.input != Input::target && value < 0)
                throw InputError(message(cells.cell_name(static_cast<Index>(cell)), ", ",
                                         cells.gene_name(cells.columns[k]), ": the count ", value,
                                         " is negative, and the encoder's input ", name_of(data.input),
                                         " wants counts from 0 on; use the input raw for other values"));
            measure += Likelihood::log_base_measure(target);
        }
        base_measure[cell] = measure;
    }
    data.row_offsets = data_detail::on_backend<Exec>(cells.row_offsets, "cellvae::dataset::row_offsets");
    data.columns = data_detail::on_backend<Exec>(cells.columns, "cellvae::dataset::columns");
    data.values = data_detail::on_backend<Exec>(cells.values, "cellvae::dataset::values");
    const auto copied = [&]<class Value>(std::span<const Value> source, const char* label) {
        Vector<Value, typename Exec::memory_space> copy(
            Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, std::string(label)), source.size());
        Kokkos::deep_copy(exec, copy, Kokkos::View<const Value*, Kokkos::HostSpace>(source.data(), source.size()));
        return copy;
    };
    data.library = copied(std::span<const double>(library), "cellvae::dataset::library");
    data.total = copied(std::span<const double>(sums), "cellvae::dataset::total");
    data.maximum = copied(std::span<const double>(maximum), "cellvae::dataset::maximum");
    data.base_measure = copied(std::span<const double>(base_measure), "cellvae::dataset::base_measure");
    std::vector<std::int32_t> labels(options.labels.begin(), options.labels.end());
    if (labels.empty()) labels.assign(count, -1);
    require_size(static_cast<Index>(labels.size()), cells.cells(), "known labels");
    data.largest_label = *std::max_element(labels.begin(), labels.end());
    data.label = copied(std::span<const std::int32_t>(labels), "cellvae::dataset::label");
    if (!options.conditions.empty()) {
        require_size(static_cast<Index>(options.conditions.size()), cells.cells(), "conditions of the cells");
        for (std::size_t cell = 0; cell < count; ++cell)
            if (options.conditions[cell] < 0)
                throw InputError(message(cells.cell_name(static_cast<Index>(cell)), " has the condition ",
                                         options.conditions[cell], ": every cell needs one, numbered from 0 on"));
        data.condition_count = 1 + *std::max_element(options.conditions.begin(), options.conditions.end());
        data.condition = copied(options.conditions, "cellvae::dataset::condition");
    }
    if (data.input == Input::standardised) {
        const auto [shift, scale] = data_detail::standardisation(cells, library);
        data.input_shift = copied(std::span<const double>(shift), "cellvae::dataset::input_shift");
        data.input_scale = copied(std::span<const double>(scale), "cellvae::dataset::input_scale");
    }
    exec.fence("cellvae::make_dataset");
    data.host_library = std::move(library);
    data.host_total = std::move(sums);
    data.host_maximum = std::move(maximum);
    return data;
}

}  // namespace cellvae
