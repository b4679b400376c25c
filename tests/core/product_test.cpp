// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/product.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cstdint>
#include <vector>

#include "cellvae/core/random.hpp"

using namespace cellvae;
using Catch::Matchers::Message;

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;

/// Whole numbers from -3 to 3: their products and sums are exact in float, and so the comparison is.
struct Case {
    Index rows, columns, depth;
    std::vector<int> left, right, product;

    Case(Index r, Index c, Index d) : rows(r), columns(c), depth(d) {
        RandomStream random(1, Purpose::test, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(c));
        left.resize(static_cast<std::size_t>(r * d));
        right.resize(static_cast<std::size_t>(d * c));
        product.resize(static_cast<std::size_t>(r * c));
        for (auto& value : left) value = static_cast<int>(random.below(7)) - 3;
        for (auto& value : right) value = static_cast<int>(random.below(7)) - 3;
        for (Index i = 0; i < r; ++i)
            for (Index k = 0; k < d; ++k)
                for (Index j = 0; j < c; ++j)
                    product[static_cast<std::size_t>(i * c + j)] +=
                        left[static_cast<std::size_t>(i * d + k)] * right[static_cast<std::size_t>(k * c + j)];
    }
};

/// The middle of a larger matrix, with `margin` rows and columns of 99 around it, or the whole matrix where that is 0.
template <class Real>
auto stored(const Matrix<Real, Exec>& all, Index margin) {
    const auto last = [&](int side) { return static_cast<Index>(all.extent(static_cast<std::size_t>(side))) - margin; };
    return Kokkos::subview(all, std::make_pair(margin, last(0)), std::make_pair(margin, last(1)));
}

template <class Real>
Matrix<Real, Exec> filled(Index rows, Index columns, Index margin, const std::vector<int>& values, bool transposed) {
    Matrix<Real, Exec> all("operand", static_cast<std::size_t>((transposed ? columns : rows) + 2 * margin),
                           static_cast<std::size_t>((transposed ? rows : columns) + 2 * margin));
    Kokkos::deep_copy(all, Real(99));
    const auto middle = stored(all, margin);
    for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; ++c)
            (transposed ? middle(c, r) : middle(r, c)) =
                static_cast<Real>(values[static_cast<std::size_t>(r * columns + c)]);
    return all;
}

/// The number of entries that differ from the expected result, and of entries around it that were written.
template <class Real>
Index wrong_entries(const Matrix<Real, Exec>& all, const Case& one, Index margin, int added) {
    Index wrong = 0;
    for (Index r = 0; r < static_cast<Index>(all.extent(0)); ++r)
        for (Index c = 0; c < static_cast<Index>(all.extent(1)); ++c) {
            const Index i = r - margin, j = c - margin;
            const bool inside = i >= 0 && i < one.rows && j >= 0 && j < one.columns;
            const int expected = inside ? one.product[static_cast<std::size_t>(i * one.columns + j)] + added : 99;
            wrong += all(r, c) == static_cast<Real>(expected) ? 0 : 1;
        }
    return wrong;
}

template <class Real, Operand left_operand, Operand right_operand>
void check_operands(const Case& one) {
    const Exec exec;
    const Products<Real, Exec> products(exec);
    for (const Index margin : {0, 3}) {
        CAPTURE(one.rows, one.columns, one.depth, margin, left_operand, right_operand);
        const auto left = filled<Real>(one.rows, one.depth, margin, one.left, left_operand == Operand::transposed);
        const auto right =
            filled<Real>(one.depth, one.columns, margin, one.right, right_operand == Operand::transposed);
        const std::vector<int> nothing(static_cast<std::size_t>(one.rows * one.columns), 5);
        const auto result = filled<Real>(one.rows, one.columns, margin, nothing, false);
        const auto l = stored(left, margin);
        const auto r = stored(right, margin);
        const auto y = stored(result, margin);
        products.template multiply<left_operand, right_operand>(exec, y, l, r);
        exec.fence();
        CHECK(wrong_entries(result, one, margin, 0) == 0);

        Kokkos::deep_copy(y, Real(5));
        products.template multiply<left_operand, right_operand>(exec, y, l, r, true);
        exec.fence();
        CHECK(wrong_entries(result, one, margin, 5) == 0);

        Kokkos::deep_copy(y, Real(7));
        const Vector<Real, Exec> packing("packing", core_detail::packing_size);
        multiply_add<left_operand, right_operand, Real>(
            one.rows, one.columns, one.depth, l.data(), static_cast<Index>(l.stride(0)), r.data(),
            static_cast<Index>(r.stride(0)), y.data(), static_cast<Index>(y.stride(0)), packing.data());
        CHECK(wrong_entries(result, one, margin, 7) == 0);
    }
}

}  // namespace

