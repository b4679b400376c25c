// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include "cellvae/core/views.hpp"

namespace cellvae::program {

/// The processes that train one model together: those that mpirun started, or this one alone. It is a TrainingTeam
/// whose functions are virtual, so that training is compiled once and MPI is seen by one source file.
class Processes {
public:
    using Exec = Kokkos::DefaultExecutionSpace;

    Processes() = default;
    Processes(const Processes&) = delete;
    Processes& operator=(const Processes&) = delete;
    virtual ~Processes() = default;

    [[nodiscard]] virtual Index rank() const { return 0; }
    [[nodiscard]] virtual Index size() const { return 1; }
    virtual void add(const Exec&, const Vector<float, Exec::memory_space>&) {}
    virtual void add(std::span<double>) {}
    [[nodiscard]] virtual bool any(bool value) const { return value; }

    /// Returns when all have come here. Who waits sleeps, and leaves the processor to the others.
    virtual void wait() const {}
    /// Ends all of them with this exit code; alone, does nothing.
    virtual void end(int) const {}
    /// That run on this machine.
    [[nodiscard]] virtual int on_this_machine() const { return 1; }
};

/// Those of this run.
[[nodiscard]] Processes& processes();

/// Starts MPI where mpirun (or another launcher) has started several processes, and does nothing otherwise: without a
/// launcher no MPI is needed. processes() are these until what is returned goes.
/// @throws OptionError where several were started and the program was built without MPI
[[nodiscard]] std::shared_ptr<Processes> start_processes(int& argc, char**& argv);

}  // namespace cellvae::program
