// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/core/launch.hpp"
#include "cellvae/core/product.hpp"
#include "cellvae/core/progress.hpp"

namespace cellvae {

/// The nearest rows of each row, itself not among them.
struct Neighbours {
    Index rows = 0;
    int count = 0;                    ///< neighbours of each row
    std::vector<std::int32_t> index;  ///< rows x count, nearest first; of equal distances the lower number first
    std::vector<float> distance;      ///< rows x count, Euclidean
};

/// The exact k nearest neighbours of every row, by blocks: distances of a block to all rows are one product. Memory is
/// one block x rows a thread; time grows with rows squared.
///
/// @param values rows x columns, row-major
/// @param progress is told how many rows are done
/// @throws OptionError unless 1 <= count < rows; ShapeError for sizes that do not fit; InputError for a value that is
/// not finite, or so large (1e18) that squares of distances are not
[[nodiscard]] inline Neighbours nearest_neighbours(const Kokkos::DefaultHostExecutionSpace& exec,
                                                   std::span<const float> values, Index rows, Index columns, int count,
                                                   const Progress& progress = {}) {
    require_size(static_cast<Index>(values.size()), rows * columns, "values to find neighbours in");
    if (count < 1 || count >= rows)
        throw OptionError(message("each row has 1 to ", rows - 1, " neighbours, found ", count));
    require_finite(values, columns, "values to find neighbours in");
    using Exec = Kokkos::DefaultHostExecutionSpace;
    constexpr Index block = 64;
    Neighbours result{rows, count, {}, {}};
    result.index.resize(static_cast<std::size_t>(rows * count));
    result.distance.resize(static_cast<std::size_t>(rows * count));
    // centred: distances of float coordinates far from the origin would cancel
    std::vector<float> centred(values.begin(), values.end());
    for (Index c = 0; c < columns; ++c) {
        double sum = 0;
        for (Index r = 0; r < rows; ++r) sum += static_cast<double>(values[static_cast<std::size_t>(r * columns + c)]);
        const auto mean = static_cast<float>(sum / static_cast<double>(rows));
        for (Index r = 0; r < rows; ++r) centred[static_cast<std::size_t>(r * columns + c)] -= mean;
    }
    require_finite(centred, columns, "values to find neighbours in, less their mean");  // they may overflow
    std::vector<float> square(static_cast<std::size_t>(rows), 0.0f);
    for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; ++c) {
            const float value = centred[static_cast<std::size_t>(r * columns + c)];
            square[static_cast<std::size_t>(r)] += value * value;
        }
    // What |y|^2 - 2 x y may be wrong by, for the longest rows: where groups lie far apart it is much.
    const auto farthest = std::max_element(square.begin(), square.end());
    const double longest = static_cast<double>(*farthest);
    if (!(longest < static_cast<double>(std::numeric_limits<float>::max()) / 8))
        throw InputError(message("values to find neighbours in: row ", farthest - square.begin(),
                                 " lies too far from the others for squares of distances in float"));
    const double rounding = static_cast<double>(columns + 4) * std::numeric_limits<float>::epsilon();
    const Index blocks = (rows + block - 1) / block;
    // a block of distances a thread, and no more: each is 64 x rows
    const Index tasks = std::min<Index>(blocks, std::max(exec.concurrency(), 1));
    Matrix<float, Exec> memory(Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, "cellvae::neighbours::memory"),
                               static_cast<std::size_t>(tasks),
                               static_cast<std::size_t>(core_detail::packing_size + block * rows));
    core_detail::in_parts(blocks, 4 * tasks, rows, progress, [&](Index first_block, Index last_block) {
        const auto work = [&](const Index task) {
            float* packing = &memory(task, 0);
            float* products = packing + core_detail::packing_size;
            std::vector<std::pair<double, std::int32_t>> candidates;
            for (Index b = first_block + task; b < last_block; b += tasks) {
                const Index first = b * block;
                const Index height = std::min(block, rows - first);
                std::fill_n(products, height * rows, 0.0f);
                multiply_add<Operand::as_is, Operand::transposed, float>(
                    height, rows, columns, centred.data() + first * columns, columns, centred.data(), columns, products,
                    rows, packing);
                for (Index r = 0; r < height; ++r) {
                    const float* mine = centred.data() + (first + r) * columns;
                    // The product finds candidates, all that may be among the nearest as far as it is exact; their
                    // distances are then taken by differences, which do not cancel.
                    const double length = static_cast<double>(square[static_cast<std::size_t>(first + r)]);
                    const double error = rounding * (longest + 2 * std::sqrt(length * longest));
                    candidates.clear();
                    for (Index other = 0; other < rows; ++other) {
                        if (other == first + r) continue;
                        candidates.emplace_back(static_cast<double>(square[static_cast<std::size_t>(other)] -
                                                                    2 * products[r * rows + other]),
                                                static_cast<std::int32_t>(other));
                    }
                    const auto last_wanted = candidates.begin() + (count - 1);
                    std::nth_element(candidates.begin(), last_wanted, candidates.end());
                    const double bound = last_wanted->first + 2 * error;
                    const auto end = std::partition(last_wanted + 1, candidates.end(),
                                                    [&](const auto& other) { return other.first <= bound; });
                    for (auto at = candidates.begin(); at != end; ++at) {
                        double sum = 0;
                        for (Index c = 0; c < columns; ++c) {
                            const double d =
                                static_cast<double>(mine[c]) -
                                static_cast<double>(
                                    centred[static_cast<std::size_t>(static_cast<Index>(at->second) * columns + c)]);
                            sum += d * d;
                        }
                        at->first = sum;
                    }
                    std::sort(candidates.begin(), end);
                    for (int n = 0; n < count; ++n) {
                        const auto place = static_cast<std::size_t>((first + r) * count + n);
                        result.index[place] = candidates[static_cast<std::size_t>(n)].second;
                        result.distance[place] =
                            static_cast<float>(std::sqrt(candidates[static_cast<std::size_t>(n)].first));
                    }
                }
            }
        };
        Kokkos::parallel_for(KernelLabel("cellvae::nearest_neighbours"),
                             Kokkos::RangePolicy<Exec>(exec, 0, tasks).set_chunk_size(1), work);
        exec.fence("cellvae::nearest_neighbours");
    });
    return result;
}

}  // namespace cellvae
