// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "cellvae/math/log_mean_exp.hpp"
#include "cellvae/priors/inference_options.hpp"
#include "cellvae/priors/latent_kernels.hpp"

namespace cellvae {

namespace priors_detail {

/// ratio (rows) -= log q(z | x), for z made of `noise`.
template <class Real, class Exec, class Slice, class RatioView>
void subtract_log_q(const Pass<Real, Exec>& pass, const Slice& log_variance, const Slice& noise,
                    const RatioView& ratio) {
    const Index cells = pass.batch->cells();
    for_each_row(
        pass.exec, KernelLabel("cellvae::subtract_log_q"), static_cast<Index>(noise.extent(0)),
        2 * static_cast<Index>(noise.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const double log_two_pi = 1.8378770664093454835606594728112;
            const double sum = along.sum(static_cast<Index>(noise.extent(1)), [&](const Index l) {
                const auto e = static_cast<double>(noise(row, l));
                return log_two_pi + static_cast<double>(limited(log_variance(row % cells, l))) + e * e;
            });
            along.once([&]() { ratio(row) += sum / 2; });
        });
}

/// weights (rows): of each cell's samples the share of exp(log_prob + beta ratio), over the number of cells. They are
/// the weights of the rows' gradients in that of the mean importance-weighted bound.
template <class Real, class Exec, class LogProbView, class RatioView, class Weights>
void importance_weights(const Pass<Real, Exec>& pass, double beta, Index samples, const LogProbView& log_prob,
                        const RatioView& ratio, const Weights& weights) {
    const Index cells = pass.batch->cells();
    for_each_index(
        pass.exec, KernelLabel("cellvae::importance_weights"), cells, 20 * samples * cells,
        KOKKOS_LAMBDA(const Index cell) {
            LogMeanExp sum;
            for (Index row = cell; row < samples * cells; row += cells) sum.add(log_prob(row) + beta * ratio(row));
            const double total = sum.log_sum();
            for (Index row = cell; row < samples * cells; row += cells)
                weights(row) = static_cast<Real>(Kokkos::exp(log_prob(row) + beta * ratio(row) - total) /
                                                 static_cast<double>(cells));
        });
}

/// The gradient of the mean bound by mean and log variance of q(z | x), where log q(z | x) is sampled: at z = mean +
/// exp(v / 2) noise it is a constant - v / 2, whatever the mean, and the rest comes through z.
/// @param d_z rows x latent: of the mean bound, that of log p(z) included
template <class Real, class Exec, class Slice>
void sampled_backward(const Pass<Real, Exec>& pass, Real beta, const Slice& mean, const Slice& log_variance,
                      const Slice& noise, const Slice& d_z, const Slice& d_mean, const Slice& d_log_variance) {
    const Index cells = pass.batch->cells();
    const Real half_share = beta / (Real(2) * static_cast<Real>(cells));
    for_each_element(
        pass.exec, KernelLabel("cellvae::sampled_backward"), cells, static_cast<Index>(mean.extent(1)),
        10 * static_cast<Index>(d_z.size()), KOKKOS_LAMBDA(const Index cell, const Index l) {
            const Real raw = log_variance(cell, l);
            const Real v = limited(raw);
            Real through_mean = 0, through_variance = 0;
            for (Index row = cell; row < static_cast<Index>(d_z.extent(0)); row += cells) {
                through_mean += d_z(row, l);
                through_variance +=
                    d_z(row, l) * reparametrised_sample(mean(cell, l), v, noise(row, l)).d_z_d_log_variance;
            }
            d_mean(cell, l) = through_mean;
            d_log_variance(cell, l) = let_back(through_variance + half_share, raw);
        });
}

/// The terms of each cell: bound, reconstruction and KL, where the KL is in closed form.
template <class Real, class Exec, class KlView, class LogProbView, class TermsView>
void closed_kl_terms(const Pass<Real, Exec>& pass, double beta, Index samples, const KlView& kl,
                     const LogProbView& log_prob, const TermsView& terms) {
    const Index cells = pass.batch->cells();
    for_each_index(
        pass.exec, KernelLabel("cellvae::closed_kl_terms"), cells, samples * cells, KOKKOS_LAMBDA(const Index cell) {
            double reconstruction = 0;
            for (Index s = 0; s < samples; ++s) reconstruction += log_prob(s * cells + cell);
            reconstruction /= static_cast<double>(samples);
            terms(cell, 0) = reconstruction - beta * kl(cell);
            terms(cell, 1) = reconstruction;
            terms(cell, 2) = kl(cell);
        });
}

/// The terms of each cell where the KL is sampled: bound, mean log p(x | z) and mean log q(z | x) - log p(z).
template <class Real, class Exec, class RatioView, class LogProbView, class TermsView>
void sampled_terms(const Pass<Real, Exec>& pass, double beta, Index samples, bool importance_weighted,
                   const RatioView& ratio, const LogProbView& log_prob, const TermsView& terms) {
    const Index cells = pass.batch->cells();
    for_each_index(
        pass.exec, KernelLabel("cellvae::sampled_terms"), cells, 20 * samples * cells, KOKKOS_LAMBDA(const Index cell) {
            double reconstruction = 0, kl = 0;
            LogMeanExp weight;
            for (Index row = cell; row < samples * cells; row += cells) {
                reconstruction += log_prob(row);
                kl -= ratio(row);
                weight.add(log_prob(row) + beta * ratio(row));
            }
            reconstruction /= static_cast<double>(samples);
            kl /= static_cast<double>(samples);
            terms(cell, 0) = importance_weighted ? weight.log_mean(samples) : reconstruction - beta * kl;
            terms(cell, 1) = reconstruction;
            terms(cell, 2) = kl;
        });
}

}  // namespace priors_detail

/// The Inference of a prior with one q(z | x) = N(mean, diag exp(log_variance)) a cell: everything between a minibatch
/// and the latent rows that the decoder reads, and the terms of the bound that are not the reconstruction. `Density` is
/// the prior's part, log p(z) and its gradient:
///
///     Density(store, genes, options)   adds the prior's parameters; throws OptionError for what it cannot take
///     initialise(exec, store, seed)
///     reserve(exec, most_rows)
///     prepare(pass, extra_mean, extra_log_variance)
///     log_density(pass, z, known_labels, log_density)
///     backward(pass, beta, weights, z, d_z, d_extra_mean, d_extra_log_variance)
///
/// backward() adds beta x weight of the row x the gradient of log p(z) to d_z, and writes the prior's own gradients. A
/// Density with sample_prior(pass, allowed, z, component) can be drawn from. A
/// Density with extra_inputs(pass), rows x genes, and d_extra_inputs(pass) sends these dense rows through the encoder
/// after the minibatch's cells; the extra_ arguments are then what came out of it, else empty. One with kl() and
/// kl_backward() has its KL in closed form, for the plain bound.
///
/// With a sampled KL, beta multiplies log q(z | x) - log p(z) at the samples, held-out bounds included; in the
/// importance-weighted bound it does so inside the exponentials. Its reconstruction and KL are reported as those of the
/// plain bound at the same samples: what it lies above reconstruction - beta KL is what the weights gained.
template <class Real, class Exec, class Encoder, class Density>
class GaussianInference {
public:
    using Space = typename Exec::memory_space;
    using Slice = MatrixSlice<Real, Space>;

