// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "cellvae/nn/linear.hpp"

namespace cellvae {

/// What stands between a layer's product and its activation. Batch normalisation (Ioffe and Szegedy 2015) is for the
/// plain VAE with one sample; layer normalisation (Ba et al. 2016) for every model.
enum class Normalisation { none, layer, batch };

[[nodiscard]] constexpr std::string_view name_of(Normalisation kind) {
    switch (kind) {
        case Normalisation::none:
            return "none";
        case Normalisation::layer:
            return "layer";
        default:
            return "batch";
    }
}

namespace nn_detail {

/// Added to a variance under a root: PyTorch's for layers, scvi-tools' for batches.
inline constexpr double layer_epsilon = 1e-5;
inline constexpr double batch_epsilon = 1e-3;

// In all of these: u is rows x units, first the product and after the pass gain * normalised + shift; `normalised` is
// kept for the backward pass; `scale` is one over the standard deviation of each row (layer) or column (batch).

template <class Exec, class Slice, class ScaleView>
void normalise_rows(const Exec& exec, const Slice& u, const Slice& gain, const Slice& shift, const Slice& normalised,
                    const ScaleView& scale) {
    using Real = typename Slice::non_const_value_type;
    for_each_row(
        exec, KernelLabel("cellvae::normalise_rows"), static_cast<Index>(u.extent(0)), 3 * static_cast<Index>(u.size()),
        KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const auto units = static_cast<Index>(u.extent(1));
            const double sum = along.sum(units, [&](const Index c) { return static_cast<double>(u(row, c)); });
            const double mean = sum / static_cast<double>(units);
            const double squares = along.sum(units, [&](const Index c) {
                const double centred = static_cast<double>(u(row, c)) - mean;
                return centred * centred;
            });
            const auto factor =
                static_cast<Real>(1 / Kokkos::sqrt(squares / static_cast<double>(units) + layer_epsilon));
            along.once([&]() { scale(row) = factor; });
            along.columns(units, [&](const Index c) {
                normalised(row, c) = (u(row, c) - static_cast<Real>(mean)) * factor;
                u(row, c) = gain(0, c) * normalised(row, c) + shift(0, c);
            });
        });
}

template <class Exec, class Slice, class ScaleView>
void normalise_rows_backward(const Exec& exec, const Slice& d, const Slice& gain, const Slice& normalised,
                             const ScaleView& scale) {
    using Real = typename Slice::non_const_value_type;
    for_each_row(
        exec, KernelLabel("cellvae::normalise_rows_backward"), static_cast<Index>(d.extent(0)),
        3 * static_cast<Index>(d.size()), KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const auto units = static_cast<Index>(d.extent(1));
            const auto inner = [&](const Index c) { return static_cast<double>(d(row, c) * gain(0, c)); };
            const double sum = along.sum(units, inner);
            const double projection =
                along.sum(units, [&](const Index c) { return inner(c) * static_cast<double>(normalised(row, c)); });
            const auto mean = static_cast<Real>(sum / static_cast<double>(units));
            const auto slope = static_cast<Real>(projection / static_cast<double>(units));
            along.columns(units, [&](const Index c) {
                d(row, c) = scale(row) * (d(row, c) * gain(0, c) - mean - normalised(row, c) * slope);
            });
        });
}

template <class Exec, class Slice, class ScaleView>
void normalise_columns(const Exec& exec, const Slice& u, const Slice& gain, const Slice& shift, const Slice& normalised,
                       const ScaleView& scale, const Slice& running_mean, const Slice& running_variance, bool training,
                       double momentum) {
    using Real = typename Slice::non_const_value_type;
    for_each_index(
        exec, KernelLabel("cellvae::normalise_columns"), static_cast<Index>(u.extent(1)),
        3 * static_cast<Index>(u.size()), KOKKOS_LAMBDA(const Index c) {
            const auto rows = static_cast<Index>(u.extent(0));
            auto mean = static_cast<double>(running_mean(0, c));
            auto variance = static_cast<double>(running_variance(0, c));
            if (training) {
                double sum = 0, squares = 0;
                for (Index r = 0; r < rows; ++r) sum += static_cast<double>(u(r, c));
                mean = sum / static_cast<double>(rows);
                for (Index r = 0; r < rows; ++r) {
                    const double centred = static_cast<double>(u(r, c)) - mean;
                    squares += centred * centred;
                }
                variance = squares / static_cast<double>(rows);
                // the running variance is the unbiased one, as PyTorch has it
                const double unbiased = rows > 1 ? squares / static_cast<double>(rows - 1) : variance;
                running_mean(0, c) += static_cast<Real>(momentum * (mean - static_cast<double>(running_mean(0, c))));
                running_variance(0, c) +=
                    static_cast<Real>(momentum * (unbiased - static_cast<double>(running_variance(0, c))));
            }
            const auto factor = static_cast<Real>(1 / Kokkos::sqrt(variance + batch_epsilon));
            scale(c) = factor;
            for (Index r = 0; r < rows; ++r) {
                normalised(r, c) = (u(r, c) - static_cast<Real>(mean)) * factor;
                u(r, c) = gain(0, c) * normalised(r, c) + shift(0, c);
            }
        });
}

