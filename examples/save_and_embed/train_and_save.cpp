// SPDX-License-Identifier: Apache-2.0
// Trains on the cells of a file and keeps the model: train_and_save COUNTS MODEL.h5
#include <cstdio>

#include "cellvae/io/counts.hpp"
#include "cellvae/io/model_file.hpp"
#include "model.hpp"

int main(int argc, char* argv[]) {
    if (argc != 3) return std::puts("usage: train_and_save COUNTS MODEL.h5"), 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    const Kokkos::DefaultExecutionSpace exec;

    const CountMatrix cells = read_counts(argv[1]);
    const Split split = split_cells(cells.cells());
    const auto data =
        make_dataset<CountLikelihood>(exec, cells, {.input = Input::standardised, .standardise_from = split.train});
    Model model(exec, cells.genes(), {.hidden = {64}, .scale = MeanScale::library, .shared = {"log_dispersion"}});
    model.start_from(exec, data);
    const TrainingOptions options{.epochs = 20};
    const auto description = describe_model(exec, model, data, split, options, cells.var.names);
    train(exec, model, data, split, options,
          {.checkpoint = [&](const auto& state) { save_model(argv[2], description, model, state); }});
    std::printf("%s holds %s and all that training needs to go on\n", argv[2], model.name().c_str());
}
