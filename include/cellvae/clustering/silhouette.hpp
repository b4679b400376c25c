// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/progress.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/row_blocks.hpp"

namespace cellvae {

/// How well each cell lies within its cluster, after Rousseeuw (1987).
struct Silhouette {
    double mean = 0;                     ///< over the cells that have a label
    std::vector<double> cells;           ///< s(i) of each cell, -1 .. 1; NaN where the label is missing
    std::vector<std::int32_t> clusters;  ///< the labels that occur, ascending
    std::vector<double> cluster_means;   ///< the mean of s over the cells of each of `clusters`
    std::vector<std::int64_t> cluster_sizes;
};

namespace clustering_detail {

/// The labelled cells in the order of their clusters.
struct Grouping {
    std::vector<std::int32_t> clusters;  // the labels that occur
    std::vector<std::size_t> begin;      // clusters + 1: where each cluster's cells start in `order`
    std::vector<std::size_t> order;      // cells, cluster by cluster, ascending within
};

inline Grouping group_cells(std::span<const std::int32_t> labels) {
    std::map<std::int32_t, std::size_t> sizes;
    for (const std::int32_t label : labels)
        if (label >= 0) ++sizes[label];
    if (sizes.size() < 2)
        throw InputError(message("labels given to the silhouette: found ", counted(sizes.size(), "cluster"), " among ",
                                 counted(labels.size(), "cell"), ", expected at least 2"));
    Grouping grouping;
    grouping.begin.push_back(0);
    std::map<std::int32_t, std::size_t> next;
    for (const auto& [label, size] : sizes) {
        next[label] = grouping.begin.back();
        grouping.clusters.push_back(label);
        grouping.begin.push_back(grouping.begin.back() + size);
    }
    grouping.order.resize(grouping.begin.back());
    for (std::size_t cell = 0; cell < labels.size(); ++cell)
        if (labels[cell] >= 0) grouping.order[next[labels[cell]]++] = cell;
    return grouping;
}

/// s(i) = (b - a) / max(a, b), a the mean distance to the others of the own cluster, b the least mean distance to
/// another cluster, from the sums of the distances to every cluster's cells; 0 for a cluster of one and where a = b =
/// 0.
inline double silhouette_width(const double* sums, const Grouping& grouping, std::size_t own) {
    const std::size_t size = grouping.begin[own + 1] - grouping.begin[own];
    if (size == 1) return 0;
    const double a = sums[own] / static_cast<double>(size - 1);
    double b = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < grouping.clusters.size(); ++k)
        if (k != own) b = std::min(b, sums[k] / static_cast<double>(grouping.begin[k + 1] - grouping.begin[k]));
    const double larger = std::max(a, b);
    return larger > 0 ? (b - a) / larger : 0;
}

/// Fills a Silhouette; sums_of(position, sums) gives the summed distances of the cell at `position` of the grouping's
/// order to each cluster. It is called in parallel, once a cell.
template <class Sums>
Silhouette silhouette_from(const Kokkos::DefaultHostExecutionSpace& exec, const Grouping& grouping, std::size_t cells,
                           const Sums& sums_of, const Progress& progress = {}) {
    constexpr std::size_t block = 16;
    const std::size_t clusters = grouping.clusters.size(), labelled = grouping.order.size();
    Silhouette result;
    result.cells.assign(cells, std::numeric_limits<double>::quiet_NaN());
    std::vector<double> widths(labelled);
    data_detail::for_each_block(
        exec, "cellvae::silhouette", (labelled + block - 1) / block,
        [&](std::size_t number) {
            std::vector<double> sums(clusters);
            const std::size_t first = number * block, last = std::min(first + block, labelled);
            auto own = static_cast<std::size_t>(std::upper_bound(grouping.begin.begin(), grouping.begin.end(), first) -
                                                grouping.begin.begin()) -
                       1;
            for (std::size_t position = first; position < last; ++position) {
                while (position >= grouping.begin[own + 1]) ++own;
                std::fill(sums.begin(), sums.end(), 0.0);
                sums_of(position, sums.data());
                widths[position] = silhouette_width(sums.data(), grouping, own);
            }
        },
        static_cast<Index>(labelled), progress);
    double total = 0;
    for (std::size_t k = 0; k < clusters; ++k) {
        double sum = 0;
        for (std::size_t position = grouping.begin[k]; position < grouping.begin[k + 1]; ++position) {
            sum += widths[position];
            result.cells[grouping.order[position]] = widths[position];
        }
        const std::size_t size = grouping.begin[k + 1] - grouping.begin[k];
        result.clusters.push_back(grouping.clusters[k]);
        result.cluster_sizes.push_back(static_cast<std::int64_t>(size));
        result.cluster_means.push_back(sum / static_cast<double>(size));
        total += sum;
    }
    result.mean = total / static_cast<double>(labelled);
    return result;
}

}  // namespace clustering_detail

