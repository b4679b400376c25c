// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <cstddef>
#include <span>
#include <vector>

#include "cellvae/clustering/neighbours.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/row_blocks.hpp"

namespace cellvae {

/// How far the neighbours in a picture are neighbours in truth (Venna and Kaski 2001): 1 less, for each of the `count`
/// nearest points of a point in the picture, by how much its rank in truth exceeds `count`, scaled so that the worst is
/// 0. Of equal distances the lower row ranks first.
///
/// @param values rows x columns, row-major: the truth
/// @param picture rows x 2, row-major
/// @throws ShapeError for sizes that do not fit; OptionError unless 1 <= count < rows / 2; InputError for a value that
/// is not finite
[[nodiscard]] inline double trustworthiness(const Kokkos::DefaultHostExecutionSpace& exec,
                                            std::span<const float> values, Index rows, Index columns,
                                            std::span<const float> picture, int count = 5) {
    require_size(static_cast<Index>(values.size()), rows * columns, "values given to the trustworthiness");
    require_size(static_cast<Index>(picture.size()), rows * 2, "picture given to the trustworthiness");
    if (count < 1 || 2 * static_cast<Index>(count) >= rows)
        throw OptionError(message("neighbours of the trustworthiness: found ", count,
                                  ", expected 1 or more and less than half of the ", rows, " rows"));
    require_finite(values, columns, "values given to the trustworthiness");
    const auto neighbours = nearest_neighbours(exec, picture, rows, 2, count);
    const auto n = static_cast<std::size_t>(rows), width = static_cast<std::size_t>(columns);
    constexpr std::size_t height = data_detail::RowBlocks::height;
    const data_detail::RowBlocks blocks(values, n, width);
    std::vector<double> excess(n);
    data_detail::for_each_block(exec, "cellvae::trustworthiness", blocks.count(), [&](std::size_t number) {
        std::vector<double> distances(blocks.count() * height), point(width);
        for (std::size_t row = number * height; row < number * height + blocks.rows_of(number); ++row) {
            for (std::size_t column = 0; column < width; ++column)
                point[column] = static_cast<double>(values[row * width + column]);
            for (std::size_t block = 0; block < blocks.count(); ++block)
                blocks.squared_distances(block, point.data(), distances.data() + block * height);
            for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) {
                const auto other =
                    static_cast<std::size_t>(neighbours.index[row * static_cast<std::size_t>(count) + k]);
                std::size_t nearer = 0;
                for (std::size_t j = 0; j < n; ++j)
                    nearer += j != row &&
                              (distances[j] < distances[other] || (distances[j] == distances[other] && j < other));
                if (nearer >= static_cast<std::size_t>(count)) excess[row] += static_cast<double>(nearer + 1) - count;
            }
        }
    });
    double total = 0;
    for (const double value : excess) total += value;
    return 1 - total * 2 / (static_cast<double>(rows) * count * (2.0 * static_cast<double>(rows) - 3.0 * count - 1));
}

}  // namespace cellvae
