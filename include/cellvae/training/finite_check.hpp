// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "cellvae/core/launch.hpp"
#include "cellvae/core/parameters.hpp"
#include "cellvae/training/adam.hpp"

namespace cellvae::training_detail {

/// Whether the sums of all arrays of one row (biases and the like), and of the first row of every other one, are
/// finite. A gradient that is not finite reaches one of them. Weights' gradients are products d' x of what came back
/// and what went in: where d is not finite neither is the bias's gradient, its sum; where x is not, neither is any row
/// of the product, since zero times infinity is no number.
template <class Real, class Exec>
class FiniteCheck {
public:
    using Space = typename Exec::memory_space;

    FiniteCheck(const Exec& exec, const ParameterStore<Real, Exec>& parameters) {
        std::vector<Index> starts, ends;
        for (const auto& entry : parameters.entries()) {
            for (Index begin = 0; begin < entry.columns; begin += elements_per_task) {
                starts.push_back(entry.offset + begin);
                ends.push_back(entry.offset + std::min(begin + elements_per_task, entry.columns));
            }
        }
        ranges_ = Matrix<Index, Space>(Kokkos::view_alloc(exec, "cellvae::finite_check::ranges"), starts.size(), 2);
        sums_ = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::finite_check::sums"), starts.size());
        const auto host = Kokkos::create_mirror_view(ranges_);
        for (std::size_t i = 0; i < starts.size(); ++i) {
            host(i, 0) = starts[i];
            host(i, 1) = ends[i];
        }
        Kokkos::deep_copy(exec, ranges_, host);
        host_sums_ = Kokkos::create_mirror_view(sums_);
        exec.fence(KernelLabel("cellvae::finite_check"));
    }

    [[nodiscard]] bool operator()(const Exec& exec, const ParameterStore<Real, Exec>& parameters) const {
        sum(exec, parameters.gradients(), ranges_, sums_);
        read_back(exec, KernelLabel("cellvae::finite_check"), host_sums_, sums_);
        for (std::size_t i = 0; i < host_sums_.extent(0); ++i)
            if (!std::isfinite(host_sums_(i))) return false;
        return true;
    }

    /// Public for nvcc, which wants the functions around device lambdas so.
    static void sum(const Exec& exec, const Vector<Real, Space>& values, const Matrix<Index, Space>& ranges,
                    const Vector<Real, Space>& sums) {
        for_each_index(
            exec, KernelLabel("cellvae::finite_check"), static_cast<Index>(sums.extent(0)),
            static_cast<Index>(values.extent(0)) / 2, KOKKOS_LAMBDA(const Index range) {
                Real total = 0;
                // a magnitude each, so that infinities of both signs cannot cancel
                for (Index i = ranges(range, 0); i < ranges(range, 1); ++i)
                    total += values(i) < Real(0) ? -values(i) : values(i);
                sums(range) = total;
            });
    }

private:
    Matrix<Index, Space> ranges_;  // of the flat gradient
    Vector<Real, Space> sums_;
    typename Vector<Real, Space>::host_mirror_type host_sums_;
};

}  // namespace cellvae::training_detail
