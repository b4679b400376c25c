// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "cellvae/priors/standard_gaussian.hpp"
#include "cellvae/priors/vamp_prior.hpp"

namespace cellvae {

namespace priors_detail {

/// What a model asks of a prior's Inference, as virtual functions: a call a stage of a step, next to which it is
/// nothing.
template <class Real, class Exec>
class LatentModel {
public:
    using Space = typename Exec::memory_space;
    using Slice = MatrixSlice<Real, Space>;
    using Rows = VectorSlice<double, Space>;
    using Weights = VectorSlice<Real, Space>;
    using Terms = Matrix<double, Space>;
    using Allowed = Vector<std::uint8_t, Space>;
    using Components = Vector<std::int32_t, Space>;

    LatentModel() = default;
    LatentModel(const LatentModel&) = delete;
    LatentModel& operator=(const LatentModel&) = delete;
    virtual ~LatentModel() = default;
    virtual void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store,
                            const ParameterStore<Real, Exec>& state, std::uint64_t seed) const = 0;
    virtual void reserve(const Exec& exec, Index most_cells, Index samples) = 0;
    [[nodiscard]] virtual Index rows_per_cell() const = 0;
    [[nodiscard]] virtual Index draws_per_pass() const = 0;
    [[nodiscard]] virtual Index clusters() const = 0;
    virtual void encode(const Pass<Real, Exec>& pass) = 0;
    virtual void draw_noise(const Pass<Real, Exec>& pass, std::uint32_t first_sample) = 0;
    virtual void sample(const Pass<Real, Exec>& pass) = 0;
    virtual void row_weights(const Pass<Real, Exec>& pass, const Weights& weights) const = 0;
    virtual void importance_weights(const Pass<Real, Exec>& pass, double beta, const Rows& log_prob,
                                    const Weights& weights) const = 0;
    virtual void terms(const Pass<Real, Exec>& pass, double beta, const Rows& log_prob, const Terms& terms) const = 0;
    virtual void log_ratio(const Pass<Real, Exec>& pass, const Rows& ratio) const = 0;
    virtual void backward(const Pass<Real, Exec>& pass, double beta, const Rows& log_prob, const Weights& weights) = 0;
    virtual void sample_prior(const Pass<Real, Exec>& pass, const Allowed& allowed, const Slice& z,
                              const Components& component) const = 0;
    [[nodiscard]] virtual VectorSlice<const Index, Space> kept_rows(const Pass<Real, Exec>& pass) const = 0;
    [[nodiscard]] virtual Slice latent(const Pass<Real, Exec>& pass) const = 0;
    [[nodiscard]] virtual Slice log_responsibilities(const Pass<Real, Exec>& pass) const = 0;
    [[nodiscard]] virtual Slice z(const Pass<Real, Exec>& pass) const = 0;
    [[nodiscard]] virtual Slice d_z(const Pass<Real, Exec>& pass) const = 0;
};

template <class Real, class Exec, class Encoder, class Prior>
class LatentModelOf final : public LatentModel<Real, Exec> {
public:
    using Base = LatentModel<Real, Exec>;
    using Inference = typename Prior::template Inference<Real, Exec, Encoder>;
    using typename Base::Allowed;
    using typename Base::Components;
    using typename Base::Rows;
    using typename Base::Slice;
    using typename Base::Space;
    using typename Base::Terms;
    using typename Base::Weights;

    template <class... Arguments>
    explicit LatentModelOf(Arguments&&... arguments) : inference_(std::forward<Arguments>(arguments)...) {}

