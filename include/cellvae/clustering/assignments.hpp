// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

namespace clustering_detail {

struct NumbersBySize {
    std::vector<std::int32_t> numbers;  ///< the new one of each cluster; -1 for an empty one
    std::int32_t clusters = 0;          ///< that are not empty
};

/// New numbers of clusters of these sizes, the largest 0, of equal ones the first.
[[nodiscard]] inline NumbersBySize numbers_by_size(std::span<const Index> sizes) {
    std::vector<std::pair<Index, std::size_t>> order;  // negative sizes: the largest sort first, equal ones by number
    for (std::size_t k = 0; k < sizes.size(); ++k) order.emplace_back(-sizes[k], k);
    std::sort(order.begin(), order.end());
    NumbersBySize result{std::vector<std::int32_t>(sizes.size(), -1)};
    for (const auto& [size, k] : order)
        if (size < 0) result.numbers[k] = result.clusters++;
    return result;
}

}  // namespace clustering_detail

/// The cluster of each cell: that of its largest responsibility, of equal ones the lowest.
/// @param responsibilities cells x clusters, row-major
/// @throws ShapeError unless they are whole rows of at least one cluster
[[nodiscard]] inline std::vector<std::int32_t> most_likely_clusters(std::span<const float> responsibilities,
                                                                    Index clusters) {
    if (clusters < 1) throw ShapeError(message("there are ", clusters, " clusters: one is the least"));
    const auto width = static_cast<std::size_t>(clusters);
    const std::size_t cells = responsibilities.size() / width;
    require_size(static_cast<Index>(responsibilities.size()), static_cast<Index>(cells * width), "responsibilities");
    std::vector<std::int32_t> labels;
    labels.reserve(cells);
    for (std::size_t cell = 0; cell < cells; ++cell) {
        const auto row = responsibilities.subspan(cell * width, width);
        labels.push_back(static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
    }
    return labels;
}

}  // namespace cellvae