    static constexpr std::array<std::string_view, 3> term_names{"bound", "reconstruction", "kl"};

    GaussianInference(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, Index genes,
                      const InferenceOptions& options)
        : latent_(options.latent),
          samples_(options.samples),
          bound_(options.bound),
          encoder_(store, state, "encoder", genes, true, options.network),
          mean_head_(store, "encoder/mean", encoder_.outputs(), latent_),
          log_variance_head_(store, "encoder/log_variance", encoder_.outputs(), latent_),
          density_(store, genes, options),
          extra_rows_(has_extra_rows ? options.vamp.pseudo_inputs : 0) {}

    void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, const ParameterStore<Real, Exec>& state,
                    std::uint64_t seed) const {
        encoder_.initialise(exec, store, state, seed);
        mean_head_.initialise(exec, store, seed);
        log_variance_head_.initialise(exec, store, seed);
        density_.initialise(exec, store, seed);
    }

    /// Makes the memory for minibatches of at most that many cells, each with `samples` rows.
    void reserve(const Exec& exec, Index most_cells, Index samples) {
        samples_ = samples;
        const Index encoded = most_cells + extra_rows_;
        const Index rows = most_cells * samples;
        encoder_.reserve(exec, encoded);
        density_.reserve(exec, rows);
        const auto make = [&](const char* label, Index height) {
            return Matrix<Real, Space>(Kokkos::view_alloc(exec, std::string(label)), static_cast<std::size_t>(height),
                                       static_cast<std::size_t>(latent_));
        };
        mean_ = make("cellvae::latent::mean", encoded);
        log_variance_ = make("cellvae::latent::log_variance", encoded);
        d_mean_ = make("cellvae::latent::d_mean", encoded);
        d_log_variance_ = make("cellvae::latent::d_log_variance", encoded);
        noise_ = make("cellvae::latent::noise", rows);
        z_ = make("cellvae::latent::z", rows);
        d_z_ = make("cellvae::latent::d_z", rows);
        kl_ = Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::latent::kl"),
                                    static_cast<std::size_t>(most_cells));
        ratio_ =
            Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::latent::ratio"), static_cast<std::size_t>(rows));
    }

    /// Rows of z for each cell of a minibatch, and how many independent draws they are.
    [[nodiscard]] Index rows_per_cell() const { return samples_; }
    [[nodiscard]] Index draws_per_pass() const { return samples_; }

    /// The parameters of q(z | x): mean() and log_variance().
    void encode(const Pass<Real, Exec>& pass) {
        const Index cells = pass.batch->cells();
        const Slice hidden = encoded_cells(pass);
        mean_head_.forward(pass, hidden, first_rows(mean_, cells + extra_rows_));
        log_variance_head_.forward(pass, hidden, first_rows(log_variance_, cells + extra_rows_));
        density_.prepare(pass, extra(pass, mean_), extra(pass, log_variance_));
        if constexpr (has_closed_kl) density_.kl(pass, mean(pass), log_variance(pass), kl_);
    }

    /// Draws the noise of every row; `first_sample` numbers the samples.
    void draw_noise(const Pass<Real, Exec>& pass, std::uint32_t first_sample = 0) const {
        priors_detail::draw_noise(pass, noise(pass), first_sample);
    }

    /// z from the noise as it stands.
    void sample(const Pass<Real, Exec>& pass) const {
        priors_detail::reparametrise(pass, mean(pass), log_variance(pass), noise(pass), z(pass));
        if (samples_kl()) write_log_ratio(pass, true, ratio_);
    }

    /// The weight of each row's reconstruction in the mean of the plain bound.
    void row_weights(const Pass<Real, Exec>& pass, const VectorSlice<Real, Space>& weights) const {
        fill(pass.exec, KernelLabel("cellvae::row_weights"), weights, Real(1) / static_cast<Real>(weights.extent(0)));
    }

    /// The weight of each row in the gradient of the mean importance-weighted bound.
    /// @param log_prob rows: log p(x | z), base measures left out or not
    template <class LogProbView>
    void importance_weights(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob,
                            const VectorSlice<Real, Space>& weights) const {
        priors_detail::importance_weights(pass, beta, samples_, log_prob, ratio_, weights);
    }

    /// The terms of the bound of each cell, in the order of term_names.
    /// @param log_prob rows: log p(x | z), base measures included @param terms cells x 3, overwritten
    template <class LogProbView, class TermsView>
    void terms(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob, const TermsView& terms) const {
        if (samples_kl())
            priors_detail::sampled_terms(pass, beta, samples_, bound_ == Bound::importance_weighted, ratio_, log_prob,
                                         terms);
        else if constexpr (has_closed_kl)
            priors_detail::closed_kl_terms(pass, beta, samples_, kl_, log_prob, terms);
    }

    /// log p(z) - log q(z | x) of each row, for the estimate of log p(x): known labels are not looked at.
    template <class RatioView>
    void log_ratio(const Pass<Real, Exec>& pass, const RatioView& ratio) const {
        write_log_ratio(pass, false, ratio);
    }

    /// Writes the gradients of its parameters, from that of z, which the caller wrote into d_z().
    /// @param weights rows: what row_weights() or importance_weights() gave
    template <class LogProbView>
    void backward(const Pass<Real, Exec>& pass, double beta, [[maybe_unused]] const LogProbView& log_prob,
                  const VectorSlice<Real, Space>& weights) const {
        const Index cells = pass.batch->cells();
        const Slice d_cell_mean = first_rows(d_mean_, cells);
        const Slice d_cell_log_variance = first_rows(d_log_variance_, cells);
        if (samples_kl()) {
            density_.backward(pass, beta, weights, z(pass), d_z(pass), extra(pass, d_mean_),
                              extra(pass, d_log_variance_));
            priors_detail::sampled_backward(pass, static_cast<Real>(beta), mean(pass), log_variance(pass), noise(pass),
                                            d_z(pass), d_cell_mean, d_cell_log_variance);
        } else if constexpr (has_closed_kl) {
            density_.kl_backward(pass, static_cast<Real>(beta), mean(pass), log_variance(pass), noise(pass), d_z(pass),
                                 d_cell_mean, d_cell_log_variance);
        }
        const Index encoded = cells + extra_rows_;
        const Slice hidden = encoder_.output(encoded);
        const Slice d_mean = first_rows(d_mean_, encoded);
        const Slice d_log_variance = first_rows(d_log_variance_, encoded);
        mean_head_.backward_parameters(pass, hidden, d_mean);
        log_variance_head_.backward_parameters(pass, hidden, d_log_variance);
        const Slice d_hidden = encoder_.d_output(encoded);
        mean_head_.backward_input(pass, d_mean, d_hidden);
        log_variance_head_.backward_input(pass, d_log_variance, d_hidden, true);
        if constexpr (has_extra_rows)
            encoder_.backward(pass, Slice(), Slice(), cells, density_.extra_inputs(pass),
                              density_.d_extra_inputs(pass));
        else
            encoder_.backward(pass, Slice(), Slice(), cells);
    }

    /// Draws z (cells x latent) from the prior, after encode(), where its Density can.
    /// @param allowed components: not 0 for those that may be drawn; empty: all @param component cells: the one of each
    template <class AllowedView, class ComponentView>
    void sample_prior(const Pass<Real, Exec>& pass, const AllowedView& allowed, const Slice& z,
                      const ComponentView& component) const requires requires(const Density& density) {
        density.sample_prior(pass, allowed, z, component);
    }
    { density_.sample_prior(pass, allowed, z, component); }

    /// The latent coordinates of each cell: the mean of q(z | x).
    [[nodiscard]] Slice latent(const Pass<Real, Exec>& pass) const { return mean(pass); }

    [[nodiscard]] Slice mean(const Pass<Real, Exec>& pass) const { return first_rows(mean_, pass.batch->cells()); }
    [[nodiscard]] Slice log_variance(const Pass<Real, Exec>& pass) const {
        return first_rows(log_variance_, pass.batch->cells());
    }
    [[nodiscard]] Slice noise(const Pass<Real, Exec>& pass) const { return first_rows(noise_, rows(pass)); }
    [[nodiscard]] Slice z(const Pass<Real, Exec>& pass) const { return first_rows(z_, rows(pass)); }
    [[nodiscard]] Slice d_z(const Pass<Real, Exec>& pass) const { return first_rows(d_z_, rows(pass)); }

    [[nodiscard]] const Density& density() const { return density_; }

