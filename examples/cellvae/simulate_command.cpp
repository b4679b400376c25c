// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cellvae/data/simulator.hpp"
#include "cellvae/io/h5ad.hpp"
#include "options.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct SimulateRequest {
    Index cells = 2000;
    Index genes = 5000;
    int types = 8;
    std::uint64_t seed = 1;
    double separation = 1;
    double type_sizes = 1;
    double rare_share = 0;
    double mean_counts = 0;
    double zero_inflation = 0;
    std::string out;
};

/// Writes an h5ad of simulated cells with obs/cell_type.
void run_simulate(const SimulateRequest& request) {
    SimulationOptions options;
    options.cells = request.cells;
    options.genes = request.genes;
    options.types = request.types;
    options.seed = request.seed;
    options.separation = request.separation;
    options.type_size_log_deviation = request.type_sizes;
    options.rare_share = request.rare_share;
    if (request.mean_counts > 0) options.mean_count = request.mean_counts / static_cast<double>(request.genes);
    options.zero_inflation = request.zero_inflation;
    const SimulatedCells simulated = [&] {
        const WaitingLine line("simulate");
        return simulate(Kokkos::DefaultHostExecutionSpace(), options);
    }();
    write_cells(request.out, simulated.counts);
    const double entries = static_cast<double>(request.cells) * static_cast<double>(request.genes);
    print_result({{"cells", request.cells},
                  {"genes", request.genes},
                  {"types", request.types},
                  {"share_of_zeros", 1 - static_cast<double>(simulated.counts.nonzeros()) / entries},
                  {"file", request.out}});
}

}  // namespace

void add_simulate(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<SimulateRequest>();
    auto& simulate = add_command(app, invocation,
                                 {"simulate", "Write an h5ad of simulated cells with known types (obs/cell_type)",
                                  "cellvae simulate --cells 600 --genes 2000 --types 5 --out cells.h5ad"},
                                 request, run_simulate);
    simulate.add_option("--cells", request->cells, "Number of cells")->check(above_zero());
    simulate.add_option("--genes", request->genes, "Number of genes")->check(above_zero());
    simulate.add_option("--types", request->types, "Number of cell types")->check(above_zero());
    simulate.add_option("--separation", request->separation,
                        "How far apart the types are: less is harder, 0 is one type");
    simulate
        .add_option("--type-sizes", request->type_sizes,
                    "How unequal the types are: deviation of the logarithm of their share of the cells; 0: equal")
        ->check(CLI::Range(0.0, 5.0));
    simulate.add_option("--rare-share", request->rare_share, "Share of the cells that the last type has; 0: as others")
        ->check(CLI::Range(0.0, 0.99));
    simulate
        .add_option("--mean-counts", request->mean_counts,
                    "Mean total count of a cell, which says how many are zero; 0: a quarter of the genes, as in the "
                    "mouse pancreas. Blood cells have 1,300 to 2,500 on 32,738 genes")
        ->check(zero_or_more());
    simulate.add_option("--zero-inflation", request->zero_inflation,
                        "Largest probability of a structural zero, from 0 to below 1");
    add_seed(simulate, request->seed);
    simulate.add_option("--out", request->out, "h5ad file to write")->required();
}

}  // namespace cellvae::program
