// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "cellvae/priors/inference_options.hpp"
#include "cellvae/priors/latent_kernels.hpp"

namespace cellvae {

namespace priors_detail {

/// kl (cells): KL(N(mean, exp(log_variance)) || N(0, I)), summed over the latent dimensions (Kingma and Welling 2014).
template <class Real, class Exec, class Slice, class KlView>
void standard_kl(const Pass<Real, Exec>& pass, const Slice& mean, const Slice& log_variance, const KlView& kl) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::standard_kl"), Kokkos::RangePolicy<Exec>(pass.exec, 0, pass.batch->cells()),
        KOKKOS_LAMBDA(const Index cell) {
            const auto latent = static_cast<Index>(mean.extent(1));
            double sum = 0;
            for (Index l = 0; l < latent; ++l)
                sum += static_cast<double>(standard_gaussian_kl(mean(cell, l), limited(log_variance(cell, l))).value);
            kl(cell) = sum;
        });
}

/// The gradient of the mean bound by mean and log variance, from that by z.
/// @param d_z rows x latent: of the reconstruction's part of the mean bound
/// @param beta weight of the KL
template <class Real, class Exec, class Slice>
void standard_backward(const Pass<Real, Exec>& pass, Real beta, const Slice& mean, const Slice& log_variance,
                       const Slice& noise, const Slice& d_z, const Slice& d_mean, const Slice& d_log_variance) {
    const Index cells = pass.batch->cells();
    const Real kl_weight = beta / static_cast<Real>(cells);
    Kokkos::parallel_for(
        KernelLabel("cellvae::standard_backward"), Kokkos::RangePolicy<Exec>(pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            const auto latent = static_cast<Index>(mean.extent(1));
            const auto rows = static_cast<Index>(d_z.extent(0));
            for (Index l = 0; l < latent; ++l) {
                const Real raw = log_variance(cell, l);
                const Real v = limited(raw);
                const auto kl = standard_gaussian_kl(mean(cell, l), v);
                Real through_mean = 0, through_variance = 0;
                for (Index row = cell; row < rows; row += cells) {
                    through_mean += d_z(row, l);
                    through_variance +=
                        d_z(row, l) * reparametrised_sample(mean(cell, l), v, noise(row, l)).d_z_d_log_variance;
                }
                d_mean(cell, l) = through_mean - kl_weight * kl.d_mean;
                d_log_variance(cell, l) = let_back(through_variance - kl_weight * kl.d_log_variance, raw);
            }
        });
}

/// log p(z) - log q(z | x) of each row, for the importance-weighted bound. The normalisers cancel.
template <class Real, class Exec, class Slice, class RatioView>
void standard_log_ratio(const Pass<Real, Exec>& pass, const Slice& log_variance, const Slice& noise, const Slice& z,
                        const RatioView& ratio) {
    const Index cells = pass.batch->cells();
    Kokkos::parallel_for(
        KernelLabel("cellvae::standard_log_ratio"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(z.extent(0))), KOKKOS_LAMBDA(const Index row) {
            const auto latent = static_cast<Index>(z.extent(1));
            double sum = 0;
            for (Index l = 0; l < latent; ++l) {
                const auto at = static_cast<double>(z(row, l));
                const auto e = static_cast<double>(noise(row, l));
                sum += e * e - at * at + static_cast<double>(limited(log_variance(row % cells, l)));
            }
            ratio(row) = sum / 2;
        });
}

}  // namespace priors_detail

/// The prior p(z) = N(0, I), with q(z | x) a Gaussian of diagonal variance and the KL in closed form.
///
/// A prior's `Inference` owns everything between a minibatch and the latent rows that the decoder reads: the encoder's
/// networks, the samples, and the terms of the bound that are not the reconstruction.
struct StandardGaussian {
    static constexpr std::string_view name = "gaussian";