/// The silhouette of labelled points with Euclidean distances (Rousseeuw 1987, J. Comput. Appl. Math. 20:53-65).
///
/// s(i) = (b(i) - a(i)) / max(a(i), b(i)); for a cluster of one, s = 0, his convention. `values` is cells x columns,
/// row-major; `labels` one code a cell, any negative code meaning missing: such a cell counts neither as a point nor as
/// a neighbour. No array of cells x cells is made: memory grows with the cells, time with their square. Distances are
/// taken in float, summed in double. The result does not depend on the number of threads.
///
/// @param progress is told how many labelled cells are done
/// @throws ShapeError if the sizes do not fit together.
/// @throws InputError if fewer than two labels occur or a labelled cell has a value that is not finite.
[[nodiscard]] inline Silhouette silhouette(const Kokkos::DefaultHostExecutionSpace& exec, std::span<const float> values,
                                           Index cells, Index columns, std::span<const std::int32_t> labels,
                                           const Progress& progress = {}) {
    require_size(static_cast<Index>(values.size()), cells * columns, "values given to the silhouette");
    require_size(static_cast<Index>(labels.size()), cells, "labels given to the silhouette");
    const auto grouping = clustering_detail::group_cells(labels);

    // tiles of one cluster's cells, column by column inside a tile; the last tile of a cluster is filled up with zeros
    constexpr std::size_t width = 64;
    using Tile = Eigen::Array<float, static_cast<int>(width), 1>;
    const auto dimensions = static_cast<std::size_t>(columns);
    const std::size_t clusters = grouping.clusters.size();
    std::vector<std::size_t> tile_begin(clusters + 1, 0);
    for (std::size_t k = 0; k < clusters; ++k)
        tile_begin[k + 1] = tile_begin[k] + (grouping.begin[k + 1] - grouping.begin[k] + width - 1) / width;
    std::vector<float> tiles(tile_begin.back() * width * dimensions, 0.0f);
    for (std::size_t k = 0; k < clusters; ++k)
        for (std::size_t position = grouping.begin[k]; position < grouping.begin[k + 1]; ++position) {
            const std::size_t cell = grouping.order[position], inside = position - grouping.begin[k];
            float* tile = tiles.data() + (tile_begin[k] + inside / width) * width * dimensions;
            for (std::size_t column = 0; column < dimensions; ++column) {
                const float value = values[cell * dimensions + column];
                if (!std::isfinite(value))  // those without a cluster are not looked at
                    throw InputError(message("values given to the silhouette: cell ", cell, ", column ", column, " is ",
                                             value, ", expected a finite number"));
                tile[column * width + inside % width] = value;
            }
        }

    return clustering_detail::silhouette_from(
        exec, grouping, static_cast<std::size_t>(cells),
        [&](std::size_t position, double* sums) {
            const float* point = values.data() + grouping.order[position] * dimensions;
            for (std::size_t k = 0; k < clusters; ++k) {
                std::size_t remaining = grouping.begin[k + 1] - grouping.begin[k];
                const float* tile = tiles.data() + tile_begin[k] * width * dimensions;
                for (; remaining > 0; tile += width * dimensions) {
                    Tile squares = Tile::Zero();
                    for (std::size_t column = 0; column < dimensions; ++column)
                        squares += (Eigen::Map<const Tile>(tile + column * width) - point[column]).square();
                    const Tile distances = squares.sqrt();
                    const std::size_t used = std::min(remaining, width);
                    if (used == width)
                        sums[k] += distances.cast<double>().sum();
                    else
                        for (std::size_t i = 0; i < used; ++i)
                            sums[k] += static_cast<double>(distances[static_cast<Eigen::Index>(i)]);
                    remaining -= used;
                }
            }
        },
        progress);
}

/// The silhouette of labelled cells from their dissimilarities, cells x cells, row-major: row i holds those of cell i,
/// whose own entry is left out. Otherwise as above.
/// @throws InputError for one between labelled cells that is below 0 or not finite
[[nodiscard]] inline Silhouette silhouette_of_dissimilarities(const Kokkos::DefaultHostExecutionSpace& exec,
                                                              std::span<const double> dissimilarities,
                                                              std::span<const std::int32_t> labels) {
    const auto cells = labels.size();
    require_size(static_cast<Index>(dissimilarities.size()), static_cast<Index>(cells * cells),
                 "dissimilarities given to the silhouette");
    const auto grouping = clustering_detail::group_cells(labels);
    for (const std::size_t cell : grouping.order)
        for (const std::size_t other : grouping.order)
            if (const double found = dissimilarities[cell * cells + other];
                other != cell && !(found >= 0 && std::isfinite(found)))
                throw InputError(message("dissimilarities given to the silhouette: of cells ", cell, " and ", other,
                                         " it is ", found, ", expected a finite number, 0 or more"));
    return clustering_detail::silhouette_from(exec, grouping, cells, [&](std::size_t position, double* sums) {
        const std::size_t cell = grouping.order[position];
        for (std::size_t k = 0; k < grouping.clusters.size(); ++k)
            for (std::size_t other = grouping.begin[k]; other < grouping.begin[k + 1]; ++other)
                if (other != position) sums[k] += dissimilarities[cell * cells + grouping.order[other]];
    });
}

}  // namespace cellvae
