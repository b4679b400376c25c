// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "cellvae/evaluation/decoded_kernels.hpp"
#include "cellvae/models/evaluate.hpp"

namespace cellvae {

struct DenoisedOptions {
    std::vector<GeneIndex> genes{};  ///< numbers of the genes that are wanted, in the order wanted; empty: all
    double library = 0;              ///< library size to which expected counts are brought; 0: each cell's own
    bool structural_zeros = false;   ///< in place of expected counts, the probability that a zero is structural
    Index draws = 10;                ///< of z for each cell, over which the expectation is taken; at least 1
    std::uint64_t seed = 0;
};

/// Takes the values of some cells: of `count` cells from number `first` on, count x genes, row-major. They are there
/// for the length of the call.
using TakeCells = std::function<void(Index first, Index count, std::span<const float> values)>;

/// Denoised expression: what the model expects of each gene of each cell, E[x | cell] = E_q(z | x) of the likelihood's
/// mean, zero inflation included; for a mixture q(y | x) q(z | x, y). In units of the target, which are counts unless
/// the model explains another. The cells come a minibatch at a time, in their order, so that memory does not grow with
/// them. The same seed gives the same values, whatever the minibatches and genes asked for.
///
/// With `structural_zeros` it is E_q of the zero-inflated likelihood's probability of a structural zero instead.
///
/// @throws OptionError for no draws, a library size where the target is not counts, or structural zeros of a likelihood
/// without @throws ShapeError for a gene
/// that the model does not have
template <class Model, class Real, class Exec>
void denoise(const Exec& exec, Model& model, const Dataset<Exec>& data, Minibatch<Real, Exec>& batch,
             const DenoisedOptions& options, const TakeCells& take) {
    using Space = typename Exec::memory_space;
    if (options.draws < 1) throw OptionError(message("denoising needs at least one draw, found ", options.draws));
    model.require_fit(data);
    if (options.structural_zeros && !HasZeroInflation<typename Model::likelihood_type>)
        throw OptionError(message("the likelihood ", Model::likelihood_type::name,
                                  " has no structural zeros: a zero-inflated one is needed"));
    if (options.structural_zeros && options.library > 0)
        throw OptionError("the probability of a structural zero has no library size");
    const auto to = evaluation_detail::to_library(model, data, batch, options.library);
    DecodedGenes<Model> genes(exec, model, options.genes);
    const auto width = static_cast<std::size_t>(genes.size());
    const auto most = static_cast<std::size_t>(batch.most_cells());
    Matrix<double, Space> sums(Kokkos::view_alloc(exec, "cellvae::denoised::sums"), most, width);
    Matrix<float, Space> values(Kokkos::view_alloc(exec, "cellvae::denoised::values"), most, width);
    const auto host = Kokkos::create_mirror_view(values);
    models_detail::for_each_minibatch(exec, data, all_cells(data), batch, [&](Index first, Index count) {
        fill(exec, KernelLabel("cellvae::denoised"), sums, 0.0);
        model.decode_draws(exec, batch, 0, options.draws, options.seed, [&](const auto& draws) {
            genes.for_each_panel(draws, [&](const auto& panel) {
                evaluation_detail::add_expectations(draws, panel, to, options.structural_zeros, sums);
            });
        });
        evaluation_detail::scaled_values(exec, sums, 1 / static_cast<double>(options.draws), values);
        read_back(exec, KernelLabel("cellvae::denoised"), host, values);
        take(first, count, {host.data(), static_cast<std::size_t>(count) * width});
    });
}

/// The same, of all cells at once: cells x genes, row-major.
template <class Model, class Real, class Exec>
[[nodiscard]] std::vector<float> denoised(const Exec& exec, Model& model, const Dataset<Exec>& data,
                                          Minibatch<Real, Exec>& batch, const DenoisedOptions& options = {}) {
    std::vector<float> all;
    denoise(exec, model, data, batch, options,
            [&](Index, Index, std::span<const float> values) { all.insert(all.end(), values.begin(), values.end()); });
    return all;
}

}  // namespace cellvae
