// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cellvae/models/model_kernels.hpp"
#include "cellvae/models/model_options.hpp"
#include "cellvae/nn/mlp.hpp"
#include "cellvae/nn/output_layer.hpp"
#include "cellvae/priors/concepts.hpp"
#include "cellvae/priors/standard_gaussian.hpp"

namespace cellvae {

/// Draws of the latents of a minibatch's cells, decoded as far as the output layer: what evaluation reads. The rows of
/// a draw are clusters x cells; without clusters cells.
template <class Real, class Exec>
struct DecodedDraws {
    using Space = typename Exec::memory_space;

    Pass<Real, Exec> pass;
    MatrixSlice<Real, Space> hidden;   ///< rows x hidden: what the output layer reads
    VectorSlice<Real, Space> weights;  ///< of each row among those of its cell and draw: 1, or q(y | x)
    Index first_draw = 0;              ///< the number of the first
    Index draws = 1;                   ///< that the rows are of

    [[nodiscard]] Index cells() const { return pass.batch->cells(); }
    [[nodiscard]] Index rows() const { return static_cast<Index>(hidden.extent(0)); }
    [[nodiscard]] Index rows_per_draw() const { return rows() / draws; }
};

/// A variational autoencoder of cells x genes: encoder, prior and likelihood are types and compose freely.
///
/// Memory: the parameters and their gradient, and one panel of genes; it does not grow with the number of cells.
/// @tparam Encoder the network of the encoder, and of the decoder too
template <class Encoder, class Prior, Likelihood L, class Real = float, class Exec = Kokkos::DefaultExecutionSpace>
requires HasNetwork<Encoder, Real, Exec> && HasInference<Prior, Real, Exec, Encoder>
class Vae {
public:
    using real_type = Real;
    using execution_space = Exec;
    using likelihood_type = L;
    using prior_type = Prior;
    using Space = typename Exec::memory_space;
    using Slice = MatrixSlice<Real, Space>;
    using Inference = typename Prior::template Inference<Real, Exec, Encoder>;

    static constexpr auto term_names = Inference::term_names;  ///< the first is the bound
    static constexpr std::size_t term_count = term_names.size();
    using Terms = std::array<double, term_count>;

    /// @throws OptionError for options that do not fit each other or the likelihood @throws ShapeError for a mask of
    /// another size than genes x latent
    Vae(const Exec& exec, Index genes, const ModelOptions& options)
        : options_(checked(options, genes)),
          products_(exec),
          inference_(parameters_, state_, genes, inference_options(options)),
          decoder_(parameters_, state_, "decoder", options.latent + options.conditions, false,
                   decoder_options(options)),
          output_(parameters_, "decoder", decoder_.outputs(), genes,
                  {options.scale, options.shared, decoder_mask(options, genes), options.products}) {
        parameters_.allocate(exec);
        state_.allocate(exec);
        inference_.initialise(exec, parameters_, state_, options.seed);
        decoder_.initialise(exec, parameters_, state_, options.seed);
        output_.initialise(exec, parameters_, options.seed);
        host_totals_ = Kokkos::create_mirror_view(totals_);
    }

    Vae(const Vae&) = delete;
    Vae& operator=(const Vae&) = delete;

    /// Sets the weights that the mask leaves out to zero: for parameters that were set by hand.
    void apply_mask(const Exec& exec) { output_.apply_mask(exec, parameters_); }

    /// Starts the heads' biases from the statistics of the data set's genes.
    /// @throws as require_fit
    void start_from(const Exec& exec, const CellStatistics<Exec>& data) {
        require_fit(data);
        output_.start_from(exec, parameters_, data);
    }

    /// @throws ShapeError or OptionError unless the model fits the data set: its genes, the likelihood that it was
    /// checked against, as many clusters as known labels need, and its conditions
    void require_fit(const CellStatistics<Exec>& data) const {
        require_fit(data.genes(), data.likelihood, data.largest_label, data.condition_count);
    }

