// SPDX-License-Identifier: Apache-2.0
// Neighbours of made-up latent coordinates, exact and approximate: seconds, and the recall of the second.
//
//   benchmark_neighbours [--rows 60000] [--columns 10] [--count 14] [--groups 12] [--links 16] [--build-width 100]
//   [--search-width 100] [--no-exact] [--threads N]
//
// Rows are of groups of Gaussians, each with a centre from N(0, 3^2) and a deviation of one in every dimension. Prints
// one line of JSON; recall is the share of the exact neighbours that the approximate ones have among them.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "../options.hpp"
#include "cellvae/clustering/approximate_neighbours.hpp"
#include "cellvae/clustering/neighbours.hpp"
#include "cellvae/core/random.hpp"

namespace {

using namespace cellvae;

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int run(int argc, char* argv[]) {
    Index rows = 60000, columns = 10, count = 14, groups = 12, links = 16, build_width = 100, search_width = 100;
    bool no_exact = false;
    cellvae_benchmarks::Options options;
    options.number("--rows", rows).number("--columns", columns).number("--count", count).number("--groups", groups);
    options.number("--links", links).number("--build-width", build_width).number("--search-width", search_width);
    options.flag("--no-exact", no_exact);
    if (!options.parse(argc, argv)) return 2;
    const Kokkos::DefaultHostExecutionSpace host;
    RandomStream random(1, Purpose::simulation);
    std::vector<float> centres, values;
    for (Index i = 0; i < groups * columns; ++i) centres.push_back(3 * static_cast<float>(random.normal()));
    for (Index row = 0; row < rows; ++row)
        for (Index c = 0; c < columns; ++c)
            values.push_back(centres[static_cast<std::size_t>(row % groups * columns + c)] +
                             static_cast<float>(random.normal()));
    std::printf("{\"rows\": %ld, \"columns\": %ld, \"count\": %ld, \"threads\": %d", static_cast<long>(rows),
                static_cast<long>(columns), static_cast<long>(count), host.concurrency());
    Neighbours exact;
    if (!no_exact) {
        const auto start = std::chrono::steady_clock::now();
        exact = nearest_neighbours(host, values, rows, columns, static_cast<int>(count));
        std::printf(", \"exact_seconds\": %.1f", seconds_since(start));
    }
#ifdef CELLVAE_WITH_HNSWLIB
    const auto start = std::chrono::steady_clock::now();
    const auto found = approximate_neighbours(host, values, rows, columns, static_cast<int>(count),
                                              {.links = static_cast<int>(links),
                                               .build_width = static_cast<int>(build_width),
                                               .search_width = static_cast<int>(search_width)});
    std::printf(", \"approximate_seconds\": %.1f", seconds_since(start));
    if (!no_exact) {
        Index same = 0;
        for (Index row = 0; row < rows; ++row) {
            const auto first = exact.index.begin() + row * count;
            for (Index n = 0; n < count; ++n)
                same += std::count(first, first + count, found.index[static_cast<std::size_t>(row * count + n)]);
        }
        std::printf(", \"recall\": %.5f", static_cast<double>(same) / static_cast<double>(rows * count));
    }
#endif
    std::printf("}\n");
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) { return cellvae_benchmarks::run_benchmark(argc, argv, run); }