TEMPLATE_TEST_CASE("products equal the plain triple loop for all operands, sizes and strides", "", float, double) {
    const Index sizes[][3] = {{1, 1, 1}, {1, 9, 4}, {9, 1, 4}, {7, 13, 5}, {33, 64, 1}, {300, 270, 600}, {2, 600, 300}};
    for (const auto& [rows, columns, depth] : sizes) {
        const Case one(rows, columns, depth);
        check_operands<TestType, Operand::as_is, Operand::as_is>(one);
        check_operands<TestType, Operand::as_is, Operand::transposed>(one);
        check_operands<TestType, Operand::transposed, Operand::as_is>(one);
        check_operands<TestType, Operand::transposed, Operand::transposed>(one);
    }
}

TEST_CASE("a product without depth is zero, and one without rows is nothing") {
    const Exec exec;
    const Products<double, Exec> products(exec);
    const Matrix<double, Exec> result("result", 3, 2), left("left", 3, 0), right("right", 0, 2);
    Kokkos::deep_copy(result, 4.0);
    products.multiply<Operand::as_is, Operand::as_is>(exec, result, left, right, true);
    exec.fence();
    CHECK(result(2, 1) == 4);
    products.multiply<Operand::as_is, Operand::as_is>(exec, result, left, right);
    exec.fence();
    for (std::size_t r = 0; r < 3; ++r)
        for (std::size_t c = 0; c < 2; ++c) CHECK(result(r, c) == 0);
    const Matrix<double, Exec> no_rows("no rows", 0, 5), some("some", 5, 2), empty("empty", 0, 2);
    CHECK_NOTHROW(products.multiply<Operand::as_is, Operand::as_is>(exec, empty, no_rows, some));
}

TEST_CASE("a number that is not finite reaches its own row alone") {
    const Exec exec;
    const Products<double, Exec> products(exec);
    const Matrix<double, Exec> result("result", 20, 3), left("left", 20, 4), right("right", 4, 3);
    Kokkos::deep_copy(left, 1.0);
    Kokkos::deep_copy(right, 1.0);
    Kokkos::deep_copy(result, Kokkos::Experimental::quiet_NaN_v<double>);  // overwritten, not multiplied by zero
    left(13, 2) = Kokkos::Experimental::quiet_NaN_v<double>;
    products.multiply<Operand::as_is, Operand::as_is>(exec, result, left, right);
    exec.fence();
    for (std::size_t r = 0; r < 20; ++r)
        for (std::size_t c = 0; c < 3; ++c) CHECK((r == 13 ? result(r, c) != result(r, c) : result(r, c) == 4));
}

TEST_CASE("a product of sizes that do not fit is refused") {
    const Exec exec;
    const Products<double, Exec> products(exec);
    const Matrix<double, Exec> result("result", 2, 3), left("left", 2, 4), right("right", 4, 3), wide("wide", 4, 5),
        tall("tall", 5, 3), low("low", 1, 4);
    CHECK_THROWS_MATCHES((products.multiply<Operand::as_is, Operand::as_is>(exec, result, low, right)), ShapeError,
                         Message("rows of a product's left side: found 1, expected 2"));
    CHECK_THROWS_MATCHES((products.multiply<Operand::as_is, Operand::as_is>(exec, result, left, tall)), ShapeError,
                         Message("depth of a product's right side: found 5, expected 4"));
    CHECK_THROWS_MATCHES((products.multiply<Operand::as_is, Operand::as_is>(exec, result, left, wide)), ShapeError,
                         Message("columns of a product's right side: found 5, expected 3"));
    CHECK_THROWS_MATCHES((products.multiply<Operand::transposed, Operand::as_is>(exec, result, left, right)),
                         ShapeError, Message("rows of a product's left side: found 4, expected 2"));
    CHECK_THROWS_MATCHES((products.multiply<Operand::as_is, Operand::transposed>(exec, result, left, right)),
                         ShapeError, Message("depth of a product's right side: found 3, expected 4"));
}