    /// Makes the memory for minibatches of that shape; what is there already is kept where it suffices.
    /// @throws as require_fit
    void reserve(const Exec& exec, const Minibatch<Real, Exec>& batch) {
        require_fit(batch.genes(), batch.likelihood(), batch.largest_label(), batch.conditions());
        const auto nonzeros = static_cast<Index>(batch.columns.extent(0));
        if (batch.most_cells() <= most_cells_ && nonzeros <= most_nonzeros_) return;
        most_cells_ = std::max(most_cells_, batch.most_cells());
        most_nonzeros_ = std::max(most_nonzeros_, nonzeros);
        inference_.reserve(exec, most_cells_, options_.samples);
        const Index rows = inference_.rows_per_cell() * most_cells_;
        decoder_.reserve(exec, rows);
        output_.reserve(exec, most_cells_, most_nonzeros_, inference_.rows_per_cell());
        if (options_.conditions > 0) {
            const auto width = static_cast<std::size_t>(options_.latent + options_.conditions);
            decoder_input_ = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::model::decoder_input"),
                                                 static_cast<std::size_t>(rows), width);
            d_decoder_input_ = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::model::d_decoder_input"),
                                                   static_cast<std::size_t>(rows), width);
        }
        weights_ =
            Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::model::weights"), static_cast<std::size_t>(rows));
        log_prob_ =
            Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::model::log_prob"), static_cast<std::size_t>(rows));
        terms_ = Matrix<double, Space>(Kokkos::view_alloc(exec, "cellvae::model::terms"),
                                       static_cast<std::size_t>(most_cells_), term_count);
    }

    /// The bound and its gradient: the means over the minibatch's cells of the bound and its terms, and in
    /// parameters().gradients() the gradient of the mean bound by every parameter.
    Terms gradient(const Exec& exec, const Minibatch<Real, Exec>& batch, const StepOptions& step) {
        reserve(exec, batch);
        const auto pass = this->pass(exec, batch, step, Mode::training);
        inference_.draw_noise(pass);
        return gradient_at_noise(pass, step.beta, step.free_nats, step.cluster_free_nats);
    }

    /// The same with the noise as it stands in inference().noise().
    /// @throws OptionError for free nats with the importance-weighted bound
    Terms gradient_at_noise(const Pass<Real, Exec>& encoding, double beta, double free_nats = 0,
                            double cluster_free_nats = 0) {
        inference_.encode(encoding);
        auto pass = decoding(encoding);
        const Slice z = sample(pass);
        const auto rows = static_cast<Index>(z.extent(0));
        const Slice d_z = options_.conditions == 0 ? inference_.d_z(pass) : first_rows(d_decoder_input_, rows);
        rows_decoded_ += rows;
        const VectorSlice<Real, Space> weights(weights_.data(), z.extent(0));
        VectorSlice<double, Space> log_prob(log_prob_.data(), z.extent(0));
        const Slice hidden = decoder_.forward(pass, z, rows);
        row_weights(pass, beta, hidden, log_prob, weights);
        output_.gradient(pass, hidden, weights, log_prob, decoder_.empty() ? d_z : decoder_.d_output(rows));
        if (!decoder_.empty()) decoder_.backward(pass, z, d_z, rows);
        if (options_.conditions > 0) models_detail::take_latent(pass.exec, d_z, inference_.d_z(pass));
        if (free_nats > 0 || cluster_free_nats > 0) free_the_kl(pass, beta, free_nats, cluster_free_nats, log_prob);
        inference_.backward(pass, beta, log_prob, weights);
        return finish(pass, beta, log_prob);
    }

    /// The means over the minibatch's cells of the bound and its terms, as for held-out cells: no dropout, running
    /// statistics, and noise that is keyed for evaluation. The same bound, of as many samples, as in training.
    Terms bound(const Exec& exec, const Minibatch<Real, Exec>& batch, const StepOptions& step) {
        reserve(exec, batch);
        const auto pass = this->pass(exec, batch, step, Mode::evaluation);
        inference_.encode(pass);
        inference_.draw_noise(pass);
        const auto log_prob = decode(pass);
        return finish(pass, step.beta, log_prob);
    }

    /// The importance-weighted estimate of log p(x) (Burda et al. 2016) of each cell: the log of the mean over
    /// `samples` of p(x, z) / q(z | x). With one sample its mean is the bound with the sampled KL.
    /// @param result cells, overwritten
    /// @throws OptionError for no samples
    void log_likelihood(const Exec& exec, const Minibatch<Real, Exec>& batch, Index samples, std::uint64_t seed,
                        const VectorSlice<double, Space>& result) {
        if (samples < 1)
            throw OptionError(message("the importance-weighted estimate needs at least one sample, found ", samples));
        reserve(exec, batch);
        const auto pass = this->pass(exec, batch, {.beta = 1, .seed = seed, .step = 0}, Mode::evaluation);
        const Index per_pass = inference_.draws_per_pass();
        const Index rows_per_draw = inference_.rows_per_cell() / per_pass;
        const auto rows = static_cast<std::size_t>(batch.cells() * inference_.rows_per_cell());
        if (ratio_.extent(0) < rows) {
            ratio_ = Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::model::ratio"), rows);
            sums_ = Matrix<double, Space>(Kokkos::view_alloc(exec, "cellvae::model::sums"), rows, 2);
        }
        inference_.encode(pass);
        models_detail::start_log_mean_exp(exec, sums_, batch.cells());
        Index drawn = 0;
        for (; drawn < samples; drawn += per_pass) {
            inference_.draw_noise(pass, static_cast<std::uint32_t>(drawn));
            const auto log_prob = decode(pass);
            const VectorSlice<double, Space> ratio(ratio_.data(), rows);
            inference_.log_ratio(pass, ratio);
            models_detail::add_base_measure(pass, log_prob);
            models_detail::add_log_mean_exp(exec, sums_, log_prob, ratio, batch.cells(),
                                            std::min(per_pass, samples - drawn) * rows_per_draw);
        }
        models_detail::finish_log_mean_exp(exec, sums_, samples, result);
    }

    /// Draws z from q(z | x) of each cell, for a mixture in each cluster, and calls visit(DecodedDraws) for a few draws
    /// at a time. As for held-out cells; the noise is keyed by seed, cell and number of the draw.
    template <class Visitor>
    void decode_draws(const Exec& exec, const Minibatch<Real, Exec>& batch, Index first_draw, Index draws,
                      std::uint64_t seed, Visitor&& visit) {
        reserve(exec, batch);
        const auto pass = this->pass(exec, batch, {.seed = seed}, Mode::evaluation);
        const Index per_pass = inference_.draws_per_pass();
        const Index rows_per_draw = inference_.rows_per_cell() / per_pass * batch.cells();
        inference_.encode(pass);
        for (Index done = 0; done < draws; done += per_pass) {
            inference_.draw_noise(pass, static_cast<std::uint32_t>(first_draw + done));
            const Slice z = sample(pass);
            const Slice hidden = decoder_.forward(pass, z, static_cast<Index>(z.extent(0)));
            const VectorSlice<Real, Space> weights(weights_.data(), z.extent(0));
            inference_.row_weights(pass, weights);
            core_detail::scale(exec, weights, static_cast<Real>(per_pass * batch.cells()));
            const Index wanted = std::min(per_pass, draws - done);
            const auto rows = static_cast<std::size_t>(wanted * rows_per_draw);
            visit(DecodedDraws<Real, Exec>{pass, Slice(hidden.data(), rows, hidden.extent(1)),
                                           VectorSlice<Real, Space>(weights_.data(), rows), first_draw + done, wanted});
        }
    }

    /// Draws z of each cell from the prior, whatever its counts; the noise is keyed by seed and cell.
    /// @param chosen_clusters of a prior that has some, those that may be drawn; empty: all
    /// @param z cells x latent, overwritten @param cluster cells, overwritten: the cluster that each is from
    /// @throws OptionError for clusters that there are not, or a prior that says no way to draw from it
    void sample_prior(const Exec& exec, const Minibatch<Real, Exec>& batch, std::span<const Index> chosen_clusters,
                      std::uint64_t seed, const Slice& z, const Vector<std::int32_t, Space>& cluster) {
        std::vector<std::uint8_t> allowed(chosen_clusters.empty() ? 0 : static_cast<std::size_t>(clusters()));
        for (const Index k : chosen_clusters) {
            if (k < 0 || k >= clusters())
                throw OptionError(message("cells of cluster ", k, " were asked for, and the model has ", clusters(),
                                          clusters() == 0 ? "" : ", numbered from 0"));
            allowed[static_cast<std::size_t>(k)] = 1;
        }
        reserve(exec, batch);
        const auto pass = this->pass(exec, batch, {.seed = seed}, Mode::evaluation);
        const auto may = to_backend(exec, std::span<const std::uint8_t>(allowed), "cellvae::model::allowed");
        fill(exec, KernelLabel("cellvae::sample_prior"), cluster, std::int32_t{0});
        inference_.encode(pass);  // pseudo-inputs go through the encoder
        if constexpr (requires { inference_.sample_prior(pass, may, z, cluster); })
            inference_.sample_prior(pass, may, z, cluster);
        else
            throw OptionError(message("the prior ", Prior::name, " has no sample_prior(): no cells can be drawn"));
        exec.fence(KernelLabel("cellvae::sample_prior"));  // `allowed` goes
    }

    /// Calls visit(DecodedDraws) with one draw: z as it is given, a row a cell. @param z cells x latent
    template <class Visitor>
    void decode(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& z, Visitor&& visit) {
        reserve(exec, batch);
        const auto pass = this->pass(exec, batch, {}, Mode::evaluation);
        const auto cells = static_cast<Index>(z.extent(0));
        require_size(cells, batch.cells(), "rows of z to decode");
        Slice input = z;
        if (options_.conditions > 0) {
            input = first_rows(decoder_input_, cells);
            models_detail::append_conditions(pass, z, input);
        }
        const Slice hidden = decoder_.forward(pass, input, cells);
        const VectorSlice<Real, Space> weights(weights_.data(), z.extent(0));
        fill(exec, KernelLabel("cellvae::decode"), weights, Real(1));
        visit(DecodedDraws<Real, Exec>{pass, hidden, weights, 0, 1});
    }

    /// The mean of q(z | x) of each cell. @param latent cells x latent, overwritten
    void encode(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& latent) {
        reserve(exec, batch);
        const auto pass = this->pass(exec, batch, {}, Mode::evaluation);
        inference_.encode(pass);
        Kokkos::deep_copy(exec, latent, inference_.latent(pass));
    }

    /// log q(y | x) of each cell, for a prior with clusters. @param log_q cells x clusters, overwritten
    void log_responsibilities(const Exec& exec, const Minibatch<Real, Exec>& batch, const Slice& log_q) {
        reserve(exec, batch);
        const auto pass = this->pass(exec, batch, {}, Mode::evaluation);
        inference_.encode(pass);
        Kokkos::deep_copy(exec, log_q, inference_.log_responsibilities(pass));
    }

    /// Per cell: bound and terms of the last call of gradient() or bound(). cells x term_count, on the backend.
    [[nodiscard]] const Matrix<double, Space>& terms() const { return terms_; }

    /// How many rows the decoder and the output layer have worked through in all calls of gradient() so far: what a
    /// mixture that leaves out clusters saves.
    [[nodiscard]] Index rows_decoded() const { return rows_decoded_; }

    /// A pass with the rows that the prior wants decoded, after its encode().
    [[nodiscard]] Pass<Real, Exec> decoding(Pass<Real, Exec> pass) const {
        if constexpr (requires { inference_.kept_rows(pass); }) pass.kept_rows = inference_.kept_rows(pass);
        return pass;
    }

    /// The rows that the output layer read in the last pass: rows x hidden.
    [[nodiscard]] Slice hidden_rows(const Pass<Real, Exec>& pass) const {
        const Slice z = decoder_input(pass);
        return decoder_.empty() ? z : decoder_.output(static_cast<Index>(z.extent(0)));
    }

    [[nodiscard]] Pass<Real, Exec> pass(const Exec& exec, const Minibatch<Real, Exec>& batch, const StepOptions& step,
                                        Mode mode) const {
        const bool training = mode == Mode::training;
        return {.exec = exec,
                .products = &products_,
                .parameters = &parameters_,
                .state = &state_,
                .batch = &batch,
                .seed = step.seed,
                .step = step.step,
                .mode = mode,
                .temperature = step.temperature,
                .input_noise = training ? options_.input_noise : 0.0,
                .cluster_beta = step.cluster_beta,
                .balance = training ? step.balance : 0.0};
    }

    [[nodiscard]] const ParameterStore<Real, Exec>& parameters() const { return parameters_; }
    [[nodiscard]] const ParameterStore<Real, Exec>& state() const { return state_; }
    [[nodiscard]] const Inference& inference() const { return inference_; }
    [[nodiscard]] OutputLayer<L, Real, Exec>& output() { return output_; }
    [[nodiscard]] const OutputLayer<L, Real, Exec>& output() const { return output_; }
    [[nodiscard]] const ModelOptions& options() const { return options_; }
    [[nodiscard]] Index genes() const { return output_.genes(); }

    /// The composed type in words, as the model file has it.
    [[nodiscard]] static std::string composition() { return composition_with(Prior::name); }

    /// The same with the prior that AnyPrior stands for.
    [[nodiscard]] std::string name() const { return composition_with(prior_name(options_)); }

    /// How many clusters its prior has: 0 for one without.
    [[nodiscard]] Index clusters() const {
        if constexpr (requires { inference_.clusters(); })
            return inference_.clusters();
        else
            return 0;
    }

