// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "cellvae/math/log_mean_exp.hpp"
#include "cellvae/priors/latent_kernels.hpp"

namespace cellvae {

namespace priors_detail {

/// precision (components x latent) = 1 / variance, and constant (components): what of log(pi_k N(z; m_k, v_k)) does not
/// depend on z.
template <class Real, class Exec, class Slice, class WeightView, class ConstantView>
void prepare_mixture(const Pass<Real, Exec>& pass, const Slice& log_variance, const WeightView& log_weight,
                     const Slice& precision, const ConstantView& constant) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::prepare_mixture"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(log_variance.extent(0))),
        KOKKOS_LAMBDA(const Index k) {
            const double log_two_pi = 1.8378770664093454835606594728112;
            const auto latent = static_cast<Index>(log_variance.extent(1));
            double sum = 0;
            for (Index l = 0; l < latent; ++l) {
                const Real v = limited(log_variance(k, l));
                precision(k, l) = math::exp(-v);
                sum += log_two_pi + static_cast<double>(v);
            }
            constant(k) = log_weight(k) - sum / 2;
        });
}

/// log(pi_k N(z; m_k, v_k)) of one row and one component.
template <class Slice, class ConstantView>
KOKKOS_INLINE_FUNCTION double log_joint(const Slice& z, Index row, const Slice& mean, const Slice& precision,
                                        const ConstantView& constant, Index k) {
    double sum = 0;
    for (Index l = 0; l < static_cast<Index>(z.extent(1)); ++l) {
        const auto distance = z(row, l) - mean(k, l);
        sum += static_cast<double>(distance * distance * precision(k, l));
    }
    return constant(k) - sum / 2;
}

/// log_density (rows): the log of the mixture's density at each row of z; share (rows x components): the
/// responsibilities. With `known_labels` a row whose cell's label is known has log p(z, y=label), and its whole share
/// there.
template <class Real, class Exec, class Slice, class ConstantView, class ShareView, class DensityView>
void mixture_log_density(const Pass<Real, Exec>& pass, const Slice& z, const Slice& mean, const Slice& precision,
                         const ConstantView& constant, bool known_labels, const ShareView& share,
                         const DensityView& log_density) {
    const auto rows = static_cast<Index>(z.extent(0));
    const auto components = static_cast<Index>(mean.extent(0));
    const Index cells = pass.batch->cells();
    const auto label = pass.batch->label;
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_log_joint"), Kokkos::RangePolicy<Exec>(pass.exec, 0, rows * components),
        KOKKOS_LAMBDA(const Index i) {
            const Index row = i / components;
            const Index k = i % components;
            share(row, k) = log_joint(z, row, mean, precision, constant, k);
        });
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_log_density"), Kokkos::RangePolicy<Exec>(pass.exec, 0, rows),
        KOKKOS_LAMBDA(const Index row) {
            const Index known = known_labels ? static_cast<Index>(label(row % cells)) : Index(-1);
            LogMeanExp sum;
            for (Index k = 0; k < components; ++k)
                if (known < 0 || k == known) sum.add(share(row, k));
            const double total = sum.log_sum();
            log_density(row) = total;
            for (Index k = 0; k < components; ++k)
                share(row, k) = known < 0 || k == known ? Kokkos::exp(share(row, k) - total) : 0.0;
        });
}

/// log_share (rows x components): the log of each component's share of the density at each row of z.
template <class Real, class Exec, class Slice, class ConstantView>
void mixture_log_share(const Pass<Real, Exec>& pass, const Slice& z, const Slice& mean, const Slice& precision,
                       const ConstantView& constant, const Slice& log_share) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_log_share"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(z.extent(0))), KOKKOS_LAMBDA(const Index row) {
            const auto components = static_cast<Index>(mean.extent(0));
            LogMeanExp sum;
            for (Index k = 0; k < components; ++k) sum.add(log_joint(z, row, mean, precision, constant, k));
            for (Index k = 0; k < components; ++k)
                log_share(row, k) = static_cast<Real>(log_joint(z, row, mean, precision, constant, k) - sum.log_sum());
        });
}

