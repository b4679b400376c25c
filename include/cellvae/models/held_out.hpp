// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "cellvae/models/vae.hpp"

namespace cellvae {

/// Numbers of cells, on a backend.
template <class Exec>
using CellOrder = Kokkos::View<Index*, typename Exec::memory_space>;

template <class Exec>
[[nodiscard]] CellOrder<Exec> cell_order(const Exec& exec, std::span<const Index> cells) {
    CellOrder<Exec> order(Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, "cellvae::cell_order"), cells.size());
    Kokkos::deep_copy(exec, order, Kokkos::View<const Index*, Kokkos::HostSpace>(cells.data(), cells.size()));
    exec.fence(KernelLabel("cellvae::cell_order"));
    return order;
}

namespace models_detail {

/// Assembles the cells of `order` in minibatches, in turn, and calls visit(first, count) for each.
template <class Real, class Exec, class Visitor>
void for_each_minibatch(const Exec& exec, const Dataset<Exec>& data, const CellOrder<Exec>& order,
                        Minibatch<Real, Exec>& batch, Visitor&& visit) {
    const auto cells = static_cast<Index>(order.extent(0));
    for (Index first = 0; first < cells; first += batch.most_cells()) {
        const Index count = std::min(batch.most_cells(), cells - first);
        batch.assemble(exec, data, Kokkos::subview(order, std::make_pair(first, first + count)));
        visit(first, count);
    }
}

/// What `compute` writes for the cells of each minibatch (rows: cells x columns), for all cells: row-major, on the
/// host.
template <class Real, class Exec, class Compute>
[[nodiscard]] std::vector<float> rows_of_all_cells(const Exec& exec, const Dataset<Exec>& data,
                                                   Minibatch<Real, Exec>& batch, Index columns, const char* label,
                                                   Compute&& compute) {
    const auto width = static_cast<std::size_t>(columns);
    std::vector<Index> cells(static_cast<std::size_t>(data.cells()));
    for (std::size_t cell = 0; cell < cells.size(); ++cell) cells[cell] = static_cast<Index>(cell);
    Matrix<Real, typename Exec::memory_space> rows(label, static_cast<std::size_t>(batch.most_cells()), width);
    const auto host = Kokkos::create_mirror_view(rows);
    std::vector<float> result(cells.size() * width);
    for_each_minibatch(exec, data, cell_order(exec, cells), batch, [&](Index first, Index count) {
        compute(first_rows(rows, count));
        Kokkos::deep_copy(exec, host, rows);
        exec.fence(KernelLabel(label));
        for (Index row = 0; row < count; ++row)
            for (std::size_t c = 0; c < width; ++c)
                result[static_cast<std::size_t>(first + row) * width + c] =
                    static_cast<float>(host(row, static_cast<Index>(c)));
    });
    return result;
}

}  // namespace models_detail

/// The means over the cells of `order` of the bound, at full KL weight, and its terms. The same noise in every call
/// with the same seed, so that calls may be compared.
template <class Model, class Real, class Exec>
[[nodiscard]] typename Model::Terms mean_bound(const Exec& exec, Model& model, const Dataset<Exec>& data,
                                               const CellOrder<Exec>& order, Minibatch<Real, Exec>& batch,
                                               std::uint64_t seed) {
    typename Model::Terms sums{};
    models_detail::for_each_minibatch(exec, data, order, batch, [&](Index, Index count) {
        const auto terms = model.bound(exec, batch, {.beta = 1, .seed = seed, .step = 0});
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += terms[i] * static_cast<double>(count);
    });
    for (auto& sum : sums) sum /= static_cast<double>(order.extent(0));
    return sums;
}

/// The mean over the cells of `order` of the importance-weighted estimate of log p(x).
template <class Model, class Real, class Exec>
[[nodiscard]] double mean_log_likelihood(const Exec& exec, Model& model, const Dataset<Exec>& data,
                                         const CellOrder<Exec>& order, Minibatch<Real, Exec>& batch, Index samples,
                                         std::uint64_t seed) {
    using Space = typename Exec::memory_space;
    Vector<double, Space> values("cellvae::log_likelihood", static_cast<std::size_t>(batch.most_cells()));
    const auto host = Kokkos::create_mirror_view(values);
    double sum = 0;
    models_detail::for_each_minibatch(exec, data, order, batch, [&](Index, Index count) {
        model.log_likelihood(exec, batch, samples, seed,
                             VectorSlice<double, Space>(values.data(), static_cast<std::size_t>(count)));
        Kokkos::deep_copy(exec, host, values);
        exec.fence(KernelLabel("cellvae::log_likelihood"));
        for (Index cell = 0; cell < count; ++cell) sum += host(cell);
    });
    return sum / static_cast<double>(order.extent(0));
}

/// The latent coordinates of all cells: the means of q(z | x), cells x latent, row-major, on the host.
template <class Model, class Real, class Exec>
[[nodiscard]] std::vector<float> latent_means(const Exec& exec, Model& model, const Dataset<Exec>& data,
                                              Minibatch<Real, Exec>& batch) {
    return models_detail::rows_of_all_cells(exec, data, batch, model.options().latent, "cellvae::latent_means",
                                            [&](const auto& rows) { model.encode(exec, batch, rows); });
}

/// The responsibilities q(y | x) of all cells under a model whose prior has clusters: cells x clusters, row-major, on
/// the host.
template <class Model, class Real, class Exec>
[[nodiscard]] std::vector<float> responsibilities(const Exec& exec, Model& model, const Dataset<Exec>& data,
                                                  Minibatch<Real, Exec>& batch) {
    auto result =
        models_detail::rows_of_all_cells(exec, data, batch, model.inference().clusters(), "cellvae::responsibilities",
                                         [&](const auto& rows) { model.log_responsibilities(exec, batch, rows); });
    for (float& value : result) value = std::exp(value);
    return result;
}

/// The same, with a minibatch made for it.
template <class Model, class Exec>
[[nodiscard]] std::vector<float> latent_means(const Exec& exec, Model& model, const Dataset<Exec>& data) {
    Minibatch<typename Model::real_type, Exec> batch(exec, data, 128);
    return latent_means(exec, model, data, batch);
}

}  // namespace cellvae
