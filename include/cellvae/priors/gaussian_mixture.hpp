// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>

#include "cellvae/priors/cluster_balance.hpp"
#include "cellvae/priors/inference_options.hpp"
#include "cellvae/priors/latent_kernels.hpp"
#include "cellvae/priors/mixture_kernels.hpp"
#include "cellvae/priors/prior_sample.hpp"
#include "cellvae/priors/relaxed_kernels.hpp"

namespace cellvae {

/// How a mixture's sum over clusters is taken is chosen at run time (see ClusterSum).
struct AnySum {};

/// It is exact, and options that ask for another are refused.
struct ExactSum {};

/// The prior p(y) p(z | y) with clusters y: z given y is Gaussian with a learned mean and diagonal variance, and the
/// mixing weights are uniform or learned. q(y | x) and q(z | x, y) are networks of their own. The bound is
///
///     bound = sum_k q(y=k | x) [log p(x | z_k) - KL(q(z | x, k) || p(z | k))] - KL(q(y | x) || p(y))
///
/// All clusters of a minibatch are rows of one matrix, clusters x cells: the decoder and the output layer work on them
/// at once. A cell whose label is known contributes reconstruction - KL + log p(y) + log q(y | x) at its cluster
/// (Kingma et al. 2014).
///
/// In training the sum may be taken otherwise: see ClusterSum. With Gumbel-softmax and straight-through a cell has one
/// row, at a point y between the clusters: the encoder is given y, and the prior of z has the clusters' means and log
/// variances in the proportions y. The KL of y stays that of q(y | x).
template <class Sum = AnySum>
struct GaussianMixture {
    static constexpr std::string_view name = "mixture";

    template <class Real, class Exec, class Encoder>
    class Inference {
    public:
        using Space = typename Exec::memory_space;
        using Slice = MatrixSlice<Real, Space>;

        /// The terms, means over cells: the bound, the reconstruction and the KL of z under q(y | x), and the KL of y.
        static constexpr std::array<std::string_view, 4> term_names{"bound", "reconstruction", "kl_z", "kl_y"};

        Inference(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, Index genes,
                  const InferenceOptions& options)
            : latent_(options.latent),
              clusters_(checked(options).clusters),
              sum_(options.sum),
              encoder_(store, state, "encoder", genes, true, options.network, clusters_),
              mean_head_(store, "encoder/mean", encoder_.outputs(), latent_),
              log_variance_head_(store, "encoder/log_variance", encoder_.outputs(), latent_),
              cluster_encoder_(store, state, "cluster_encoder", genes, true, second(options.network)),
              logits_head_(store, "cluster_encoder/logits", cluster_encoder_.outputs(), clusters_),
              prior_mean_(store.add("prior/mean", clusters_, latent_)),
              prior_log_variance_(store.add("prior/log_variance", clusters_, latent_)),
              prior_logits_(options.learned_weights ? store.add("prior/logits", 1, clusters_) : -1) {}

        void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store,
                        const ParameterStore<Real, Exec>& state, std::uint64_t seed) const {
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
            const auto make = [&](const char* label, Index height, Index width) {
                return Matrix<Real, Space>(Kokkos::view_alloc(exec, std::string(label)),
                                           static_cast<std::size_t>(height), static_cast<std::size_t>(width));
            };
            mean_ = make("cellvae::latent::mean", rows, latent_);
            log_variance_ = make("cellvae::latent::log_variance", rows, latent_);
            d_mean_ = make("cellvae::latent::d_mean", rows, latent_);
            d_log_variance_ = make("cellvae::latent::d_log_variance", rows, latent_);
            noise_ = make("cellvae::latent::noise", rows, latent_);
            z_ = make("cellvae::latent::z", rows, latent_);
            d_z_ = make("cellvae::latent::d_z", rows, latent_);
            chosen_ = make("cellvae::latent::chosen", most_cells, latent_);
            logits_ = make("cellvae::latent::logits", most_cells, clusters_);
            d_logits_ = make("cellvae::latent::d_logits", most_cells, clusters_);
            log_q_ = make("cellvae::latent::log_q", most_cells, clusters_);
            log_pi_ = make("cellvae::latent::log_pi", 1, clusters_);
            shares_ = Matrix<double, Space>(Kokkos::view_alloc(exec, "cellvae::latent::shares"), 2,
                                            static_cast<std::size_t>(clusters_));
            if (sum_.is_relaxed()) {
                gumbel_ = make("cellvae::latent::gumbel", most_cells, clusters_);
                soft_ = make("cellvae::latent::soft", most_cells, clusters_);
                member_ = make("cellvae::latent::member", most_cells, clusters_);
                d_member_ = make("cellvae::latent::d_member", most_cells, clusters_);
                member_mean_ = make("cellvae::latent::member_mean", most_cells, latent_);
                member_log_variance_ = make("cellvae::latent::member_log_variance", most_cells, latent_);
            }
            weights_ = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::latent::weights"),
                                           static_cast<std::size_t>(rows));
            kl_ =
                Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::latent::kl"), static_cast<std::size_t>(rows));
        }