/// d_z (rows x latent) += scale x weight of the row x the gradient of the row's log density by z.
template <class Real, class Exec, class Slice, class WeightView, class ShareView>
void mixture_density_by_z(const Pass<Real, Exec>& pass, double scale, const WeightView& weights, const Slice& z,
                          const Slice& mean, const Slice& precision, const ShareView& share, const Slice& d_z) {
    const auto latent = static_cast<Index>(z.extent(1));
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_density_by_z"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, latent * static_cast<Index>(z.extent(0))),
        KOKKOS_LAMBDA(const Index i) {
            const Index row = i / latent;
            const Index l = i % latent;
            double sum = 0;
            for (Index k = 0; k < static_cast<Index>(mean.extent(0)); ++k)
                sum += share(row, k) * static_cast<double>((mean(k, l) - z(row, l)) * precision(k, l));
            d_z(row, l) += static_cast<Real>(scale * static_cast<double>(weights(row)) * sum);
        });
}

/// The gradients of the sum over rows of scale x weight x log density by the components' means and log variances, each
/// summed over the rows in order; overwritten.
template <class Real, class Exec, class Slice, class WeightView, class ShareView>
void mixture_density_by_components(const Pass<Real, Exec>& pass, double scale, const WeightView& weights,
                                   const Slice& z, const Slice& mean, const Slice& log_variance, const Slice& precision,
                                   const ShareView& share, const Slice& d_mean, const Slice& d_log_variance) {
    const auto latent = static_cast<Index>(z.extent(1));
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_density_by_components"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, latent * static_cast<Index>(mean.extent(0))),
        KOKKOS_LAMBDA(const Index i) {
            const Index k = i / latent;
            const Index l = i % latent;
            double by_mean = 0, by_log_variance = 0;
            for (Index row = 0; row < static_cast<Index>(z.extent(0)); ++row) {
                const double weight = static_cast<double>(weights(row)) * share(row, k);
                const Real distance = z(row, l) - mean(k, l);
                const Real scaled = distance * precision(k, l);
                by_mean += weight * static_cast<double>(scaled);
                by_log_variance += weight * static_cast<double>(distance * scaled - Real(1));
            }
            d_mean(k, l) = static_cast<Real>(scale * by_mean);
            d_log_variance(k, l) = let_back(static_cast<Real>(scale * by_log_variance / 2), log_variance(k, l));
        });
}

/// The gradient of the same sum by the logits of the mixing weights: responsibility less weight, summed over the rows
/// in order; overwritten.
template <class Real, class Exec, class WeightView, class LogWeightView, class ShareView, class Slice>
void mixture_density_by_logits(const Pass<Real, Exec>& pass, double scale, const WeightView& weights,
                               const LogWeightView& log_weight, Index rows, const ShareView& share,
                               const Slice& d_logits) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::mixture_density_by_logits"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(d_logits.extent(1))), KOKKOS_LAMBDA(const Index k) {
            const double pi = Kokkos::exp(log_weight(k));
            double sum = 0;
            for (Index row = 0; row < rows; ++row) sum += static_cast<double>(weights(row)) * (share(row, k) - pi);
            d_logits(0, k) = static_cast<Real>(scale * sum);
        });
}

/// log_weight (components) = log softmax of `logits` (1 x components), in double.
template <class Real, class Exec, class Slice, class LogWeightView>
void log_softmax_weights(const Pass<Real, Exec>& pass, const Slice& logits, const LogWeightView& log_weight) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::log_softmax_weights"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(logits.extent(1))), KOKKOS_LAMBDA(const Index k) {
            LogMeanExp sum;
            for (Index j = 0; j < static_cast<Index>(logits.extent(1)); ++j) sum.add(static_cast<double>(logits(0, j)));
            log_weight(k) = static_cast<double>(logits(0, k)) - sum.log_sum();
        });
}

}  // namespace priors_detail