    template <class Real, class Exec, class Encoder>
    class Inference {
    public:
        using Space = typename Exec::memory_space;
        using Slice = MatrixSlice<Real, Space>;

        Inference(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, Index genes,
                  const InferenceOptions& options)
            : latent_(options.latent),
              encoder_(store, state, "encoder", genes, true, options.network),
              mean_head_(store, "encoder/mean", encoder_.outputs(), latent_),
              log_variance_head_(store, "encoder/log_variance", encoder_.outputs(), latent_) {}

        void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store,
                        const ParameterStore<Real, Exec>& state, std::uint64_t seed) const {
            encoder_.initialise(exec, store, state, seed);
            mean_head_.initialise(exec, store, seed);
            log_variance_head_.initialise(exec, store, seed);
        }

        /// Makes the memory for minibatches of at most that many cells, each with `samples` rows.
        void reserve(const Exec& exec, Index most_cells, Index samples) {
            samples_ = samples;
            encoder_.reserve(exec, most_cells);
            const auto make = [&](const char* label, Index rows) {
                return Matrix<Real, Space>(Kokkos::view_alloc(exec, std::string(label)), static_cast<std::size_t>(rows),
                                           static_cast<std::size_t>(latent_));
            };
            mean_ = make("cellvae::latent::mean", most_cells);
            log_variance_ = make("cellvae::latent::log_variance", most_cells);
            d_mean_ = make("cellvae::latent::d_mean", most_cells);
            d_log_variance_ = make("cellvae::latent::d_log_variance", most_cells);
            noise_ = make("cellvae::latent::noise", most_cells * samples);
            z_ = make("cellvae::latent::z", most_cells * samples);
            d_z_ = make("cellvae::latent::d_z", most_cells * samples);
            kl_ = Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::latent::kl"),
                                        static_cast<std::size_t>(most_cells));
        }

        /// Rows of z for each cell of a minibatch, and how many independent draws they are.
        [[nodiscard]] Index rows_per_cell() const { return samples_; }
        [[nodiscard]] Index draws_per_pass() const { return samples_; }

        /// The parameters of q(z | x): mean() and log_variance(), and the KL.
        void encode(const Pass<Real, Exec>& pass) const {
            const Index cells = pass.batch->cells();
            const Slice hidden = encoder_.forward(pass, Slice(), cells);
            mean_head_.forward(pass, hidden, mean(pass));
            log_variance_head_.forward(pass, hidden, log_variance(pass));
            priors_detail::standard_kl(pass, mean(pass), log_variance(pass), kl_);
        }

        /// Draws the noise of every row; `first_sample` numbers the samples.
        void draw_noise(const Pass<Real, Exec>& pass, std::uint32_t first_sample = 0) const {
            priors_detail::draw_noise(pass, noise(pass), first_sample);
        }

        /// z from the noise as it stands.
        void sample(const Pass<Real, Exec>& pass) const {
            priors_detail::reparametrise(pass, mean(pass), log_variance(pass), noise(pass), z(pass));
        }

        /// The weight of each row's reconstruction in the mean bound.
        void row_weights(const Pass<Real, Exec>& pass, const VectorSlice<Real, Space>& weights) const {
            fill(pass.exec, KernelLabel("cellvae::row_weights"), weights,
                 Real(1) / static_cast<Real>(weights.extent(0)));
        }

        /// The terms of the bound of each cell, in the order of term_names.
        /// @param log_prob rows: log p(x | z), base measures included @param terms cells x 3, overwritten
        template <class LogProbView, class TermsView>
        void terms(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob,
                   const TermsView& terms) const;

        static constexpr std::array<std::string_view, 3> term_names{"bound", "reconstruction", "kl"};

        /// log p(z) - log q(z | x) of each row.
        template <class RatioView>
        void log_ratio(const Pass<Real, Exec>& pass, const RatioView& ratio) const {
            priors_detail::standard_log_ratio(pass, log_variance(pass), noise(pass), z(pass), ratio);
        }

        /// Writes the gradients of its parameters, from that of z, which the caller wrote into d_z().
        template <class LogProbView>
        void backward(const Pass<Real, Exec>& pass, double beta, [[maybe_unused]] const LogProbView& log_prob) const {
            const Index cells = pass.batch->cells();
            const Slice d_mean = first_rows(d_mean_, cells);
            const Slice d_log_variance = first_rows(d_log_variance_, cells);
            priors_detail::standard_backward(pass, static_cast<Real>(beta), mean(pass), log_variance(pass), noise(pass),
                                             d_z(pass), d_mean, d_log_variance);
            const Slice hidden = encoder_.output(cells);
            mean_head_.backward_parameters(pass, hidden, d_mean);
            log_variance_head_.backward_parameters(pass, hidden, d_log_variance);
            const Slice d_hidden = encoder_.d_output(cells);
            mean_head_.backward_input(pass, d_mean, d_hidden);
            log_variance_head_.backward_input(pass, d_log_variance, d_hidden, true);
            encoder_.backward(pass, Slice(), Slice(), cells);
        }

        /// The latent coordinates of each cell: the mean of q(z | x).
        [[nodiscard]] Slice latent(const Pass<Real, Exec>& pass) const { return mean(pass); }

        [[nodiscard]] Slice mean(const Pass<Real, Exec>& pass) const { return first_rows(mean_, pass.batch->cells()); }
        [[nodiscard]] Slice log_variance(const Pass<Real, Exec>& pass) const {
            return first_rows(log_variance_, pass.batch->cells());
        }
        [[nodiscard]] Slice noise(const Pass<Real, Exec>& pass) const { return first_rows(noise_, rows(pass)); }
        [[nodiscard]] Slice z(const Pass<Real, Exec>& pass) const { return first_rows(z_, rows(pass)); }
        [[nodiscard]] Slice d_z(const Pass<Real, Exec>& pass) const { return first_rows(d_z_, rows(pass)); }

    private:
        [[nodiscard]] Index rows(const Pass<Real, Exec>& pass) const { return pass.batch->cells() * samples_; }

        Index latent_;
        Index samples_ = 1;
        typename Encoder::template Network<Real, Exec> encoder_;
        Linear<Real, Exec> mean_head_;
        Linear<Real, Exec> log_variance_head_;
        Matrix<Real, Space> mean_, log_variance_, d_mean_, d_log_variance_;  // cells x latent
        Matrix<Real, Space> noise_, z_, d_z_;                                // rows x latent
        Vector<double, Space> kl_;                                           // cells
    };
};

namespace priors_detail {

template <class Real, class Exec, class KlView, class LogProbView, class TermsView>
void standard_terms(const Pass<Real, Exec>& pass, double beta, Index samples, const KlView& kl,
                    const LogProbView& log_prob, const TermsView& terms) {
    const Index cells = pass.batch->cells();
    Kokkos::parallel_for(
        KernelLabel("cellvae::standard_terms"), Kokkos::RangePolicy<Exec>(pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            double reconstruction = 0;
            for (Index s = 0; s < samples; ++s) reconstruction += log_prob(s * cells + cell);
            reconstruction /= static_cast<double>(samples);
            terms(cell, 0) = reconstruction - beta * kl(cell);
            terms(cell, 1) = reconstruction;
            terms(cell, 2) = kl(cell);
        });
}

}  // namespace priors_detail

template <class Real, class Exec, class Encoder>
template <class LogProbView, class TermsView>
void StandardGaussian::Inference<Real, Exec, Encoder>::terms(const Pass<Real, Exec>& pass, double beta,
                                                             const LogProbView& log_prob,
                                                             const TermsView& terms) const {
    priors_detail::standard_terms(pass, beta, samples_, kl_, log_prob, terms);
}

}  // namespace cellvae
