// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <vector>

#include "cellvae/data/visit_counts.hpp"
#include "cellvae/evaluation/decoded_kernels.hpp"
#include "cellvae/models/evaluate.hpp"

namespace cellvae {

struct PosteriorPredictiveOptions {
    std::vector<GeneIndex> genes{};  ///< numbers of the genes that are wanted, in the order wanted; empty: all
    std::vector<Index> cells{};      ///< likewise of the cells
    Index draws = 1;                 ///< of each cell; at least 1
    std::uint64_t seed = 0;
};

/// Takes one draw of some cells: of `count` cells from place `first` on among those wanted, count x genes, row-major.
/// They are there for the length of the call.
using TakeDraw = std::function<void(Index draw, Index first, Index count, std::span<const float> values)>;

/// Samples from the posterior predictive distribution: for each cell z from q(z | x), for a mixture y from q(y | x)
/// first, and then each gene from p(x | z) with the cell's own library size. What a model that fits generates looks
/// like the cells themselves (Gelman, Meng and Stern 1996, Statistica Sinica 6). The numbers are keyed by (seed, cell,
/// draw, gene): the same whatever the minibatches, threads and genes asked for.
///
/// @throws OptionError for no draws @throws ShapeError for a gene that the model does not have, or such a cell
template <class Model, class Real, class Exec, CellSource<Exec> Cells>
void sample_posterior_predictive(const Exec& exec, Model& model, const Cells& data, Minibatch<Real, Exec>& batch,
                                 const PosteriorPredictiveOptions& options, const TakeDraw& take) {
    using Space = typename Exec::memory_space;
    if (options.draws < 1) throw OptionError(message("sampling needs at least one draw, found ", options.draws));
    model.require_fit(data);
    for (const Index cell : options.cells)
        if (cell < 0 || cell >= data.cells())
            throw ShapeError(message("cells to sample for: found ", cell, ", expected 0 to ", data.cells() - 1));
    const std::vector<Index> order = options.cells.empty() ? all_cells(data) : options.cells;
    DecodedGenes<Model> genes(exec, model, options.genes);
    const auto width = static_cast<std::size_t>(genes.size());
    const auto most = static_cast<std::size_t>(batch.most_cells());
    Matrix<float, Space> values(Kokkos::view_alloc(exec, "cellvae::posterior_predictive::values"), most, width);
    Vector<Index, Space> chosen(Kokkos::view_alloc(exec, "cellvae::posterior_predictive::chosen"), most);
    const auto host = Kokkos::create_mirror_view(values);
    models_detail::for_each_minibatch(exec, data, order, batch, [&](Index first, Index count) {
        model.decode_draws(exec, batch, 0, options.draws, options.seed, [&](const auto& draws) {
            for (Index draw = 0; draw < draws.draws; ++draw) {
                evaluation_detail::choose_rows(draws, draw, chosen);
                genes.for_each_panel(draws, [&](const auto& panel) {
                    evaluation_detail::sample_values(draws, panel, draw, chosen, values);
                });
                read_back(exec, KernelLabel("cellvae::posterior_predictive"), host, values);
                take(draws.first_draw + draw, first, count, {host.data(), static_cast<std::size_t>(count) * width});
            }
        });
    });
}

/// Of each gene over cells: the mean, the variance (divided by the cells) and the share of zeros.
struct GeneMoments {
    std::vector<double> mean, variance, zero_share;
};

/// What the cells are like, gene by gene, and what the model generates for them.
struct PosteriorPredictiveSummary {
    Index cells = 0;
    Index draws = 0;
    std::vector<GeneIndex> genes;  ///< their numbers in the model
    GeneMoments observed;          ///< of the target, which is counts unless the model explains another
    GeneMoments simulated;         ///< of all draws of all cells
};

namespace evaluation_detail {

/// Sums of one gene's values as they come.
struct MomentSums {
    double sum = 0, squares = 0, zeros = 0;

    void add(double value) {
        sum += value;
        squares += value * value;
        zeros += value == 0 ? 1 : 0;
    }
};

[[nodiscard]] inline GeneMoments moments(const std::vector<MomentSums>& sums, double count) {
    GeneMoments result;
    for (const auto& gene : sums) {
        const double mean = gene.sum / count;
        result.mean.push_back(mean);
        result.variance.push_back(std::max(0.0, gene.squares / count - mean * mean));
        result.zero_share.push_back(gene.zeros / count);
    }
    return result;
}

}  // namespace evaluation_detail

/// A posterior predictive check: mean, variance and share of zeros of each gene, observed and simulated. Options and
/// errors as for sample_posterior_predictive. `progress` is told how many cells are done, if it is not empty.
template <class Model, class Real, class Exec, CellSource<Exec> Cells>
[[nodiscard]] PosteriorPredictiveSummary posterior_predictive_summary(const Exec& exec, Model& model, const Cells& data,
                                                                      Minibatch<Real, Exec>& batch,
                                                                      const PosteriorPredictiveOptions& options = {},
                                                                      const Progress& progress = {}) {
    const std::vector<Index> numbers = options.cells.empty() ? all_cells(data) : options.cells;
    const auto cell_count = static_cast<double>(numbers.size());
    PosteriorPredictiveSummary summary{static_cast<Index>(numbers.size()), options.draws, options.genes, {}, {}};
    for (Index gene = 0; options.genes.empty() && gene < data.genes(); ++gene)
        summary.genes.push_back(static_cast<GeneIndex>(gene));
    const auto width = summary.genes.size();
    std::vector<evaluation_detail::MomentSums> simulated(width);
    sample_posterior_predictive(exec, model, data, batch, options,
                                [&](Index, Index first, Index count, std::span<const float> values) {
                                    for (std::size_t i = 0; i < values.size(); ++i)
                                        simulated[i % width].add(static_cast<double>(values[i]));
                                    if (progress) progress(first + count);
                                });
    std::vector<evaluation_detail::MomentSums> every(static_cast<std::size_t>(data.genes())), observed;
    visit_counts(data, numbers, [&](Index number, std::span<const GeneIndex> counted, std::span<const float> counts) {
        const auto cell = static_cast<std::size_t>(number);
        for (std::size_t k = 0; k < counted.size(); ++k) {
            auto& gene = every[static_cast<std::size_t>(counted[k])];
            gene.add(target_value(data.target, static_cast<double>(counts[k]), data.host_library[cell],
                                  data.host_maximum[cell]));
            gene.zeros -= 1;  // what is not stored is zero, and is added below
        }
    });
    for (const GeneIndex gene : summary.genes) {
        observed.push_back(every[static_cast<std::size_t>(gene)]);
        observed.back().zeros += cell_count;
    }
    summary.observed = evaluation_detail::moments(observed, cell_count);
    summary.simulated = evaluation_detail::moments(simulated, cell_count * static_cast<double>(options.draws));
    return summary;
}

}  // namespace cellvae
