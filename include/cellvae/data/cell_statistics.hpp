// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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
    std::span<const double> input_shift{};      ///< of each gene, for standardised inputs, as in Dataset: those that a
    std::span<const double> input_scale{};      ///< model was trained with; empty: from these cells
    std::span<const Index> standardise_from{};  ///< the cells, those to train on, from which they are taken; empty: all
};

namespace data_detail {

/// What is to be said to somebody whose value a likelihood refuses.
template <class Likelihood>
std::string wanted_values(double value) {
    switch (default_target<Likelihood>()) {
        case Target::counts:
            return value > 0 && std::isfinite(value)
                       ? "whole counts from 0 on; give the raw counts, not normalised values"
                       : "whole counts from 0 on";
        case Target::unit_maximum:
            return "values in [0, 1]; use the target unit_maximum";
        default:
            return "finite values";
    }
}

}  // namespace data_detail

/// What is known of the cells and genes of a data set without their counts, which may lie in memory (Dataset) or in a
/// file (StreamedDataset).
template <class Exec>
struct CellStatistics {
    using Space = typename Exec::memory_space;

    Vector<double, Space> library;          ///< total count of each cell over all genes of the file
    Vector<double, Space> total;            ///< total count of each cell over the genes that are here
    Vector<double, Space> maximum;          ///< largest count of each cell
    Vector<double, Space> base_measure;     ///< of each cell: the likelihood's log base measure, summed over all genes
    Vector<std::int32_t, Space> label;      ///< each cell's known cluster, or -1
    Vector<std::int32_t, Space> condition;  ///< each cell's condition; empty where there are none
    Vector<double, Space> input_shift;      ///< of each gene, for standardised inputs: mean / standard deviation
    Vector<double, Space> input_scale;      ///< 1 / standard deviation, 0 for a gene that does not vary
    Input input = Input::log1p;
    Target target = Target::counts;
    std::string_view likelihood{};  ///< the name of the one that they were checked against
    std::int32_t largest_label = -1;
    Index condition_count = 0;  ///< the largest condition and one
    Index cell_count = 0;
    Index gene_count = 0;
    std::vector<std::int64_t> host_offsets;  ///< row offsets on the host, from which minibatches take their sizes
    std::vector<double> host_library, host_total, host_maximum;  ///< of each cell, as above
    std::vector<double> target_sum, target_square_sum;  ///< of each gene: its targets and their squares, over all cells
    CellsView cells_view;  ///< the counts where they are in memory; errors take names from it in any case

    [[nodiscard]] Index cells() const { return cell_count; }
    [[nodiscard]] Index genes() const { return gene_count; }

    /// The largest number of nonzeros that any `count` cells have together.
    [[nodiscard]] Index most_nonzeros(Index count) const {
        return largest_sums[static_cast<std::size_t>(std::clamp(count, Index{0}, cells()))];
    }

    /// @throws ShapeError for a cell that is not here, or that is asked for twice: minibatches have room for the
    /// nonzeros of different cells
    void require_cells(std::span<const Index> order) const {
        std::vector<bool> seen(static_cast<std::size_t>(cells()));
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (order[i] < 0 || order[i] >= cells())
                throw ShapeError(message("cell ", order[i], " is asked for at position ", i, ", but there are ",
                                         cells(), " cells, numbered from 0: was the split made for other data?"));
            if (seen[static_cast<std::size_t>(order[i])])
                throw ShapeError(message("cell ", order[i], " is asked for a second time at position ", i,
                                         ": expected each cell once"));
            seen[static_cast<std::size_t>(order[i])] = true;
        }
    }

    std::vector<Index> largest_sums{0};  ///< cells + 1: the nonzeros of the so many cells that have the most
};

