// SPDX-License-Identifier: Apache-2.0
#pragma once

// Needs hnswlib, and is empty without: link the CMake target Hnswlib::Hnswlib, which find_package(cellvae) leaves
// behind where hnswlib is there, or define CELLVAE_WITH_HNSWLIB where its headers are found.
#ifdef CELLVAE_WITH_HNSWLIB

#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/clustering/neighbours.hpp"

namespace cellvae {

/// Wider is nearer to exact, and slower. The defaults' recall is on benchmarks/cell_types/README.md.
struct ApproximateNeighbourOptions {
    int links = 16;          ///< of a row in the graph's lowest layer, half of them at first
    int build_width = 100;   ///< candidates while rows are inserted
    int search_width = 100;  ///< candidates while neighbours are looked for; at least the neighbours and one
    std::uint64_t seed = 1;  ///< of the rows' layers
};

namespace clustering_detail {

/// The Euclidean distance of two rows, squared, by differences.
[[nodiscard]] inline double squared_distance(std::span<const float> values, Index columns, Index a, Index b) {
    const float* left = values.data() + a * columns;
    const float* right = values.data() + b * columns;
    double sum = 0;
    for (Index c = 0; c < columns; ++c) {
        const double d = static_cast<double>(left[c]) - static_cast<double>(right[c]);
        sum += d * d;
    }
    return sum;
}

}  // namespace clustering_detail

/// Nearly the k nearest neighbours of every row, by a hierarchical navigable small world graph (Malkov and Yashunin
/// 2020, arXiv:1603.09320; hnswlib): time grows as rows x log rows, and memory is about 8 links + 4 columns + 130 bytes
/// a row, and a thread's 2. Their distances are exact, and so is their order.
///
/// Rows are inserted one by one, in their order, and looked for by all threads: the same seed gives the same bits for
/// any number of them.
///
/// @param values rows x columns, row-major
/// @param progress is told how many rows are inserted: nearly all of the time
/// @throws OptionError unless 1 <= count < rows and the widths are above 0; ShapeError for sizes that do not fit;
/// InputError for a value that is not finite
[[nodiscard]] inline Neighbours approximate_neighbours(const Kokkos::DefaultHostExecutionSpace& exec,
                                                       std::span<const float> values, Index rows, Index columns,
                                                       int count, const ApproximateNeighbourOptions& options = {},
                                                       const Progress& progress = {}) {
    require_size(static_cast<Index>(values.size()), rows * columns, "values to find neighbours in");
    if (count < 1 || count >= rows)
        throw OptionError(message("each row has 1 to ", rows - 1, " neighbours, found ", count));
    if (options.links < 2 || options.build_width < 1 || options.search_width < 1)
        throw OptionError(message("a graph of neighbours has 2 links or more and widths of 1 or more, found ",
                                  options.links, ", ", options.build_width, " and ", options.search_width));
    require_finite(values, columns, "values to find neighbours in");
    const auto wanted = static_cast<std::size_t>(count);
    hnswlib::L2Space space(static_cast<std::size_t>(columns));
    hnswlib::HierarchicalNSW<float> graph(
        &space, static_cast<std::size_t>(rows), static_cast<std::size_t>(options.links),
        static_cast<std::size_t>(options.build_width), static_cast<std::size_t>(options.seed));
    for (Index row = 0; row < rows; ++row) {
        graph.addPoint(values.data() + row * columns, static_cast<hnswlib::labeltype>(row));
        if (progress && (row + 1) % 1000 == 0) progress(row + 1);
    }
    graph.setEf(std::max(static_cast<std::size_t>(options.search_width), wanted + 1));

    Neighbours result{rows, count, {}, {}};
    result.index.resize(static_cast<std::size_t>(rows) * wanted);
    result.distance.resize(static_cast<std::size_t>(rows) * wanted);
    using Exec = Kokkos::DefaultHostExecutionSpace;
    Kokkos::parallel_for(
        KernelLabel("cellvae::approximate_neighbours"), Kokkos::RangePolicy<Exec>(exec, 0, rows), [&](const Index row) {
            std::vector<std::pair<double, std::int32_t>> candidates;
            const auto add = [&](Index other) {
                if (other != row)
                    candidates.emplace_back(clustering_detail::squared_distance(values, columns, row, other),
                                            static_cast<std::int32_t>(other));
            };
            for (auto found = graph.searchKnn(values.data() + row * columns, wanted + 1); !found.empty(); found.pop())
                add(static_cast<Index>(found.top().second));
            if (candidates.size() <
                wanted) {  // a part of the graph that too few rows can be reached from: all distances
                candidates.clear();
                for (Index other = 0; other < rows; ++other) add(other);
            }
            const auto last = candidates.begin() + count;
            std::partial_sort(candidates.begin(), last, candidates.end());
            for (std::size_t n = 0; n < wanted; ++n) {
                const auto place = static_cast<std::size_t>(row) * wanted + n;
                result.index[place] = candidates[n].second;
                result.distance[place] = static_cast<float>(std::sqrt(candidates[n].first));
            }
        });
    exec.fence("cellvae::approximate_neighbours");
    return result;
}

}  // namespace cellvae

#endif