        /// The most rows of z for each cell of a minibatch, and how many independent draws they are.
        [[nodiscard]] Index rows_per_cell() const { return clusters_; }
        [[nodiscard]] Index draws_per_pass() const { return 1; }
        [[nodiscard]] Index clusters() const { return clusters_; }

        void encode(const Pass<Real, Exec>& pass) const {
            const Index cells = pass.batch->cells();
            logits_head_.forward(pass, cluster_encoder_.forward(pass, Slice(), cells), first_rows(logits_, cells));
            const Slice log_q = first_rows(log_q_, cells);
            priors_detail::log_softmax_rows(pass.exec, first_rows(logits_, cells), log_q);
            if (prior_logits_ >= 0)
                priors_detail::log_softmax_rows(pass.exec, pass.parameters->value(prior_logits_),
                                                first_rows(log_pi_, 1));
            else
                fill(pass.exec, "cellvae::log_pi", log_pi_,
                     static_cast<Real>(-std::log(static_cast<double>(clusters_))));
            if (relaxed(pass)) {
                if (!(pass.temperature > 0))
                    throw OptionError(message("the temperature must be above 0, found ", pass.temperature));
                priors_detail::relaxed_members(pass, sum_.kind == ClusterSumKind::straight_through, log_q,
                                               gumbel_noise(pass), first_rows(soft_, cells), member(pass));
            }
            const Slice hidden = encoder_.forward(pass, member(pass), rows(pass));
            mean_head_.forward(pass, hidden, mean(pass));
            log_variance_head_.forward(pass, hidden, log_variance(pass));
            const Slice prior_mean = pass.parameters->value(prior_mean_);
            const Slice prior_log_variance = pass.parameters->value(prior_log_variance_);
            if (relaxed(pass)) {
                priors_detail::relaxed_kl(pass, member(pass), mean(pass), log_variance(pass), prior_mean,
                                          prior_log_variance, first_rows(member_mean_, cells),
                                          first_rows(member_log_variance_, cells), kl_);
            } else {
                priors_detail::mixture_kl(pass, mean(pass), log_variance(pass), prior_mean, prior_log_variance, kl_);
                priors_detail::mixture_weights(pass, log_q_, weights_);
            }
        }

        /// The pairs of a cluster and a cell that this pass decodes, after encode(); empty where it decodes all rows.
        [[nodiscard]] VectorSlice<const Index, Space> kept_rows(const Pass<Real, Exec>& pass) const {
            if (sum_.kind != ClusterSumKind::threshold || sum_.threshold <= 0 || pass.mode == Mode::evaluation)
                return {};
            if (sum_.all_every > 0 && static_cast<Index>(pass.step) % sum_.all_every == 0) return {};
            return kept_.choose(pass, log_q_, sum_.threshold);
        }

        /// The noise of z, and of the choice between clusters.
        void draw_noise(const Pass<Real, Exec>& pass, std::uint32_t first_sample = 0) const {
            priors_detail::draw_noise(pass, noise(pass), first_sample * static_cast<std::uint32_t>(clusters_));
            if (relaxed(pass)) priors_detail::draw_gumbel(pass, gumbel_noise(pass), first_sample);
        }

        void sample(const Pass<Real, Exec>& pass) const {
            priors_detail::reparametrise(pass, mean(pass), log_variance(pass), noise(pass), z(pass));
        }

        /// The weight of each decoded row's reconstruction in the mean bound: q(y | x), or one at a known label, over
        /// the cells.
        void row_weights(const Pass<Real, Exec>& pass, const VectorSlice<Real, Space>& weights) const {
            if (relaxed(pass))
                fill(pass.exec, KernelLabel("cellvae::row_weights"), weights,
                     Real(1) / static_cast<Real>(weights.extent(0)));
            else
                priors_detail::decoded_weights(pass, log_q_, kept_.decoded(pass), weights);
        }

        /// z (cells x latent) from p(y) p(z | y), and the clusters that they are from. @param allowed clusters: not 0
        /// for those that may be; empty: all
        template <class AllowedView, class ComponentView>
        void sample_prior(const Pass<Real, Exec>& pass, const AllowedView& allowed, const Slice& z,
                          const ComponentView& component) const {
            const auto& store = *pass.parameters;
            priors_detail::sample_components(pass, store.value(prior_mean_), store.value(prior_log_variance_),
                                             prior_logits_ >= 0 ? store.value(prior_logits_) : Slice(), allowed, z,
                                             component);
        }

