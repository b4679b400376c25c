// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include "cellvae/core/random.hpp"
#include "cellvae/models/decoded_genes.hpp"

// What evaluation does with the likelihood's parameters of a panel of genes.

namespace cellvae::evaluation_detail {

/// The likelihoods of counts bound the log of a gene's mean by 20, which is a count of 4.9e8: at a larger library size
/// what is drawn falls short of it, and what is expected soon is infinite in single precision.
inline constexpr double largest_library = 1e8;

/// @throws OptionError for a library size above that
inline void check_library(double library) {
    if (library > largest_library)
        throw OptionError(message("a library size is at most ", largest_library, ", found ", number_text(library),
                                  ": the mean count of a gene ends at 4.9e8"));
}

/// What an expected count is multiplied with so that it is that of a cell of another library size.
template <class Real, class Exec>
struct ToLibrary {
    Vector<Real, typename Exec::memory_space> log_library;  ///< of each cell
    double library = 0;                                     ///< 0: the cell's own, nothing is multiplied
    bool is_share = false;                                  ///< the mean already is that of a cell of library size 1

    KOKKOS_INLINE_FUNCTION double factor(Index cell) const {
        if (!(library > 0)) return 1;
        return is_share ? library : library * Kokkos::exp(-static_cast<double>(log_library(cell)));
    }
};

/// The likelihood's mean, or its probability of a structural zero.
template <class L, class Eta>
KOKKOS_INLINE_FUNCTION double expectation([[maybe_unused]] bool structural_zeros, const Eta& eta) {
    if constexpr (HasZeroInflation<L>)
        if (structural_zeros) return static_cast<double>(L::zero_inflation(eta));
    return static_cast<double>(L::mean(eta));
}

/// sums (cells x chosen genes) += the likelihood's mean, or its probability of a structural zero, over the draws and,
/// with their weights, a mixture's clusters.
template <class L, class Real, class Exec, class SumsView>
void add_expectations(const DecodedDraws<Real, Exec>& draws, const GenePanel<L, Real, Exec>& panel,
                      const ToLibrary<Real, Exec>& to, bool structural_zeros, const SumsView& sums) {
    const Index cells = draws.cells(), rows = draws.rows();
    const auto weights = draws.weights;
    for_each_row(
        draws.pass.exec, KernelLabel("cellvae::add_expectations"), cells, 10 * rows * panel.width,
        KOKKOS_LAMBDA(const Index cell, const KernelRow<Exec>& along) {
            const double factor = to.factor(cell);
            for (Index row = cell; row < rows; row += cells) {
                const double weight = factor * static_cast<double>(weights(row));
                if (weight == 0) continue;
                along.columns(panel.width, [&](const Index g) {
                    sums(cell, panel.first + g) += weight * expectation<L>(structural_zeros, panel.parameters(row, g));
                });
            }
        });
}

/// chosen (cells): of each cell one row of the `draw`-th draw, by the rows' weights: a mixture's cluster.
template <class Real, class Exec, class ChosenView>
void choose_rows(const DecodedDraws<Real, Exec>& draws, Index draw, const ChosenView& chosen) {
    const Index cells = draws.cells(), per_draw = draws.rows_per_draw();
    const Index begin = draw * per_draw;
    const auto number = static_cast<std::uint32_t>(draws.first_draw + draw);
    const auto weights = draws.weights;
    const auto cell_number = draws.pass.batch->cell;
    const std::uint64_t seed = draws.pass.seed;
    Kokkos::parallel_for(
        KernelLabel("cellvae::choose_rows"), Kokkos::RangePolicy<Exec>(draws.pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            Index row = begin + cell;
            if (per_draw > cells) {
                // third: no gene has this number
                RandomStream random(seed, Purpose::posterior_predictive, static_cast<std::uint32_t>(cell_number(cell)),
                                    number, 0xffffffu);
                double left = random.uniform<double>();
                for (Index k = row; k < begin + per_draw; k += cells) {
                    if (weights(k) > Real(0)) row = k;  // the last one, where rounding leaves something
                    left -= static_cast<double>(weights(k));
                    if (left < 0) break;
                }
            }
            chosen(cell) = row;
        });
}

/// What the likelihood expects of cells x chosen genes.
template <class Space>
struct ExpectedCounts {
    Matrix<float, Space> at_library;  ///< the mean at the common library size
    Matrix<float, Space> mean;        ///< at the cell's own
    Matrix<float, Space> variance;    ///< of a count around that mean
};

/// values = what is expected in each cell's chosen row.
template <class L, class Real, class Exec, class ChosenView, class Space>
void chosen_moments(const DecodedDraws<Real, Exec>& draws, const GenePanel<L, Real, Exec>& panel,
                    const ToLibrary<Real, Exec>& to, const ChosenView& chosen, const ExpectedCounts<Space>& values) {
    for_each_element(
        draws.pass.exec, KernelLabel("cellvae::chosen_moments"), draws.cells(), panel.width,
        20 * draws.cells() * panel.width, KOKKOS_LAMBDA(const Index cell, const Index g) {
            const auto eta = panel.parameters(chosen(cell), g);
            const Index at = panel.first + g;
            const Real mean = L::mean(eta);
            values.at_library(cell, at) = static_cast<float>(to.factor(cell) * static_cast<double>(mean));
            values.mean(cell, at) = static_cast<float>(mean);
            values.variance(cell, at) = static_cast<float>(L::variance(eta));
        });
}

/// values (cells x chosen genes) = a draw of the likelihood in each cell's chosen row, keyed by seed, cell, draw, gene.
template <class L, class Real, class Exec, class ChosenView, class ValuesView>
void sample_values(const DecodedDraws<Real, Exec>& draws, const GenePanel<L, Real, Exec>& panel, Index draw,
                   const ChosenView& chosen, const ValuesView& values) {
    const auto number = static_cast<std::uint32_t>(draws.first_draw + draw);
    const auto cell_number = draws.pass.batch->cell;
    const std::uint64_t seed = draws.pass.seed;
    for_each_element(
        draws.pass.exec, KernelLabel("cellvae::sample_values"), draws.cells(), panel.width,
        100 * draws.cells() * panel.width, KOKKOS_LAMBDA(const Index cell, const Index g) {
            RandomStream random(seed, Purpose::posterior_predictive, static_cast<std::uint32_t>(cell_number(cell)),
                                number, static_cast<std::uint32_t>(panel.gene(panel.first + g)));
            values(cell, panel.first + g) = static_cast<float>(L::sample(random, panel.parameters(chosen(cell), g)));
        });
}

/// values (cells x genes, float) = factor x sums.
template <class Exec, class SumsView, class ValuesView>
void scaled_values(const Exec& exec, const SumsView& sums, double factor, const ValuesView& values) {
    for_each_element(
        exec, KernelLabel("cellvae::scaled_values"), static_cast<Index>(values.extent(0)),
        static_cast<Index>(values.extent(1)), static_cast<Index>(values.size()) / 2,
        KOKKOS_LAMBDA(const Index row, const Index g) { values(row, g) = static_cast<float>(factor * sums(row, g)); });
}

/// How a model's expected counts come to another library size.
/// @throws OptionError for a target that is not counts: those values are normalised already; for a library size that
/// check_library() refuses
template <class Model, class Real, class Exec>
[[nodiscard]] ToLibrary<Real, Exec> to_library(const Model& model, const Dataset<Exec>& data,
                                               const Minibatch<Real, Exec>& batch, double library) {
    if (!(library >= 0) || library == std::numeric_limits<double>::infinity())
        throw OptionError(message("a library size is a finite number from 0 on, found ", library));
    check_library(library);
    if (library > 0 && data.target != Target::counts)
        throw OptionError(message("the model explains the target ", name_of(data.target),
                                  ", which is normalised already: it has no expected counts of another library size"));
    return {batch.log_library, library, model.options().scale == MeanScale::share};
}

}  // namespace cellvae::evaluation_detail
