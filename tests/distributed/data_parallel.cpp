// SPDX-License-Identifier: Apache-2.0
// What data_parallel.sh starts with mpirun: trains a small model with all processes and writes what came of it.
//
//   data_parallel FOLDER NAME [batch | dies | throws]
//
// FOLDER/NAME.bits: the bytes of parameters, running statistics and held-out bounds of process 0; every process must
// have the same. FOLDER/NAME.checkpoint: after each epoch, "epoch N", the parameters, and "whole". `batch` has batch
// normalisation. Counts are streamed, each process's from chunks of its own. `dies` ends process 1 in the third epoch
// by a signal, `throws` by an error.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../data/small_cells.hpp"
#include "cellvae/data/streamed_dataset.hpp"
#include "cellvae/distributed/mpi_team.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/training/trainer.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultHostExecutionSpace;
using Model = Vae<Mlp<Relu>, StandardGaussian, Poisson, double, Exec>;

void write(const std::filesystem::path& path, const std::string& bytes) {
    AtomicFile file(path);
    std::ofstream(file.path(), std::ios::binary) << bytes;
    file.commit();
}

int run(const std::string& folder, const std::string& name, const std::string& mode) {
    const Exec exec;
    MpiTeam team;

    // sums are in the order of the ranks: the large number's rounding tells orders apart
    std::vector<double> sum{1e16, 1, 0.1 * static_cast<double>(team.rank())};
    sum[0] = team.rank() == 0 ? 1e16 : 1.5;
    double in_order = 1e16;
    for (Index rank = 1; rank < team.size(); ++rank) in_order += 1.5;
    team.add(std::span<double>(sum));
    if (sum[0] != in_order || sum[1] != static_cast<double>(team.size()))
        throw NumericalError(message("a sum over ", team.size(), " processes is ", sum[0], " and ", sum[1]));

    const CountMatrix counts = cellvae_tests::count_matrix(cellvae_tests::random_counts(377, 140));
    const auto data = make_streamed_dataset<Poisson>(exec, std::make_shared<cellvae_tests::MatrixReader>(counts));
    ModelOptions sizes{.latent = 3, .hidden = {16}, .dropout = 0.2, .seed = 3};
    if (mode == "batch") sizes.normalisation = Normalisation::batch;
    Model model(exec, counts.genes(), sizes);
    model.start_from(exec, data);
    // 302 cells in minibatches of 30: the last has two cells, fewer than three processes
    const auto split = split_cells(counts.cells(), {.held_out = 0.2, .seed = 1});
    TrainingOptions options{.epochs = 6, .minibatch = 30, .adam = {.learning_rate = 5e-3}, .clip_norm = 5};
    options.shuffle = {.chunk = 30, .chunks = 6, .parts = 6};
    options.seed = 9;
    TrainingCallbacks<Model::term_count, double> callbacks;
    const auto values = model.parameters().values();
    callbacks.epoch = [&](const EpochReport<Model::term_count>& report) {
        if (team.rank() == 0) {
            const std::string parameters(reinterpret_cast<const char*>(values.data()),
                                         values.extent(0) * sizeof(double));
            write(folder + "/" + name + ".checkpoint", message("epoch ", report.epoch, "\n", parameters, "whole"));
        }
        if (report.epoch == 3 && team.rank() == 1) {
            if (mode == "dies") std::raise(SIGKILL);
            if (mode == "throws") throw InputError("the disk of process 1 is gone");
        }
    };
    const auto result = train(exec, model, data, split, options, callbacks, nullptr, team);

    std::vector<double> all(values.data(), values.data() + values.extent(0));
    const auto state = model.state().values();
    all.insert(all.end(), state.data(), state.data() + state.extent(0));
    for (const auto& epoch : result.history) {
        all.insert(all.end(), epoch.train.begin(), epoch.train.end());
        all.insert(all.end(), epoch.held_out->begin(), epoch.held_out->end());
    }
    // all processes have the bits of the first
    std::vector<double> first = all;
    MPI_Bcast(first.data(), static_cast<int>(first.size()), MPI_DOUBLE, 0, MPI_COMM_WORLD);
    if (std::memcmp(first.data(), all.data(), all.size() * sizeof(double)) != 0)
        throw NumericalError("another process has other parameters");
    if (team.rank() == 0)
        write(folder + "/" + name + ".bits",
              std::string(reinterpret_cast<const char*>(all.data()), all.size() * sizeof(double)));
    return 0;
}

/// The largest difference of two .bits files, relative to the larger of 1 and the value.
int compare(const std::string& one, const std::string& other, double most) {
    const auto read = [](const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        std::vector<double> values(bytes.size() / sizeof(double));
        std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
        return values;
    };
    const auto a = read(one), b = read(other);
    if (a.empty() || a.size() != b.size()) return 1;
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        largest = std::max(largest, std::abs(a[i] - b[i]) / std::max(1.0, std::abs(a[i])));
    std::printf("%zu values differ by %.2e at most\n", a.size(), largest);
    return largest <= most ? 0 : 1;
}

}  // namespace

int main(int argc, char* argv[]) {
    if (argc == 5 && std::strcmp(argv[1], "compare") == 0) return compare(argv[2], argv[3], std::stod(argv[4]));
    if (argc < 3) return 2;
    MpiSession mpi(argc, argv);
    return mpi.run([&] {
        Kokkos::InitializationSettings settings;
        settings.set_num_threads(1).set_disable_warnings(true);
        Kokkos::ScopeGuard kokkos(settings);
        return run(argv[1], argv[2], argc > 3 ? argv[3] : "");
    });
}
