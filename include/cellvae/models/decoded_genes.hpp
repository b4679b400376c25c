// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "cellvae/models/vae.hpp"

namespace cellvae {

/// Parameters of the likelihood of one panel of chosen genes, as kernels see them.
template <Likelihood L, class Real, class Exec>
struct GenePanel {
    static constexpr std::size_t count = parameter_count<L>;
    using Space = typename Exec::memory_space;

    Kokkos::View<Real***, Kokkos::LayoutRight, Space> eta;  ///< parameters x rows x genes, not yet complete
    Vector<Real, Space> normaliser;                         ///< of each row's shares
    Vector<GeneIndex, Space> gene;                          ///< the number of each chosen gene in the model
    Vector<Real, Space> log_total;                          ///< of each cell
    nn_detail::Heads<Real, count> heads;
    Index cells = 0;
    Index first = 0;  ///< the panel's first gene among the chosen ones
    Index width = 0;

    /// The parameters of the panel's g-th gene in a row, inside their bounds.
    KOKKOS_INLINE_FUNCTION Parameters<Real, count> parameters(Index row, Index g) const {
        Parameters<Real, count> result{};
        for (std::size_t n = 0; n < count; ++n) {
            Real value = eta(n, row, g);
            if (heads[n].share) value -= normaliser(row) - (heads[n].adds_library ? log_total(row % cells) : Real(0));
            result[n] = nn_detail::bounded(value, heads[n].lower, heads[n].upper);
        }
        return result;
    }
};

namespace models_detail {

template <class Real, class Exec, class ToView, class GeneView>
void gather_rows(const Exec& exec, const GeneView& gene, const Real* from, const ToView& to) {
    const auto width = static_cast<Index>(to.extent(1));
    for_each_element(
        exec, KernelLabel("cellvae::gather_rows"), static_cast<Index>(to.extent(0)), width,
        static_cast<Index>(to.size()) / 4, KOKKOS_LAMBDA(const Index row, const Index c) {
            to(row, c) = from[static_cast<Index>(gene(row)) * width + c];
        });
}

/// eta (rows x genes) = the biases, and what is added to the cell of each row.
template <class Real, class Exec, class EtaView, class BiasView>
void start_panel(const Pass<Real, Exec>& pass, const nn_detail::Head<Real>& head, const BiasView& bias, Index first,
                 const EtaView& eta) {
    const auto log_library = pass.batch->log_library;
    const Index cells = pass.batch->cells();
    const bool adds = head.adds_library && !head.share;
    const auto width = static_cast<Index>(eta.extent(1));
    for_each_element(
        pass.exec, KernelLabel("cellvae::start_panel"), static_cast<Index>(eta.extent(0)), width,
        static_cast<Index>(eta.size()) / 4, KOKKOS_LAMBDA(const Index row, const Index g) {
            eta(row, g) = bias(first + g) + (adds ? log_library(row % cells) : Real(0));
        });
}

/// Adds a panel of logits to the log-sum-exp of each row; the first panel starts it, the last one writes `normaliser`.
template <class Real, class Exec, class LogitsView, class SumsView, class NormaliserView>
void add_to_normaliser(const Exec& exec, const LogitsView& logits, bool first, bool last, const SumsView& sums,
                       const NormaliserView& normaliser) {
    const auto width = static_cast<Index>(logits.extent(1));
    Kokkos::parallel_for(
        KernelLabel("cellvae::add_to_normaliser"),
        Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(logits.extent(0))), KOKKOS_LAMBDA(const Index row) {
            LogMeanExp sum;
            if (!first) sum = LogMeanExp{sums(row, 0), sums(row, 1)};
            for (Index g = 0; g < width; ++g) sum.add(static_cast<double>(logits(row, g)));
            sums(row, 0) = sum.largest;
            sums(row, 1) = sum.sum;
            if (last) normaliser(row) = static_cast<Real>(sum.log_sum());
        });
}

}  // namespace models_detail

/// Decodes chosen genes of a model from rows of the decoder's last layer, a panel of genes at a time: what no training
/// needs and evaluation does, the likelihood's parameters themselves. Memory: the chosen genes' weights, which are
/// copied when it is made, and rows x genes of one panel.
template <class Model>
class DecodedGenes {
public:
    using Likelihood = typename Model::likelihood_type;
    using Real = typename Model::real_type;
    using Exec = typename Model::execution_space;
    using Space = typename Exec::memory_space;
    using Panel = GenePanel<Likelihood, Real, Exec>;
    static constexpr std::size_t count = parameter_count<Likelihood>;
    static constexpr Index panel_width = 512;

