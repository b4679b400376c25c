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
#include "cellvae/models/evaluate.hpp"

namespace cellvae {

struct DifferentialExpressionOptions {
    Index pairs = 5000;        ///< of a cell of the group and one of the reference, each with a draw of z
    double delta = 0.25;       ///< smallest log2 fold change that counts as one; above 0
    double library = 1e4;      ///< library size at which expression is compared
    double pseudocount = 0.1;  ///< added to both sides of a fold change, in counts at that library size; above 0
    double fdr = 0.05;         ///< expected share of false discoveries among the genes that are called
    std::uint64_t seed = 0;
};

/// What was found of one gene.
struct GeneDifference {
    GeneIndex gene = 0;           ///< its number in the model
    double probability = 0;       ///< that |log2 fold change| is above delta
    double bayes_factor = 0;      ///< log of probability / (1 - probability), finite: see differential_expression
    double mean_change = 0;       ///< log2 fold change of the group over the reference, mean over pairs
    double deviation_change = 0;  ///< its standard deviation over pairs
    double probability_up = 0;    ///< that the fold change is above 0
    double mean_group = 0;        ///< expected expression at the library size, mean over pairs
    double mean_reference = 0;
    double share_group = 0;  ///< share of the cells with a count of the gene
    double share_reference = 0;
    double expected_fdr = 0;  ///< share of false discoveries expected when this gene and all above it are called
    bool called = false;      ///< with that share below the one asked for
};

namespace evaluation_detail {

/// sums (genes x 6) += of each pair: |change| > delta, change > 0, change, its square, both expressions.
template <class Exec, class ValuesView, class SumsView>
void add_pairs(const Exec& exec, const ValuesView& group, const ValuesView& reference, Index pairs, double delta,
               double pseudocount, const SumsView& sums) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::add_pairs"), Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(sums.extent(0))),
        KOKKOS_LAMBDA(const Index gene) {
            for (Index pair = 0; pair < pairs; ++pair) {
                const auto a = static_cast<double>(group(pair, gene));
                const auto b = static_cast<double>(reference(pair, gene));
                const double change = Kokkos::log2((a + pseudocount) / (b + pseudocount));
                sums(gene, 0) += Kokkos::abs(change) > delta ? 1 : 0;
                sums(gene, 1) += change > 0 ? 1 : 0;
                sums(gene, 2) += change;
                sums(gene, 3) += change * change;
                sums(gene, 4) += a;
                sums(gene, 5) += b;
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

/// The share of the cells in which each gene has a count.
[[nodiscard]] inline std::vector<double> detected_shares(const CellsView& view, std::span<const Index> cells) {
    std::vector<double> shares(static_cast<std::size_t>(view.genes()));
    for (const Index cell : cells)
        for (auto k = view.row_offsets[static_cast<std::size_t>(cell)];
             k < view.row_offsets[static_cast<std::size_t>(cell) + 1]; ++k)
            if (view.values[static_cast<std::size_t>(k)] > 0)
                shares[static_cast<std::size_t>(view.columns[static_cast<std::size_t>(k)])] +=
                    1 / static_cast<double>(cells.size());
    return shares;
}

/// Sorts by how sure a change is, and calls genes from the top on while the expected share of false ones allows.
inline void rank_and_call(std::vector<GeneDifference>& genes, double fdr) {
    std::stable_sort(genes.begin(), genes.end(), [](const GeneDifference& a, const GeneDifference& b) {
        return std::pair(-a.probability, -std::abs(a.mean_change)) <
               std::pair(-b.probability, -std::abs(b.mean_change));
    });
    double wrong = 0;
    for (std::size_t i = 0; i < genes.size(); ++i) {
        wrong += 1 - genes[i].probability;
        genes[i].expected_fdr = wrong / static_cast<double>(i + 1);
        genes[i].called = genes[i].expected_fdr <= fdr;
    }
}

}  // namespace evaluation_detail

/// Genes whose expression differs between two groups of cells, by sampling from the posterior: Lopez et al. (2018,
/// Nature Methods 15, 1053) in the "change" mode of Boyeau et al. (2019, bioRxiv 794289).
///
/// A pair is a random cell of the group and one of the reference. Of each z is drawn from q(z | x), for a mixture y
/// from q(y | x) first, and decoded to the expected expression h at one library size. The change of a gene is log2
/// (h_group + pseudocount) - log2 (h_reference + pseudocount); the pairs estimate the probability that its size is
/// above `delta`, and the Bayes factor is the log of that probability over that of the opposite, with half a pair added
/// to both sides so that it stays finite. Cells are taken in random order, each once before any is taken again with a
/// new draw. The expected share of false discoveries is that of Boyeau et al.: the mean of 1 - probability of the genes
/// called.
///
/// Cells keep their own condition, if the model has some: differences of conditions between the groups are not taken
/// out. The same seed gives the same numbers.
///
/// @param group, reference numbers of cells in the data set; none in both
/// @param progress is told how many pairs are done, if it is not empty
/// @returns all genes of the model, the surest change first
/// @throws OptionError for options outside their ranges, an empty group, a cell that is in both or not there, or a
/// target that is not counts
template <class Model, class Real, class Exec>
[[nodiscard]] std::vector<GeneDifference> differential_expression(
    const Exec& exec, Model& model, const Dataset<Exec>& data, Minibatch<Real, Exec>& batch,
    std::span<const Index> group, std::span<const Index> reference, const DifferentialExpressionOptions& options = {},
    const CellProgress& progress = {}) {
    using Space = typename Exec::memory_space;
    if (options.pairs < 1)
        throw OptionError(message("pairs of cells: found ", options.pairs, ", at least 1 is needed"));
    if (!(options.delta > 0) || !(options.pseudocount > 0) || !(options.library > 0))
        throw OptionError(message("delta, pseudocount and library size must be above 0; found ", options.delta, ", ",
                                  options.pseudocount, " and ", options.library));
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
    DecodedGenes<Model> genes(exec, model, {});
    const auto width = static_cast<std::size_t>(genes.size());
    const auto most = static_cast<std::size_t>(batch.most_cells());
    Matrix<float, Space> values[2];
    for (auto& side : values)
        side = Matrix<float, Space>(Kokkos::view_alloc(exec, "cellvae::differential_expression::values"), most, width);
    Vector<Index, Space> chosen(Kokkos::view_alloc(exec, "cellvae::differential_expression::chosen"), most);
    Matrix<double, Space> sums(Kokkos::view_alloc(exec, "cellvae::differential_expression::sums"), width, 6);

    evaluation_detail::CellTurns turns[2]{{group, options.seed, 0}, {reference, options.seed, 1}};
    for (Index done = 0; done < options.pairs;) {
        const Index count =
            std::min({turns[0].left(), turns[1].left(), static_cast<Index>(most), options.pairs - done});
        for (std::size_t side = 0; side < 2; ++side) {
            batch.assemble(exec, data, cell_order(exec, turns[side].take(count)));
            model.decode_draws(exec, batch, turns[side].round(), 1, options.seed, [&](const auto& draws) {
                evaluation_detail::choose_rows(draws, 0, chosen);
                genes.for_each_panel(draws, [&](const auto& panel) {
                    evaluation_detail::chosen_means(draws, panel, to, chosen, values[side]);
                });
            });
            turns[side].advance(count);
        }
        evaluation_detail::add_pairs(exec, values[0], values[1], count, options.delta, options.pseudocount, sums);
        done += count;
        exec.fence(KernelLabel("cellvae::differential_expression"));
        if (progress) progress(done);
    }
    const auto host = to_host(exec, KernelLabel("cellvae::differential_expression"), sums);
    const auto share_group = evaluation_detail::detected_shares(data.cells_view, group);
    const auto share_reference = evaluation_detail::detected_shares(data.cells_view, reference);
    const auto pairs = static_cast<double>(options.pairs);
    std::vector<GeneDifference> result(width);
    for (std::size_t gene = 0; gene < width; ++gene) {
        auto& found = result[gene];
        found.gene = static_cast<GeneIndex>(gene);
        found.probability = host(gene, 0) / pairs;
        found.bayes_factor = std::log((host(gene, 0) + 0.5) / (pairs - host(gene, 0) + 0.5));
        found.probability_up = host(gene, 1) / pairs;
        found.mean_change = host(gene, 2) / pairs;
        found.deviation_change =
            std::sqrt(std::max(0.0, host(gene, 3) / pairs - found.mean_change * found.mean_change));
        found.mean_group = host(gene, 4) / pairs;
        found.mean_reference = host(gene, 5) / pairs;
        found.share_group = share_group[gene];
        found.share_reference = share_reference[gene];
    }
    evaluation_detail::rank_and_call(result, options.fdr);
    return result;
}

}  // namespace cellvae
