// SPDX-License-Identifier: Apache-2.0
#include "processes.hpp"

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "cellvae/core/error.hpp"
#ifdef CELLVAE_PROGRAM_WITH_MPI
#include "cellvae/distributed/mpi_team.hpp"
#endif

namespace cellvae::program {

namespace {

Processes* started = nullptr;

int number_in_environment(const char* name) {
    const char* const text = std::getenv(name);
    return text == nullptr ? 0 : std::atoi(text);
}

/// What launchers tell the processes that they start: Open MPI's own variable, MPICH's and Slurm's, and PMIx's, which
/// does not say how many there are.
bool several_were_started() {
    for (const char* const name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
        if (std::getenv(name) != nullptr) return number_in_environment(name) > 1;
    return std::getenv("PMIX_RANK") != nullptr;
}

#ifdef CELLVAE_PROGRAM_WITH_MPI

class MpiProcesses final : public Processes {
public:
    MpiProcesses(int& argc, char**& argv) : session_(argc, argv) {
        MPI_Comm here = MPI_COMM_NULL;
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
        MPI_Comm_size(here, &on_this_machine_);
        MPI_Comm_free(&here);
        started = this;
    }
    ~MpiProcesses() override { started = nullptr; }

    Index rank() const override { return team_.rank(); }
    Index size() const override { return team_.size(); }
    void add(const Exec& exec, const Vector<float, Exec::memory_space>& values) override { team_.add(exec, values); }
    void add(std::span<double> numbers) override { team_.add(numbers); }
    bool any(bool value) const override { return team_.any(value); }
    int on_this_machine() const override { return on_this_machine_; }

    void wait() const override {
        MPI_Request all = MPI_REQUEST_NULL;
        MPI_Ibarrier(MPI_COMM_WORLD, &all);
        for (int here = 0; MPI_Test(&all, &here, MPI_STATUS_IGNORE), here == 0;)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));  // MPI_Barrier would keep a core busy
    }
    void end(int code) const override { MPI_Abort(MPI_COMM_WORLD, code); }

private:
    MpiSession session_;
    MpiTeam team_;  // after MPI has started
    int on_this_machine_ = 1;
};

#endif

}  // namespace

Processes& processes() {
    static Processes alone;
    return started == nullptr ? alone : *started;
}

std::shared_ptr<Processes> start_processes([[maybe_unused]] int& argc, [[maybe_unused]] char**& argv) {
    if (!several_were_started()) return nullptr;
#ifdef CELLVAE_PROGRAM_WITH_MPI
    return std::make_shared<MpiProcesses>(argc, argv);
#else
    // each of them would do the whole work and write the same files
    throw OptionError(
        "several processes were started, but this program was built without MPI: leave mpirun out, or build cellvae "
        "where CMake finds MPI");
#endif
}

}  // namespace cellvae::program
