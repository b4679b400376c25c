// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <string_view>

#include "cellvae/priors/cluster_balance.hpp"
#include "cellvae/priors/inference_options.hpp"
#include "cellvae/priors/latent_kernels.hpp"
#include "cellvae/priors/mixture_kernels.hpp"
#include "cellvae/priors/prior_sample.hpp"

namespace cellvae::priors_detail {

/// The Inference of GaussianMixture where whole clusters are decoded: all of them (ClusterSumKind::exact), or those of
/// larger responsibility (threshold). All clusters of a minibatch are rows of one matrix, clusters x cells: the decoder
/// and the output layer work on them at once.
///
/// Held-out cells always have all clusters. RelaxedMixtureInference, for which a cell has one row in training, takes
/// them from here, and what the sums have in common: networks, prior and memory.
template <class Real, class Exec, class Encoder>
class MixtureInference {
public:
    using Space = typename Exec::memory_space;
    using Slice = MatrixSlice<Real, Space>;

    /// The terms, means over cells: the bound, the reconstruction and the KL of z under q(y | x), and the KL of y.
    static constexpr std::array<std::string_view, 4> term_names{"bound", "reconstruction", "kl_z", "kl_y"};

    /// @throws OptionError for options that a mixture cannot take, and for a sum that is not exact
    MixtureInference(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, Index genes,
                     const InferenceOptions& options)
        : MixtureInference(store, state, genes, exact_alone(options), false) {}

    void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, const ParameterStore<Real, Exec>& state,
                    std::uint64_t seed) const {
        encoder_.initialise(exec, store, state, seed);
        mean_head_.initialise(exec, store, seed);
        log_variance_head_.initialise(exec, store, seed);
        cluster_encoder_.initialise(exec, store, state, seed);
        logits_head_.initialise(exec, store, seed);
        nn_detail::fill_uniform(exec, store, prior_mean_, 1.7320508, seed);  // variance one
        fill(exec, "cellvae::initialise", store.value(prior_log_variance_), Real(0));
        if (prior_logits_ >= 0) fill(exec, "cellvae::initialise", store.value(prior_logits_), Real(0));
    }

    void reserve(const Exec& exec, Index most_cells, [[maybe_unused]] Index samples) {
        const Index rows = most_cells * clusters_;
        if (sum_.kind == ClusterSumKind::threshold) kept_.reserve(exec, most_cells, clusters_);
        encoder_.reserve(exec, rows);
        cluster_encoder_.reserve(exec, most_cells);
        mean_ = matrix(exec, "cellvae::latent::mean", rows, latent_);
        log_variance_ = matrix(exec, "cellvae::latent::log_variance", rows, latent_);
        d_mean_ = matrix(exec, "cellvae::latent::d_mean", rows, latent_);
        d_log_variance_ = matrix(exec, "cellvae::latent::d_log_variance", rows, latent_);
        noise_ = matrix(exec, "cellvae::latent::noise", rows, latent_);
        z_ = matrix(exec, "cellvae::latent::z", rows, latent_);
        d_z_ = matrix(exec, "cellvae::latent::d_z", rows, latent_);
        chosen_ = matrix(exec, "cellvae::latent::chosen", most_cells, latent_);
        logits_ = matrix(exec, "cellvae::latent::logits", most_cells, clusters_);
        d_logits_ = matrix(exec, "cellvae::latent::d_logits", most_cells, clusters_);
        log_q_ = matrix(exec, "cellvae::latent::log_q", most_cells, clusters_);
        log_pi_ = matrix(exec, "cellvae::latent::log_pi", 1, clusters_);
        shares_ = Matrix<double, Space>(Kokkos::view_alloc(exec, "cellvae::latent::shares"), 2,
                                        static_cast<std::size_t>(clusters_));
        weights_ =
            Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::latent::weights"), static_cast<std::size_t>(rows));
        kl_ = Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::latent::kl"), static_cast<std::size_t>(rows));
    }

    /// The most rows of z for each cell of a minibatch, and how many independent draws they are.
    [[nodiscard]] Index rows_per_cell() const { return clusters_; }
    [[nodiscard]] Index draws_per_pass() const { return 1; }
    [[nodiscard]] Index clusters() const { return clusters_; }

