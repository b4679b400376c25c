// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "cellvae/models/vae.hpp"

namespace cellvae {

namespace models_detail {

/// The first value of a likelihood's entry that is not finite: empty if all are.
template <class L, class Real>
std::string non_finite_entry(Real x, const Parameters<Real, parameter_count<L>>& eta,
                             const nn_detail::Heads<Real, parameter_count<L>>& heads) {
    const auto result = nn_detail::bounded_log_prob<L>(x, eta, heads, Real(1));
    std::string found;
    if (!std::isfinite(result.value)) found = message("log-probability ", result.value);
    for (std::size_t n = 0; n < parameter_count<L> && found.empty(); ++n)
        if (!std::isfinite(result.d_log_prob[n])) found = message("d_", L::parameters[n], " ", result.d_log_prob[n]);
    if (found.empty()) return found;
    found += message(" at the value ", x, " with");
    for (std::size_t n = 0; n < parameter_count<L>; ++n)
        found += message(n == 0 ? " " : ", ", L::parameters[n], " = ", eta[n]);
    return found;
}

}  // namespace models_detail

/// Says where a minibatch's bound or gradient stopped being finite: the cell, the gene, the likelihood's parameters
/// there; or, where every entry is finite, the first parameter array whose gradient is not. Slow: for the error message
/// alone.
template <class Model, class Real, class Exec>
[[nodiscard]] std::string describe_non_finite(const Exec& exec, Model& model, const Minibatch<Real, Exec>& batch,
                                              const CellsView& cells, const StepOptions& step) {
    using L = typename Model::likelihood_type;
    constexpr std::size_t count = parameter_count<L>;
    const auto read = [&](const auto& view) {
        return to_host(exec, KernelLabel("cellvae::describe_non_finite"), view);
    };
    model.gradient(exec, batch, step);
    const auto pass = model.decoding(model.pass(exec, batch, step, Mode::training));
    const auto hidden = read(model.hidden_rows(pass));
    auto heads = model.output().heads(model.parameters());
    const auto offsets = read(batch.row_offsets);
    const auto columns = read(batch.columns);
    const auto targets = read(batch.targets);
    const auto log_library = read(batch.log_library);
    const auto log_total = read(batch.log_total);
    const auto numbers = read(batch.cell);
    const auto kept = read(pass.kept_rows);
    const auto flat = read(model.parameters().values());
    const auto depth = static_cast<Index>(hidden.extent(1));
    for (auto& head : heads) {  // the same places in the host's copy
        const Real* base = model.parameters().values().data();
        if (head.weight != nullptr) head.weight = flat.data() + (head.weight - base);
        head.bias = flat.data() + (head.bias - base);
    }
    for (Index row = 0; row < static_cast<Index>(hidden.extent(0)); ++row) {
        const Index cell = (kept.extent(0) == 0 ? row : kept(row)) % batch.cells();
        const auto product = [&](const auto& head, Index gene) {
            Real sum = head.bias[gene];
            if (head.weight != nullptr)
                for (Index h = 0; h < depth; ++h) sum += hidden(row, h) * head.weight[gene * depth + h];
            return sum;
        };
        Parameters<Real, count> offset{};  // of this cell, for all genes
        for (std::size_t n = 0; n < count; ++n) {
            if (heads[n].adds_library) offset[n] = heads[n].share ? log_total(cell) : log_library(cell);
            if (!heads[n].share) continue;
            Real largest = product(heads[n], 0);
            for (Index gene = 1; gene < batch.genes(); ++gene) largest = std::max(largest, product(heads[n], gene));
            double sum = 0;
            for (Index gene = 0; gene < batch.genes(); ++gene)
                sum += std::exp(static_cast<double>(product(heads[n], gene) - largest));
            offset[n] -= largest + static_cast<Real>(std::log(sum));
        }
        Index k = offsets(cell);
        for (Index gene = 0; gene < batch.genes(); ++gene) {
            Parameters<Real, count> eta{};
            for (std::size_t n = 0; n < count; ++n) eta[n] = product(heads[n], gene) + offset[n];
            Real x = 0;
            if (k < offsets(cell + 1) && columns(k) == gene) x = targets(k++);
            const std::string found = models_detail::non_finite_entry<L>(x, eta, heads);
            if (!found.empty())
                return message(cells.cell_name(numbers(cell)), ", ", cells.gene_name(gene), ": ", found);
        }
    }
    const auto gradient = read(model.parameters().gradients());
    for (const auto& entry : model.parameters().entries())
        for (Index i = 0; i < entry.rows * entry.columns; ++i)
            if (!std::isfinite(gradient(entry.offset + i)))
                return message("every log-probability is finite, but the gradient of ", entry.name, " has ",
                               gradient(entry.offset + i), " in row ", i / entry.columns, ", column ",
                               i % entry.columns);
    return "when repeated, every log-probability and the gradient are finite";
}

}  // namespace cellvae
