// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/evaluation/decoded_kernels.hpp"
#include "cellvae/evaluation/gene_differences.hpp"
#include "cellvae/models/evaluate.hpp"

namespace cellvae {

struct DifferentialExpressionOptions {
    std::vector<GeneIndex> genes{};  ///< numbers of the genes that are compared; empty: all
    Index pairs = 5000;              ///< of a cell of the group and one of the reference, each with a draw of z
    double delta = 0.25;             ///< smallest log2 fold change that counts as one; 0: estimated_delta()
    double library = 1e4;            ///< library size at which expression is compared
    double pseudocount = 0.1;        ///< added to both sides of a fold change, in counts at that library size; above 0
    double fdr = 0.05;               ///< expected share of false discoveries among the genes that are called
    std::uint64_t seed = 0;
};

namespace evaluation_detail {

/// sums (genes x pair_sums) += of each pair.
template <class Exec, class Space, class SumsView>
void add_pairs(const Exec& exec, const ExpectedCounts<Space>& group, const ExpectedCounts<Space>& reference,
               Index pairs, double delta, double pseudocount, const SumsView& sums) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::add_pairs"), Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(sums.extent(0))),
        KOKKOS_LAMBDA(const Index gene) {
            for (Index pair = 0; pair < pairs; ++pair) {
                const auto a = static_cast<double>(group.at_library(pair, gene));
                const auto b = static_cast<double>(reference.at_library(pair, gene));
                const double change = Kokkos::log2((a + pseudocount) / (b + pseudocount));
                sums(gene, pairs_beyond) += Kokkos::abs(change) > delta ? 1 : 0;
                sums(gene, changes) += change;
                sums(gene, squared_changes) += change * change;
                sums(gene, group_at_library) += a;
                sums(gene, reference_at_library) += b;
                sums(gene, group_mean) += static_cast<double>(group.mean(pair, gene));
                sums(gene, reference_mean) += static_cast<double>(reference.mean(pair, gene));
                sums(gene, group_variance) += static_cast<double>(group.variance(pair, gene));
                sums(gene, reference_variance) += static_cast<double>(reference.variance(pair, gene));
            }
        });
}

/// The cells of one side, in random order again and again.
class CellTurns {
public:
    CellTurns(std::span<const Index> cells, std::uint64_t seed, std::uint32_t side)
        : cells_(cells.begin(), cells.end()), seed_(seed), side_(side) {
        shuffle();
    }

    /// How many cells are left in this round, and its number: the number of their draw.
    [[nodiscard]] Index left() const { return static_cast<Index>(cells_.size() - next_); }
    [[nodiscard]] Index round() const { return round_; }

    /// The next ones, at most left() of them.
    [[nodiscard]] std::span<const Index> take(Index count) const {
        return std::span(cells_).subspan(next_, static_cast<std::size_t>(count));
    }
    void advance(Index count) {
        next_ += static_cast<std::size_t>(count);
        if (left() > 0) return;
        ++round_;
        shuffle();
    }

private:
    void shuffle() {
        RandomStream random(seed_, Purpose::pairs, side_, static_cast<std::uint32_t>(round_));
        for (std::size_t i = cells_.size(); i > 1; --i)
            std::swap(cells_[i - 1], cells_[random.below(static_cast<std::uint32_t>(i))]);
        next_ = 0;
    }

    std::vector<Index> cells_;
    std::uint64_t seed_;
    std::uint32_t side_;
    std::size_t next_ = 0;
    Index round_ = 0;
};

}  // namespace evaluation_detail

