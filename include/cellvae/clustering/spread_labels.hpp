// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/clustering/neighbours.hpp"

namespace cellvae {

struct SpreadLabelsOptions {
    double share = 0.9;  ///< of what a row says that is its neighbours' word and not its own
    int steps = 100;     ///< of what further ones would add, .9 to this power (3e-5) of all is left out
};

struct SpreadLabels {
    std::vector<std::int32_t> labels;  ///< of each row
    std::vector<double> certainty;     ///< of each row: the share of its label among all that reached it; 1 for a known
                                       ///< one, 0 where none did
};

namespace clustering_detail {

/// Of each row those that are among its nearest, or that it is among the nearest of; ascending.
[[nodiscard]] inline std::vector<std::vector<std::int32_t>> neighbours_of_either(const Neighbours& neighbours) {
    std::vector<std::vector<std::int32_t>> of(static_cast<std::size_t>(neighbours.rows));
    const auto count = static_cast<std::size_t>(neighbours.count);
    for (std::size_t row = 0; row < of.size(); ++row)
        for (std::size_t n = 0; n < count; ++n) {
            const std::int32_t other = neighbours.index[row * count + n];
            of[row].push_back(other);
            of[static_cast<std::size_t>(other)].push_back(static_cast<std::int32_t>(row));
        }
    for (auto& each : of) {
        std::sort(each.begin(), each.end());
        each.erase(std::unique(each.begin(), each.end()), each.end());
    }
    return of;
}

}  // namespace clustering_detail

/// Labels of all rows from those of some, over a neighbour graph ("local and global consistency": Zhou, Bousquet, Lal,
/// Weston and Schoelkopf 2004, Advances in Neural Information Processing Systems 16, 321): what a row says of each
/// label is `share` of what its neighbours say, edges divided by the root of both ends' numbers of neighbours, and the
/// rest what is known of it. A row has the label of which most is said. A row whose label is known keeps it. A row that
/// no path of at most `steps` edges joins to a known one has the label of the nearest. The same bits for any number of
/// threads.
///
/// @param values rows x columns, row-major @param neighbours of these rows
/// @param known the label of each row, from 0 to `labels` - 1, or -1
/// @throws OptionError for a label of `labels` or more, where none is known, or unless 0 <= share < 1; ShapeError for
/// sizes that do not fit; InputError for a value that is not finite
[[nodiscard]] inline SpreadLabels spread_labels(const Kokkos::DefaultHostExecutionSpace& exec,
                                                std::span<const float> values, Index columns,
                                                const Neighbours& neighbours, std::span<const std::int32_t> known,
                                                int labels, const SpreadLabelsOptions& options = {}) {
    const Index rows = neighbours.rows;
    require_size(static_cast<Index>(values.size()), rows * columns, "values to spread labels over");
    require_size(static_cast<Index>(known.size()), rows, "known labels");
    require_size(static_cast<Index>(neighbours.index.size()), rows * neighbours.count, "neighbours of the rows");
    require_finite(values, columns, "values to spread labels over");
    if (!(options.share >= 0 && options.share < 1))
        throw OptionError(message("the neighbours' share of a label must be from 0 to below 1, found ", options.share));
    std::vector<Index> sources;
    for (Index row = 0; row < rows; ++row) {
        const auto label = known[static_cast<std::size_t>(row)];
        if (label >= labels)
            throw OptionError(message("a row has the label ", label, ", but there are ", labels, ", numbered from 0"));
        if (label >= 0) sources.push_back(row);
    }
    if (sources.empty()) throw OptionError("no row's label is known: there is none to spread");

    const auto graph = clustering_detail::neighbours_of_either(neighbours);
    const auto width = static_cast<std::size_t>(labels);
    std::vector<float> scale, said(graph.size() * width), next(said.size());
    for (const auto& of : graph) scale.push_back(1 / std::sqrt(static_cast<float>(of.size())));
    const auto share = static_cast<float>(options.share);
    const Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace> all(exec, 0, rows);
    for (int step = 0; step < options.steps; ++step) {
        Kokkos::parallel_for(KernelLabel("cellvae::spread_labels"), all, [&](const Index at) {
            const auto row = static_cast<std::size_t>(at);
            float* to = &next[row * width];
            std::fill_n(to, width, 0.0F);
            for (const auto other : graph[row]) {
                const auto from = static_cast<std::size_t>(other);
                const float weight = share * scale[row] * scale[from];
                for (std::size_t k = 0; k < width; ++k) to[k] += weight * said[from * width + k];
            }
            if (known[row] >= 0) to[static_cast<std::size_t>(known[row])] += 1 - share;
        });
        exec.fence("cellvae::spread_labels");
        std::swap(said, next);
    }

    SpreadLabels result{std::vector<std::int32_t>(known.begin(), known.end()), std::vector<double>(graph.size(), 1)};
    Kokkos::parallel_for(KernelLabel("cellvae::spread_labels"), all, [&](const Index at) {
        const auto row = static_cast<std::size_t>(at);
        if (known[row] >= 0) return;
        const float* found = &said[row * width];
        const auto most = static_cast<std::size_t>(std::max_element(found, found + width) - found);
        double sum = 0;
        for (std::size_t k = 0; k < width; ++k) sum += static_cast<double>(found[k]);
        if (sum > 0) {
            result.labels[row] = static_cast<std::int32_t>(most);
            result.certainty[row] = static_cast<double>(found[most]) / sum;
            return;
        }
        double least = std::numeric_limits<double>::infinity();
        for (const Index source : sources) {
            double square = 0;
            for (Index j = 0; j < columns; ++j) {
                const double difference = static_cast<double>(values[static_cast<std::size_t>(at * columns + j)]) -
                                          static_cast<double>(values[static_cast<std::size_t>(source * columns + j)]);
                square += difference * difference;
            }
            if (square < least) {
                least = square;
                result.labels[row] = known[static_cast<std::size_t>(source)];
            }
        }
        result.certainty[row] = 0;
    });
    exec.fence("cellvae::spread_labels");
    return result;
}

}  // namespace cellvae
