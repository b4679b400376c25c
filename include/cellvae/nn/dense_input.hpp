// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "cellvae/core/random.hpp"
#include "cellvae/nn/pass.hpp"

// What the encoder sees of every gene of every cell, zero counts included: noise in training, and the shift of
// standardised inputs, whose zeros are not zero. It is made for one panel of genes at a time and never stored: forward
// and backward make the same numbers again.

namespace cellvae::nn_detail {

/// The dense part of a minibatch's input: deviation * noise - shift.
template <class Real, class Space>
struct DenseInput {
    Vector<const Index, Space> cell;
    Vector<const Real, Space> shift;  ///< genes, or empty
    Index genes = 0;
    std::uint64_t seed = 0;
    std::uint32_t step = 0;
    Real deviation = 0;  ///< standard deviation of the noise, in the input's units

    /// The values of one cell's row in one panel. The noise is uniform: a hidden unit sees the sum over thousands of
    /// genes, which is Gaussian either way, and a word of random bits makes two.
    KOKKOS_INLINE_FUNCTION void row(Index row, Index panel, Real* values) const {
        const Index first = panel * genes_per_panel;
        const Index width = first + genes_per_panel < genes ? genes_per_panel : genes - first;
        const bool shifts = shift.extent(0) != 0;
        for (Index g = 0; g < width; ++g) values[g] = shifts ? -shift(first + g) : Real(0);
        if (!(deviation > Real(0))) return;
        const Real scale = deviation * Real(3.4641016151377544) / Real(65536);  // sqrt(12): variance one before it
        RandomStream random(seed, Purpose::input_noise, static_cast<std::uint32_t>(cell(row)), step,
                            static_cast<std::uint32_t>(panel));
        for (Index g = 0; g < width; g += 2) {
            const std::uint32_t word = random();
            values[g] += scale * (static_cast<Real>(word & 0xffffu) - Real(32767.5));
            if (g + 1 < width) values[g + 1] += scale * (static_cast<Real>(word >> 16) - Real(32767.5));
        }
    }
};

template <class Real, class Exec>
[[nodiscard]] bool has_dense_input(const Pass<Real, Exec>& pass) {
    return pass.input_noise > 0 || pass.batch->input_shift.extent(0) != 0;
}

template <class Real, class Exec>
[[nodiscard]] DenseInput<Real, typename Exec::memory_space> dense_input(const Pass<Real, Exec>& pass) {
    return {pass.batch->cell,    pass.batch->input_shift,
            pass.batch->genes(), pass.seed,
            pass.step,           static_cast<Real>(pass.input_noise)};
}

/// Rows of one task, and tasks of one pass, on the host: fixed, for the same bits with any number of threads.
inline constexpr Index dense_input_rows = 16;
inline constexpr Index dense_input_tasks = 32;

/// Elements that a task needs: what products pack, and one block of input.
template <class Real>
inline constexpr Index dense_input_memory = core_detail::packing_size + dense_input_rows* genes_per_panel;

/// y (cells x outputs) += dense input times weight (genes x outputs).
/// @param memory on the host dense_input_tasks x dense_input_memory
template <class Real, class Exec, class Slice, class Memory>
void dense_input_forward(const Pass<Real, Exec>& pass, const Slice& weight, const Slice& y, const Memory& memory) {
    const auto input = dense_input(pass);
    const auto outputs = static_cast<Index>(y.extent(1));
    const Index rows = pass.batch->cells();
    const Index panels = panel_count(input.genes);
    if constexpr (runs_on_host<Exec>) {
        const Index blocks = (rows + dense_input_rows - 1) / dense_input_rows;
        const Index tasks = std::min(blocks, dense_input_tasks);
        Kokkos::parallel_for(KernelLabel("cellvae::dense_input_forward"),
                             Kokkos::RangePolicy<Exec>(pass.exec, 0, tasks).set_chunk_size(1), [=](const Index task) {
                                 Real* packing = &memory(task, 0);
                                 Real* values = packing + core_detail::packing_size;
                                 for (Index block = task; block < blocks; block += tasks) {
                                     const Index first = block * dense_input_rows;
                                     const Index count = std::min(dense_input_rows, rows - first);
                                     for (Index panel = 0; panel < panels; ++panel) {
                                         const Index gene = panel * genes_per_panel;
                                         const Index width = std::min(genes_per_panel, input.genes - gene);
                                         for (Index r = 0; r < count; ++r)
                                             input.row(first + r, panel, values + r * genes_per_panel);
                                         multiply_add<Operand::as_is, Operand::as_is, Real>(
                                             count, outputs, width, values, genes_per_panel, &weight(gene, 0), outputs,
                                             &y(first, 0), outputs, packing);
                                     }
                                 }
                             });
    } else {
        using Policy = Kokkos::TeamPolicy<Exec>;
        using Member = typename Policy::member_type;
        const auto bytes = static_cast<std::size_t>(genes_per_panel) * sizeof(Real);
        Kokkos::parallel_for(
            KernelLabel("cellvae::dense_input_forward"),
            Policy(pass.exec, static_cast<int>(rows), Kokkos::AUTO).set_scratch_size(0, Kokkos::PerTeam(bytes)),
            KOKKOS_LAMBDA(const Member& team) {
                auto* values = static_cast<Real*>(team.team_shmem().get_shmem(genes_per_panel * sizeof(Real)));
                const Index row = team.league_rank();
                for (Index panel = 0; panel < panels; ++panel) {
                    Kokkos::single(Kokkos::PerTeam(team), [&]() { input.row(row, panel, values); });
                    team.team_barrier();
                    const Index gene = panel * genes_per_panel;
                    const Index width = gene + genes_per_panel < input.genes ? genes_per_panel : input.genes - gene;
                    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, outputs), [&](const Index o) {
                        Real sum = y(row, o);
                        for (Index g = 0; g < width; ++g) sum += values[g] * weight(gene + g, o);
                        y(row, o) = sum;
                    });
                    team.team_barrier();
                }
            });
    }
}

