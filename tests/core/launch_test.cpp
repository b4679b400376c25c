// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/launch.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <cmath>

#include "cellvae/core/random.hpp"

using cellvae::Index;
using cellvae::KernelLabel;
using cellvae::KernelRow;
using Exec = Kokkos::DefaultExecutionSpace;
using Space = Exec::memory_space;

namespace {

// A thread's work, and more than that: `cost` decides who does it.
constexpr Index costs[] = {0, Index(1) << 40};

void count_elements(const Exec& exec, Index cost, const cellvae::Matrix<int, Space>& seen) {
    const auto rows = static_cast<Index>(seen.extent(0)), columns = static_cast<Index>(seen.extent(1));
    cellvae::for_each_element(
        exec, KernelLabel("test::elements"), rows, columns, cost,
        KOKKOS_LAMBDA(const Index row, const Index column) { seen(row, column) += 1; });
}

// Each row draws as many numbers as it has columns and takes their mean from them, with all that a KernelRow offers.
void centre_draws(const Exec& exec, Index cost, const cellvae::Matrix<float, Space>& centred,
                  const cellvae::Vector<double, Space>& mean, const cellvae::Vector<float, Space>& largest) {
    const auto columns = static_cast<Index>(centred.extent(1));
    cellvae::for_each_row(
        exec, KernelLabel("test::rows"), static_cast<Index>(centred.extent(0)), cost,
        KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const cellvae::RandomStream whole(3, cellvae::Purpose::test, static_cast<std::uint32_t>(row));
            along.runs(columns, 4, [&](const Index begin, const Index end) {
                cellvae::RandomStream random = whole;
                random.skip<float>(begin);
                for (Index c = begin; c < end; ++c) centred(row, c) = random.normal<float>();
            });
        });
    cellvae::for_each_row(
        exec, KernelLabel("test::means"), static_cast<Index>(centred.extent(0)), cost,
        KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const double sum = along.sum(columns, [&](const Index c) { return static_cast<double>(centred(row, c)); });
            along.once([&]() { mean(row) += sum / static_cast<double>(columns); });
            along.columns(columns, [&](const Index c) {
                centred(row, c) -= static_cast<float>(sum / static_cast<double>(columns));
            });
            along.wait();
            const auto most =
                along.largest<float>(columns, [&](const Index c) { return centred(row, columns - 1 - c); });
            along.once([&]() { largest(row) = most; });
        });
}

}  // namespace

TEST_CASE("every element is worked on once") {
    const Exec exec;
    const Index cost = costs[GENERATE(range(0, 2))];
    for (const Index rows : {0, 1, 7}) {
        const cellvae::Matrix<int, Space> seen("seen", static_cast<std::size_t>(rows), 5);
        count_elements(exec, cost, seen);
        const auto host = cellvae::to_host(exec, KernelLabel("test::seen"), seen);
        for (std::size_t row = 0; row < host.extent(0); ++row)
            for (std::size_t column = 0; column < 5; ++column) CHECK(host(row, column) == 1);
    }
}

TEST_CASE("what a row does along its columns is what one stream and one loop would do") {
    const Exec exec;
    const Index cost = costs[GENERATE(range(0, 2))];
    const cellvae::Matrix<float, Space> centred("centred", 9, 11);
    const cellvae::Vector<double, Space> mean("mean", 9);
    const cellvae::Vector<float, Space> largest("largest", 9);
    centre_draws(exec, cost, centred, mean, largest);
    const auto values = cellvae::to_host(exec, KernelLabel("test::centred"), centred);
    const auto means = cellvae::to_host(exec, KernelLabel("test::mean"), mean);
    const auto most = cellvae::to_host(exec, KernelLabel("test::largest"), largest);
    for (std::size_t row = 0; row < 9; ++row) {
        cellvae::RandomStream random(3, cellvae::Purpose::test, static_cast<std::uint32_t>(row));
        float drawn[11];
        double sum = 0;
        for (float& value : drawn) sum += static_cast<double>(value = random.normal<float>());
        CHECK(std::abs(means(row) - sum / 11) < 1e-6);
        CHECK(most(row) == *std::max_element(&values(row, 0), &values(row, 0) + 11));
        for (std::size_t c = 0; c < 11; ++c)
            CHECK(std::abs(values(row, c) - (drawn[c] - static_cast<float>(sum / 11))) < 1e-6f);
    }
}