    void encode(const Pass<Real, Exec>& pass) const {
        encode_clusters(pass);
        encode_rows(pass, Slice());
        mixture_kl(pass, mean(pass), log_variance(pass), pass.parameters->value(prior_mean_),
                   pass.parameters->value(prior_log_variance_), kl_);
        mixture_weights(pass, log_q_, weights_);
    }

    /// The pairs of a cluster and a cell that this pass decodes, after encode(); empty where it decodes all rows.
    [[nodiscard]] VectorSlice<const Index, Space> kept_rows(const Pass<Real, Exec>& pass) const {
        if (sum_.kind != ClusterSumKind::threshold || sum_.threshold <= 0 || pass.mode == Mode::evaluation) return {};
        if (sum_.all_every > 0 && static_cast<Index>(pass.step) % sum_.all_every == 0) return {};
        return kept_.choose(pass, log_q_, sum_.threshold);
    }

    void draw_noise(const Pass<Real, Exec>& pass, std::uint32_t first_sample = 0) const {
        priors_detail::draw_noise(pass, noise(pass), first_sample * static_cast<std::uint32_t>(clusters_));
    }

    void sample(const Pass<Real, Exec>& pass) const {
        reparametrise(pass, mean(pass), log_variance(pass), noise(pass), z(pass));
    }

    /// The weight of each decoded row's reconstruction in the mean bound: q(y | x), or one at a known label, over the
    /// cells.
    void row_weights(const Pass<Real, Exec>& pass, const VectorSlice<Real, Space>& weights) const {
        decoded_weights(pass, log_q_, kept_.decoded(pass), weights);
    }

    /// z (cells x latent) from p(y) p(z | y), and the clusters that they are from. @param allowed clusters: not 0 for
    /// those that may be; empty: all
    template <class AllowedView, class ComponentView>
    void sample_prior(const Pass<Real, Exec>& pass, const AllowedView& allowed, const Slice& z,
                      const ComponentView& component) const {
        const auto& store = *pass.parameters;
        sample_components(pass, store.value(prior_mean_), store.value(prior_log_variance_),
                          prior_logits_ >= 0 ? store.value(prior_logits_) : Slice(), allowed, z, component);
    }

    template <class LogProbView, class TermsView>
    void terms(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob, const TermsView& terms) const {
        mixture_terms(pass, beta, pass.cluster_beta.value_or(beta), log_q_, log_pi_, kl_, kept_.decoded(pass), log_prob,
                      terms);
        take_balance(pass, terms);
    }

    /// log p(z, y) - log q(z | x, y) of each row: exp of log p(x | z) plus this, summed over clusters, estimates p(x)
    /// without bias. For evaluation.
    template <class RatioView>
    void log_ratio(const Pass<Real, Exec>& pass, const RatioView& ratio) const {
        mixture_log_ratio(pass, log_variance(pass), noise(pass), z(pass), pass.parameters->value(prior_mean_),
                          pass.parameters->value(prior_log_variance_), log_pi_, ratio);
    }

    /// @param log_prob decoded rows: log p(x | z), base measures left out or not
    template <class LogProbView>
    void backward(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob,
                  const VectorSlice<Real, Space>&) const {
        const auto weight = static_cast<Real>(beta);
        const double cluster_beta = pass.cluster_beta.value_or(beta);
        const Slice prior_mean = pass.parameters->value(prior_mean_);
        const Slice prior_log_variance = pass.parameters->value(prior_log_variance_);
        const auto decoded = kept_.decoded(pass);
        const Slice d_logits = first_rows(d_logits_, pass.batch->cells());
        mixture_backward_rows(pass, weight, mean(pass), log_variance(pass), noise(pass), decoded, d_z(pass), weights_,
                              prior_mean, prior_log_variance, first_rows(d_mean_, rows(pass)),
                              first_rows(d_log_variance_, rows(pass)));
        mixture_backward_prior(pass, weight, mean(pass), log_variance(pass), weights_, prior_mean, prior_log_variance,
                               pass.parameters->gradient(prior_mean_), pass.parameters->gradient(prior_log_variance_));
        mixture_backward_logits(pass, beta, cluster_beta, log_q_, log_pi_, kl_, decoded, log_prob, d_logits);
        backward_rows(pass, Slice(), Slice());
        backward_clusters(pass, cluster_beta, d_logits);
    }