/// Takes the statistics of cells, which come block by block in their order, and checks their values against a
/// likelihood: one pass over the counts.
template <class Likelihood>
class StatisticsBuilder {
public:
    /// @throws InputError if there is no cell or gene, or a condition is negative
    /// @throws ShapeError if there is not one label, or condition, a cell, or a cell to standardise from is not there
    StatisticsBuilder(const CellsView& names, Index cells, Index genes, const DatasetOptions& options)
        : options_(options),
          target_(options.target.value_or(default_target<Likelihood>())),
          cells_(cells),
          genes_(genes),
          sum_(static_cast<std::size_t>(genes)),
          square_sum_(static_cast<std::size_t>(genes)) {
        if (cells == 0 || genes == 0)
            throw InputError(
                message("there are ", cells, " cells and ", genes, " genes: at least one of each is needed"));
        if (!options.labels.empty()) require_size(static_cast<Index>(options.labels.size()), cells, "known labels");
        if (!options.conditions.empty()) {
            require_size(static_cast<Index>(options.conditions.size()), cells, "conditions of the cells");
            for (std::size_t cell = 0; cell < options.conditions.size(); ++cell)
                if (options.conditions[cell] < 0)
                    throw InputError(message(names.cell_name(static_cast<Index>(cell)), " has the condition ",
                                             options.conditions[cell], ": every cell needs one, numbered from 0 on"));
        }
        const auto count = static_cast<std::size_t>(cells);
        offsets_.reserve(count + 1);
        for (auto* values : {&library_, &total_, &maximum_, &base_measure_}) values->reserve(count);
        if (options.input == Input::standardised) {
            mean_.resize(static_cast<std::size_t>(genes));
            square_.resize(static_cast<std::size_t>(genes));
            share_.assign(count, options.standardise_from.empty() ? 1.0 / static_cast<double>(cells) : 0.0);
            for (const Index cell : options.standardise_from) {
                if (cell < 0 || cell >= cells)
                    throw ShapeError(message("cell ", cell, " is one to standardise from, but there are ", cells,
                                             " cells, numbered from 0"));
                share_[static_cast<std::size_t>(cell)] = 1.0 / static_cast<double>(options.standardise_from.size());
            }
        }
    }

    /// Takes the next cells.
    /// @throws InputError if the counts of a cell are to be divided by a library size that is not above 0, or a target
    /// lies outside the likelihood's support; the message names cell, gene and value
    void add(const CellsView& block) {
        if (!Likelihood::supports(0.0) && block.nonzeros() < block.cells() * block.genes())
            throw InputError(
                message("the likelihood ", Likelihood::name, " does not support zero, which most counts are"));
        for (Index cell = 0; cell < block.cells(); ++cell) add_cell(block, cell);
    }