template <class Exec, class Slice, class ScaleView>
void normalise_columns_backward(const Exec& exec, const Slice& d, const Slice& gain, const Slice& normalised,
                                const ScaleView& scale, bool training) {
    using Real = typename Slice::non_const_value_type;
    for_each_index(
        exec, KernelLabel("cellvae::normalise_columns_backward"), static_cast<Index>(d.extent(1)),
        3 * static_cast<Index>(d.size()), KOKKOS_LAMBDA(const Index c) {
            const auto rows = static_cast<Index>(d.extent(0));
            double sum = 0, projection = 0;
            if (training) {
                for (Index r = 0; r < rows; ++r) {
                    sum += static_cast<double>(d(r, c));
                    projection += static_cast<double>(d(r, c)) * static_cast<double>(normalised(r, c));
                }
            }
            const auto mean = static_cast<Real>(sum / static_cast<double>(rows));
            const auto slope = static_cast<Real>(projection / static_cast<double>(rows));
            for (Index r = 0; r < rows; ++r)
                d(r, c) = gain(0, c) * scale(c) * (d(r, c) - mean - normalised(r, c) * slope);
        });
}

/// The gradients of gain and shift, from that of gain * normalised + shift.
template <class Exec, class Slice>
void normalisation_parameters(const Exec& exec, const Slice& d, const Slice& normalised, const Slice& d_gain,
                              const Slice& d_shift) {
    using Real = typename Slice::non_const_value_type;
    for_each_index(
        exec, KernelLabel("cellvae::normalisation_parameters"), static_cast<Index>(d.extent(1)),
        2 * static_cast<Index>(d.size()), KOKKOS_LAMBDA(const Index c) {
            Real gain = 0, shift = 0;
            const auto rows = static_cast<Index>(d.extent(0));
            for (Index r = 0; r < rows; ++r) {
                gain += d(r, c) * normalised(r, c);
                shift += d(r, c);
            }
            d_gain(0, c) = gain;
            d_shift(0, c) = shift;
        });
}

}  // namespace nn_detail

/// One normalisation, or none, of rows x units. Its parameters are NAME/normalisation/gain and /shift; batch
/// normalisation's running mean and variance are state, not parameters.
template <class Real, class Exec>
class NormalisationLayer {
public:
    using Space = typename Exec::memory_space;
    using Slice = MatrixSlice<Real, Space>;

    NormalisationLayer(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, const std::string& name,
                       Index units, Normalisation kind, double momentum)
        : kind_(kind), units_(units), momentum_(momentum) {
        if (kind_ == Normalisation::none) return;
        gain_ = store.add(name + "/normalisation/gain", 1, units);
        shift_ = store.add(name + "/normalisation/shift", 1, units);
        if (kind_ == Normalisation::batch) {
            running_mean_ = state.add(name + "/normalisation/running_mean", 1, units);
            running_variance_ = state.add(name + "/normalisation/running_variance", 1, units);
        }
    }

    void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store,
                    const ParameterStore<Real, Exec>& state) const {
        if (kind_ == Normalisation::none) return;
        Kokkos::deep_copy(exec, store.value(gain_), Real(1));
        Kokkos::deep_copy(exec, store.value(shift_), Real(0));
        if (kind_ == Normalisation::batch) {
            Kokkos::deep_copy(exec, state.value(running_mean_), Real(0));
            Kokkos::deep_copy(exec, state.value(running_variance_), Real(1));
        }
    }

    void reserve(const Exec& exec, Index most_rows) {
        if (kind_ == Normalisation::none) return;
        const auto rows = static_cast<std::size_t>(most_rows);
        const auto units = static_cast<std::size_t>(units_);
        normalised_ = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::normalisation::normalised"), rows, units);
        scale_ = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::normalisation::scale"),
                                     kind_ == Normalisation::layer ? rows : units);
    }

    /// u (rows x units) is normalised in place.
    void forward(const Pass<Real, Exec>& pass, const Slice& u) const {
        if (kind_ == Normalisation::none) return;
        const Slice normalised = first_rows(normalised_, static_cast<Index>(u.extent(0)));
        const Slice gain = pass.parameters->value(gain_);
        const Slice shift = pass.parameters->value(shift_);
        if (kind_ == Normalisation::layer)
            nn_detail::normalise_rows(pass.exec, u, gain, shift, normalised, scale_);
        else
            nn_detail::normalise_columns(pass.exec, u, gain, shift, normalised, scale_,
                                         pass.state->value(running_mean_), pass.state->value(running_variance_),
                                         pass.mode == Mode::training, momentum_);
    }

    /// d (rows x units): from the gradient of what forward() gave to that of what it took, in place.
    void backward(const Pass<Real, Exec>& pass, const Slice& d) const {
        if (kind_ == Normalisation::none) return;
        const Slice normalised = first_rows(normalised_, static_cast<Index>(d.extent(0)));
        const Slice gain = pass.parameters->value(gain_);
        nn_detail::normalisation_parameters(pass.exec, d, normalised, pass.parameters->gradient(gain_),
                                            pass.parameters->gradient(shift_));
        if (kind_ == Normalisation::layer)
            nn_detail::normalise_rows_backward(pass.exec, d, gain, normalised, scale_);
        else
            nn_detail::normalise_columns_backward(pass.exec, d, gain, normalised, scale_, pass.mode == Mode::training);
    }

private:
    Normalisation kind_;
    Index units_;
    double momentum_;
    int gain_ = -1;
    int shift_ = -1;
    int running_mean_ = -1;
    int running_variance_ = -1;
    Matrix<Real, Space> normalised_;
    Vector<Real, Space> scale_;
};

}  // namespace cellvae