    /// The latent coordinates of each cell: the mean of q(z | x, y) at its most probable cluster. For evaluation.
    [[nodiscard]] Slice latent(const Pass<Real, Exec>& pass) const {
        Slice chosen = first_rows(chosen_, pass.batch->cells());
        mean_at_most_probable(pass, log_q_, mean(pass), chosen);
        return chosen;
    }

    /// log q(y | x): cells x clusters.
    [[nodiscard]] Slice log_responsibilities(const Pass<Real, Exec>& pass) const {
        return first_rows(log_q_, pass.batch->cells());
    }

    [[nodiscard]] Slice mean(const Pass<Real, Exec>& pass) const { return first_rows(mean_, rows(pass)); }
    [[nodiscard]] Slice log_variance(const Pass<Real, Exec>& pass) const {
        return first_rows(log_variance_, rows(pass));
    }
    [[nodiscard]] Slice noise(const Pass<Real, Exec>& pass) const { return first_rows(noise_, rows(pass)); }
    [[nodiscard]] Slice z(const Pass<Real, Exec>& pass) const { return first_rows(z_, decoded_rows(pass)); }
    [[nodiscard]] Slice d_z(const Pass<Real, Exec>& pass) const { return first_rows(d_z_, decoded_rows(pass)); }

protected:
    /// @param one_row a cell has one row in training, not one for each cluster
    MixtureInference(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, Index genes,
                     const InferenceOptions& options, bool one_row)
        : latent_(options.latent),
          clusters_(checked(options).mixture.clusters),
          sum_(options.mixture.sum),
          one_row_(one_row),
          encoder_(store, state, "encoder", genes, true, options.network, clusters_),
          mean_head_(store, "encoder/mean", encoder_.outputs(), latent_),
          log_variance_head_(store, "encoder/log_variance", encoder_.outputs(), latent_),
          cluster_encoder_(store, state, "cluster_encoder", genes, true, second(options.network)),
          logits_head_(store, "cluster_encoder/logits", cluster_encoder_.outputs(), clusters_),
          prior_mean_(store.add("prior/mean", clusters_, latent_)),
          prior_log_variance_(store.add("prior/log_variance", clusters_, latent_)),
          prior_logits_(options.mixture.learned_weights ? store.add("prior/logits", 1, clusters_) : -1) {}

    static Matrix<Real, Space> matrix(const Exec& exec, const char* label, Index height, Index width) {
        return Matrix<Real, Space>(Kokkos::view_alloc(exec, std::string(label)), static_cast<std::size_t>(height),
                                   static_cast<std::size_t>(width));
    }

    /// log q(y | x) and log p(y).
    void encode_clusters(const Pass<Real, Exec>& pass) const {
        const Index cells = pass.batch->cells();
        logits_head_.forward(pass, cluster_encoder_.forward(pass, Slice(), cells), first_rows(logits_, cells));
        log_softmax_rows(pass.exec, first_rows(logits_, cells), first_rows(log_q_, cells));
        if (prior_logits_ >= 0)
            log_softmax_rows(pass.exec, pass.parameters->value(prior_logits_), first_rows(log_pi_, 1));
        else
            fill(pass.exec, "cellvae::log_pi", log_pi_, static_cast<Real>(-std::log(static_cast<double>(clusters_))));
    }

    /// The rows' q(z | x, y). @param member cells x clusters: how much of each cluster a cell is; empty: a row is of
    /// one
    void encode_rows(const Pass<Real, Exec>& pass, const Slice& member) const {
        const Slice hidden = encoder_.forward(pass, member, rows(pass));
        mean_head_.forward(pass, hidden, mean(pass));
        log_variance_head_.forward(pass, hidden, log_variance(pass));
    }

    /// Back through the networks of q(z | x, y), from the gradients by its mean and log variance; d_member gets that by
    /// the members.
    void backward_rows(const Pass<Real, Exec>& pass, const Slice& member, const Slice& d_member) const {
        const Index height = rows(pass);
        const Slice d_mean = first_rows(d_mean_, height);
        const Slice d_log_variance = first_rows(d_log_variance_, height);
        const Slice hidden = encoder_.output(height);
        mean_head_.backward_parameters(pass, hidden, d_mean);
        log_variance_head_.backward_parameters(pass, hidden, d_log_variance);
        mean_head_.backward_input(pass, d_mean, encoder_.d_output(height));
        log_variance_head_.backward_input(pass, d_log_variance, encoder_.d_output(height), true);
        encoder_.backward(pass, member, d_member, height);
    }

