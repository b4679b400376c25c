// SPDX-License-Identifier: Apache-2.0
// Trains on an h5ad file that may be larger than memory: streamed COUNTS.h5ad MODEL.h5 LATENT.csv [EPOCHS=10]
//
// The counts are read as they are trained on, in chunks; their names and statistics are in memory, about 140 bytes a
// cell. MODEL.h5 is written after every epoch; where it is there already, and of the same file and options, training
// goes on from it. LATENT.csv gets a line a cell. X must be a csr_matrix: other forms are refused.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "cellvae/data/streamed_dataset.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/h5ad_cells.hpp"
#include "cellvae/io/model_file.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultExecutionSpace;
using Zinb = ZeroInflated<NegativeBinomial<MeanDispersion>>;
using Model = Vae<Mlp<Relu>, StandardGaussian, Zinb>;

void run(const std::string& counts, const std::string& file, const std::string& latent_file, Index epochs) {
    const Exec exec;
    const auto reader = std::make_shared<H5adCells>(counts);
    const auto data = make_streamed_dataset<Zinb>(exec, reader);  // reads the file once and checks every count
    std::printf("%ld cells, %ld genes\n", static_cast<long>(data.cells()), static_cast<long>(data.genes()));
    Model model(exec, data.genes(),
                {.latent = 10, .hidden = {128}, .scale = MeanScale::library, .shared = {"log_dispersion"}});
    model.start_from(exec, data);
    // Chunks that are shorter and more of them mix a file better that is sorted by type or donor.
    const TrainingOptions training{.epochs = epochs, .shuffle = {.chunk = 256, .chunks = 64}};
    const auto split = split_cells(data.cells(), {.held_out = 0.05, .seed = 1});

    const auto& names = reader->annotations();
    const auto description = describe_model(exec, model, data, split, training, names.var.names);
    std::optional<TrainingState<float, Model::term_count>> state;
    if (std::filesystem::exists(file)) {
        require_cells(read_model_description(file), file, description, counts);
        state = load_training_state(file, model, training);
        std::printf("going on from %s, %zu epochs trained\n", file.c_str(), state->history.size());
    }
    bool due = false;
    TrainingCallbacks<Model::term_count> callbacks;
    callbacks.epoch = [&](const auto& report) {
        due = true;
        std::printf("epoch %ld: bound %.1f, held out %.1f, %.0f cells/s\n", static_cast<long>(report.epoch),
                    report.train[0], (*report.held_out)[0], report.cells_per_second);
    };
    callbacks.checkpoint_due = [&] { return due; };
    callbacks.checkpoint = [&](const auto& reached) {
        save_model(file, description, model, reached);
        due = false;
    };
    train(exec, model, data, split, training, callbacks, state ? &*state : nullptr);

    const std::vector<float> latent = latent_means(exec, model, data);  // cells x 10, row-major
    std::string text;
    for (std::size_t cell = 0; cell < names.obs.names.size(); ++cell) {
        text += names.obs.names[cell];
        for (std::size_t k = 0; k < 10; ++k) text += message(',', latent[10 * cell + k]);
        text += '\n';
    }
    write_text_atomically(latent_file, text);
    std::printf("training and evaluation waited %.2f s for the file\n", data.times->waiting);
}

}  // namespace

int main(int argc, char* argv[]) {
    if (argc < 4 || argc > 5) return std::puts("usage: streamed COUNTS.h5ad MODEL.h5 LATENT.csv [EPOCHS=10]"), 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    try {
        run(argv[1], argv[2], argv[3], argc > 4 ? std::atol(argv[4]) : 10);
    } catch (const Error& error) {
        return std::fprintf(stderr, "streamed: %s\n", error.what()), 2;
    }
    return 0;
}
