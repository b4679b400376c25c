// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/simulator.hpp"
#include "cellvae/io/h5ad.hpp"
#include "commands.hpp"
#include "terminal.hpp"

namespace cellvae::program {

void run_simulate(const SimulateRequest& request) {
    SimulationOptions options;
    options.cells = request.cells;
    options.genes = request.genes;
    options.types = request.types;
    options.seed = request.seed;
    options.separation = request.separation;
    options.zero_inflation = request.zero_inflation;
    const SimulatedCells simulated = simulate(Kokkos::DefaultHostExecutionSpace(), options);
    write_h5ad(request.out, simulated.counts);
    const double entries = static_cast<double>(request.cells) * static_cast<double>(request.genes);
    print_table(
        {{"simulated", message(request.cells, " cells x ", request.genes, " genes of ", request.types, " types")},
         {"share of zeros", message(1 - static_cast<double>(simulated.counts.nonzeros()) / entries)},
         {"written to", request.out}});
}

}  // namespace cellvae::program
