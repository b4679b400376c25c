// SPDX-License-Identifier: Apache-2.0
// What saving and loading a model costs beside its bytes.
//
//   benchmark_model_file [--genes 16791] [--hidden 128] [--latent 10] [--turns 5] [--threads N]
//
// A ZINB VAE with the state of its training is saved and loaded; in the same turns as many bytes are written to another
// file, flushed and renamed, and read. Prints medians in seconds, and the file's size in MB.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "../options.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/io/model_file.hpp"
#include "cellvae/training/trainer.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultExecutionSpace;
using Model = Vae<Mlp<Relu>, StandardGaussian, ZeroInflated<NegativeBinomial<MeanDispersion>>>;

double seconds(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

int run(int argc, char* argv[]) {
    Index genes = 16791, hidden = 128, latent = 10, turns = 5;
    cellvae_benchmarks::Options options;
    options.number("--genes", genes).number("--hidden", hidden).number("--latent", latent).number("--turns", turns);
    if (!options.parse(argc, argv)) return 2;

    // Two cells of one count are enough to train a step on.
    CountMatrix cells;
    for (Index gene = 0; gene < genes; ++gene) cells.var.names.push_back("gene_" + std::to_string(gene));
    cells.row_offsets = {0, 1, 2};
    cells.columns = {0, 1};
    cells.values = {1, 1};
    cells.obs.names = {"a", "b"};
    const Exec exec;
    const auto data = make_dataset<Model::likelihood_type>(exec, cells);
    const Split split{{0, 1}, {}};
    const TrainingOptions plan{.epochs = 2};
    Model model(exec, genes, {.latent = latent, .hidden = {hidden}});
    Trainer trainer(exec, model, data, split, plan);
    trainer.step();
    const auto description = describe_model(exec, model, data, split, plan, cells.var.names);

    const auto folder = std::filesystem::temp_directory_path() / "cellvae_benchmark_model_file";
    std::filesystem::create_directories(folder);
    const auto file = folder / "model.h5", plain = folder / "bytes";
    std::vector<double> save, make, load, write, read;
    std::uintmax_t bytes = 0;
    for (Index turn = 0; turn < turns; ++turn) {
        save.push_back(seconds([&] { save_model(file, description, model, trainer.state()); }));
        bytes = std::filesystem::file_size(file);
        const std::string content(static_cast<std::size_t>(bytes), 'x');
        write.push_back(seconds([&] { write_text_atomically(plain, content); }));
        std::optional<Model> again;
        make.push_back(seconds([&] { again.emplace(exec, genes, model.options()); }));
        load.push_back(seconds([&] {
            load_model(exec, file, *again);
            (void)load_training_state(file, *again, plan);
        }));
        read.push_back(seconds([&] {
            std::ifstream stream(plain, std::ios::binary);
            std::string back(static_cast<std::size_t>(bytes), '\0');
            stream.read(back.data(), static_cast<std::streamsize>(back.size()));
        }));
    }
    std::filesystem::remove_all(folder);
    std::printf("%.1f MB; save %.3f s, its bytes alone %.3f s; make %.3f s; load %.3f s, its bytes alone %.3f s\n",
                static_cast<double>(bytes) / 1e6, median(save), median(write), median(make), median(load),
                median(read));
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) { return cellvae_benchmarks::run_benchmark(argc, argv, run); }
