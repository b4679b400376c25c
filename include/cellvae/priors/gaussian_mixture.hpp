// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <type_traits>

#include "cellvae/priors/mixture_inference.hpp"
#include "cellvae/priors/relaxed_mixture_inference.hpp"

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
/// A cell whose label is known contributes reconstruction - KL + log p(y) + log q(y | x) at its cluster (Kingma et al.
/// 2014). In training the sum may be taken otherwise, see ClusterSum: without small responsibilities
/// (mixture_inference.hpp), or at one random point between the clusters (relaxed_mixture_inference.hpp).
template <class Sum = AnySum>
struct GaussianMixture {
    static constexpr std::string_view name = "mixture";

    template <class Real, class Exec, class Encoder>
    using Inference =
        std::conditional_t<std::is_same_v<Sum, ExactSum>, priors_detail::MixtureInference<Real, Exec, Encoder>,
                           priors_detail::RelaxedMixtureInference<Real, Exec, Encoder>>;
};

}  // namespace cellvae