    void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, const ParameterStore<Real, Exec>& state,
                    std::uint64_t seed) const override {
        inference_.initialise(exec, store, state, seed);
    }
    void reserve(const Exec& exec, Index most_cells, Index samples) override {
        inference_.reserve(exec, most_cells, samples);
    }
    [[nodiscard]] Index rows_per_cell() const override { return inference_.rows_per_cell(); }
    [[nodiscard]] Index draws_per_pass() const override { return inference_.draws_per_pass(); }
    [[nodiscard]] Index clusters() const override {
        if constexpr (requires { inference_.clusters(); })
            return inference_.clusters();
        else
            return 0;
    }
    void encode(const Pass<Real, Exec>& pass) override { inference_.encode(pass); }
    void draw_noise(const Pass<Real, Exec>& pass, std::uint32_t first_sample) override {
        inference_.draw_noise(pass, first_sample);
    }
    void sample(const Pass<Real, Exec>& pass) override { inference_.sample(pass); }
    void row_weights(const Pass<Real, Exec>& pass, const Weights& weights) const override {
        inference_.row_weights(pass, weights);
    }
    void importance_weights([[maybe_unused]] const Pass<Real, Exec>& pass, [[maybe_unused]] double beta,
                            [[maybe_unused]] const Rows& log_prob,
                            [[maybe_unused]] const Weights& weights) const override {
        if constexpr (requires { inference_.importance_weights(pass, beta, log_prob, weights); })
            inference_.importance_weights(pass, beta, log_prob, weights);
    }
    void terms(const Pass<Real, Exec>& pass, double beta, const Rows& log_prob, const Terms& terms) const override {
        inference_.terms(pass, beta, log_prob, terms);
    }
    void log_ratio(const Pass<Real, Exec>& pass, const Rows& ratio) const override {
        inference_.log_ratio(pass, ratio);
    }
    void backward(const Pass<Real, Exec>& pass, double beta, const Rows& log_prob, const Weights& weights) override {
        inference_.backward(pass, beta, log_prob, weights);
    }
    void sample_prior(const Pass<Real, Exec>& pass, const Allowed& allowed, const Slice& z,
                      const Components& component) const override {
        inference_.sample_prior(pass, allowed, z, component);
    }
    [[nodiscard]] VectorSlice<const Index, Space> kept_rows(
        [[maybe_unused]] const Pass<Real, Exec>& pass) const override {
        if constexpr (requires { inference_.kept_rows(pass); })
            return inference_.kept_rows(pass);
        else
            return {};
    }
    [[nodiscard]] Slice latent(const Pass<Real, Exec>& pass) const override { return inference_.latent(pass); }
    [[nodiscard]] Slice log_responsibilities([[maybe_unused]] const Pass<Real, Exec>& pass) const override {
        if constexpr (requires { inference_.log_responsibilities(pass); })
            return inference_.log_responsibilities(pass);
        else
            throw OptionError(message("the prior ", Prior::name, " has no clusters"));
    }
    [[nodiscard]] Slice z(const Pass<Real, Exec>& pass) const override { return inference_.z(pass); }
    [[nodiscard]] Slice d_z(const Pass<Real, Exec>& pass) const override { return inference_.d_z(pass); }

private:
    Inference inference_;
};

}  // namespace priors_detail

/// Makes what AnyPrior stands for. A program with many likelihoods declares this `extern template` for its encoder and
/// instantiates it in one source file: then every prior is compiled once and not once a likelihood.
template <class Real, class Exec, class Encoder>
std::unique_ptr<priors_detail::LatentModel<Real, Exec>> make_latent_model(ParameterStore<Real, Exec>& store,
                                                                          ParameterStore<Real, Exec>& state,
                                                                          Index genes,
                                                                          const InferenceOptions& options) {
    const auto make = [&]<class Prior>() -> std::unique_ptr<priors_detail::LatentModel<Real, Exec>> {
        return std::make_unique<priors_detail::LatentModelOf<Real, Exec, Encoder, Prior>>(store, state, genes, options);
    };
    switch (options.prior) {
        case PriorKind::mixture:
            if (options.bound == Bound::importance_weighted)
                throw OptionError(
                    "the importance-weighted bound is for priors with one q(z | x) a cell, and not for mixture: train "
                    "it with the bound elbo, or take marginal_mixture");
            return make.template operator()<GaussianMixture<>>();
        case PriorKind::marginal_mixture:
            return make.template operator()<MarginalGaussianMixture>();
        case PriorKind::vamp:
            return make.template operator()<VampPrior>();
        default:
            return make.template operator()<StandardGaussian>();
    }
}