/// Genes whose expression differs between two groups of cells, by sampling from the posterior: Lopez et al. (2018,
/// Nature Methods 15, 1053) in the "change" mode of Boyeau et al. (2019, bioRxiv 794289).
///
/// A pair is a random cell of the group and one of the reference. Of each z is drawn from q(z | x), for a mixture y
/// from q(y | x) first, and decoded to the expected expression h at one library size. The change of a gene is log2
/// (h_group + pseudocount) - log2 (h_reference + pseudocount). Cells are taken in random order, each once before any is
/// taken again with a new draw.
///
/// The pairs' mean is the groups' change as the decoder has it, which was fitted to the same counts and is not certain:
/// a gene of ten counts changes by a factor of two between any two groups. Its standard error has the variance
/// of the groups' sums of counts, and that of the pairs' mean over as many cells. From means and errors of all
/// genes the distribution of changes is estimated, and from that each gene's posterior (fit_effects(),
/// shrink_effects()): of it is the probability that the change is above `delta` in size, and its odds are the Bayes
/// factor. With the share of pairs in place of that probability, as usual, three times as many of the genes called are
/// false as are expected to be (tests/evaluation/differential_expression_calibration_test.cpp). The expected share of
/// false discoveries is that of Boyeau et al.: the mean of 1 - probability of the genes called.
///
/// Genes that were not measured are best left out: counts of zero that nobody counted say that a gene is off, and are
/// part of the distribution of changes and of the expected share of false discoveries.
///
/// Cells keep their own condition, if the model has some: differences of conditions between the groups are not taken
/// out. The same seed gives the same numbers.
///
/// @param group, reference numbers of cells in the data set; none in both
/// @param progress is told how many pairs are done, if it is not empty
/// @throws OptionError for options outside their ranges, an empty group, a cell that is in both or not there, or a
/// target that is not counts @throws ShapeError for a gene that the model does not have
template <class Model, class Real, class Exec>
[[nodiscard]] Differences differential_expression(const Exec& exec, Model& model, const Dataset<Exec>& data,
                                                  Minibatch<Real, Exec>& batch, std::span<const Index> group,
                                                  std::span<const Index> reference,
                                                  const DifferentialExpressionOptions& options = {},
                                                  const Progress& progress = {}) {
    using Space = typename Exec::memory_space;
    if (options.pairs < 1)
        throw OptionError(message("pairs of cells: found ", options.pairs, ", at least 1 is needed"));
    if (!(options.delta >= 0) || !(options.pseudocount > 0) || !(options.library > 0))
        throw OptionError(message("delta must be 0 or above, pseudocount and library size above 0; found ",
                                  options.delta, ", ", options.pseudocount, " and ", options.library));
    if (group.empty() || reference.empty())
        throw OptionError(message("there are ", group.size(), " cells in the group and ", reference.size(),
                                  " in the reference: both need at least one"));
    std::vector<bool> taken(static_cast<std::size_t>(data.cells()));
    for (const auto cells : {group, reference})
        for (const Index cell : cells) {
            if (cell < 0 || cell >= data.cells() || taken[static_cast<std::size_t>(cell)])
                throw OptionError(message("cell ", cell, " of a group is not in the data set, or is there twice"));
            taken[static_cast<std::size_t>(cell)] = true;
        }
    model.require_fit(data);
    const auto to = evaluation_detail::to_library(model, data, batch, options.library);
    DecodedGenes<Model> genes(exec, model, options.genes);
    const auto width = static_cast<std::size_t>(genes.size());
    const auto most = static_cast<std::size_t>(batch.most_cells());
    evaluation_detail::ExpectedCounts<Space> values[2];
    for (auto& side : values)
        for (auto* matrix : {&side.at_library, &side.mean, &side.variance})
            *matrix =
                Matrix<float, Space>(Kokkos::view_alloc(exec, "cellvae::differential_expression::values"), most, width);
    Vector<Index, Space> chosen(Kokkos::view_alloc(exec, "cellvae::differential_expression::chosen"), most);
    Matrix<double, Space> sums(Kokkos::view_alloc(exec, "cellvae::differential_expression::sums"), width,
                               static_cast<std::size_t>(evaluation_detail::pair_sums));

    const auto sample = [&](Index pairs, double delta, const Progress& told) {
        Kokkos::deep_copy(exec, sums, 0.0);
        evaluation_detail::CellTurns turns[2]{{group, options.seed, 0}, {reference, options.seed, 1}};
        for (Index done = 0; done < pairs;) {
            const Index count = std::min({turns[0].left(), turns[1].left(), static_cast<Index>(most), pairs - done});
            for (std::size_t side = 0; side < 2; ++side) {
                batch.assemble(exec, data, cell_order(exec, turns[side].take(count)));
                model.decode_draws(exec, batch, turns[side].round(), 1, options.seed, [&](const auto& draws) {
                    evaluation_detail::choose_rows(draws, 0, chosen);
                    genes.for_each_panel(draws, [&](const auto& panel) {
                        evaluation_detail::chosen_moments(draws, panel, to, chosen, values[side]);
                    });
                });
                turns[side].advance(count);
            }
            evaluation_detail::add_pairs(exec, values[0], values[1], count, delta, options.pseudocount, sums);
            done += count;
            exec.fence(KernelLabel("cellvae::differential_expression"));
            if (told) told(done);
        }
        return to_host(exec, KernelLabel("cellvae::differential_expression"), sums);
    };
    Differences result{{}, options.delta, 0};
    if (options.delta == 0) {
        const Index pairs = std::min<Index>(options.pairs, 1000);
        const auto first = sample(pairs, 0, {});
        std::vector<double> changes;
        for (std::size_t gene = 0; gene < width; ++gene)
            changes.push_back(first(gene, evaluation_detail::changes) / static_cast<double>(pairs));
        result.delta = estimated_delta(changes);
    }
    result.genes = evaluation_detail::gene_differences(
        sample(options.pairs, result.delta, progress), genes.genes(), options.pairs, options.pseudocount,
        evaluation_detail::group_counts(data.cells_view, data.host_library, group),
        evaluation_detail::group_counts(data.cells_view, data.host_library, reference));
    result.typical_change = evaluation_detail::add_posteriors(result.genes, result.delta);
    evaluation_detail::rank_and_call(result.genes, options.fdr);
    return result;
}

}  // namespace cellvae
