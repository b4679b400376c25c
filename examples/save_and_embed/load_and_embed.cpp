// SPDX-License-Identifier: Apache-2.0
// Latent coordinates of other cells under a model that was kept: load_and_embed MODEL.h5 COUNTS OUT.h5ad
#include <cstdio>

#include "cellvae/io/counts.hpp"
#include "cellvae/io/h5ad.hpp"
#include "cellvae/io/model_cells.hpp"
#include "cellvae/io/model_file.hpp"
#include "model.hpp"

int main(int argc, char* argv[]) {
    if (argc != 4) return std::puts("usage: load_and_embed MODEL.h5 COUNTS OUT.h5ad"), 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    const Kokkos::DefaultExecutionSpace exec;

    const ModelDescription description = read_model_description(argv[1]);
    Model model(exec, static_cast<Index>(description.genes.size()), description.options);
    load_model(exec, argv[1], model);

    const CountMatrix counts = read_counts(argv[2]);
    const ModelCells cells = cells_for_model(description, counts);  // genes and conditions by their names
    const auto data = make_dataset<CountLikelihood>(exec, cells.counts, cells.dataset_options(description));
    write_h5ad(argv[3], counts, {.obsm = {{"X_cellvae", description.options.latent, latent_means(exec, model, data)}}});
    std::printf("%s: %lld cells with obsm/X_cellvae\n", argv[3], static_cast<long long>(counts.cells()));
}