/// The prior is chosen at run time, by ModelOptions::prior: one compiled model serves all of them. Its terms are those
/// of the mixture; other priors have zero for kl_y.
struct AnyPrior {
    static constexpr std::string_view name = "any";
    static constexpr std::string_view stands_for(PriorKind kind) { return name_of(kind); }

    template <class Real, class Exec, class Encoder>
    class Inference {
    public:
        using Model = priors_detail::LatentModel<Real, Exec>;
        using Slice = typename Model::Slice;
        using Rows = typename Model::Rows;
        using Weights = typename Model::Weights;

        static constexpr std::array<std::string_view, 4> term_names{"bound", "reconstruction", "kl_z", "kl_y"};

        Inference(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, Index genes,
                  const InferenceOptions& options)
            : model_(make_latent_model<Real, Exec, Encoder>(store, state, genes, options)) {}

        void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store,
                        const ParameterStore<Real, Exec>& state, std::uint64_t seed) const {
            model_->initialise(exec, store, state, seed);
        }
        void reserve(const Exec& exec, Index most_cells, Index samples) { model_->reserve(exec, most_cells, samples); }
        [[nodiscard]] Index rows_per_cell() const { return model_->rows_per_cell(); }
        [[nodiscard]] Index draws_per_pass() const { return model_->draws_per_pass(); }
        [[nodiscard]] Index clusters() const { return model_->clusters(); }  ///< 0 for a prior without
        void encode(const Pass<Real, Exec>& pass) { model_->encode(pass); }
        void draw_noise(const Pass<Real, Exec>& pass, std::uint32_t first_sample = 0) {
            model_->draw_noise(pass, first_sample);
        }
        void sample(const Pass<Real, Exec>& pass) { model_->sample(pass); }
        void row_weights(const Pass<Real, Exec>& pass, const Weights& weights) const {
            model_->row_weights(pass, weights);
        }
        void importance_weights(const Pass<Real, Exec>& pass, double beta, const Rows& log_prob,
                                const Weights& weights) const {
            model_->importance_weights(pass, beta, log_prob, weights);
        }
        void terms(const Pass<Real, Exec>& pass, double beta, const Rows& log_prob,
                   const typename Model::Terms& terms) const {
            model_->terms(pass, beta, log_prob, terms);
        }
        void log_ratio(const Pass<Real, Exec>& pass, const Rows& ratio) const { model_->log_ratio(pass, ratio); }
        void backward(const Pass<Real, Exec>& pass, double beta, const Rows& log_prob, const Weights& weights) {
            model_->backward(pass, beta, log_prob, weights);
        }
        void sample_prior(const Pass<Real, Exec>& pass, const typename Model::Allowed& allowed, const Slice& z,
                          const typename Model::Components& component) const {
            model_->sample_prior(pass, allowed, z, component);
        }
        [[nodiscard]] auto kept_rows(const Pass<Real, Exec>& pass) const { return model_->kept_rows(pass); }
        [[nodiscard]] Slice latent(const Pass<Real, Exec>& pass) const { return model_->latent(pass); }
        /// @throws OptionError for a prior without clusters
        [[nodiscard]] Slice log_responsibilities(const Pass<Real, Exec>& pass) const {
            return model_->log_responsibilities(pass);
        }
        [[nodiscard]] Slice z(const Pass<Real, Exec>& pass) const { return model_->z(pass); }
        [[nodiscard]] Slice d_z(const Pass<Real, Exec>& pass) const { return model_->d_z(pass); }

    private:
        std::unique_ptr<Model> model_;
    };
};

}  // namespace cellvae