    /// @param chosen numbers of genes; empty: all of them
    /// @throws ShapeError if the model has no such gene
    DecodedGenes(const Exec& exec, const Model& model, std::span<const GeneIndex> chosen)
        : all_genes_(model.genes()), heads_(model.output().heads(model.parameters())) {
        const auto depth = static_cast<std::size_t>(model.output().hidden());
        for (const GeneIndex gene : chosen)
            if (gene < 0 || gene >= all_genes_)
                throw ShapeError(message("the model has the genes 0 to ", all_genes_ - 1, ", and no gene ", gene));
        genes_.assign(chosen.begin(), chosen.end());
        for (Index gene = 0; chosen.empty() && gene < all_genes_; ++gene)
            genes_.push_back(static_cast<GeneIndex>(gene));
        gene_ = Vector<GeneIndex, Space>(Kokkos::view_alloc(exec, "cellvae::decoded_genes::gene"), genes_.size());
        Kokkos::deep_copy(exec, gene_, Kokkos::View<const GeneIndex*, Kokkos::HostSpace>(genes_.data(), genes_.size()));
        for (std::size_t n = 0; n < count; ++n) {
            bias_[n] = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::decoded_genes::bias"), genes_.size(), 1);
            models_detail::gather_rows<Real>(exec, gene_, heads_[n].bias, bias_[n]);
            if (heads_[n].weight == nullptr) continue;
            weight_[n] =
                Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::decoded_genes::weight"), genes_.size(), depth);
            models_detail::gather_rows<Real>(exec, gene_, heads_[n].weight, weight_[n]);
        }
        exec.fence(KernelLabel("cellvae::decoded_genes"));
    }

    /// How many genes are decoded, and which.
    [[nodiscard]] Index size() const { return static_cast<Index>(genes_.size()); }
    [[nodiscard]] const std::vector<GeneIndex>& genes() const { return genes_; }

    /// Calls visit(panel) for one panel of the chosen genes after another.
    template <class Visitor>
    void for_each_panel(const DecodedDraws<Real, Exec>& draws, Visitor&& visit) {
        reserve(draws.pass.exec, draws.rows());
        Panel panel{eta_, normaliser_, gene_, draws.pass.batch->log_total, heads_, draws.cells()};
        for (std::size_t n = 0; n < count; ++n)
            if (heads_[n].share) normalise(draws, n);
        for (panel.first = 0; panel.first < size(); panel.first += panel_width) {
            panel.width = std::min(panel_width, size() - panel.first);
            for (std::size_t n = 0; n < count; ++n)
                decode(draws, n, Kokkos::subview(bias_[n], Kokkos::ALL, 0), weight_[n].data(), panel.first,
                       panel.width);
            visit(panel);
        }
    }

private:
    using Slice = MatrixSlice<Real, Space>;

    void reserve(const Exec& exec, Index rows) {
        const auto height = static_cast<std::size_t>(rows);
        if (eta_.extent(1) >= height) return;
        eta_ = Kokkos::View<Real***, Kokkos::LayoutRight, Space>(
            Kokkos::view_alloc(exec, "cellvae::decoded_genes::eta"), count, height,
            static_cast<std::size_t>(std::min(panel_width, all_genes_)));
        normaliser_ = Vector<Real, Space>(Kokkos::view_alloc(exec, "cellvae::decoded_genes::normaliser"), height);
        sums_ = Matrix<double, Space>(Kokkos::view_alloc(exec, "cellvae::decoded_genes::sums"), height, 2);
    }

    /// A head's values of some genes, before shares are taken.
    template <class BiasView>
    auto decode(const DecodedDraws<Real, Exec>& draws, std::size_t n, const BiasView& bias, const Real* weight,
                Index first, Index width) {
        auto eta = Kokkos::subview(eta_, n, std::make_pair(Index{0}, draws.rows()), std::make_pair(Index{0}, width));
        models_detail::start_panel(draws.pass, heads_[n], bias, first, eta);
        const auto depth = draws.hidden.extent(1);
        if (weight != nullptr)
            draws.pass.products->template multiply<Operand::as_is, Operand::transposed>(
                draws.pass.exec, eta, draws.hidden,
                Slice(const_cast<Real*>(weight) + first * static_cast<Index>(depth), static_cast<std::size_t>(width),
                      depth),
                true);
        return eta;
    }

    /// The log of the sum of exponentials over all genes of the model, for each row.
    void normalise(const DecodedDraws<Real, Exec>& draws, std::size_t n) {
        const VectorSlice<const Real, Space> bias(heads_[n].bias, static_cast<std::size_t>(all_genes_));
        for (Index first = 0; first < all_genes_; first += panel_width) {
            const Index width = std::min(panel_width, all_genes_ - first);
            const auto logits = decode(draws, n, bias, heads_[n].weight, first, width);
            models_detail::add_to_normaliser<Real>(draws.pass.exec, logits, first == 0, first + width == all_genes_,
                                                   sums_, normaliser_);
        }
    }

    Index all_genes_;
    nn_detail::Heads<Real, count> heads_;
    std::vector<GeneIndex> genes_;
    Vector<GeneIndex, Space> gene_;
    std::array<Matrix<Real, Space>, count> weight_{}, bias_{};  // chosen genes x hidden, x 1
    Kokkos::View<Real***, Kokkos::LayoutRight, Space> eta_;     // parameters x rows x panel
    Vector<Real, Space> normaliser_;                            // rows
    Matrix<double, Space> sums_;                                // rows x 2
};

}  // namespace cellvae
