// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "cellvae/distributions/concepts.hpp"
#include "cellvae/distributions/counts.hpp"
#include "cellvae/distributions/exponentials.hpp"
#include "cellvae/distributions/likelihood.hpp"

namespace cellvae {

/// A count that is zero with probability rho (a structural zero), and otherwise follows `Base`. c = logit rho is the
/// first parameter, the base's follow. With l0 = log p_Base(0):
///
///     log p(0) = log(rho + (1 - rho) e^l0)
///     log p(x) = log(1 - rho) + log p_Base(x) = log p_Base(x) - softplus(c),   x > 0
///
/// `Base` is any likelihood with a mass at zero whose base measure is one there (log_base_measure(0) = 0), as counts
/// have.
///
/// On logits log p(0) is softplus(l0 - c) + c - softplus(c); `distributions_detail::zero_inflation` has the forms that
/// keep it, and its derivatives q and 1 - q (the posterior probability of a structural zero and the rest), where e^l0
/// is tiny or nearly one.
template <MassAtZero Base>
struct ZeroInflated {
private:
    static constexpr std::size_t base_count = parameter_count<Base>;
    static constexpr std::string_view prefix = "zero_inflated_";
    static constexpr auto joined_name = [] {
        std::array<char, prefix.size() + Base::name.size()> text{};
        std::copy(Base::name.begin(), Base::name.end(), std::copy(prefix.begin(), prefix.end(), text.begin()));
        return text;
    }();

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static Parameters<Real, base_count> base_of(
        const Parameters<Real, base_count + 1>& eta) {
        Parameters<Real, base_count> base{};
        for (std::size_t i = 0; i < base_count; ++i) base[i] = eta[i + 1];
        return base;
    }

public:
    static constexpr std::string_view name{joined_name.data(), joined_name.size()};
    static constexpr std::array<std::string_view, base_count + 1> parameters = [] {
        std::array<std::string_view, base_count + 1> names{"logit_zero_inflation"};
        std::copy(Base::parameters.begin(), Base::parameters.end(), names.begin() + 1);
        return names;
    }();
    static constexpr int log_mean_parameter = Base::log_mean_parameter < 0 ? -1 : Base::log_mean_parameter + 1;

    KOKKOS_INLINE_FUNCTION static constexpr Bounds bounds(int parameter) {
        return parameter == 0 ? Bounds{-30, 30} : Base::bounds(parameter - 1);
    }

    static constexpr bool supports(double x) { return Base::supports(x); }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, base_count + 1> log_prob(
        Real x, const Parameters<Real, base_count + 1>& eta) {
        using math_detail::select;
        const Real c = eta[0];
        const auto base = Base::log_prob(x, base_of(eta));
        const bool is_zero = x == Real(0);
        // without its base measure log p(x) may be positive, and e to it infinite: where x > 0 only rho and k are used
        const auto zero = distributions_detail::zero_inflation(select(is_zero, base.value, Real(0)), c);
        const Real softplus = select(c > Real(0), c, Real(0)) + distributions_detail::log1p_of_unit(zero.k);
        LogProb<Real, base_count + 1> result{};
        result.value = select(is_zero, zero.log_prob, base.value - softplus);
        result.d_log_prob[0] = select(is_zero, zero.d_logit, -zero.rho);
        for (std::size_t i = 0; i < base_count; ++i)
            result.d_log_prob[i + 1] = select(is_zero, zero.from_base, Real(1)) * base.d_log_prob[i];
        return result;
    }

    template <class Real>
    KOKKOS_FORCEINLINE_FUNCTION static LogProb<Real, base_count + 1> log_prob(
        Zero zero, const Parameters<Real, base_count + 1>& eta) {
        const auto base = Base::log_prob(zero, base_of(eta));
        const auto inflated = distributions_detail::zero_inflation(base.value, eta[0]);
        LogProb<Real, base_count + 1> result{};
        result.value = inflated.log_prob;
        result.d_log_prob[0] = inflated.d_logit;
        for (std::size_t i = 0; i < base_count; ++i) result.d_log_prob[i + 1] = inflated.from_base * base.d_log_prob[i];
        return result;
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real log_base_measure(Real x) {
        return Base::log_base_measure(x);
    }

    /// rho, the probability of a structural zero.
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real zero_inflation(const Parameters<Real, base_count + 1>& eta) {
        return distributions_detail::logistic_parts(eta[0]).logistic;
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real mean(const Parameters<Real, base_count + 1>& eta) {
        return distributions_detail::logistic_parts(eta[0]).logistic_of_minus * Base::mean(base_of(eta));
    }

    /// (1 - rho) (variance + rho mean^2), with the base's mean and variance.
    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real variance(const Parameters<Real, base_count + 1>& eta) {
        const auto parts = distributions_detail::logistic_parts(eta[0]);
        const Real mean = Base::mean(base_of(eta));
        return parts.logistic_of_minus * (Base::variance(base_of(eta)) + parts.logistic * mean * mean);
    }

    template <class Real>
    KOKKOS_INLINE_FUNCTION static Real sample(RandomStream& random, const Parameters<Real, base_count + 1>& eta) {
        const auto parts = distributions_detail::logistic_parts(static_cast<double>(eta[0]));
        if (random.uniform<double>() < parts.logistic) return Real(0);
        return Base::sample(random, base_of(eta));
    }

    /// Zero inflation starts at the logit -3 (5%), which two moments cannot tell from the base's own spread; the base
    /// gets what is left to explain: a mean larger by 1 / (1 - rho) and the variance that then gives this one.
    template <class Real>
    static Parameters<Real, base_count + 1> from_moments(Real mean, Real variance) requires requires {
        Base::from_moments(mean, variance);
    }
    {
        const Real rho = Real(0.04742587317756678);
        const Real base_mean = mean / (Real(1) - rho);
        const Real base_variance = variance / (Real(1) - rho) - rho * base_mean * base_mean;
        const auto base = Base::from_moments(base_mean, base_variance > Real(0) ? base_variance : Real(0));
        Parameters<Real, base_count + 1> result{};
        result[0] = Real(-3);
        for (std::size_t i = 0; i < base_count; ++i) result[i + 1] = base[i];
        return result;
    }
};

}  // namespace cellvae
