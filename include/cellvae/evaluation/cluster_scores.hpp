// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cellvae/clustering/contingency_table.hpp"

namespace cellvae {

/// The adjusted Rand index (Hubert and Arabie 1985, J. Classif. 2:193-218): 1 for the same partition, 0 in expectation
/// for partitions with these sizes drawn at random; it can be negative. Labellings that agree on every pair, empty ones
/// included, score 1. Exact sums below 3 billion cells.
[[nodiscard]] inline double adjusted_rand_index(const ContingencyTable& table) {
    const auto squares = [](const std::vector<std::int64_t>& counts) {
        std::int64_t sum = 0;
        for (const std::int64_t count : counts) sum += count * count;
        return sum;
    };
    // ordered pairs of different cells: together in both, in the second alone, in the first alone, in neither
    const std::int64_t together = squares(table.counts), second = squares(table.column_sums),
                       first = squares(table.row_sums);
    const std::int64_t both = together - table.total, only_second = second - together, only_first = first - together;
    const std::int64_t neither = table.total * table.total - only_second - only_first - together;
    if (only_second == 0 && only_first == 0) return 1;
    const auto tp = static_cast<double>(both), fp = static_cast<double>(only_second),
               fn = static_cast<double>(only_first), tn = static_cast<double>(neither);
    return 2 * (tp * tn - fn * fp) / ((tp + fn) * (fn + tn) + (tp + fp) * (fp + tn));
}

/// The adjusted Rand index of two labellings; cells with a negative code on either side are left out.
[[nodiscard]] inline double adjusted_rand_index(std::span<const std::int32_t> first,
                                                std::span<const std::int32_t> second) {
    return adjusted_rand_index(contingency_table(first, second));
}

/// The mutual information of two labellings in nats, 0 or more.
[[nodiscard]] inline double mutual_information(const ContingencyTable& table) {
    if (table.rows.size() < 2 || table.columns.size() < 2) return 0;
    const auto total = static_cast<double>(table.total);
    double sum = 0;
    for (std::size_t row = 0; row < table.rows.size(); ++row)
        for (std::size_t column = 0; column < table.columns.size(); ++column) {
            const auto count = static_cast<double>(table.count(row, column));
            if (count == 0) continue;
            const auto row_sum = static_cast<double>(table.row_sums[row]);
            const auto column_sum = static_cast<double>(table.column_sums[column]);
            sum += count / total * std::log(count * total / (row_sum * column_sum));
        }
    return std::max(sum, 0.0);
}

/// The mutual information divided by the arithmetic mean of the two entropies (Strehl and Ghosh 2002; scikit-learn's
/// default normalisation): 0 .. 1. Two labellings of one cluster each, and two empty ones, score 1.
[[nodiscard]] inline double normalised_mutual_information(const ContingencyTable& table) {
    if (table.rows.size() <= 1 && table.columns.size() <= 1) return 1;
    const double information = mutual_information(table);
    if (information == 0) return 0;
    const auto entropy = [&](const std::vector<std::int64_t>& sums) {
        double value = 0;
        for (const std::int64_t sum : sums) {
            const double share = static_cast<double>(sum) / static_cast<double>(table.total);
            value -= share * std::log(share);
        }
        return value;
    };
    return information / (0.5 * (entropy(table.row_sums) + entropy(table.column_sums)));
}

/// The normalised mutual information of two labellings; cells with a negative code on either side are left out.
[[nodiscard]] inline double normalised_mutual_information(std::span<const std::int32_t> first,
                                                          std::span<const std::int32_t> second) {
    return normalised_mutual_information(contingency_table(first, second));
}

}  // namespace cellvae
