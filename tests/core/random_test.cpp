// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/random.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cmath>
#include <set>

using cellvae::Purpose;
using cellvae::RandomStream;

TEST_CASE("a stream is the same however often it is opened, and differs with every part of its key") {
    const auto first = [](RandomStream stream) { return stream(); };
    const auto reference = first({7, Purpose::test, 1, 2, 3});
    CHECK(first({7, Purpose::test, 1, 2, 3}) == reference);
    const std::set<std::uint32_t> values{reference,
                                         first({8, Purpose::test, 1, 2, 3}),
                                         first({7ull << 32, Purpose::test, 1, 2, 3}),
                                         first({7, Purpose::dropout, 1, 2, 3}),
                                         first({7, Purpose::test, 2, 2, 3}),
                                         first({7, Purpose::test, 1, 3, 3}),
                                         first({7, Purpose::test, 1, 2, 4})};
    CHECK(values.size() == 7);
}

TEMPLATE_TEST_CASE("uniform and normal numbers have the moments of their laws", "", float, double) {
    RandomStream stream(11, Purpose::test);
    constexpr int draws = 200000;
    double sum = 0, squares = 0, fourth = 0, uniform_sum = 0;
    for (int i = 0; i < draws; ++i) {
        const auto u = stream.uniform<TestType>();
        REQUIRE((u > 0 && u < 1));
        uniform_sum += static_cast<double>(u);
        const auto n = static_cast<double>(stream.normal<TestType>());
        sum += n;
        squares += n * n;
        fourth += n * n * n * n;
    }
    // five standard errors of each mean
    CHECK(std::abs(uniform_sum / draws - 0.5) < 5 * std::sqrt(1.0 / 12 / draws));
    CHECK(std::abs(sum / draws) < 5 * std::sqrt(1.0 / draws));
    CHECK(std::abs(squares / draws - 1) < 5 * std::sqrt(2.0 / draws));
    CHECK(std::abs(fourth / draws - 3) < 5 * std::sqrt(96.0 / draws));
}

TEMPLATE_TEST_CASE("a stream that leaves out numbers goes on where one that draws them does", "", float, double) {
    const auto check = [](const auto& draw) {
        RandomStream whole(5, Purpose::test, 1);
        for (int i = 0; i < 12; ++i) draw(whole);
        RandomStream rest(5, Purpose::test, 1);
        rest.skip<TestType>(12);
        for (int i = 0; i < 6; ++i) CHECK(draw(rest) == draw(whole));
    };
    check([](RandomStream& stream) { return stream.uniform<TestType>(); });
    check([](RandomStream& stream) { return stream.normal<TestType>(); });
}

TEST_CASE("below reaches every number under its bound equally often") {
    RandomStream stream(3, Purpose::test);
    std::array<int, 7> seen{};
    for (int i = 0; i < 70000; ++i) ++seen[stream.below(7)];
    for (const int count : seen) CHECK(std::abs(count - 10000) < 5 * std::sqrt(10000.0));
}
