// SPDX-License-Identifier: Apache-2.0
// The tests' own main: Kokkos lives for the whole run.
#include <Kokkos_Core.hpp>

#include <catch2/catch_session.hpp>

// What HDF5 1.10 forgets when it cannot close a file whose metadata are damaged is not a finding about our code.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer gives the name
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5"; }

int main(int argc, char* argv[]) {
    Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    return Catch::Session().run(argc, argv);
}
