// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "cellvae/priors/gaussian_inference.hpp"
#include "cellvae/priors/mixture_density.hpp"
#include "cellvae/priors/prior_sample.hpp"

namespace cellvae {

/// The prior p(z) = sum_k pi_k N(z; prior/mean[k], diag exp(prior/log_variance[k])), the cluster summed out before the
/// cell is seen (the model of VaDE, Jiang et al. 2017): q(z | x) is one Gaussian a cell, the decoder sees one row a
/// cell and sample, and q(y | x) is not a network but what the prior says of z: p(y=k | z) at the mean of q(z | x).
///
/// The weights pi are softmax of prior/logits, or uniform. The KL is sampled, log q(z | x) - log p(z) at the samples of
/// z, for held-out cells as well. A cell whose label is known has log p(z, y=label) in place of log p(z).
struct MarginalGaussianMixture {
    static constexpr std::string_view name = "marginal_mixture";

    template <class Real, class Exec>
    class Density {
    public:
        using Slice = MatrixSlice<Real, typename Exec::memory_space>;

        Density(ParameterStore<Real, Exec>& store, Index, const InferenceOptions& options)
            : clusters_(checked(options).mixture.clusters),
              latent_(options.latent),
              mean_(store.add("prior/mean", clusters_, latent_)),
              log_variance_(store.add("prior/log_variance", clusters_, latent_)),
              logits_(options.mixture.learned_weights ? store.add("prior/logits", 1, clusters_) : -1) {}

        void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, std::uint64_t seed) const {
            nn_detail::fill_uniform(exec, store, mean_, 1.7320508, seed);  // variance one
            fill(exec, "cellvae::initialise", store.value(log_variance_), Real(0));
            if (logits_ >= 0) fill(exec, "cellvae::initialise", store.value(logits_), Real(0));
        }

        void reserve(const Exec& exec, Index most_rows) { mixture_.reserve(exec, most_rows, clusters_, latent_); }

        void prepare(const Pass<Real, Exec>& pass, const Slice&, const Slice&) const {
            if (logits_ >= 0) mixture_.set_weights(pass, pass.parameters->value(logits_));
            mixture_.set_components(pass, pass.parameters->value(log_variance_));
        }

        template <class DensityView>
        void log_density(const Pass<Real, Exec>& pass, const Slice& z, bool known_labels,
                         const DensityView& log_density) const {
            mixture_.log_density(pass, z, pass.parameters->value(mean_), known_labels, log_density);
        }

        template <class Weights>
        void backward(const Pass<Real, Exec>& pass, double beta, const Weights& weights, const Slice& z,
                      const Slice& d_z, const Slice&, const Slice&) const {
            const auto& store = *pass.parameters;
            mixture_.backward(pass, beta, weights, z, store.value(mean_), store.value(log_variance_), d_z,
                              store.gradient(mean_), store.gradient(log_variance_));
            if (logits_ >= 0)
                mixture_.backward_weights(pass, beta, weights, static_cast<Index>(z.extent(0)),
                                          store.gradient(logits_));
        }

        /// log_share (rows x clusters): log p(y=k | z).
        void log_share(const Pass<Real, Exec>& pass, const Slice& z, const Slice& log_share) const {
            mixture_.log_share(pass, z, pass.parameters->value(mean_), log_share);
        }

        template <class AllowedView, class ComponentView>
        void sample_prior(const Pass<Real, Exec>& pass, const AllowedView& allowed, const Slice& z,
                          const ComponentView& component) const {
            const auto& store = *pass.parameters;
            priors_detail::sample_components(pass, store.value(mean_), store.value(log_variance_),
                                             logits_ >= 0 ? store.value(logits_) : Slice(), allowed, z, component);
        }

        [[nodiscard]] Index clusters() const { return clusters_; }

    private:
        static const InferenceOptions& checked(const InferenceOptions& options) {
            if (options.mixture.clusters < 1)
                throw OptionError(message("a mixture needs at least one cluster, found ", options.mixture.clusters));
            return options;
        }

        Index clusters_;
        Index latent_;
        int mean_;
        int log_variance_;
        int logits_;
        MixtureDensity<Real, Exec> mixture_;
    };

    template <class Real, class Exec, class Encoder>
    class Inference : public GaussianInference<Real, Exec, Encoder, Density<Real, Exec>> {
    public:
        using Base = GaussianInference<Real, Exec, Encoder, Density<Real, Exec>>;
        using Base::Base;
        using typename Base::Slice;
        using typename Base::Space;

        void reserve(const Exec& exec, Index most_cells, Index samples) {
            Base::reserve(exec, most_cells, samples);
            log_share_ =
                Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::latent::log_share"),
                                    static_cast<std::size_t>(most_cells), static_cast<std::size_t>(clusters()));
        }

        [[nodiscard]] Index clusters() const { return this->density().clusters(); }

        /// log p(y=k | z) at the mean of q(z | x): cells x clusters, made anew in each call.
        [[nodiscard]] Slice log_responsibilities(const Pass<Real, Exec>& pass) const {
            Slice result = first_rows(log_share_, pass.batch->cells());
            this->density().log_share(pass, this->mean(pass), result);
            return result;
        }

    private:
        Matrix<Real, Space> log_share_;  // cells x clusters
    };
};

}  // namespace cellvae
