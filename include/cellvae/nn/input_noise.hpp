// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "cellvae/core/random.hpp"
#include "cellvae/nn/pass.hpp"

// The noise that the encoder sees in training, on every gene of every cell, zero counts included. It is made for one
// panel of genes at a time and never stored: forward and backward make the same numbers again.

namespace cellvae::nn_detail {

/// The noise on a minibatch's input.
template <class Real, class Space>
struct InputNoise {
    Vector<const Index, Space> cell;
    Index genes = 0;
    std::uint64_t seed = 0;
    std::uint32_t step = 0;
    Real deviation = 0;  ///< standard deviation, in the input's units

    /// The values of one cell's row in one panel. They are uniform: a hidden unit sees the sum over thousands of genes,
    /// which is Gaussian either way, and a word of random bits makes two.
    KOKKOS_INLINE_FUNCTION void row(Index row, Index panel, Real* values) const {
        part(row, panel, 0, width(panel), values);
    }

    /// The same from the panel's gene `begin`, a multiple of eight, up to `end`.
    KOKKOS_INLINE_FUNCTION void part(Index row, Index panel, Index begin, Index end, Real* values) const {
        const Real scale = deviation * Real(3.4641016151377544) / Real(65536);  // sqrt(12): variance one before it
        RandomStream random(seed, Purpose::input_noise, static_cast<std::uint32_t>(cell(row)), step,
                            static_cast<std::uint32_t>(panel));
        random.template skip<float>(begin / 2);
        for (Index g = begin; g < end; g += 2) {
            const std::uint32_t word = random();
            values[g] = scale * (static_cast<Real>(word & 0xffffu) - Real(32767.5));
            if (g + 1 < end) values[g + 1] = scale * (static_cast<Real>(word >> 16) - Real(32767.5));
        }
    }

    KOKKOS_INLINE_FUNCTION Index width(Index panel) const {
        const Index first = panel * genes_per_panel;
        return first + genes_per_panel < genes ? genes_per_panel : genes - first;
    }

    /// The same by all threads of a team. The caller waits for them.
    template <class Member>
    KOKKOS_INLINE_FUNCTION void row_by_team(const Member& team, Index row, Index panel, Real* values) const {
        const Index count = width(panel);
        Kokkos::parallel_for(Kokkos::TeamThreadRange(team, (count + 7) / 8), [&](const Index run) {
            part(row, panel, 8 * run, 8 * run + 8 < count ? 8 * run + 8 : count, values);
        });
    }
};

template <class Real, class Exec>
[[nodiscard]] InputNoise<Real, typename Exec::memory_space> input_noise(const Pass<Real, Exec>& pass) {
    return {pass.batch->cell, pass.batch->genes(), pass.seed, pass.step, static_cast<Real>(pass.input_noise)};
}

/// Rows of one task, and tasks of one pass, on the host: fixed, for the same bits with any number of threads.
inline constexpr Index input_noise_rows = 16;
inline constexpr Index input_noise_tasks = 32;

/// Elements that a task needs: what products pack, and one block of noise.
template <class Real>
inline constexpr Index input_noise_memory = core_detail::packing_size + input_noise_rows* genes_per_panel;

/// y (cells x outputs) += noise times weight (genes x outputs).
/// @param memory on the host input_noise_tasks x input_noise_memory
template <class Real, class Exec, class Slice, class Memory>
void input_noise_forward(const Pass<Real, Exec>& pass, const Slice& weight, const Slice& y, const Memory& memory) {
    const auto noise = input_noise(pass);
    const auto outputs = static_cast<Index>(y.extent(1));
    const Index rows = pass.batch->cells();
    const Index panels = panel_count(noise.genes);
    if constexpr (runs_on_host<Exec>) {
        const Index blocks = (rows + input_noise_rows - 1) / input_noise_rows;
        const Index tasks = std::min(blocks, input_noise_tasks);
        Kokkos::parallel_for(KernelLabel("cellvae::input_noise_forward"),
                             Kokkos::RangePolicy<Exec>(pass.exec, 0, tasks).set_chunk_size(1), [=](const Index task) {
                                 Real* packing = &memory(task, 0);
                                 Real* values = packing + core_detail::packing_size;
                                 for (Index block = task; block < blocks; block += tasks) {
                                     const Index first = block * input_noise_rows;
                                     const Index count = std::min(input_noise_rows, rows - first);
                                     for (Index panel = 0; panel < panels; ++panel) {
                                         const Index gene = panel * genes_per_panel;
                                         const Index width = std::min(genes_per_panel, noise.genes - gene);
                                         for (Index r = 0; r < count; ++r)
                                             noise.row(first + r, panel, values + r * genes_per_panel);
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
            KernelLabel("cellvae::input_noise_forward"),
            Policy(pass.exec, static_cast<int>(rows), Kokkos::AUTO).set_scratch_size(0, Kokkos::PerTeam(bytes)),
            KOKKOS_LAMBDA(const Member& team) {
                auto* values = static_cast<Real*>(team.team_shmem().get_shmem(genes_per_panel * sizeof(Real)));
                const Index row = team.league_rank();
                for (Index panel = 0; panel < panels; ++panel) {
                    noise.row_by_team(team, row, panel, values);
                    team.team_barrier();
                    const Index gene = panel * genes_per_panel;
                    const Index width = gene + genes_per_panel < noise.genes ? genes_per_panel : noise.genes - gene;
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

/// d_weight (genes x outputs) += noise' times d_y (cells x outputs). Arguments as in input_noise_forward.
template <class Real, class Exec, class Slice, class Memory>
void input_noise_backward(const Pass<Real, Exec>& pass, const Slice& d_y, const Slice& d_weight, const Memory& memory) {
    const auto noise = input_noise(pass);
    const auto outputs = static_cast<Index>(d_y.extent(1));
    const Index rows = pass.batch->cells();
    const Index panels = panel_count(noise.genes);
    if constexpr (runs_on_host<Exec>) {
        const Index tasks = std::min(panels, input_noise_tasks);
        Kokkos::parallel_for(KernelLabel("cellvae::input_noise_backward"),
                             Kokkos::RangePolicy<Exec>(pass.exec, 0, tasks).set_chunk_size(1), [=](const Index task) {
                                 Real* packing = &memory(task, 0);
                                 Real* values = packing + core_detail::packing_size;
                                 for (Index panel = task; panel < panels; panel += tasks) {
                                     const Index gene = panel * genes_per_panel;
                                     const Index width = std::min(genes_per_panel, noise.genes - gene);
                                     for (Index first = 0; first < rows; first += input_noise_rows) {
                                         const Index count = std::min(input_noise_rows, rows - first);
                                         for (Index r = 0; r < count; ++r)
                                             noise.row(first + r, panel, values + r * genes_per_panel);
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
            KernelLabel("cellvae::input_noise_backward"),
            Policy(pass.exec, static_cast<int>(panels), Kokkos::AUTO).set_scratch_size(0, Kokkos::PerTeam(bytes)),
            KOKKOS_LAMBDA(const Member& team) {
                auto* values = static_cast<Real*>(team.team_shmem().get_shmem(genes_per_panel * sizeof(Real)));
                const Index panel = team.league_rank();
                const Index gene = panel * genes_per_panel;
                const Index width = gene + genes_per_panel < noise.genes ? genes_per_panel : noise.genes - gene;
                for (Index row = 0; row < rows; ++row) {
                    noise.row_by_team(team, row, panel, values);
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
