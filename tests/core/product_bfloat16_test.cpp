// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/product_bfloat16.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "cellvae/core/random.hpp"

using namespace cellvae;
using namespace cellvae::core_detail;

namespace {

/// To 8 significant bits, by the C library's rounding: to nearest, ties to even.
float rounded(float value) {
    int exponent = 0;
    const double fraction = std::frexp(static_cast<double>(value), &exponent);
    return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8));
}

/// Rows x columns of numbers between -2 and 2 with 5 more in each row, which are not a number: nothing may read them.
struct Stored {
    Index rows, columns, stride;
    std::vector<float> values;

    Stored(Index r, Index c, std::uint32_t key) : rows(r), columns(c), stride(c + 5) {
        RandomStream random(1, Purpose::test, key);
        values.assign(static_cast<std::size_t>(r * stride), std::numeric_limits<float>::quiet_NaN());
        for (Index i = 0; i < r; ++i)
            for (Index j = 0; j < c; ++j)
                values[static_cast<std::size_t>(i * stride + j)] = 4 * random.uniform<float>() - 2;
    }

    [[nodiscard]] float at(Index i, Index j) const { return values[static_cast<std::size_t>(i * stride + j)]; }
};

using Pairs = std::vector<Bfloat16Pair>;

Pairs pairs(Index count) { return Pairs(static_cast<std::size_t>(count), 0xffffffffu); }

/// The result with a column more than the product has, all 3 before, against the products in double.
template <class Left, class Right>
void check(Index rows, Index columns, Index depth, const Pairs& left, Index left_stride, const Pairs& right,
           const Left& left_at, const Right& right_at) {
    for (const bool accumulate : {false, true}) {
        std::vector<float> result(static_cast<std::size_t>(rows * (columns + 1)), 3.0f);
        multiply_bfloat16(rows, columns, pairs_of(depth), left.data(), left_stride, right.data(), result.data(),
                          columns + 1, accumulate);
        Index wrong = 0;
        for (Index i = 0; i < rows; ++i) {
            for (Index j = 0; j < columns; ++j) {
                double sum = accumulate ? 3 : 0, size = 3;
                for (Index k = 0; k < depth; ++k) {
                    const double term =
                        static_cast<double>(rounded(left_at(i, k))) * static_cast<double>(rounded(right_at(k, j)));
                    sum += term;
                    size += std::abs(term);
                }
                const auto found = static_cast<double>(result[static_cast<std::size_t>(i * (columns + 1) + j)]);
                wrong += std::abs(found - sum) <= 1e-6 * size ? 0 : 1;
            }
            wrong += result[static_cast<std::size_t>(i * (columns + 1) + columns)] == 3.0f ? 0 : 1;
        }
        CAPTURE(rows, columns, depth, accumulate);
        CHECK(wrong == 0);
    }
}

}  // namespace

TEST_CASE("products of rounded operands equal the loop in double, in every layout and at every border of a tile") {
    const Index rows = GENERATE(1, 7, 8, 29, 50), columns = GENERATE(1, 16, 35, 64, 130),
                depth = GENERATE(1, 2, 31, 67, 100);
    const Index all_rows = padded(rows, tile_columns), count = pairs_of(depth);

    const Stored right(depth, columns, 1), right_transposed(columns, depth, 2);
    auto right_pairs = pairs(right_size(depth, columns));
    auto columns_pairs = right_pairs;
    round_right(depth, columns, right.values.data(), right.stride, right_pairs.data());
    round_right_transposed(depth, columns, right_transposed.values.data(), right_transposed.stride,
                           columns_pairs.data());

    const Stored left(rows, depth, 3), left_transposed(depth, rows, 4);
    auto left_pairs = pairs(all_rows * (count + 3)), transposed_pairs = left_pairs;
    round_left(rows, depth, left.values.data(), left.stride, left_pairs.data(), count + 3);
    round_left_transposed(rows, depth, left_transposed.values.data(), left_transposed.stride, transposed_pairs.data(),
                          count + 3);

    const auto left_at = [&](Index i, Index k) { return left.at(i, k); };
    const auto left_transposed_at = [&](Index i, Index k) { return left_transposed.at(k, i); };
    const auto right_at = [&](Index k, Index j) { return right.at(k, j); };
    const auto right_transposed_at = [&](Index k, Index j) { return right_transposed.at(j, k); };
    check(rows, columns, depth, left_pairs, count + 3, right_pairs, left_at, right_at);
    check(rows, columns, depth, left_pairs, count + 3, columns_pairs, left_at, right_transposed_at);
    check(rows, columns, depth, transposed_pairs, count + 3, right_pairs, left_transposed_at, right_at);
}

TEST_CASE("rounding to bfloat16 is to nearest with ties to even, and keeps what is not finite") {
    const float infinity = std::numeric_limits<float>::infinity(), largest = std::numeric_limits<float>::max();
    // below, at and above the middle between 1 and its neighbour, and the tie above an odd one
    const std::vector<std::pair<float, std::uint32_t>> expected{
        {0.0f, 0x0000},        {-0.0f, 0x8000},           {1.0f, 0x3f80},
        {1.00390613f, 0x3f80}, {1.00390625f, 0x3f80},     {1.00390637f, 0x3f81},
        {1.01171875f, 0x3f82}, {-1.5f, 0xbfc0},           {1e-40f, 0x0000},
        {-1e-40f, 0x8000},     {1.17549435e-38f, 0x0080}, {infinity, 0x7f80},
        {-infinity, 0xff80},   {largest, 0x7f80}};
    for (const auto& [value, bits] : expected) {
        CAPTURE(value);
        Bfloat16Pair found = 0;
        round_left(1, 1, &value, 1, &found, 1);
        CHECK(found == bits);
        const float two[] = {1.0f, value};
        round_left(1, 2, two, 2, &found, 1);
        CHECK(found == (0x3f80u | bits << 16));
    }
    const float not_a_number = std::numeric_limits<float>::quiet_NaN();
    Bfloat16Pair found = 0;
    round_left(1, 1, &not_a_number, 1, &found, 1);
    CHECK(std::isnan(std::bit_cast<float>(found << 16)));
}

TEST_CASE("a number that is not finite reaches its own row alone, whatever is padded") {
    std::vector<float> left(27, 1.0f), right(51, 2.0f), result(153);  // 9 x 3, 3 x 17, 9 x 17
    left[8 * 3 + 2] = std::numeric_limits<float>::quiet_NaN();
    left[2 * 3 + 0] = std::numeric_limits<float>::infinity();
    auto left_pairs = pairs(32), right_pairs = pairs(right_size(3, 17));
    round_left(9, 3, left.data(), 3, left_pairs.data(), 2);
    round_right(3, 17, right.data(), 17, right_pairs.data());
    multiply_bfloat16(9, 17, 2, left_pairs.data(), 2, right_pairs.data(), result.data(), 17, false);
    for (std::size_t row = 0; row < 9; ++row)
        for (std::size_t c = 0; c < 17; ++c) {
            const float value = result[row * 17 + c];
            CHECK((row == 8 ? std::isnan(value) : row == 2 ? std::isinf(value) : value == 6.0f));
        }
}

TEST_CASE("a product without depth is zero, or adds nothing") {
    std::vector<float> result(153, 3.0f);  // 9 x 17
    multiply_bfloat16(9, 17, 0, nullptr, 0, nullptr, result.data(), 17, true);
    CHECK(result == std::vector<float>(153, 3.0f));
    multiply_bfloat16(9, 17, 0, nullptr, 0, nullptr, result.data(), 17, false);
    CHECK(result == std::vector<float>(153, 0.0f));
}
