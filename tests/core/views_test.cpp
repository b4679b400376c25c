// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/views.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <limits>
#include <vector>

using namespace cellvae;
using Catch::Matchers::Message;

TEST_CASE("a size that does not fit is refused with its name and both numbers") {
    CHECK_NOTHROW(require_size(3, 3, "rows of the minibatch"));
    CHECK_THROWS_MATCHES(require_size(4, 3, "rows of the minibatch"), ShapeError,
                         Message("rows of the minibatch: found 4, expected 3"));
}

TEST_CASE("the first value that is not finite is refused with its row and column") {
    std::vector<float> values{0, 1, 2, 3, 4, 5};
    CHECK_NOTHROW(require_finite(values, 3, "latents"));
    CHECK_NOTHROW(require_finite({}, 3, "latents"));
    values[4] = std::numeric_limits<float>::infinity();
    values[5] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_MATCHES(require_finite(values, 3, "latents"), InputError,
                         Message("latents: row 1, column 1 is inf, expected a finite number"));
}

TEST_CASE("matrices are row-major, and slices look into memory of others") {
    std::vector<double> memory{0, 1, 2, 3, 4, 5};
    {
        const MatrixSlice<double, Kokkos::HostSpace> slice(memory.data(), 2, 3);
        CHECK(slice(1, 0) == 3);
        CHECK(slice.stride(0) == 3);
        slice(1, 2) = 7;
    }
    CHECK(memory[5] == 7);  // and the end of the slice freed nothing
    const Matrix<float, Kokkos::HostSpace> matrix("matrix", 4, 5);
    CHECK(&matrix(2, 3) - matrix.data() == 13);
}

TEST_CASE("the host runs its own spaces") {
    CHECK(runs_on_host<Kokkos::DefaultHostExecutionSpace>);
    CHECK(runs_on_host<Kokkos::DefaultExecutionSpace> ==
          Kokkos::SpaceAccessibility<Kokkos::HostSpace, Kokkos::DefaultExecutionSpace::memory_space>::accessible);
}