private:
    /// Whether the prior has the weights of the importance-weighted bound.
    static constexpr bool weighs_samples =
        requires(const Inference& inference, const Pass<Real, Exec>& pass, const VectorSlice<double, Space>& log_prob,
                 const VectorSlice<Real, Space>& weights) {
        inference.importance_weights(pass, 1.0, log_prob, weights);
    };

    static std::string composition_with(std::string_view prior) {
        return message("vae, prior ", prior, ", likelihood ", L::name, ", ",
                       sizeof(Real) == sizeof(float) ? "float" : "double");
    }

    static std::string_view prior_name(const ModelOptions& options) {
        if constexpr (requires { Prior::stands_for(options.prior); })
            return Prior::stands_for(options.prior);
        else
            return Prior::name;
    }

    static const ModelOptions& checked(const ModelOptions& options, Index genes) {
        if (options.prior != ModelOptions{}.prior && prior_name(options) != name_of(options.prior))
            throw OptionError(message("the option prior is ", name_of(options.prior), ", and the model's type says ",
                                      Prior::name, ": leave the option out, or take AnyPrior"));
        if (options.latent < 1)
            throw OptionError(message("the latent needs at least one dimension, found ", options.latent));
        if (options.conditions < 0)
            throw OptionError(message("conditions are counted from 0 on, found ", options.conditions));
        if (!options.mask.empty()) {
            require_size(static_cast<Index>(options.mask.size()), genes * options.latent,
                         "mask of the decoder, which is genes x latent");
            if (!options.decoder_hidden || !options.decoder_hidden->empty())
                throw OptionError(
                    "a mask says which latent dimension reaches which gene, and so needs the linear decoder: "
                    "decoder_hidden = {}");
        }
        if (!(options.input_noise >= 0))
            throw OptionError(message("the input's noise must be 0 or more, found ", options.input_noise));
        if (options.samples < 1)
            throw OptionError(message("a step needs at least one sample, found ", options.samples));
        if (options.bound == Bound::importance_weighted && !weighs_samples)
            throw OptionError(
                message("the importance-weighted bound is for priors with one q(z | x) a cell, and not for ",
                        Prior::name, ": train it with the bound elbo; its estimate of log p(x) sums clusters"));
        if (options.samples > 1 && options.normalisation == Normalisation::batch)
            throw OptionError("batch normalisation is for one sample a cell: use layer normalisation, or none");
        return options;
    }

    static InferenceOptions inference_options(const ModelOptions& options) {
        return {.latent = options.latent,
                .samples = options.samples,
                .mixture = options.mixture,
                .vamp = options.vamp,
                .bound = options.bound,
                .network = {.hidden = options.hidden,
                            .activation = options.activation,
                            .normalisation = options.normalisation,
                            .dropout = options.dropout,
                            .conditions = options.conditions},
                .prior = options.prior};
    }

    /// The mask with the decoder's other inputs: conditions reach all genes.
    static std::vector<std::uint8_t> decoder_mask(const ModelOptions& options, Index genes) {
        std::vector<std::uint8_t> mask;
        for (Index gene = 0; gene < genes && !options.mask.empty(); ++gene) {
            const auto row = options.mask.begin() + gene * options.latent;
            mask.insert(mask.end(), row, row + options.latent);
            mask.insert(mask.end(), static_cast<std::size_t>(options.conditions), std::uint8_t{1});
        }
        return mask;
    }

    static MlpOptions decoder_options(const ModelOptions& options) {
        MlpOptions result{.activation = options.activation, .normalisation = options.normalisation};
        result.hidden =
            options.decoder_hidden.value_or(std::vector<Index>(options.hidden.rbegin(), options.hidden.rend()));
        return result;
    }

    /// The weight of each row's gradient in that of the mean bound. The importance-weighted bound needs log p(x | z) of
    /// all of a cell's rows first.
    void row_weights(const Pass<Real, Exec>& pass, [[maybe_unused]] double beta, [[maybe_unused]] const Slice& hidden,
                     [[maybe_unused]] const VectorSlice<double, Space>& log_prob,
                     const VectorSlice<Real, Space>& weights) {
        if constexpr (weighs_samples) {
            if (options_.bound == Bound::importance_weighted) {
                output_.log_prob(pass, hidden, log_prob);
                inference_.importance_weights(pass, beta, log_prob, weights);
                return;
            }
        }
        inference_.row_weights(pass, weights);
    }

    void require_fit(Index gene_count, std::string_view likelihood, std::int32_t largest_label,
                     Index conditions) const {
        require_size(gene_count, genes(), "genes of the data set");
        if (likelihood != L::name)
            throw OptionError(message("the data set was made for the likelihood ", likelihood, ", and the model has ",
                                      L::name, ": make it for the model's"));
        if (largest_label >= clusters() && clusters() > 0)
            throw OptionError(message("a cell has the known label ", largest_label, ", but there are ", clusters(),
                                      " clusters, numbered from 0"));
        require_conditions(conditions);
    }

    void require_conditions(Index found) const {
        if (found > options_.conditions || (found == 0 && options_.conditions > 0))
            throw OptionError(message("the model has ", options_.conditions, " conditions, and the cells ",
                                      found == 0 ? "have none: give each cell's when the data set is made"
                                                 : message("have ", found, ": one for each is needed")));
    }

    /// What the decoder reads: z, with conditions beside it where the model has some.
    [[nodiscard]] Slice decoder_input(const Pass<Real, Exec>& pass) const {
        const Slice z = inference_.z(pass);
        return options_.conditions == 0 ? z : first_rows(decoder_input_, static_cast<Index>(z.extent(0)));
    }

    /// What the decoder reads at the noise as it stands.
    Slice sample(const Pass<Real, Exec>& pass) {
        inference_.sample(pass);
        Slice input = decoder_input(pass);
        if (options_.conditions > 0) models_detail::append_conditions(pass, inference_.z(pass), input);
        return input;
    }

    /// log p(x | z) of every row at z from the noise as it stands, without base measures.
    VectorSlice<double, Space> decode(const Pass<Real, Exec>& pass) {
        const Slice z = sample(pass);
        VectorSlice<double, Space> log_prob(log_prob_.data(), z.extent(0));
        output_.log_prob(pass, decoder_.forward(pass, z, static_cast<Index>(z.extent(0))), log_prob);
        return log_prob;
    }

    /// Free nats (Kingma et al. 2016, here of a whole minibatch): a KL that is small enough has no gradient.
    void free_the_kl(Pass<Real, Exec>& pass, double& beta, double free_nats, double cluster_free_nats,
                     const VectorSlice<double, Space>& log_prob) {
        if (options_.bound == Bound::importance_weighted)
            throw OptionError("free nats are for the bound elbo: the importance-weighted one has no KL of its own");
        const Terms means = mean_terms(pass, beta, log_prob);
        const double cluster_beta = pass.cluster_beta.value_or(beta);
        if constexpr (term_count > 3) pass.cluster_beta = means[3] > cluster_free_nats ? cluster_beta : 0;
        if (means[2] <= free_nats) beta = 0;
    }

    Terms finish(const Pass<Real, Exec>& pass, double beta, const VectorSlice<double, Space>& log_prob) {
        models_detail::add_base_measure(pass, log_prob);
        return mean_terms(pass, beta, log_prob);
    }

    Terms mean_terms(const Pass<Real, Exec>& pass, double beta, const VectorSlice<double, Space>& log_prob) {
        inference_.terms(pass, beta, log_prob, terms_);
        models_detail::mean_terms(pass.exec, terms_, pass.batch->cells(), totals_);
        read_back(pass.exec, KernelLabel("cellvae::terms"), host_totals_, totals_);
        Terms means;
        for (std::size_t i = 0; i < term_count; ++i) means[i] = host_totals_(i);
        return means;
    }

    ModelOptions options_;
    ParameterStore<Real, Exec> parameters_;
    ParameterStore<Real, Exec> state_;
    Products<Real, Exec> products_;
    Inference inference_;
    typename Encoder::template Network<Real, Exec> decoder_;
    OutputLayer<L, Real, Exec> output_;
    Index most_cells_ = 0;
    Index most_nonzeros_ = 0;
    Index rows_decoded_ = 0;
    Matrix<Real, Space> decoder_input_, d_decoder_input_;  // rows x (latent + conditions), where there are conditions
    Vector<Real, Space> weights_;                          // rows
    Vector<double, Space> log_prob_;                       // rows
    Vector<double, Space> ratio_;                          // rows
    Matrix<double, Space> sums_;                           // cells x 2
    Matrix<double, Space> terms_;                          // cells x terms
    Kokkos::View<double[term_count], Space> totals_{"cellvae::model::totals"};
    typename Kokkos::View<double[term_count], Space>::host_mirror_type host_totals_;
};

}  // namespace cellvae
