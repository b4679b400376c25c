// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <string_view>

#include "cellvae/math/logistic.hpp"

namespace cellvae {

/// The activations by name, for AnyActivation.
enum class ActivationKind { relu, silu, tanh, identity };

[[nodiscard]] constexpr std::string_view name_of(ActivationKind kind) {
    switch (kind) {
        case ActivationKind::relu:
            return "relu";
        case ActivationKind::silu:
            return "silu";
        case ActivationKind::tanh:
            return "tanh";
        default:
            return "identity";
    }
}

// An activation is a type with value(u) and derivative(u), callable on the device. Mlp takes it by value, so that it
// may carry state, as AnyActivation does.

/// max(u, 0)
struct Relu {
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real value(Real u) const {
        return u > Real(0) ? u : Real(0);
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real derivative(Real u) const {
        return u > Real(0) ? Real(1) : Real(0);
    }
};

/// u logistic(u)
struct Silu {
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real value(Real u) const {
        return u * math::logistic(u);
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real derivative(Real u) const {
        const Real s = math::logistic(u);
        return s * (Real(1) + u * (Real(1) - s));
    }
};

struct Tanh {
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real value(Real u) const {
        return Kokkos::tanh(u);
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real derivative(Real u) const {
        const Real y = Kokkos::tanh(u);
        return Real(1) - y * y;
    }
};

/// The activation is chosen at run time: one compiled model serves all of them.
struct AnyActivation {
    ActivationKind kind = ActivationKind::relu;

    template <class Real>
    KOKKOS_INLINE_FUNCTION Real value(Real u) const {
        switch (kind) {
            case ActivationKind::relu:
                return Relu{}.value(u);
            case ActivationKind::silu:
                return Silu{}.value(u);
            case ActivationKind::tanh:
                return Tanh{}.value(u);
            default:
                return u;
        }
    }
    template <class Real>
    KOKKOS_INLINE_FUNCTION Real derivative(Real u) const {
        switch (kind) {
            case ActivationKind::relu:
                return Relu{}.derivative(u);
            case ActivationKind::silu:
                return Silu{}.derivative(u);
            case ActivationKind::tanh:
                return Tanh{}.derivative(u);
            default:
                return Real(1);
        }
    }
};

}  // namespace cellvae
