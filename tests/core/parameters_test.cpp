// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/parameters.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstdint>

using namespace cellvae;

TEMPLATE_TEST_CASE("arrays start on 64-byte boundaries, in the order in which they were added", "", float, double) {
    using Exec = Kokkos::DefaultHostExecutionSpace;
    const Exec exec;
    ParameterStore<TestType, Exec> store;
    const int weight = store.add("layer/weight", 3, 7);
    const int bias = store.add("layer/bias", 1, 1);
    const int head = store.add("head/weight", 64, 2);
    store.allocate(exec);
    exec.fence();

    CHECK(store.find("layer/bias") == bias);
    CHECK(store.find("layer") == -1);
    REQUIRE(store.entries().size() == 3);
    CHECK(store.entries()[0].name == "layer/weight");
    CHECK(store.entries()[2].rows == 64);
    CHECK(store.entries()[2].columns == 2);
    Index elements = 0;
    for (const int id : {weight, bias, head}) {
        const auto& entry = store.entries()[static_cast<std::size_t>(id)];
        CHECK(entry.offset >= elements);
        elements = entry.offset + entry.rows * entry.columns;
        CHECK(reinterpret_cast<std::uintptr_t>(store.value(id).data()) % 64 == 0);
        CHECK(reinterpret_cast<std::uintptr_t>(store.gradient(id).data()) % 64 == 0);
        CHECK(store.value(id).data() == store.values().data() + entry.offset);
        CHECK(store.gradient(id).data() == store.gradients().data() + entry.offset);
        CHECK(static_cast<Index>(store.value(id).extent(0)) == entry.rows);
        CHECK(static_cast<Index>(store.value(id).extent(1)) == entry.columns);
    }
    CHECK(store.size() >= elements);
    CHECK(static_cast<Index>(store.values().extent(0)) == store.size());
    CHECK(static_cast<Index>(store.gradients().extent(0)) == store.size());

    // everything starts as zero, and what is written to the arrays does not touch the gaps
    for (const int id : {weight, bias, head}) {
        Kokkos::deep_copy(store.value(id), TestType(1));
        Kokkos::deep_copy(store.gradient(id), TestType(2));
    }
    double values = 0, gradients = 0;
    for (Index i = 0; i < store.size(); ++i) {
        values += static_cast<double>(store.values()(i));
        gradients += static_cast<double>(store.gradients()(i));
    }
    CHECK(values == 3 * 7 + 1 + 64 * 2);
    CHECK(gradients == 2 * values);
}