        template <class LogProbView, class TermsView>
        void terms(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob,
                   const TermsView& terms) const {
            const Slice log_q = first_rows(log_q_, pass.batch->cells());
            const double cluster_beta = pass.cluster_beta.value_or(beta);
            if (relaxed(pass))
                priors_detail::relaxed_terms(pass, beta, cluster_beta, log_q, first_rows(log_pi_, 1), kl_, log_prob,
                                             terms);
            else
                priors_detail::mixture_terms(pass, beta, cluster_beta, log_q_, log_pi_, kl_, kept_.decoded(pass),
                                             log_prob, terms);
            if (pass.balance > 0) {
                priors_detail::cluster_shares(pass, log_q, first_rows(log_pi_, 1), shares_);
                priors_detail::subtract_balance(pass, pass.balance, shares_, terms);
            }
        }

        /// log p(z, y) - log q(z | x, y) of each row: exp of log p(x | z) plus this, summed over clusters, estimates
        /// p(x) without bias. For evaluation.
        template <class RatioView>
        void log_ratio(const Pass<Real, Exec>& pass, const RatioView& ratio) const {
            priors_detail::mixture_log_ratio(pass, log_variance(pass), noise(pass), z(pass),
                                             pass.parameters->value(prior_mean_),
                                             pass.parameters->value(prior_log_variance_), log_pi_, ratio);
        }

        /// @param log_prob decoded rows: log p(x | z), base measures left out or not
        template <class LogProbView>
        void backward(const Pass<Real, Exec>& pass, double beta, const LogProbView& log_prob,
                      const VectorSlice<Real, Space>&) const {
            const Index cells = pass.batch->cells();
            const Slice d_mean = first_rows(d_mean_, rows(pass));
            const Slice d_log_variance = first_rows(d_log_variance_, rows(pass));
            const auto weight = static_cast<Real>(beta);
            const double cluster_beta = pass.cluster_beta.value_or(beta);
            const Slice d_logits = first_rows(d_logits_, cells);
            if (relaxed(pass)) {
                priors_detail::relaxed_backward_rows(pass, weight, mean(pass), log_variance(pass), noise(pass),
                                                     d_z(pass), first_rows(member_mean_, cells),
                                                     first_rows(member_log_variance_, cells), d_mean, d_log_variance);
            } else {
                const Slice prior_mean = pass.parameters->value(prior_mean_);
                const Slice prior_log_variance = pass.parameters->value(prior_log_variance_);
                const auto decoded = kept_.decoded(pass);
                priors_detail::mixture_backward_rows(pass, weight, mean(pass), log_variance(pass), noise(pass), decoded,
                                                     d_z(pass), weights_, prior_mean, prior_log_variance, d_mean,
                                                     d_log_variance);
                priors_detail::mixture_backward_prior(
                    pass, weight, mean(pass), log_variance(pass), weights_, prior_mean, prior_log_variance,
                    pass.parameters->gradient(prior_mean_), pass.parameters->gradient(prior_log_variance_));
                priors_detail::mixture_backward_logits(pass, beta, cluster_beta, log_q_, log_pi_, kl_, decoded,
                                                       log_prob, d_logits);
            }
            if (prior_logits_ >= 0)
                priors_detail::mixture_backward_weights(pass, cluster_beta, log_q_, log_pi_,
                                                        pass.parameters->gradient(prior_logits_));

            const Slice hidden = encoder_.output(rows(pass));
            mean_head_.backward_parameters(pass, hidden, d_mean);
            log_variance_head_.backward_parameters(pass, hidden, d_log_variance);
            mean_head_.backward_input(pass, d_mean, encoder_.d_output(rows(pass)));
            log_variance_head_.backward_input(pass, d_log_variance, encoder_.d_output(rows(pass)), true);
            encoder_.backward(pass, member(pass), relaxed(pass) ? first_rows(d_member_, cells) : Slice(), rows(pass));
            if (relaxed(pass)) backward_members(pass, static_cast<Real>(cluster_beta), d_logits);
            if (pass.balance > 0) backward_balance(pass, d_logits);
            logits_head_.backward_parameters(pass, cluster_encoder_.output(cells), d_logits);
            logits_head_.backward_input(pass, d_logits, cluster_encoder_.d_output(cells));
            cluster_encoder_.backward(pass, Slice(), Slice(), cells);
        }

