// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/priors/latent_kernels.hpp"

// Which clusters of a cell are decoded. Rows of pairs are clusters x cells: row k * cells + cell.

namespace cellvae::priors_detail {

/// Where the rows of pairs stand among those that are decoded, as kernels see it.
template <class Space>
struct DecodedRows {
    VectorSlice<const Index, Space> slots{};  ///< of each pair its decoded row, -1: left out; empty: all are decoded
    VectorSlice<const double, Space> mass{};  ///< of each cell: the sum of its kept responsibilities

    KOKKOS_INLINE_FUNCTION Index slot(Index pair) const { return slots.extent(0) == 0 ? pair : slots(pair); }
    /// What a kept responsibility is divided by; 1 exactly where none was left out.
    KOKKOS_INLINE_FUNCTION double kept_mass(Index cell) const { return mass.extent(0) == 0 ? 1.0 : mass(cell); }
};

/// slots (clusters x cells) = 0 for pairs that stay and -1 for those that do not; mass (cells) as in DecodedRows. Of a
/// cell with a known label that cluster alone stays.
template <class Real, class Exec, class LogQ, class SlotView, class MassView>
void mark_kept(const Pass<Real, Exec>& pass, const LogQ& log_q, Real threshold, const SlotView& slots,
               const MassView& mass) {
    const Index cells = pass.batch->cells();
    const auto label = pass.batch->label;
    Kokkos::parallel_for(
        KernelLabel("cellvae::mark_kept"), Kokkos::RangePolicy<Exec>(pass.exec, 0, cells),
        KOKKOS_LAMBDA(const Index cell) {
            const auto clusters = static_cast<Index>(log_q.extent(1));
            Index best = 0;
            for (Index k = 1; k < clusters; ++k)
                if (log_q(cell, k) > log_q(cell, best)) best = k;
            double sum = 0;
            Index kept = 0;
            for (Index k = 0; k < clusters; ++k) {
                const Real q = math::exp(log_q(cell, k));
                const bool stays = label(cell) >= 0 ? k == label(cell) : k == best || q >= threshold;
                slots(k * cells + cell) = stays ? 0 : -1;
                sum += stays ? static_cast<double>(q) : 0.0;
                kept += stays ? 1 : 0;
            }
            mass(cell) = label(cell) >= 0 || kept == clusters ? 1.0 : sum;
        });
}

/// counts (clusters): how many cells each cluster stays with.
template <class Exec, class SlotView, class CountView>
void count_kept(const Exec& exec, Index cells, const SlotView& slots, const CountView& counts) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::count_kept"), Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(counts.extent(0))),
        KOKKOS_LAMBDA(const Index k) {
            Index count = 0;
            for (Index cell = 0; cell < cells; ++cell) count += slots(k * cells + cell) < 0 ? 0 : 1;
            counts(k) = count;
        });
}

/// Numbers the pairs that stay, in their order: slots gets the numbers, and rows (of the pairs) their inverse.
template <class Exec, class SlotView, class CountView, class RowView>
void number_kept(const Exec& exec, Index cells, const CountView& counts, const SlotView& slots, const RowView& rows) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::number_kept"), Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(counts.extent(0))),
        KOKKOS_LAMBDA(const Index k) {
            Index next = 0;
            for (Index j = 0; j < k; ++j) next += counts(j);
            for (Index pair = k * cells; pair < (k + 1) * cells; ++pair) {
                if (slots(pair) < 0) continue;
                slots(pair) = next;
                rows(next) = pair;
                ++next;
            }
        });
}

/// The choice of one minibatch, and its memory.
template <class Real, class Exec>
class KeptRows {
public:
    using Space = typename Exec::memory_space;

    void reserve(const Exec& exec, Index most_cells, Index clusters) {
        const auto pairs = static_cast<std::size_t>(most_cells * clusters);
        slots_ = Vector<Index, Space>(Kokkos::view_alloc(exec, "cellvae::kept::slots"), pairs);
        rows_ = Vector<Index, Space>(Kokkos::view_alloc(exec, "cellvae::kept::rows"), pairs);
        mass_ = Vector<double, Space>(Kokkos::view_alloc(exec, "cellvae::kept::mass"),
                                      static_cast<std::size_t>(most_cells));
        counts_ =
            Vector<Index, Space>(Kokkos::view_alloc(exec, "cellvae::kept::counts"), static_cast<std::size_t>(clusters));
        host_counts_ = Kokkos::create_mirror_view(counts_);
    }

    /// Chooses, and waits for the number of rows. @param log_q cells x clusters
    /// @returns the pairs to decode, ascending; empty where these are all
    template <class LogQ>
    VectorSlice<const Index, Space> choose(const Pass<Real, Exec>& pass, const LogQ& log_q, double threshold) const {
        const Index cells = pass.batch->cells();
        mark_kept(pass, log_q, static_cast<Real>(threshold), slots_, mass_);
        count_kept(pass.exec, cells, slots_, counts_);
        number_kept(pass.exec, cells, counts_, slots_, rows_);
        read_back(pass.exec, KernelLabel("cellvae::kept::counts"), host_counts_, counts_);
        std::size_t kept = 0;
        for (std::size_t k = 0; k < host_counts_.extent(0); ++k) kept += static_cast<std::size_t>(host_counts_(k));
        if (kept == static_cast<std::size_t>(cells) * counts_.extent(0)) return {};
        return VectorSlice<const Index, Space>(rows_.data(), kept);
    }

    /// As the last choice left it, for a pass that has its rows.
    [[nodiscard]] DecodedRows<Space> decoded(const Pass<Real, Exec>& pass) const {
        if (pass.kept_rows.extent(0) == 0) return {};
        const auto cells = static_cast<std::size_t>(pass.batch->cells());
        return {VectorSlice<const Index, Space>(slots_.data(), cells * counts_.extent(0)),
                VectorSlice<const double, Space>(mass_.data(), cells)};
    }

private:
    Vector<Index, Space> slots_;   // pairs
    Vector<Index, Space> rows_;    // as many as are kept
    Vector<double, Space> mass_;   // cells
    Vector<Index, Space> counts_;  // clusters
    typename Vector<Index, Space>::host_mirror_type host_counts_;
};

}  // namespace cellvae::priors_detail