    /// The gradient by the mixing weights, that of the balance, and back through the network of q(y | x).
    void backward_clusters(const Pass<Real, Exec>& pass, double cluster_beta, const Slice& d_logits) const {
        const Index cells = pass.batch->cells();
        if (prior_logits_ >= 0)
            mixture_backward_weights(pass, cluster_beta, log_q_, log_pi_, pass.parameters->gradient(prior_logits_));
        if (pass.balance > 0) {
            const Slice log_q = first_rows(log_q_, cells);
            const Slice log_pi = first_rows(log_pi_, 1);
            cluster_shares(pass, log_q, log_pi, shares_);
            balance_by_logits(pass, pass.balance, log_q, shares_, d_logits);
            if (prior_logits_ >= 0)
                balance_by_weights(pass, pass.balance, log_pi, shares_, pass.parameters->gradient(prior_logits_));
        }
        logits_head_.backward_parameters(pass, cluster_encoder_.output(cells), d_logits);
        logits_head_.backward_input(pass, d_logits, cluster_encoder_.d_output(cells));
        cluster_encoder_.backward(pass, Slice(), Slice(), cells);
    }

    template <class TermsView>
    void take_balance(const Pass<Real, Exec>& pass, const TermsView& terms) const {
        if (!(pass.balance > 0)) return;
        cluster_shares(pass, first_rows(log_q_, pass.batch->cells()), first_rows(log_pi_, 1), shares_);
        subtract_balance(pass, pass.balance, shares_, terms);
    }

    /// The encoder's rows, and those of them that the decoder is given.
    [[nodiscard]] Index rows(const Pass<Real, Exec>& pass) const {
        return pass.batch->cells() * (one_row_ && pass.mode == Mode::training ? 1 : clusters_);
    }
    [[nodiscard]] Index decoded_rows(const Pass<Real, Exec>& pass) const {
        const auto kept = static_cast<Index>(pass.kept_rows.extent(0));
        return kept == 0 ? rows(pass) : kept;
    }

    Index latent_;
    Index clusters_;
    ClusterSum sum_;
    bool one_row_;
    typename Encoder::template Network<Real, Exec> encoder_;
    Linear<Real, Exec> mean_head_;
    Linear<Real, Exec> log_variance_head_;
    typename Encoder::template Network<Real, Exec> cluster_encoder_;
    Linear<Real, Exec> logits_head_;
    int prior_mean_;
    int prior_log_variance_;
    int prior_logits_;
    Matrix<Real, Space> mean_, log_variance_, d_mean_, d_log_variance_, noise_, z_, d_z_;  // rows x latent
    Matrix<Real, Space> chosen_;                                                           // cells x latent
    Matrix<Real, Space> logits_, d_logits_, log_q_;                                        // cells x clusters
    Matrix<Real, Space> log_pi_;                                                           // 1 x clusters
    Matrix<double, Space> shares_;                                                         // 2 x clusters
    Vector<Real, Space> weights_;                                                          // rows
    Vector<double, Space> kl_;                                                             // rows
    KeptRows<Real, Exec> kept_;

private:
    /// The options of the network beside the first, whose dropout is its own.
    static MlpOptions second(MlpOptions options) {
        options.network = 1;
        return options;
    }

    static const InferenceOptions& checked(const InferenceOptions& options) {
        if (options.mixture.clusters < 1)
            throw OptionError(message("a mixture needs at least one cluster, found ", options.mixture.clusters));
        if (options.samples != 1) throw OptionError("a mixture takes one sample of z for each cluster and cell");
        if (options.network.normalisation == Normalisation::batch)
            throw OptionError("batch normalisation is for the plain VAE: use layer normalisation, or none");
        options.mixture.sum.check();
        return options;
    }

    static const InferenceOptions& exact_alone(const InferenceOptions& options) {
        if (options.mixture.sum.kind != ClusterSumKind::exact)
            throw OptionError(message("GaussianMixture<ExactSum> has no sum ", name_of(options.mixture.sum.kind),
                                      ": use GaussianMixture<>"));
        return options;
    }
};

}  // namespace cellvae::priors_detail
