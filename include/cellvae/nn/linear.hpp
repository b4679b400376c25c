// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "cellvae/core/random.hpp"
#include "cellvae/nn/pass.hpp"

namespace cellvae {

namespace nn_detail {

/// Every row of `matrix` becomes `row` (1 x columns).
template <class Exec, class MatrixView, class RowView>
void fill_rows(const Exec& exec, const MatrixView& matrix, const RowView& row) {
    for_each_element(
        exec, KernelLabel("cellvae::fill_rows"), static_cast<Index>(matrix.extent(0)),
        static_cast<Index>(matrix.extent(1)), static_cast<Index>(matrix.size()) / 4,
        KOKKOS_LAMBDA(const Index r, const Index c) { matrix(r, c) = row(0, c); });
}

/// sums (1 x columns) = the columns' sums over the rows, each in the rows' order.
template <class Exec, class MatrixView, class RowView>
void sum_rows(const Exec& exec, const MatrixView& matrix, const RowView& sums) {
    using Real = typename RowView::non_const_value_type;
    for_each_index(
        exec, KernelLabel("cellvae::sum_rows"), static_cast<Index>(matrix.extent(1)), static_cast<Index>(matrix.size()),
        KOKKOS_LAMBDA(const Index c) {
            Real sum = 0;
            const auto rows = static_cast<Index>(matrix.extent(0));
            for (Index r = 0; r < rows; ++r) sum += matrix(r, c);
            sums(0, c) = sum;
        });
}

/// Fills an array with numbers uniform in +-limit, keyed by (seed, array, row): the same for any number of threads.
template <class Real, class Exec>
void fill_uniform(const Exec& exec, const ParameterStore<Real, Exec>& store, int id, double limit, std::uint64_t seed) {
    const auto slice = store.value(id);
    const auto range = static_cast<Real>(limit);
    Kokkos::parallel_for(
        KernelLabel("cellvae::fill_uniform"), Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(slice.extent(0))),
        KOKKOS_LAMBDA(const Index row) {
            RandomStream random(seed, Purpose::initial_values, static_cast<std::uint32_t>(id),
                                static_cast<std::uint32_t>(row));
            const auto columns = static_cast<Index>(slice.extent(1));
            for (Index c = 0; c < columns; ++c) slice(row, c) = range * (Real(2) * random.uniform<Real>() - Real(1));
        });
}

}  // namespace nn_detail

/// y = x W' + b for dense rows. `weight` is outputs x inputs, `bias` 1 x outputs.
template <class Real, class Exec>
class Linear {
public:
    using Slice = MatrixSlice<Real, typename Exec::memory_space>;

    Linear(ParameterStore<Real, Exec>& store, const std::string& name, Index inputs, Index outputs)
        : inputs_(inputs),
          weight_(store.add(name + "/weight", outputs, inputs)),
          bias_(store.add(name + "/bias", 1, outputs)) {}

    /// Weights and biases uniform in +-1/sqrt(inputs), as PyTorch's linear layers start.
    void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, std::uint64_t seed) const {
        const double limit = 1.0 / std::sqrt(static_cast<double>(inputs_));
        nn_detail::fill_uniform(exec, store, weight_, limit, seed);
        nn_detail::fill_uniform(exec, store, bias_, limit, seed);
    }

    /// @param x rows x inputs @param y rows x outputs, overwritten
    void forward(const Pass<Real, Exec>& pass, const Slice& x, const Slice& y) const {
        nn_detail::fill_rows(pass.exec, y, pass.parameters->value(bias_));
        pass.products->template multiply<Operand::as_is, Operand::transposed>(pass.exec, y, x,
                                                                              pass.parameters->value(weight_), true);
    }

    /// Writes the gradients of weight and bias; they are overwritten.
    /// @param x rows x inputs, as in forward @param d_y rows x outputs
    void backward_parameters(const Pass<Real, Exec>& pass, const Slice& x, const Slice& d_y) const {
        pass.products->template multiply<Operand::transposed, Operand::as_is>(
            pass.exec, pass.parameters->gradient(weight_), d_y, x);
        nn_detail::sum_rows(pass.exec, d_y, pass.parameters->gradient(bias_));
    }

    /// d_x (rows x inputs) = d_y W, or += with `accumulate`.
    void backward_input(const Pass<Real, Exec>& pass, const Slice& d_y, const Slice& d_x,
                        bool accumulate = false) const {
        pass.products->template multiply<Operand::as_is, Operand::as_is>(pass.exec, d_x, d_y,
                                                                         pass.parameters->value(weight_), accumulate);
    }

private:
    Index inputs_;
    int weight_;
    int bias_;
};

}  // namespace cellvae
