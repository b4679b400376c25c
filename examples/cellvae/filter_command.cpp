// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cellvae/data/split.hpp"
#include "cellvae/io/h5ad.hpp"
#include "options.hpp"
#include "report.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct FilterRequest : CountsRequest {
    std::string out;
    std::string labels = "auto";
    double held_out = 0;
    std::uint64_t seed = 1;
};

/// Writes the cells and genes that are kept, of one input or of several that are merged.
void run_filter(const FilterRequest& request) {
    require_other_file(request.out, request.files);
    refuse_ignored(request.labels != FilterRequest().labels && request.subsample_by_label == 0, "--labels",
                   "without --subsample-by-label");
    CountsRead read = read_and_choose(request, request.labels, request.seed);
    CountMatrix& counts = read.counts;
    Index held_out = 0;
    if (request.held_out > 0) {
        const auto split = split_cells(counts.cells(), {.held_out = request.held_out, .seed = request.seed});
        Categorical column{
            {"train", "held_out"}, std::vector<std::int32_t>(static_cast<std::size_t>(counts.cells())), false};
        for (const Index cell : split.held_out) column.codes[static_cast<std::size_t>(cell)] = 1;
        held_out = static_cast<Index>(split.held_out.size());
        counts.obs.set({"split", std::move(column)});
    }
    write_cells(request.out, counts, {.obsm = std::move(read.obsm)});
    print_result({{"cells", counts.cells()},
                  {"genes", counts.genes()},
                  {"nonzeros", counts.nonzeros()},
                  {"held_out", held_out},
                  {"file", request.out}});
}

}  // namespace

void add_filter(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<FilterRequest>();
    auto& filter =
        add_command(app, invocation,
                    {"filter", "Write the cells and genes that are kept, of one input or several, as one h5ad",
                     "cellvae filter sets/ --out cells.h5ad --min-genes 200 --min-cells 5"},
                    request, run_filter);
    add_counts(filter, *request);
    filter.add_option("--out", request->out, "h5ad file to write")->required();
    add_labels(filter, request->labels);
    filter
        .add_option("--held-out", request->held_out,
                    "Share of the cells that obs/split calls held_out, the others train; 0: no such column")
        ->check(CLI::Range(0.0, 0.99));
    add_seed(filter, request->seed);
}

}  // namespace cellvae::program
