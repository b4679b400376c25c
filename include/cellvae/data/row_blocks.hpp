// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cellvae/core/progress.hpp"

namespace cellvae::data_detail {

/// The rows of a matrix in blocks of fixed size, column by column inside a block, so that distances of a whole block
/// are one vectorised loop. Sums are taken block by block in order: they are the same for any number of threads.
class RowBlocks {
public:
    static constexpr std::size_t height = 128;

    RowBlocks(std::span<const float> values, std::size_t rows, std::size_t columns)
        : rows_(rows),
          columns_(columns),
          blocks_((rows + height - 1) / height),
          values_(blocks_ * height * columns, 0.0f) {
        for (std::size_t row = 0; row < rows; ++row)
            for (std::size_t column = 0; column < columns; ++column)
                values_[(row / height * columns + column) * height + row % height] = values[row * columns + column];
    }

    [[nodiscard]] std::size_t rows() const { return rows_; }
    [[nodiscard]] std::size_t columns() const { return columns_; }
    [[nodiscard]] std::size_t count() const { return blocks_; }
    [[nodiscard]] std::size_t rows_of(std::size_t block) const { return std::min(height, rows_ - block * height); }
    [[nodiscard]] const float* block(std::size_t block) const { return values_.data() + block * columns_ * height; }
    [[nodiscard]] double value(std::size_t row, std::size_t column) const {
        return static_cast<double>(values_[(row / height * columns_ + column) * height + row % height]);
    }

    /// Squared distances of a block's rows to one point; beyond the last row they mean nothing.
    void squared_distances(std::size_t block_number, const double* point, double* distances) const {
        const float* values = block(block_number);
        for (std::size_t i = 0; i < height; ++i) distances[i] = 0;
        for (std::size_t column = 0; column < columns_; ++column, values += height) {
            const double coordinate = point[column];
            for (std::size_t i = 0; i < height; ++i) {
                const double difference = static_cast<double>(values[i]) - coordinate;
                distances[i] += difference * difference;
            }
        }
    }

private:
    std::size_t rows_, columns_, blocks_;
    std::vector<float> values_;
};

/// Calls work(block) for each block, in parallel and in no given order.
/// @param progress is told how much of `total` is done
template <class Work>
void for_each_block(const Kokkos::DefaultHostExecutionSpace& exec, const char* name, std::size_t blocks,
                    const Work& work, Index total = 0, const Progress& progress = {}) {
    using Policy = Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace, Kokkos::IndexType<std::int64_t>,
                                       Kokkos::Schedule<Kokkos::Dynamic>>;
    const Index least = 8 * static_cast<Index>(std::max(1, exec.concurrency()));
    core_detail::in_parts(static_cast<Index>(blocks), least, total, progress, [&](Index first, Index last) {
        Kokkos::parallel_for(name, Policy(exec, first, last, Kokkos::ChunkSize(1)),
                             [&](const std::int64_t block) { work(static_cast<std::size_t>(block)); });
        exec.fence(name);
    });
}

}  // namespace cellvae::data_detail
