// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/math/log_mean_exp.hpp"
#include "cellvae/nn/pass.hpp"

namespace cellvae::models_detail {

/// log_prob (rows) += the base measure of each row's cell.
template <class Real, class Exec, class LogProbView>
void add_base_measure(const Pass<Real, Exec>& pass, const LogProbView& log_prob) {
    const auto measure = pass.batch->base_measure;
    const auto row_cells = pass.row_cells();
    for_each_index(
        pass.exec, KernelLabel("cellvae::add_base_measure"), static_cast<Index>(log_prob.extent(0)),
        static_cast<Index>(log_prob.extent(0)),
        KOKKOS_LAMBDA(const Index row) { log_prob(row) += measure(row_cells.cell(row)); });
}

/// input (rows x (latent + conditions)): z and the condition of each row's cell, one-hot.
template <class Real, class Exec, class Slice>
void append_conditions(const Pass<Real, Exec>& pass, const Slice& z, const Slice& input) {
    const auto condition = pass.batch->condition;
    const auto row_cells = pass.row_cells();
    for_each_element(
        pass.exec, KernelLabel("cellvae::append_conditions"), static_cast<Index>(z.extent(0)),
        static_cast<Index>(input.extent(1)), static_cast<Index>(input.size()),
        KOKKOS_LAMBDA(const Index row, const Index c) {
            const auto latent = static_cast<Index>(z.extent(1));
            const Index own = latent + condition(row_cells.cell(row));
            input(row, c) = c < latent ? z(row, c) : c == own ? Real(1) : Real(0);
        });
}

/// d_z (rows x latent) = the first columns of d_input (rows x (latent + conditions)).
template <class Exec, class Slice>
void take_latent(const Exec& exec, const Slice& d_input, const Slice& d_z) {
    for_each_element(
        exec, KernelLabel("cellvae::take_latent"), static_cast<Index>(d_z.extent(0)), static_cast<Index>(d_z.extent(1)),
        static_cast<Index>(d_z.size()),
        KOKKOS_LAMBDA(const Index row, const Index l) { d_z(row, l) = d_input(row, l); });
}

/// means = the columns' means over the first `cells` rows, each summed in the rows' order.
template <class Exec, class TermsView, class MeansView>
void mean_terms(const Exec& exec, const TermsView& terms, Index cells, const MeansView& means) {
    for_each_index(
        exec, KernelLabel("cellvae::mean_terms"), static_cast<Index>(terms.extent(1)),
        static_cast<Index>(terms.extent(1)) * cells, KOKKOS_LAMBDA(const Index term) {
            double sum = 0;
            for (Index cell = 0; cell < cells; ++cell) sum += terms(cell, term);
            means(term) = sum / static_cast<double>(cells);
        });
}

// The log of a mean of exponentials, taken over samples as they come: a row of `sums` holds the two numbers of a
// LogMeanExp.

template <class Exec, class SumsView>
void start_log_mean_exp(const Exec& exec, const SumsView& sums, Index cells) {
    for_each_index(
        exec, KernelLabel("cellvae::start_log_mean_exp"), cells, cells, KOKKOS_LAMBDA(const Index cell) {
            const LogMeanExp none;
            sums(cell, 0) = none.largest;
            sums(cell, 1) = none.sum;
        });
}

/// Adds the first `samples` rows of each cell; their values are log_prob + ratio.
template <class Exec, class SumsView, class LogProbView, class RatioView>
void add_log_mean_exp(const Exec& exec, const SumsView& sums, const LogProbView& log_prob, const RatioView& ratio,
                      Index cells, Index samples) {
    for_each_index(
        exec, KernelLabel("cellvae::add_log_mean_exp"), cells, 20 * samples * cells, KOKKOS_LAMBDA(const Index cell) {
            LogMeanExp sum{sums(cell, 0), sums(cell, 1)};
            for (Index row = cell; row < samples * cells; row += cells) sum.add(log_prob(row) + ratio(row));
            sums(cell, 0) = sum.largest;
            sums(cell, 1) = sum.sum;
        });
}

template <class Exec, class SumsView, class ResultView>
void finish_log_mean_exp(const Exec& exec, const SumsView& sums, Index samples, const ResultView& result) {
    for_each_index(
        exec, KernelLabel("cellvae::finish_log_mean_exp"), static_cast<Index>(result.extent(0)),
        20 * static_cast<Index>(result.extent(0)), KOKKOS_LAMBDA(const Index cell) {
            result(cell) = LogMeanExp{sums(cell, 0), sums(cell, 1)}.log_mean(samples);
        });
}

}  // namespace cellvae::models_detail
