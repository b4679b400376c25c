// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/csr_rows.hpp"

#include "cellvae/core/random.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace csr_rows_test {

using namespace cellvae;

TEST_CASE("genes that ascend in every row are seen in pieces, wherever these and the rows begin") {
    RandomStream random(3, Purpose::test);
    const auto below = [&](std::size_t limit) { return random.below(static_cast<std::uint32_t>(limit)); };
    int tidy = 0, untidy = 0;
    for (int round = 0; round < 400; ++round) {
        CountMatrix matrix;
        for (std::uint32_t row = 0; row < 1 + below(8); ++row) {
            for (GeneIndex gene = 0; gene < 12; ++gene)
                if (below(3) == 0) matrix.columns.push_back(gene);
            matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.columns.size()));  // some rows are empty
        }
        matrix.values.assign(matrix.columns.size(), 1.0f);
        if (round % 2 == 1 && !matrix.columns.empty())
            matrix.columns[below(matrix.columns.size())] = static_cast<GeneIndex>(below(12));
        io_detail::AscentWatch watch;
        std::vector<std::pair<std::size_t, std::size_t>> pieces;
        for (std::size_t first = 0; first < matrix.columns.size();) {
            const std::size_t last = std::min<std::size_t>(matrix.columns.size(), first + below(6));
            pieces.emplace_back(first, last);  // some of them empty
            first = last;
        }
        for (std::size_t k = 0; k + 1 < pieces.size(); ++k) std::swap(pieces[k], pieces[k + below(pieces.size() - k)]);
        for (const auto& [first, last] : pieces) watch(first, matrix.columns.data() + first, last - first);
        const auto rows = io_detail::tidy_ones(matrix);
        const bool all = std::all_of(rows.begin(), rows.end(), [](char one) { return one != 0; });
        CHECK(watch.all_ascend(matrix) == all);
        ++(all ? tidy : untidy);
    }
    CHECK(tidy > 50);
    CHECK(untidy > 50);
}

}  // namespace csr_rows_test
