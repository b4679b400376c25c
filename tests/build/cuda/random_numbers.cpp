// SPDX-License-Identifier: Apache-2.0
// expect-kernel: ParallelFor<FillWithNormals, .*Kokkos::Cuda
// expect-kernel: ParallelReduce.*SumOfUniforms
#include <Kokkos_Core.hpp>

#include "cellvae/core/random.hpp"
#include "cellvae/core/views.hpp"

struct FillWithNormals {
    cellvae::Vector<double, Kokkos::Cuda> values;

    KOKKOS_FUNCTION void operator()(int i) const {
        cellvae::RandomStream random(1, cellvae::Purpose::test, static_cast<std::uint32_t>(i));
        values(i) = random.normal();
    }
};

struct SumOfUniforms {
    KOKKOS_FUNCTION void operator()(int i, double& sum) const {
        cellvae::RandomStream random(1, cellvae::Purpose::test, static_cast<std::uint32_t>(i));
        sum += random.uniform() + random.below(3);
    }
};

double random_numbers(const Kokkos::Cuda& device, int count) {
    const cellvae::Vector<double, Kokkos::Cuda> values("values", static_cast<std::size_t>(count));
    Kokkos::parallel_for("fill", Kokkos::RangePolicy<Kokkos::Cuda>(device, 0, count), FillWithNormals{values});
    double sum = 0;
    Kokkos::parallel_reduce("sum", Kokkos::RangePolicy<Kokkos::Cuda>(device, 0, count), SumOfUniforms{}, sum);
    return sum;
}