    /// @throws ShapeError unless as many cells came as there should be
    template <class Exec>
    void finish(const Exec& exec, CellStatistics<Exec>& data) {
        require_size(static_cast<Index>(library_.size()), cells_, "cells whose statistics were taken");
        data.input = options_.input;
        data.target = target_;
        data.likelihood = Likelihood::name;
        data.cell_count = cells_;
        data.gene_count = genes_;
        const auto copied = [&]<class Value>(std::span<const Value> source, const char* label) {
            return to_backend(exec, source, label);
        };
        data.library = copied(std::span<const double>(library_), "cellvae::dataset::library");
        data.total = copied(std::span<const double>(total_), "cellvae::dataset::total");
        data.maximum = copied(std::span<const double>(maximum_), "cellvae::dataset::maximum");
        data.base_measure = copied(std::span<const double>(base_measure_), "cellvae::dataset::base_measure");
        std::vector<std::int32_t> labels(options_.labels.begin(), options_.labels.end());
        if (labels.empty()) labels.assign(library_.size(), -1);
        data.largest_label = *std::max_element(labels.begin(), labels.end());
        data.label = copied(std::span<const std::int32_t>(labels), "cellvae::dataset::label");
        if (!options_.conditions.empty()) {
            data.condition_count = 1 + *std::max_element(options_.conditions.begin(), options_.conditions.end());
            data.condition = copied(options_.conditions, "cellvae::dataset::condition");
        }
        if (data.input == Input::standardised) {
            for (std::size_t gene = 0; gene < mean_.size(); ++gene) {
                const double variance = square_[gene] - mean_[gene] * mean_[gene];
                square_[gene] = variance > 1e-12 ? 1 / std::sqrt(variance) : 0;
                mean_[gene] *= square_[gene];
            }
            if (!options_.input_shift.empty() || !options_.input_scale.empty()) {
                mean_.assign(options_.input_shift.begin(), options_.input_shift.end());
                square_.assign(options_.input_scale.begin(), options_.input_scale.end());
            }
            require_size(static_cast<Index>(mean_.size()), genes_, "genes with a shift of the standardised input");
            require_size(static_cast<Index>(square_.size()), genes_, "genes with a scale of the standardised input");
            data.input_shift = copied(std::span<const double>(mean_), "cellvae::dataset::input_shift");
            data.input_scale = copied(std::span<const double>(square_), "cellvae::dataset::input_scale");
        }
        exec.fence("cellvae::dataset::statistics");
        std::vector<Index> sizes(library_.size());
        for (std::size_t cell = 0; cell < sizes.size(); ++cell) sizes[cell] = offsets_[cell + 1] - offsets_[cell];
        std::sort(sizes.begin(), sizes.end(), std::greater<>());
        data.largest_sums.assign(1, 0);
        for (const Index size : sizes) data.largest_sums.push_back(data.largest_sums.back() + size);
        data.host_offsets = std::move(offsets_);
        data.host_library = std::move(library_);
        data.host_total = std::move(total_);
        data.host_maximum = std::move(maximum_);
        data.target_sum = std::move(sum_);
        data.target_square_sum = std::move(square_sum_);
    }

private:
    void add_cell(const CellsView& block, Index cell) {
        const auto begin = static_cast<std::size_t>(block.row_offsets[static_cast<std::size_t>(cell)]);
        const auto end = static_cast<std::size_t>(block.row_offsets[static_cast<std::size_t>(cell) + 1]);
        double total = 0;
        double maximum = 0;
        bool empty = true;
        for (auto k = begin; k < end; ++k) {
            total += static_cast<double>(block.values[k]);
            maximum = std::max(maximum, static_cast<double>(block.values[k]));
            empty = empty && block.values[k] == 0;
        }
        const double library =
            block.library_sizes.empty() ? total : block.library_sizes[static_cast<std::size_t>(cell)];
        if (!block.library_sizes.empty() && !(std::isfinite(library) && (library > 0 || (library == 0 && empty))))
            throw InputError(message(block.cell_name(cell), " was given the library size ", library,
                                     ": a cell's total count over all genes is finite, and above 0 where it has any"));
        const bool divides = target_ != Target::counts || options_.input == Input::log1p_normalised ||
                             options_.input == Input::standardised;
        if (divides && !empty && !(library > 0 && maximum > 0))
            throw InputError(message(block.cell_name(cell), " has the library size ", library,
                                     ": normalised values need counts from 0 on that add up to more than 0"));
        double measure =
            Likelihood::log_base_measure(0.0) * static_cast<double>(genes_ - static_cast<Index>(end - begin));
        for (auto k = begin; k < end; ++k) {
            const auto value = static_cast<double>(block.values[k]);
            const double target = target_value(target_, value, library, maximum);
            if (!std::isfinite(value) || !Likelihood::supports(target))
                throw InputError(message(block.cell_name(cell), ", ", block.gene_name(block.columns[k]), ": the value ",
                                         target_ == Target::counts ? number_text(block.values[k]) : number_text(target),
                                         " is outside the support of the likelihood ", Likelihood::name,
                                         ", which wants ", data_detail::wanted_values<Likelihood>(target)));
            if (options_.input != Input::raw && options_.input != Input::target && value < 0)
                throw InputError(message(block.cell_name(cell), ", ", block.gene_name(block.columns[k]), ": the count ",
                                         value, " is negative, and the encoder's input ", name_of(options_.input),
                                         " wants counts from 0 on; use the input raw for other values"));
            measure += Likelihood::log_base_measure(target);
            const auto gene = static_cast<std::size_t>(block.columns[k]);
            sum_[gene] += target;
            square_sum_[gene] += target * target;
            if (options_.input == Input::standardised) {
                const double seen = value == 0 ? 0 : std::log1p(value * 1e4 / library);
                const double share = share_[library_.size()];
                mean_[gene] += seen * share;
                square_[gene] += seen * seen * share;
            }
        }
        offsets_.push_back(offsets_.back() + static_cast<std::int64_t>(end - begin));
        library_.push_back(library);
        total_.push_back(total);
        maximum_.push_back(maximum);
        base_measure_.push_back(measure);
    }

    DatasetOptions options_;
    Target target_;
    Index cells_;
    Index genes_;
    std::vector<std::int64_t> offsets_{0};
    std::vector<double> library_, total_, maximum_, base_measure_;  // of each cell
    std::vector<double> share_;                                     // of each cell in the mean and deviation
    std::vector<double> sum_, square_sum_, mean_, square_;          // of each gene
};

}  // namespace cellvae