/// The density of a mixture of diagonal Gaussians,
///
///     log p(z) = log sum_k pi_k N(z; mean_k, diag exp(log_variance_k)),
///
/// at rows of z, and its gradient by z, means, log variances and the logits of pi. The sum over k is a log-sum-exp in
/// double; it keeps rows x components numbers, and nothing of rows x components x latent. Log variances are used inside
/// log_variance_bounds.
template <class Real, class Exec>
class MixtureDensity {
public:
    using Space = typename Exec::memory_space;
    using Slice = MatrixSlice<Real, Space>;

    /// Makes the memory for that many rows of z; the weights are uniform until set_weights().
    void reserve(const Exec& exec, Index most_rows, Index components, Index latent) {
        const auto count = static_cast<std::size_t>(components);
        precision_ = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::mixture::precision"), count,
                                         static_cast<std::size_t>(latent));
        constant_ = Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::mixture::constant"), count);
        log_weight_ = Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::mixture::log_weight"), count);
        share_ = Matrix<double, Space>(Kokkos::view_alloc(exec, "cellvae::mixture::share"),
                                       static_cast<std::size_t>(most_rows), count);
        fill(exec, KernelLabel("cellvae::mixture_weights"), log_weight_, -std::log(static_cast<double>(components)));
    }

    /// pi = softmax of `logits` (1 x components).
    void set_weights(const Pass<Real, Exec>& pass, const Slice& logits) const {
        priors_detail::log_softmax_weights(pass, logits, log_weight_);
    }

    /// Takes the components, components x latent. What follows has to be given the same.
    void set_components(const Pass<Real, Exec>& pass, const Slice& log_variance) const {
        priors_detail::prepare_mixture(pass, log_variance, log_weight_, first_rows(precision_, components()),
                                       constant_);
    }

    /// @param z rows x latent @param log_density rows, overwritten
    /// @param known_labels rows whose cell's label is known have log p(z, y=label) in place of log p(z)
    template <class DensityView>
    void log_density(const Pass<Real, Exec>& pass, const Slice& z, const Slice& mean, bool known_labels,
                     const DensityView& log_density) const {
        priors_detail::mixture_log_density(pass, z, mean, first_rows(precision_, components()), constant_, known_labels,
                                           share_, log_density);
    }

    /// log_share (rows x components): log p(y=k | z).
    void log_share(const Pass<Real, Exec>& pass, const Slice& z, const Slice& mean, const Slice& log_share) const {
        priors_detail::mixture_log_share(pass, z, mean, first_rows(precision_, components()), constant_, log_share);
    }

    /// The gradients of the sum over rows of scale x weights(row) x log_density(row), after log_density() of the same
    /// rows.
    /// @param weights rows @param d_z rows x latent, added to @param d_mean, d_log_variance overwritten
    template <class WeightView>
    void backward(const Pass<Real, Exec>& pass, double scale, const WeightView& weights, const Slice& z,
                  const Slice& mean, const Slice& log_variance, const Slice& d_z, const Slice& d_mean,
                  const Slice& d_log_variance) const {
        const Slice precision = first_rows(precision_, components());
        priors_detail::mixture_density_by_z(pass, scale, weights, z, mean, precision, share_, d_z);
        priors_detail::mixture_density_by_components(pass, scale, weights, z, mean, log_variance, precision, share_,
                                                     d_mean, d_log_variance);
    }

    /// The gradient of the same sum by the logits of pi (1 x components), overwritten.
    template <class WeightView>
    void backward_weights(const Pass<Real, Exec>& pass, double scale, const WeightView& weights, Index rows,
                          const Slice& d_logits) const {
        priors_detail::mixture_density_by_logits(pass, scale, weights, log_weight_, rows, share_, d_logits);
    }

    [[nodiscard]] Index components() const { return static_cast<Index>(constant_.extent(0)); }

private:
    Matrix<Real, Space> precision_;     // components x latent
    Vector<double, Space> constant_;    // components
    Vector<double, Space> log_weight_;  // components: log pi
    Matrix<double, Space> share_;       // rows x components: responsibilities
};

}  // namespace cellvae
