// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>
#include <type_traits>
#include <vector>

#include "cellvae/training/team.hpp"

namespace cellvae {

/// MPI from its start to its end. A process that leaves run() by an exception ends all of them.
class MpiSession {
public:
    MpiSession(int& argc, char**& argv) {
        int provided = 0;
        MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    }
    MpiSession(const MpiSession&) = delete;
    MpiSession& operator=(const MpiSession&) = delete;
    ~MpiSession() { MPI_Finalize(); }

    /// What `work` returns. Where it throws, the error is printed with the rank, and every process ends with 2: the
    /// others would wait for this one for ever.
    template <class Work>
    int run(Work&& work) {
        try {
            return work();
        } catch (const std::exception& error) {
            int rank = 0;
            MPI_Comm_rank(MPI_COMM_WORLD, &rank);
            std::fprintf(stderr, "process %d: %s\n", rank, error.what());
            std::fflush(stderr);
            MPI_Abort(MPI_COMM_WORLD, 2);
            return 2;
        }
    }
};

/// The processes of a communicator, as a TrainingTeam. Where one of them dies, MPI ends the others.
///
/// Sums are taken in the order of the ranks, and so do not depend on the MPI library: each process gets its block of
/// everybody's array (an all-to-all), adds it up, and gives the sum to all (an all-gather). A process sends and
/// receives twice the array's size, whatever the number of processes.
class MpiTeam {
public:
    explicit MpiTeam(MPI_Comm communicator = MPI_COMM_WORLD) : communicator_(communicator) {
        MPI_Comm_rank(communicator_, &rank_);
        MPI_Comm_size(communicator_, &size_);
        for (auto* numbers : {&counts_, &starts_, &own_counts_, &own_starts_})
            numbers->resize(static_cast<std::size_t>(size_));
    }

    [[nodiscard]] Index rank() const { return rank_; }
    [[nodiscard]] Index size() const { return size_; }

    /// Every element becomes its sum over the processes.
    /// @throws ShapeError for more than 2^30 elements
    template <class Exec, class Real, class... Properties>
    void add(const Exec& exec, const Kokkos::View<Real*, Properties...>& values) {
        static_assert(std::is_same_v<Real, float> || std::is_same_v<Real, double>);
        if (values.extent(0) == 0) return;
        if constexpr (runs_on_host<Exec>) {
            exec.fence(KernelLabel("cellvae::mpi_team"));
            add_on_host(std::span<Real>(values.data(), values.extent(0)));
        } else {
            const auto host = to_host(exec, KernelLabel("cellvae::mpi_team"), values);
            add_on_host(std::span<Real>(host.data(), host.extent(0)));
            Kokkos::deep_copy(exec, values, host);
            exec.fence(KernelLabel("cellvae::mpi_team"));
        }
    }

    void add(std::span<double> numbers) { add_on_host(numbers); }

    [[nodiscard]] bool any(bool value) const {
        int own = value ? 1 : 0, all = 0;
        MPI_Allreduce(&own, &all, 1, MPI_INT, MPI_LOR, communicator_);
        return all != 0;
    }

private:
    template <class Real>
    void add_on_host(std::span<Real> values) {
        if (values.size() > (std::size_t{1} << 30))
            throw ShapeError(message("arrays are added up over processes to 2^30 elements, found ", values.size()));
        const MPI_Datatype type = std::is_same_v<Real, float> ? MPI_FLOAT : MPI_DOUBLE;
        const auto total = static_cast<Index>(values.size());
        const auto own = static_cast<int>(total * (rank_ + 1) / size_ - total * rank_ / size_);
        for (int other = 0; other < size_; ++other) {
            const auto i = static_cast<std::size_t>(other);
            starts_[i] = static_cast<int>(total * other / size_);
            counts_[i] = static_cast<int>(total * (other + 1) / size_) - starts_[i];
            own_counts_[i] = own;
            own_starts_[i] = own * other;
        }
        const auto width = static_cast<std::size_t>(own);
        if (memory_.size() < width * static_cast<std::size_t>(size_) * sizeof(Real))
            memory_.resize(width * static_cast<std::size_t>(size_) * sizeof(Real));
        Real* const parts = reinterpret_cast<Real*>(memory_.data());  // processes x own
        MPI_Alltoallv(values.data(), counts_.data(), starts_.data(), type, parts, own_counts_.data(),
                      own_starts_.data(), type, communicator_);
        for (int other = 1; other < size_; ++other) {
            const Real* const part = parts + width * static_cast<std::size_t>(other);
            for (std::size_t i = 0; i < width; ++i) parts[i] += part[i];
        }
        MPI_Allgatherv(parts, own, type, values.data(), counts_.data(), starts_.data(), type, communicator_);
    }

    MPI_Comm communicator_;
    int rank_ = 0, size_ = 1;
    std::vector<int> counts_, starts_, own_counts_, own_starts_;
    std::vector<unsigned char> memory_;  // of the parts that are added up; kept from step to step
};

}  // namespace cellvae
