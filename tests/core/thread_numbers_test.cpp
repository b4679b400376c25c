// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/thread_numbers.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <vector>

using namespace cellvae;

namespace thread_numbers_test {

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;

/// How often a number was given that another call had, or that is not below size().
int clashes(const Exec& exec, const ThreadNumbers<Exec>& numbers, Index pieces) {
    std::vector<std::atomic<int>> taken(static_cast<std::size_t>(numbers.size()));
    std::atomic<int> found{0}, calls{0};
    Kokkos::parallel_for("thread_numbers_test",
                         Kokkos::RangePolicy<Exec, Kokkos::Schedule<Kokkos::Dynamic>>(exec, 0, pieces),
                         [&](const Index) {
                             numbers.with([&](const Index number) {
                                 ++calls;
                                 if (number < 0 || number >= numbers.size()) {
                                     ++found;
                                     return;
                                 }
                                 auto& mine = taken[static_cast<std::size_t>(number)];
                                 if (mine++ != 0) ++found;
                                 volatile int work = 0;
                                 for (int i = 0; i < 2000; ++i) work = work + 1;
                                 --mine;
                             });
                         });
    exec.fence();
    CHECK(calls == static_cast<int>(pieces));
    return found;
}

}  // namespace

TEST_CASE("no two threads have a number at a time, and there are as many as are asked for or as there are threads") {
    const Exec exec;
    const auto threads = static_cast<Index>(exec.concurrency());
    CHECK(ThreadNumbers<Exec>().size() == 0);
    CHECK(ThreadNumbers<Exec>(exec, 1).size() == 1);
    const ThreadNumbers<Exec> of_all(exec, 1000);
    CHECK(of_all.size() == threads);
    CHECK(clashes(exec, of_all, 3000) == 0);
    const ThreadNumbers<Exec> copy = of_all;
    CHECK(clashes(exec, copy, 3000) == 0);
    const Index fewer = std::max<Index>(threads - 1, 1);  // of threads of which one has no piece
    CHECK(clashes(exec, ThreadNumbers<Exec>(exec, fewer), fewer) == 0);
}

}  // namespace thread_numbers_test
