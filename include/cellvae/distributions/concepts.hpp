// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>

#include "cellvae/core/random.hpp"
#include "cellvae/distributions/likelihood.hpp"

/// What a type must have to be a likelihood. Each requirement is a concept of its own, so that a compiler names the one
/// thing that is missing. `check_likelihood` (cellvae/testing/conformance.hpp) checks the mathematics, which no concept
/// can.
namespace cellvae {

/// *Why:* files, messages and the command line call a likelihood by its name.
template <class L>
concept HasName = requires {
    std::string_view{L::name};
}
&&!std::string_view{L::name}.empty();

/// *Why:* the names' number is the number of values that the decoder produces for a gene, and each names a head.
template <class L>
concept HasParameters = requires {
    { L::parameters[0] } -> std::convertible_to<std::string_view>;
    requires L::parameters.size() > 0;
};

/// *Why:* a library-size offset is added to this parameter; -1 says that there is none to add it to.
template <class L>
concept HasLogMeanParameter = HasParameters<L> && requires {
    { L::log_mean_parameter } -> std::convertible_to<int>;
    requires L::log_mean_parameter >= -1 && L::log_mean_parameter < static_cast<int>(L::parameters.size());
};

/// *Why:* the output layer keeps each parameter where the likelihood neither overflows nor loses its gradient.
template <class L>
concept HasBounds = requires(int parameter) {
    { L::bounds(parameter) } -> std::same_as<Bounds>;
};

/// *Why:* a target that the likelihood cannot explain is refused, with its cell and gene, before training.
template <class L>
concept HasSupport = requires(double x) {
    { L::supports(x) } -> std::same_as<bool>;
};

/// *Why:* it is the objective. Value and gradient come together, since they share most of their work.
template <class L, class Real>
concept HasLogProb = HasParameters<L> && requires(Real x, const Parameters<Real, parameter_count<L>>& eta) {
    { L::log_prob(x, eta) } -> std::same_as<LogProb<Real, parameter_count<L>>>;
};

/// *Why:* nine counts of ten are zero; the output layer evaluates every gene as if it were, in one vectorised pass. A
/// likelihood with nothing to save there returns `log_prob(Real(0), eta)`.
template <class L, class Real>
concept HasLogProbAtZero = HasParameters<L> && requires(const Parameters<Real, parameter_count<L>>& eta) {
    { L::log_prob(Zero{}, eta) } -> std::same_as<LogProb<Real, parameter_count<L>>>;
};

/// *Why:* what no parameter changes is summed once when the data are loaded, not once an epoch.
template <class L, class Real>
concept HasLogBaseMeasure = requires(Real x) {
    { L::log_base_measure(x) } -> std::same_as<Real>;
};

/// *Why:* denoised expression is the mean of the likelihood.
template <class L, class Real>
concept HasMean = HasParameters<L> && requires(const Parameters<Real, parameter_count<L>>& eta) {
    { L::mean(eta) } -> std::same_as<Real>;
};

/// *Why:* residuals are measured in standard deviations, and the conformance check compares it with the pmf's.
template <class L, class Real>
concept HasVariance = HasParameters<L> && requires(const Parameters<Real, parameter_count<L>>& eta) {
    { L::variance(eta) } -> std::same_as<Real>;
};

/// *Why:* a fitted model is judged by what it generates.
template <class L, class Real>
concept HasSampler = HasParameters<L> &&
    requires(RandomStream& random, const Parameters<Real, parameter_count<L>>& eta) {
    { L::sample(random, eta) } -> std::same_as<Real>;
};

/// *Why (optional):* a head's biases start from the genes' statistics, so that the first epoch is not spent on gene
/// means.
template <class L>
concept HasFromMoments = HasParameters<L> && requires(float f, double d) {
    { L::from_moments(f, f) } -> std::same_as<Parameters<float, parameter_count<L>>>;
    { L::from_moments(d, d) } -> std::same_as<Parameters<double, parameter_count<L>>>;
};

/// A likelihood p(x | eta) of one count and the unconstrained parameters eta of one gene in one cell, in float and in
/// double.
template <class L>
concept Likelihood = HasName<L> && HasParameters<L> && HasLogMeanParameter<L> && HasBounds<L> && HasSupport<L> &&
    HasLogProb<L, float> && HasLogProb<L, double> && HasLogProbAtZero<L, float> && HasLogProbAtZero<L, double> &&
    HasLogBaseMeasure<L, float> && HasLogBaseMeasure<L, double> && HasMean<L, float> && HasMean<L, double> &&
    HasVariance<L, float> && HasVariance<L, double> && HasSampler<L, float> && HasSampler<L, double>;

/// *Why (optional):* which zeros are structural is asked of a zero-inflated model.
template <class L>
concept HasZeroInflation = Likelihood<L> && requires(const Parameters<float, parameter_count<L>>& eta) {
    { L::zero_inflation(eta) } -> std::same_as<float>;
};

/// True where a likelihood is a mass on whole numbers: unless it says so itself by a member `discrete`, where it does
/// not support one half. `supports` is asked when the program is compiled where it is constexpr.
template <Likelihood L>
constexpr bool is_discrete() {
    if constexpr (requires {
                      { L::discrete } -> std::convertible_to<bool>;
                  })
        return L::discrete;
    else
        return !L::supports(0.5);
}

/// *Why:* a density has no mass that zero inflation could add to. `supports` must be constexpr here.
template <class L>
concept MassAtZero = Likelihood<L> && requires {
    requires is_discrete<L>() && L::supports(0.0);
};

}  // namespace cellvae
