// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "cellvae/clustering/mixture_fit.hpp"
#include "cellvae/core/parameters.hpp"

namespace cellvae {

/// Copies every array of `from` whose name and size `to` has: what a model learned with one prior is where the next one
/// starts. @returns how many arrays were copied
template <class Real, class Exec>
int copy_parameters(const Exec& exec, const ParameterStore<Real, Exec>& from, const ParameterStore<Real, Exec>& to) {
    int copied = 0;
    for (std::size_t i = 0; i < from.entries().size(); ++i) {
        const auto& entry = from.entries()[i];
        const int id = to.find(entry.name);
        if (id < 0) continue;
        const auto& other = to.entries()[static_cast<std::size_t>(id)];
        if (other.rows != entry.rows || other.columns != entry.columns) continue;
        Kokkos::deep_copy(exec, to.value(id), from.value(static_cast<int>(i)));
        ++copied;
    }
    exec.fence(KernelLabel("cellvae::copy_parameters"));
    return copied;
}

namespace training_detail {

/// A copy of an array on the host, and the way back.
template <class Real, class Exec>
class HostArray {
public:
    HostArray(const Exec& exec, const ParameterStore<Real, Exec>& store, const std::string& name)
        : exec_(exec), array_(store.value(required(store, name))), host_(Kokkos::create_mirror_view(array_)) {
        Kokkos::deep_copy(exec, host_, array_);
        exec.fence(KernelLabel("cellvae::mixture_start"));
    }

    Real& operator()(std::size_t row, std::size_t column) const { return host_(row, column); }
    void write() const {
        Kokkos::deep_copy(exec_, array_, host_);
        exec_.fence(KernelLabel("cellvae::mixture_start"));
    }
    [[nodiscard]] std::size_t columns() const { return host_.extent(1); }

private:
    static int required(const ParameterStore<Real, Exec>& store, const std::string& name) {
        const int id = store.find(name);
        if (id < 0) throw OptionError(message("the model has no array ", name, " to start a mixture in"));
        return id;
    }

    Exec exec_;
    MatrixSlice<Real, typename Exec::memory_space> array_;
    typename MatrixSlice<Real, typename Exec::memory_space>::host_mirror_type host_;
};

}  // namespace training_detail

/// Starts a mixture prior from a mixture of Gaussians that was fitted to the latent: its means, variances and (where
/// they are learned) weights. A model with q(z | x, y) and q(y | x) starts as the plain VAE does with that prior:
/// q(z | x, y) does not look at y yet, and q(y | x) is the fit's responsibility, by the mean of q(z | x) and the
/// fit's variance averaged over components (with one variance Bayes' rule is linear in the mean, and so the logits are
/// one more linear layer on the encoder's hidden units).
///
/// @param store parameters of a model with a mixture prior of as many clusters as the fit has components, whose encoder
///        is trained (see copy_parameters)
/// @throws OptionError, ShapeError where the model is another one
template <class Real, class Exec>
void start_mixture(const Exec& exec, const ParameterStore<Real, Exec>& store, const MixtureFit& fit) {
    using Array = training_detail::HostArray<Real, Exec>;
    const auto clusters = static_cast<std::size_t>(fit.components);
    const auto latent = static_cast<std::size_t>(fit.columns);
    const Array mean(exec, store, "prior/mean"), log_variance(exec, store, "prior/log_variance");
    const auto mean_slice = store.value(store.find("prior/mean"));
    require_size(static_cast<Index>(mean_slice.extent(0)), fit.components, "clusters of the model to start");
    require_size(static_cast<Index>(mean_slice.extent(1)), fit.columns, "latent dimensions of the model to start");
    for (std::size_t k = 0; k < clusters; ++k)
        for (std::size_t l = 0; l < latent; ++l) {
            mean(k, l) = static_cast<Real>(fit.means[k * latent + l]);
            log_variance(k, l) = static_cast<Real>(std::log(fit.variances[k * latent + l]));
        }
    mean.write();
    log_variance.write();
    const auto log_weight = [&](std::size_t k) { return std::log(std::max(fit.weights[k], 1e-4)); };
    if (store.find("prior/logits") >= 0) {
        const Array logits(exec, store, "prior/logits");
        for (std::size_t k = 0; k < clusters; ++k) logits(0, k) = static_cast<Real>(log_weight(k));
        logits.write();
    }
    if (store.find("cluster_encoder/logits/weight") < 0) return;

    const std::string prefix = "encoder/hidden";
    for (const auto& entry : store.entries()) {
        if (entry.name.compare(0, prefix.size(), prefix) != 0) continue;
        const int id = store.find(entry.name);
        if (entry.name == "encoder/hidden/cluster_weight") {
            fill(exec, KernelLabel("cellvae::mixture_start"), store.value(id), Real(0));
            continue;
        }
        const int other = store.find("cluster_" + entry.name);
        if (other >= 0) Kokkos::deep_copy(exec, store.value(other), store.value(id));
    }
    const Array weight(exec, store, "encoder/mean/weight"), bias(exec, store, "encoder/mean/bias");
    const Array logit_weight(exec, store, "cluster_encoder/logits/weight"),
        logit_bias(exec, store, "cluster_encoder/logits/bias");
    std::vector<double> variance(latent, 0);
    for (std::size_t k = 0; k < clusters; ++k)
        for (std::size_t l = 0; l < latent; ++l) variance[l] += fit.weights[k] * fit.variances[k * latent + l];
    for (std::size_t k = 0; k < clusters; ++k) {
        double constant = log_weight(k);
        std::vector<double> slope(weight.columns(), 0);
        for (std::size_t l = 0; l < latent; ++l) {
            const double scaled = fit.means[k * latent + l] / variance[l];
            constant += scaled * (static_cast<double>(bias(0, l)) - fit.means[k * latent + l] / 2);
            for (std::size_t h = 0; h < slope.size(); ++h) slope[h] += scaled * static_cast<double>(weight(l, h));
        }
        for (std::size_t h = 0; h < slope.size(); ++h) logit_weight(k, h) = static_cast<Real>(slope[h]);
        logit_bias(0, k) = static_cast<Real>(constant);
    }
    logit_weight.write();
    logit_bias.write();
}

}  // namespace cellvae
