// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/priors/mixture_inference.hpp"
#include "cellvae/priors/relaxed_kernels.hpp"

namespace cellvae::priors_detail {

/// The Inference of GaussianMixture with any sum. With Gumbel-softmax and straight-through a cell has one row in
/// training, at a point y between the clusters, its member: the encoder is given y, and the prior of z has the
/// clusters' means and log variances in the proportions y. The KL of y stays that of q(y | x).
///
/// What is not relaxed, held-out cells among it, is MixtureInference's.
template <class Real, class Exec, class Encoder>
class RelaxedMixtureInference : public MixtureInference<Real, Exec, Encoder> {
public:
    using Whole = MixtureInference<Real, Exec, Encoder>;
    using typename Whole::Slice;
    using typename Whole::Space;

    RelaxedMixtureInference(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, Index genes,
                            const InferenceOptions& options)
        : Whole(store, state, genes, options, options.mixture.sum.is_relaxed()) {}

    void reserve(const Exec& exec, Index most_cells, Index samples) {
        Whole::reserve(exec, most_cells, samples);
        if (!one_row_) return;
        gumbel_ = Whole::matrix(exec, "cellvae::latent::gumbel", most_cells, clusters_);
        soft_ = Whole::matrix(exec, "cellvae::latent::soft", most_cells, clusters_);
        member_ = Whole::matrix(exec, "cellvae::latent::member", most_cells, clusters_);
        d_member_ = Whole::matrix(exec, "cellvae::latent::d_member", most_cells, clusters_);
        member_mean_ = Whole::matrix(exec, "cellvae::latent::member_mean", most_cells, latent_);
        member_log_variance_ = Whole::matrix(exec, "cellvae::latent::member_log_variance", most_cells, latent_);
    }

    void encode(const Pass<Real, Exec>& pass) const {
        if (!relaxed(pass)) return Whole::encode(pass);
        const Index cells = pass.batch->cells();
        Whole::encode_clusters(pass);
        if (!(pass.temperature > 0))
            throw OptionError(message("the temperature must be above 0, found ", pass.temperature));
        relaxed_members(pass, sum_.kind == ClusterSumKind::straight_through, first_rows(log_q_, cells),
                        gumbel_noise(pass), first_rows(soft_, cells), member(pass));
        Whole::encode_rows(pass, member(pass));
        relaxed_kl(pass, member(pass), this->mean(pass), this->log_variance(pass), pass.parameters->value(prior_mean_),
                   pass.parameters->value(prior_log_variance_), first_rows(member_mean_, cells),
                   first_rows(member_log_variance_, cells), kl_);
    }

    /// The noise of z, and of the choice between clusters.
    void draw_noise(const Pass<Real, Exec>& pass, std::uint32_t first_sample = 0) const {
        Whole::draw_noise(pass, first_sample);
        if (relaxed(pass)) draw_gumbel(pass, gumbel_noise(pass), first_sample);
    }

    /// The weight of each row's reconstruction in the mean bound: one over the cells.
    void row_weights(const Pass<Real, Exec>& pass, const VectorSlice<Real, Space>& weights) const {
        if (!relaxed(pass)) return Whole::row_weights(pass, weights);
        fill(pass.exec, KernelLabel("cellvae::row_weights"), weights, Real(1) / static_cast<Real>(weights.extent(0)));
    }

    template <class LogProbView, class TermsView>
    void terms(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob, const TermsView& terms) const {
        if (!relaxed(pass)) return Whole::terms(pass, beta, log_prob, terms);
        relaxed_terms(pass, beta, pass.cluster_beta.value_or(beta), first_rows(log_q_, pass.batch->cells()),
                      first_rows(log_pi_, 1), kl_, log_prob, terms);
        Whole::take_balance(pass, terms);
    }

    template <class LogProbView>
    void backward(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob,
                  const VectorSlice<Real, Space>& weights) const {
        if (!relaxed(pass)) return Whole::backward(pass, beta, log_prob, weights);
        const Index cells = pass.batch->cells();
        const double cluster_beta = pass.cluster_beta.value_or(beta);
        const Slice cluster_mean = pass.parameters->value(prior_mean_);
        const Slice cluster_log_variance = pass.parameters->value(prior_log_variance_);
        const Slice d_logits = first_rows(d_logits_, cells);
        const Slice d_member = first_rows(d_member_, cells);
        const Slice prior_mean = first_rows(member_mean_, cells);  // the prior's at the members, then gradients
        const Slice prior_log_variance = first_rows(member_log_variance_, cells);
        relaxed_backward_rows(pass, static_cast<Real>(beta), this->mean(pass), this->log_variance(pass),
                              this->noise(pass), this->d_z(pass), prior_mean, prior_log_variance,
                              first_rows(d_mean_, cells), first_rows(d_log_variance_, cells));
        Whole::backward_rows(pass, member(pass), d_member);
        relaxed_backward_prior(pass, member(pass), prior_mean, prior_log_variance, cluster_log_variance,
                               pass.parameters->gradient(prior_mean_), pass.parameters->gradient(prior_log_variance_));
        relaxed_backward_logits(pass, static_cast<Real>(cluster_beta), first_rows(log_q_, cells),
                                first_rows(log_pi_, 1), first_rows(soft_, cells), d_member, prior_mean,
                                prior_log_variance, cluster_mean, cluster_log_variance, d_logits);
        Whole::backward_clusters(pass, cluster_beta, d_logits);
    }

    /// In a relaxed pass: the noise of the choice between clusters, and how much of each cluster a cell is. cells x
    /// clusters; empty otherwise.
    [[nodiscard]] Slice gumbel_noise(const Pass<Real, Exec>& pass) const {
        return relaxed(pass) ? first_rows(gumbel_, pass.batch->cells()) : Slice();
    }
    [[nodiscard]] Slice member(const Pass<Real, Exec>& pass) const {
        return relaxed(pass) ? first_rows(member_, pass.batch->cells()) : Slice();
    }

private:
    using Whole::clusters_;
    using Whole::d_log_variance_;
    using Whole::d_logits_;
    using Whole::d_mean_;
    using Whole::kl_;
    using Whole::latent_;
    using Whole::log_pi_;
    using Whole::log_q_;
    using Whole::one_row_;
    using Whole::prior_log_variance_;
    using Whole::prior_mean_;
    using Whole::sum_;

    [[nodiscard]] bool relaxed(const Pass<Real, Exec>& pass) const { return one_row_ && pass.mode == Mode::training; }

    Matrix<Real, Space> gumbel_, soft_, member_, d_member_;  // cells x clusters
    Matrix<Real, Space> member_mean_, member_log_variance_;  // cells x latent: the prior's there, then gradients
};

}  // namespace cellvae::priors_detail
