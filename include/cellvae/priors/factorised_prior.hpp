// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "cellvae/priors/gaussian_inference.hpp"

namespace cellvae {

/// log p(z) of one dimension of the latent, with its derivatives by z and by the density's parameters.
template <class Real, std::size_t Count>
struct LatentDensity {
    Real value;
    Real d_z;
    Kokkos::Array<Real, Count> d_parameters;
};

template <class D>
inline constexpr std::size_t latent_parameter_count = std::tuple_size_v<std::remove_cvref_t<decltype(D::parameters)>>;

/// A density on the line, as FactorisedPrior takes it: `name`; `parameters`, an array of names that may be empty; and
/// log_density(z, parameters), device-callable, in float and double, with its derivatives. Parameters are
/// unconstrained, as a likelihood's are (a scale by its logarithm), and start at zero.
///
/// *Why:* it is all that a prior with independent dimensions adds to the library.
template <class D>
concept LatentDensityOf = requires(float f, double d) {
    {std::string_view(D::name)};
    {std::string_view(D::parameters[0])};
    {
        D::log_density(f, Kokkos::Array<float, latent_parameter_count<D>>{})
        } -> std::same_as<LatentDensity<float, latent_parameter_count<D>>>;
    {
        D::log_density(d, Kokkos::Array<double, latent_parameter_count<D>>{})
        } -> std::same_as<LatentDensity<double, latent_parameter_count<D>>>;
};

namespace priors_detail {

/// Where a density's parameters lie: for each a value, and a gradient, a dimension of the latent.
template <class Real, std::size_t Count>
struct DensityParameters {
    Kokkos::Array<const Real*, Count> values{};
    Kokkos::Array<Real*, Count> gradients{};

    KOKKOS_INLINE_FUNCTION Kokkos::Array<Real, Count> at(Index dimension) const {
        Kokkos::Array<Real, Count> result{};
        for (std::size_t n = 0; n < Count; ++n) result[n] = values[n][dimension];
        return result;
    }
};

/// log_density (rows): summed over dimensions.
template <class D, class Real, class Exec, std::size_t Count, class Slice, class DensityView>
void factorised_log_density(const Pass<Real, Exec>& pass, const DensityParameters<Real, Count>& parameters,
                            const Slice& z, const DensityView& log_density) {
    for_each_row(
        pass.exec, KernelLabel("cellvae::factorised_log_density"), static_cast<Index>(z.extent(0)),
        20 * static_cast<Index>(z.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const double sum = along.sum(static_cast<Index>(z.extent(1)), [&](const Index l) {
                return static_cast<double>(D::log_density(z(row, l), parameters.at(l)).value);
            });
            along.once([&]() { log_density(row) = sum; });
        });
}

/// d_z (rows x latent) += beta x weight of the row x the gradient, and the parameters' gradients, each summed over the
/// rows in their order.
template <class D, class Real, class Exec, std::size_t Count, class Weights, class Slice>
void factorised_backward(const Pass<Real, Exec>& pass, Real beta, const DensityParameters<Real, Count>& parameters,
                         const Weights& weights, const Slice& z, const Slice& d_z) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::factorised_backward"),
        Kokkos::RangePolicy<Exec>(pass.exec, 0, static_cast<Index>(z.extent(1))), KOKKOS_LAMBDA(const Index l) {
            const auto at = parameters.at(l);
            Kokkos::Array<Real, Count> sums{};
            for (Index row = 0; row < static_cast<Index>(z.extent(0)); ++row) {
                const auto result = D::log_density(z(row, l), at);
                d_z(row, l) += beta * weights(row) * result.d_z;
                for (std::size_t n = 0; n < Count; ++n) sums[n] += beta * weights(row) * result.d_parameters[n];
            }
            for (std::size_t n = 0; n < Count; ++n) parameters.gradients[n][l] = sums[n];
        });
}

}  // namespace priors_detail

/// A prior whose dimensions are independent, p(z) = prod_l D(z_l; parameters of l), with q(z | x) a Gaussian of
/// diagonal variance and the KL by sampling. Every dimension learns its own values of the density's parameters:
/// prior/PARAMETER, 1 x latent. For a prior of one's own it is the shortest way: `D` is scalar mathematics.
template <LatentDensityOf D>
struct FactorisedPrior {
    static constexpr std::string_view name = D::name;
    using density_type = D;

    template <class Real, class Exec>
    class Density {
    public:
        static constexpr std::size_t count = latent_parameter_count<D>;
        using Slice = MatrixSlice<Real, typename Exec::memory_space>;

        Density(ParameterStore<Real, Exec>& store, Index, const InferenceOptions& options) {
            for (std::size_t n = 0; n < count; ++n)
                numbers_[n] = store.add("prior/" + std::string(D::parameters[n]), 1, options.latent);
        }

        void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, std::uint64_t) const {
            for (const int number : numbers_) fill(exec, KernelLabel("cellvae::initialise"), store.value(number), 0);
        }
        void reserve(const Exec&, Index) {}
        void prepare(const Pass<Real, Exec>&, const Slice&, const Slice&) const {}

        template <class DensityView>
        void log_density(const Pass<Real, Exec>& pass, const Slice& z, bool, const DensityView& log_density) const {
            priors_detail::factorised_log_density<D>(pass, parameters(pass), z, log_density);
        }

        template <class Weights>
        void backward(const Pass<Real, Exec>& pass, double beta, const Weights& weights, const Slice& z,
                      const Slice& d_z, const Slice&, const Slice&) const {
            priors_detail::factorised_backward<D>(pass, static_cast<Real>(beta), parameters(pass), weights, z, d_z);
        }

    private:
        [[nodiscard]] priors_detail::DensityParameters<Real, count> parameters(const Pass<Real, Exec>& pass) const {
            priors_detail::DensityParameters<Real, count> result;
            for (std::size_t n = 0; n < count; ++n) {
                result.values[n] = pass.parameters->value(numbers_[n]).data();
                result.gradients[n] = pass.parameters->gradient(numbers_[n]).data();
            }
            return result;
        }

        std::array<int, count> numbers_{};
    };

    template <class Real, class Exec, class Encoder>
    using Inference = GaussianInference<Real, Exec, Encoder, Density<Real, Exec>>;
};

}  // namespace cellvae