        /// Public for tests and nvcc: the gradients through the cells' members, after the encoder's.
        void backward_members(const Pass<Real, Exec>& pass, Real cluster_beta, const Slice& d_logits) const {
            const Index cells = pass.batch->cells();
            const Slice cluster_mean = pass.parameters->value(prior_mean_);
            const Slice cluster_log_variance = pass.parameters->value(prior_log_variance_);
            const Slice d_mean = first_rows(member_mean_, cells);  // what relaxed_backward_rows made of them
            const Slice d_log_variance = first_rows(member_log_variance_, cells);
            priors_detail::relaxed_backward_prior(pass, member(pass), d_mean, d_log_variance, cluster_log_variance,
                                                  pass.parameters->gradient(prior_mean_),
                                                  pass.parameters->gradient(prior_log_variance_));
            priors_detail::relaxed_backward_logits(
                pass, cluster_beta, first_rows(log_q_, cells), first_rows(log_pi_, 1), first_rows(soft_, cells),
                first_rows(d_member_, cells), d_mean, d_log_variance, cluster_mean, cluster_log_variance, d_logits);
        }

        /// Public as the last: adds the gradients of the balance of clusters.
        void backward_balance(const Pass<Real, Exec>& pass, const Slice& d_logits) const {
            const Slice log_q = first_rows(log_q_, pass.batch->cells());
            const Slice log_pi = first_rows(log_pi_, 1);
            priors_detail::cluster_shares(pass, log_q, log_pi, shares_);
            priors_detail::balance_by_logits(pass, pass.balance, log_q, shares_, d_logits);
            if (prior_logits_ >= 0)
                priors_detail::balance_by_weights(pass, pass.balance, log_pi, shares_,
                                                  pass.parameters->gradient(prior_logits_));
        }

        /// The latent coordinates of each cell: the mean of q(z | x, y) at its most probable cluster. For evaluation.
        [[nodiscard]] Slice latent(const Pass<Real, Exec>& pass) const {
            Slice chosen = first_rows(chosen_, pass.batch->cells());
            priors_detail::mean_at_most_probable(pass, log_q_, mean(pass), chosen);
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

        /// With Gumbel-softmax and straight-through: the noise of the choice between clusters, and how much of each
        /// cluster a cell is. cells x clusters; empty otherwise.
        [[nodiscard]] Slice gumbel_noise(const Pass<Real, Exec>& pass) const {
            return relaxed(pass) ? first_rows(gumbel_, pass.batch->cells()) : Slice();
        }
        [[nodiscard]] Slice member(const Pass<Real, Exec>& pass) const {
            return relaxed(pass) ? first_rows(member_, pass.batch->cells()) : Slice();
        }

    private:
        /// The options of the network beside the first, whose dropout is its own.
        static MlpOptions second(MlpOptions options) {
            options.network = 1;
            return options;
        }

        static const InferenceOptions& checked(const InferenceOptions& options) {
            if (options.clusters < 1)
                throw OptionError(message("a mixture needs at least one cluster, found ", options.clusters));
            if (options.samples != 1) throw OptionError("a mixture takes one sample of z for each cluster and cell");
            if (options.network.normalisation == Normalisation::batch)
                throw OptionError("batch normalisation is for the plain VAE: use layer normalisation, or none");
            options.sum.check();
            if (std::is_same_v<Sum, ExactSum> && options.sum.kind != ClusterSumKind::exact)
                throw OptionError(message("GaussianMixture<ExactSum> has no sum ", name_of(options.sum.kind),
                                          ": use GaussianMixture<>"));
            return options;
        }

        /// Whether a cell has one row, between the clusters.
        [[nodiscard]] bool relaxed(const Pass<Real, Exec>& pass) const {
            return pass.mode == Mode::training && sum_.is_relaxed();
        }

        /// The encoder's rows, and those of them that the decoder is given.
        [[nodiscard]] Index rows(const Pass<Real, Exec>& pass) const {
            return pass.batch->cells() * (relaxed(pass) ? 1 : clusters_);
        }
        [[nodiscard]] Index decoded_rows(const Pass<Real, Exec>& pass) const {
            const auto kept = static_cast<Index>(pass.kept_rows.extent(0));
            return kept == 0 ? rows(pass) : kept;
        }

        Index latent_;
        Index clusters_;
        ClusterSum sum_;
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
        priors_detail::KeptRows<Real, Exec> kept_;
        Matrix<Real, Space> gumbel_, soft_, member_, d_member_;  // cells x clusters
        Matrix<Real, Space> member_mean_, member_log_variance_;  // cells x latent: the prior's there, then gradients
    };
};

}  // namespace cellvae
