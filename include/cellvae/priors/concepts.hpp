// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include "cellvae/priors/inference_options.hpp"

/// What a prior is to a model: a type with a `name` and a class template `Inference<Real, Exec, Encoder>`, which owns
/// everything between a minibatch and the rows of z that the decoder reads, and the terms of the bound that are not the
/// reconstruction.
///
/// Three ways to write one, the shortest first:
/// - FactorisedPrior<D>, where `D` is the density of one dimension of z: scalar mathematics;
/// - GaussianInference with a Density of one's own, for any log p(z) with one Gaussian q(z | x) a cell;
/// - an Inference of one's own, with what the concepts below ask for.
namespace cellvae {

/// *Why:* a model is made once, for the largest minibatch; a step allocates nothing. The constructor adds the prior's
/// parameters to the store (and running statistics to the other one), initialise() sets them from a seed, and
/// reserve() makes the memory for so many cells and samples.
template <class I, class Real, class Exec>
concept HasInferenceSetUp = requires(I& inference, const Exec& exec, ParameterStore<Real, Exec>& store, Index count) {
    I(store, store, count, InferenceOptions{});
    inference.initialise(exec, store, store, std::uint64_t{});
    inference.reserve(exec, count, count);
};

/// *Why:* the decoder's rows are laid out by the prior: blocks x cells, so that row r belongs to cell r % cells.
/// rows_per_cell() is the largest number of blocks, and draws_per_pass() how many independent draws of the whole latent
/// they are: all of them where a block is a sample, one where a block is a cluster.
template <class I, class Real, class Exec>
concept HasRows = requires(const I& inference, const Pass<Real, Exec>& pass) {
    { inference.rows_per_cell() } -> std::same_as<Index>;
    { inference.draws_per_pass() } -> std::same_as<Index>;
    { inference.z(pass) } -> std::same_as<MatrixSlice<Real, typename Exec::memory_space>>;       // rows x latent
    { inference.d_z(pass) } -> std::same_as<MatrixSlice<Real, typename Exec::memory_space>>;     // rows x latent
    { inference.latent(pass) } -> std::same_as<MatrixSlice<Real, typename Exec::memory_space>>;  // cells x latent
};

/// *Why:* a forward pass. encode() computes what does not depend on the noise, draw_noise() the noise, keyed by the
/// cell and not by its place (its second argument numbers the first sample), sample() z from the noise as it stands:
/// twice the same noise is twice the same z. row_weights() writes the weight that each row's reconstruction has in the
/// mean bound over the cells.
template <class I, class Real, class Exec>
concept HasForward = requires(I& inference, const Pass<Real, Exec>& pass,
                              const VectorSlice<Real, typename Exec::memory_space>& weights) {
    inference.encode(pass);
    inference.draw_noise(pass);
    inference.draw_noise(pass, std::uint32_t{});
    inference.sample(pass);
    inference.row_weights(pass, weights);
};

/// *Why:* the bound is bound = reconstruction - beta x (the other terms) of each cell. `term_names` names them, the
/// bound and the reconstruction first; terms() writes them, cells x terms, from log p(x | z) of the rows. log_ratio()
/// writes log p(z) - log q(z | x) of each row, for the importance-weighted estimate of log p(x).
template <class I, class Real, class Exec>
concept HasTerms = requires(const I& inference, const Pass<Real, Exec>& pass,
                            const VectorSlice<double, typename Exec::memory_space>& rows,
                            const Matrix<double, typename Exec::memory_space>& terms) {
    {std::string_view(I::term_names[0])};
    {std::string_view(I::term_names[1])};
    inference.terms(pass, 1.0, rows, terms);
    inference.log_ratio(pass, rows);
};

/// *Why:* the gradient. The model has written that of the reconstruction's part of the mean bound by z into d_z();
/// backward() adds what the prior's terms have by z, and writes the gradients of all its parameters, overwriting them.
template <class I, class Real, class Exec>
concept HasBackward = requires(I& inference, const Pass<Real, Exec>& pass,
                               const VectorSlice<double, typename Exec::memory_space>& log_prob,
                               const VectorSlice<Real, typename Exec::memory_space>& weights) {
    inference.backward(pass, 1.0, log_prob, weights);
};

/// What Vae asks of a prior's Inference. testing/prior_conformance.hpp checks its mathematics.
template <class I, class Real, class Exec>
concept PriorInference = HasInferenceSetUp<I, Real, Exec> && HasRows<I, Real, Exec> && HasForward<I, Real, Exec> &&
    HasTerms<I, Real, Exec> && HasBackward<I, Real, Exec>;

/// What Vae takes as a prior.
template <class P, class Real, class Exec, class Encoder>
concept HasInference = PriorInference<typename P::template Inference<Real, Exec, Encoder>, Real, Exec> && requires {
    {std::string_view(P::name)};
};

}  // namespace cellvae