private:
    static constexpr bool has_extra_rows = requires(const Density& density, const Pass<Real, Exec>& pass) {
        density.extra_inputs(pass);
    };
    static constexpr bool has_closed_kl = requires(const Density& density, const Pass<Real, Exec>& pass,
                                                   const Slice& slice, const Vector<double, Space>& kl) {
        density.kl(pass, slice, slice, kl);
    };

    [[nodiscard]] bool samples_kl() const { return !has_closed_kl || bound_ == Bound::importance_weighted; }

    [[nodiscard]] Slice encoded_cells(const Pass<Real, Exec>& pass) const {
        if constexpr (has_extra_rows)
            return encoder_.forward(pass, Slice(), pass.batch->cells(), density_.extra_inputs(pass));
        else
            return encoder_.forward(pass, Slice(), pass.batch->cells());
    }

    template <class RatioView>
    void write_log_ratio(const Pass<Real, Exec>& pass, bool known_labels, const RatioView& ratio) const {
        density_.log_density(pass, z(pass), known_labels, ratio);
        priors_detail::subtract_log_q(pass, log_variance(pass), noise(pass), ratio);
    }

    /// The rows of an encoder's output that belong to the extra inputs.
    [[nodiscard]] Slice extra(const Pass<Real, Exec>& pass, const Matrix<Real, Space>& matrix) const {
        return Slice(matrix.data() + pass.batch->cells() * latent_, static_cast<std::size_t>(extra_rows_),
                     static_cast<std::size_t>(latent_));
    }

    [[nodiscard]] Index rows(const Pass<Real, Exec>& pass) const { return pass.batch->cells() * samples_; }

    Index latent_;
    Index samples_;
    Bound bound_;
    typename Encoder::template Network<Real, Exec> encoder_;
    Linear<Real, Exec> mean_head_;
    Linear<Real, Exec> log_variance_head_;
    Density density_;
    Index extra_rows_;
    Matrix<Real, Space> mean_, log_variance_, d_mean_, d_log_variance_;  // (cells + extra rows) x latent
    Matrix<Real, Space> noise_, z_, d_z_;                                // rows x latent
    Vector<double, Space> kl_;                                           // cells: in closed form
    Vector<double, Space> ratio_;                                        // rows: log p(z) - log q(z | x), sampled
};

}  // namespace cellvae