/// d_weight (genes x outputs) += dense input' times d_y (cells x outputs). Arguments as in dense_input_forward.
template <class Real, class Exec, class Slice, class Memory>
void dense_input_backward(const Pass<Real, Exec>& pass, const Slice& d_y, const Slice& d_weight, const Memory& memory) {
    const auto input = dense_input(pass);
    const auto outputs = static_cast<Index>(d_y.extent(1));
    const Index rows = pass.batch->cells();
    const Index panels = panel_count(input.genes);
    if constexpr (runs_on_host<Exec>) {
        const Index tasks = std::min(panels, dense_input_tasks);
        Kokkos::parallel_for(KernelLabel("cellvae::dense_input_backward"),
                             Kokkos::RangePolicy<Exec>(pass.exec, 0, tasks).set_chunk_size(1), [=](const Index task) {
                                 Real* packing = &memory(task, 0);
                                 Real* values = packing + core_detail::packing_size;
                                 for (Index panel = task; panel < panels; panel += tasks) {
                                     const Index gene = panel * genes_per_panel;
                                     const Index width = std::min(genes_per_panel, input.genes - gene);
                                     for (Index first = 0; first < rows; first += dense_input_rows) {
                                         const Index count = std::min(dense_input_rows, rows - first);
                                         for (Index r = 0; r < count; ++r)
                                             input.row(first + r, panel, values + r * genes_per_panel);
                                         multiply_add<Operand::transposed, Operand::as_is, Real>(
                                             width, outputs, count, values, genes_per_panel, &d_y(first, 0), outputs,
                                             &d_weight(gene, 0), outputs, packing);
                                     }
                                 }
                             });
    } else {
        using Policy = Kokkos::TeamPolicy<Exec>;
        using Member = typename Policy::member_type;
        const auto bytes = static_cast<std::size_t>(genes_per_panel) * sizeof(Real);
        Kokkos::parallel_for(
            KernelLabel("cellvae::dense_input_backward"),
            Policy(pass.exec, static_cast<int>(panels), Kokkos::AUTO).set_scratch_size(0, Kokkos::PerTeam(bytes)),
            KOKKOS_LAMBDA(const Member& team) {
                auto* values = static_cast<Real*>(team.team_shmem().get_shmem(genes_per_panel * sizeof(Real)));
                const Index panel = team.league_rank();
                const Index gene = panel * genes_per_panel;
                const Index width = gene + genes_per_panel < input.genes ? genes_per_panel : input.genes - gene;
                for (Index row = 0; row < rows; ++row) {
                    Kokkos::single(Kokkos::PerTeam(team), [&]() { input.row(row, panel, values); });
                    team.team_barrier();
                    Kokkos::parallel_for(Kokkos::TeamThreadRange(team, outputs), [&](const Index o) {
                        for (Index g = 0; g < width; ++g) d_weight(gene + g, o) += values[g] * d_y(row, o);
                    });
                    team.team_barrier();
                }
            });
    }
}

}  // namespace cellvae::nn_detail
