// SPDX-License-Identifier: Apache-2.0
// Trains a ZINB VAE for one epoch on a file that is streamed, or with --resident on the same file in memory.
//
//   benchmark_out_of_core --file FILE.h5ad --write [--cells 1000000] [--genes 2000] [--density 0.05] [--gzip 0]
//   benchmark_out_of_core --file FILE.h5ad [--resident] [--hidden 128] [--latent 10] [--minibatch 128] [--chunk 1024]
//   [--chunks 16] [--held-out 0] [--shared] [--steps 0] [--threads N]
//
// --write makes up counts and writes them as they come, a few thousand cells at a time: 1 plus a geometric number, of
// genes of unequal abundance. --shared has one dispersion a gene, else it is decoded. --steps ends after so many steps.
// Where there is MPI, mpirun starts several processes, which share every minibatch and read a part of the file each.
// Prints one line of JSON a process: seconds to open (one pass over the file for the statistics), of the epoch, of
// these in which training waited for the file, that the reading thread read, in which the processes added up their
// gradients, and the peak resident set in MB.
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "../options.hpp"
#ifdef CELLVAE_BENCHMARKS_MPI
#include "cellvae/distributed/mpi_team.hpp"
#endif
#include "cellvae/data/streamed_dataset.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/io/h5ad.hpp"
#include "cellvae/io/h5ad_cells.hpp"
#include "cellvae/training/trainer.hpp"
#include "write_counts.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultExecutionSpace;
using Clock = std::chrono::steady_clock;
using Zinb = ZeroInflated<NegativeBinomial<MeanDispersion>>;

#ifdef CELLVAE_BENCHMARKS_MPI
using UntimedTeam = MpiTeam;
#else
using UntimedTeam = Alone;
#endif

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// With the time that sums over the processes take, in which they also wait for each other.
struct Team : UntimedTeam {
    double seconds = 0;

    template <class... Arguments>
    void add(const Arguments&... arguments) {
        const auto start = Clock::now();
        UntimedTeam::add(arguments...);
        seconds += seconds_since(start);
    }
};

struct Choices {
    std::string file;
    Index hidden = 128, latent = 10, steps = 0;
    double held_out = 0;
    bool shared = false;
    TrainingOptions training{.epochs = 1, .shuffle = {.chunk = 1024, .chunks = 16}};
};

/// @param times of the passes over a streamed file; null for one in memory
template <class Cells>
void train_once(const Exec& exec, Choices chosen, const Cells& data, double opened, const StreamTimes* times) {
    using Model = Vae<Mlp<Relu>, StandardGaussian, Zinb>;
    ModelOptions sizes{.latent = chosen.latent, .hidden = {chosen.hidden}, .scale = MeanScale::library};
    if (chosen.shared) sizes.shared = {"log_dispersion"};
    Model model(exec, data.genes(), sizes);
    model.start_from(exec, data);
    const StreamTimes before = times == nullptr ? StreamTimes{} : *times;
    Team team;
    chosen.training.shuffle.parts = team.size();
    Index steps = 0;
    TrainingCallbacks<Model::term_count> callbacks;
    callbacks.interrupted = [&] { return chosen.steps > 0 && steps++ >= chosen.steps; };
    const auto split = split_cells(data.cells(), {.held_out = chosen.held_out, .seed = 1});
    const auto start = Clock::now();
    const auto result = train(exec, model, data, split, chosen.training, callbacks, nullptr, team);
    const double seconds = seconds_since(start);
    const StreamTimes after = times == nullptr ? StreamTimes{} : *times;
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf(
        "{\"processes\": %ld, \"process\": %ld, \"parameters\": %ld, \"cells\": %ld, \"genes\": %ld, \"nonzeros\": "
        "%ld, \"streamed\": %s, \"threads\": %d, \"minibatch\": %ld, "
        "\"seconds_to_open\": %.2f, \"seconds\": %.2f, \"cells_per_second\": %.0f, \"seconds_waiting\": %.3f, "
        "\"share_waiting\": %.4f, \"seconds_reading\": %.2f, \"seconds_adding\": %.2f, \"peak_mb\": %.0f, \"file_mb\": "
        "%.0f, \"bound\": %.3f}\n",
        static_cast<Index>(team.size()), static_cast<Index>(team.rank()),
        static_cast<Index>(model.parameters().values().extent(0)), data.cells(), data.genes(),
        static_cast<Index>(data.host_offsets.back()), times == nullptr ? "false" : "true", exec.concurrency(),
        chosen.training.minibatch, opened, seconds, result.cells_per_second, after.waiting - before.waiting,
        (after.waiting - before.waiting) / seconds, after.reading - before.reading, team.seconds,
        static_cast<double>(usage.ru_maxrss) / 1024, static_cast<double>(std::filesystem::file_size(chosen.file)) / 1e6,
        result.history.empty() ? 0.0 : result.history.back().train[0]);
}

int run(int argc, char* argv[]) {
    Choices chosen;
    Index cells = 1000000, genes = 2000, gzip = 0;
    double density = 0.05;
    bool write = false, resident = false;
    cellvae_benchmarks::Options options;
    options.word("--file", chosen.file)
        .flag("--write", write)
        .flag("--resident", resident)
        .flag("--shared", chosen.shared);
    options.number("--cells", cells).number("--genes", genes).number("--density", density);
    options.number("--gzip", gzip, 0);
    options.number("--hidden", chosen.hidden).number("--latent", chosen.latent).number("--steps", chosen.steps, 0);
    options.number("--minibatch", chosen.training.minibatch).number("--held-out", chosen.held_out);
    options.number("--chunk", chosen.training.shuffle.chunk).number("--chunks", chosen.training.shuffle.chunks);
    if (!options.parse(argc, argv) || chosen.file.empty()) {
        std::fprintf(stderr, "benchmark_out_of_core --file FILE.h5ad [--write] ...\n");
        return 2;
    }
    if (write) {
        cellvae_benchmarks::write_counts(chosen.file, cells, genes, density, static_cast<unsigned>(gzip));
        return 0;
    }
    const Exec exec;
    const auto start = Clock::now();
    if (resident) {
        const CountMatrix counts = read_h5ad(chosen.file);
        const auto data = make_dataset<Zinb>(exec, counts);
        train_once(exec, chosen, data, seconds_since(start), nullptr);
    } else {
        const auto data = make_streamed_dataset<Zinb>(exec, std::make_shared<H5adCells>(chosen.file));
        train_once(exec, chosen, data, seconds_since(start), data.times.get());
    }
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) {
#ifdef CELLVAE_BENCHMARKS_MPI
    MpiSession mpi(argc, argv);
    return mpi.run([&] { return cellvae_benchmarks::run_benchmark(argc, argv, run); });
#else
    try {
        return cellvae_benchmarks::run_benchmark(argc, argv, run);
    } catch (const Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
#endif
}
