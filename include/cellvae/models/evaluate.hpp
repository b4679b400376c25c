// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "cellvae/clustering/assignments.hpp"
#include "cellvae/core/progress.hpp"
#include "cellvae/models/vae.hpp"

namespace cellvae {

/// The numbers of all cells of a data set, in their order.
template <class Exec>
[[nodiscard]] std::vector<Index> all_cells(const CellStatistics<Exec>& data) {
    std::vector<Index> cells(static_cast<std::size_t>(data.cells()));
    std::iota(cells.begin(), cells.end(), Index{0});
    return cells;
}

namespace models_detail {

/// Assembles the cells of `order` in minibatches, in turn, and calls visit(first, count) for each.
template <class Real, class Exec, CellSource<Exec> Cells, class Visitor>
void for_each_minibatch(const Exec& exec, const Cells& data, std::span<const Index> order, Minibatch<Real, Exec>& batch,
                        Visitor&& visit, const Progress& progress = {}) {
    constexpr Index minibatches_held = 32;
    const auto cells = static_cast<Index>(order.size());
    auto pass = begin_pass(exec, data, order, minibatches_held * batch.most_cells());
    for (Index first = 0; first < cells; first += batch.most_cells()) {
        const Index count = std::min(batch.most_cells(), cells - first);
        pass.assemble(exec, batch, first, count);
        visit(first, count);
        if (progress) progress(first + count);
    }
}

/// What `compute` writes for the cells of each minibatch (rows: cells x columns), for all cells: row-major, on the
/// host.
template <class Real, class Exec, CellSource<Exec> Cells, class Compute>
[[nodiscard]] std::vector<float> rows_of_all_cells(const Exec& exec, const Cells& data, Minibatch<Real, Exec>& batch,
                                                   Index columns, const char* label, Compute&& compute,
                                                   const Progress& progress) {
    const auto width = static_cast<std::size_t>(columns);
    const Matrix<Real, typename Exec::memory_space> rows(Kokkos::view_alloc(exec, std::string(label)),
                                                         static_cast<std::size_t>(batch.most_cells()), width);
    const auto host = Kokkos::create_mirror_view(rows);
    std::vector<float> result(static_cast<std::size_t>(data.cells()) * width);
    for_each_minibatch(
        exec, data, all_cells(data), batch,
        [&](Index first, Index count) {
            compute(first_rows(rows, count));
            read_back(exec, KernelLabel(label), host, rows);
            for (Index row = 0; row < count; ++row)
                for (std::size_t c = 0; c < width; ++c)
                    result[static_cast<std::size_t>(first + row) * width + c] =
                        static_cast<float>(host(row, static_cast<Index>(c)));
        },
        progress);
    return result;
}

}  // namespace models_detail

/// The means over the cells of `order` of the bound, at full KL weight, and its terms. The same noise in every call
/// with the same seed, so that calls may be compared.
template <class Model, class Real, class Exec, CellSource<Exec> Cells>
[[nodiscard]] typename Model::Terms mean_bound(const Exec& exec, Model& model, const Cells& data,
                                               std::span<const Index> order, Minibatch<Real, Exec>& batch,
                                               std::uint64_t seed, const Progress& progress = {}) {
    typename Model::Terms sums{};
    models_detail::for_each_minibatch(
        exec, data, order, batch,
        [&](Index, Index count) {
            const auto terms = model.bound(exec, batch, {.beta = 1, .seed = seed, .step = 0});
            for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += terms[i] * static_cast<double>(count);
        },
        progress);
    for (auto& sum : sums) sum /= static_cast<double>(order.size());
    return sums;
}

/// The mean over the cells of `order` of the importance-weighted estimate of log p(x).
template <class Model, class Real, class Exec, CellSource<Exec> Cells>
[[nodiscard]] double mean_log_likelihood(const Exec& exec, Model& model, const Cells& data,
                                         std::span<const Index> order, Minibatch<Real, Exec>& batch, Index samples,
                                         std::uint64_t seed, const Progress& progress = {}) {
    using Space = typename Exec::memory_space;
    const Vector<double, Space> values(Kokkos::view_alloc(exec, "cellvae::log_likelihood"),
                                       static_cast<std::size_t>(batch.most_cells()));
    const auto host = Kokkos::create_mirror_view(values);
    double sum = 0;
    models_detail::for_each_minibatch(
        exec, data, order, batch,
        [&](Index, Index count) {
            model.log_likelihood(exec, batch, samples, seed,
                                 VectorSlice<double, Space>(values.data(), static_cast<std::size_t>(count)));
            read_back(exec, KernelLabel("cellvae::log_likelihood"), host, values);
            for (Index cell = 0; cell < count; ++cell) sum += host(cell);
        },
        progress);
    return sum / static_cast<double>(order.size());
}

/// The latent coordinates of all cells: the means of q(z | x), cells x latent, row-major, on the host.
template <class Model, class Real, class Exec, CellSource<Exec> Cells>
[[nodiscard]] std::vector<float> latent_means(const Exec& exec, Model& model, const Cells& data,
                                              Minibatch<Real, Exec>& batch, const Progress& progress = {}) {
    return models_detail::rows_of_all_cells(
        exec, data, batch, model.options().latent, "cellvae::latent_means",
        [&](const auto& rows) { model.encode(exec, batch, rows); }, progress);
}

/// A model whose prior has clusters; AnyPrior says at run time whether it has.
template <class Model>
concept HasClusters = requires(const Model& model) {
    model.inference().clusters();
};

/// The responsibilities q(y | x) of all cells under a model whose prior has clusters: cells x clusters, row-major, on
/// the host.
template <HasClusters Model, class Real, class Exec, CellSource<Exec> Cells>
[[nodiscard]] std::vector<float> responsibilities(const Exec& exec, Model& model, const Cells& data,
                                                  Minibatch<Real, Exec>& batch, const Progress& progress = {}) {
    auto result = models_detail::rows_of_all_cells(
        exec, data, batch, model.inference().clusters(), "cellvae::responsibilities",
        [&](const auto& rows) { model.log_responsibilities(exec, batch, rows); }, progress);
    for (float& value : result) value = std::exp(value);
    return result;
}

/// The same, with a minibatch made for it.
template <class Model, class Exec, CellSource<Exec> Cells>
[[nodiscard]] std::vector<float> latent_means(const Exec& exec, Model& model, const Cells& data,
                                              const Progress& progress = {}) {
    Minibatch<typename Model::real_type, Exec> batch(exec, data, 128);
    return latent_means(exec, model, data, batch, progress);
}
template <HasClusters Model, class Exec, CellSource<Exec> Cells>
[[nodiscard]] std::vector<float> responsibilities(const Exec& exec, Model& model, const Cells& data) {
    Minibatch<typename Model::real_type, Exec> batch(exec, data, 128);
    return responsibilities(exec, model, data, batch);
}

}  // namespace cellvae
