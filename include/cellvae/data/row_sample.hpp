// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "cellvae/core/views.hpp"

namespace cellvae {

/// Rows of a matrix that stand for all of them.
struct RowSample {
    std::vector<std::size_t> rows;  ///< ascending
    std::vector<float> values;      ///< rows.size() x columns, row-major

    /// What a list with an element a row has for these.
    template <class Value>
    [[nodiscard]] std::vector<Value> of(std::span<const Value> list) const {
        std::vector<Value> some;
        some.reserve(rows.size());
        for (const std::size_t row : rows) some.push_back(list[row]);
        return some;
    }
};

/// At most `most` rows, evenly spaced. `values` is rows x columns, row-major.
[[nodiscard]] inline RowSample evenly_spaced_rows(std::span<const float> values, Index rows, Index columns,
                                                  Index most) {
    const Index count = std::min(rows, most);
    const auto width = static_cast<std::size_t>(columns);
    RowSample sample;
    sample.values.reserve(static_cast<std::size_t>(count) * width);
    for (Index i = 0; i < count; ++i) {
        sample.rows.push_back(static_cast<std::size_t>(i * rows / count));
        const auto row = values.subspan(sample.rows.back() * width, width);
        sample.values.insert(sample.values.end(), row.begin(), row.end());
    }
    return sample;
}

}  // namespace cellvae
