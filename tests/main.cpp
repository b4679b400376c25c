// SPDX-License-Identifier: Apache-2.0
// The tests' own main: Kokkos lives for the whole run.
#include <Kokkos_Core.hpp>

#include <catch2/catch_session.hpp>

int main(int argc, char* argv[]) {
    Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    return Catch::Session().run(argc, argv);
}
