// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "cellvae/core/views.hpp"

namespace cellvae {

/// One epoch, as progress and history have it.
template <std::size_t TermCount>
struct EpochReport {
    Index epoch = 0;                        ///< from 1
    Index epochs = 0;                       ///< how many there will be, if none stops early
    double beta = 0;                        ///< weight of the KL at the epoch's end
    std::array<double, TermCount> train{};  ///< bound and terms, means over the cells as they were trained on
    std::optional<std::array<double, TermCount>>
        held_out{};               ///< the same of the held-out cells at full KL weight, after the epoch
    bool best = false;            ///< the best held-out bound so far
    double seconds = 0;           ///< since training began, or was resumed; 0 in a history that a file held
    double cells_per_second = 0;  ///< in this epoch's steps; 0 in a history that a file held
    double seconds_left = 0;      ///< estimate
};

/// How far training is, between two steps.
template <std::size_t TermCount>
struct TrainingProgress {
    std::int64_t steps = 0;                ///< that were taken
    Index epoch = 1;                       ///< that the next step belongs to
    Index seen = 0;                        ///< cells of that epoch that it has trained on
    std::array<double, TermCount> sums{};  ///< of bound and terms over those cells
    Index best_epoch = 0;
    double best_bound = -std::numeric_limits<double>::infinity();  ///< of the held-out cells
    std::vector<EpochReport<TermCount>> history;
};

/// Where training stands between two steps: all that it needs to go on, with the same bits as if it had never stopped.
///
/// Arrays are flat and on the host, laid out as in Vae::parameters() and Vae::state(). Those that train() hands out
/// are, on host backends, its own memory: use them before the callback returns.
template <class Real, std::size_t TermCount>
struct TrainingState : TrainingProgress<TermCount> {
    using Array = Vector<Real, Kokkos::HostSpace>;

    Array parameters, statistics;            ///< values and running statistics as the next step finds them
    Array first_moment, second_moment;       ///< Adam's
    Array best_parameters, best_statistics;  ///< of the best epoch; empty where none is the best yet
};

}  // namespace cellvae
