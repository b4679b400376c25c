// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/dip.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cellvae/core/random.hpp"

using namespace cellvae;

namespace dip_test {

namespace {

std::vector<double> uniform(std::size_t size, std::uint32_t number) {
    RandomStream random(5, Purpose::test, number);
    std::vector<double> values;
    for (std::size_t k = 0; k < size; ++k) values.push_back(random.uniform());
    return values;
}

}  // namespace

TEST_CASE("dips and p-values are those of the package diptest") {
    std::ifstream file(CELLVAE_TESTS_DIR "/clustering/dip_peer.csv");
    std::string line;
    REQUIRE(std::getline(file, line));  // what made it
    int samples = 0;
    for (; std::getline(file, line); ++samples) {
        std::istringstream fields(line);
        std::vector<double> values;
        for (std::string field; std::getline(fields, field, ',');) values.push_back(std::stod(field));
        const double expected = values[0], p = values[1];
        values.erase(values.begin(), values.begin() + 2);
        CAPTURE(samples, values.size());
        const double found = dip(values), least = 1 / (2 * static_cast<double>(values.size()));
        // the package has 0 for evenly spaced values, which are as unimodal as a sample can be
        CHECK(std::abs(found - std::max(expected, least)) < 1e-12);
        const double own = dip_p_value(found, values.size());
        if (found <= least * (1 + 1e-12))  // where every sample dips as much, or more
            CHECK(own == 1);
        else  // both tables are simulated, and interpolated between sizes
            CHECK(std::abs(own - p) < 0.02 + 0.1 * p);
    }
    CHECK(samples == 27);
}

TEST_CASE("the dip is the same shifted, stretched and turned around, and equal values have the least") {
    auto values = uniform(37, 100);
    const double before = dip(values);
    for (double& value : values) value = 3 - 7 * value;
    CHECK(std::abs(dip(values) - before) < 1e-12);
    CHECK(dip(std::vector<double>(10, 2.0)) == 0.05);
    CHECK(dip({1.0}) == 0.5);
    CHECK_THROWS_AS(dip({}), ShapeError);
}

TEST_CASE("p-values of uniform samples are spread evenly, and those of two modes are small") {
    for (const std::size_t size : {10, 40, 300}) {
        int below[3] = {};
        const double levels[] = {0.05, 0.2, 0.5};
        constexpr int draws = 2000;
        for (std::uint32_t draw = 0; draw < draws; ++draw) {
            const double p = dip_p_value(dip(uniform(size, 1000 + draw)), size);
            for (int k = 0; k < 3; ++k) below[k] += p <= levels[k] ? 1 : 0;
        }
        for (int k = 0; k < 3; ++k) {
            CAPTURE(size, levels[k]);
            const double share = below[k] / static_cast<double>(draws);
            CHECK(std::abs(share - levels[k]) < 5 * std::sqrt(levels[k] * (1 - levels[k]) / draws));
        }
        auto two = uniform(size, 7);
        for (std::size_t k = 0; k < size; k += 2) two[k] += 3;
        CHECK(dip_p_value(dip(two), size) < 0.01);
        CHECK(dip_p_value(1 / (2 * static_cast<double>(size)), size) == 1);
    }
    CHECK(dip_p_value(0.2, 100000) < 1e-6);
    CHECK(dip_p_value(0.25, 3) == 1);  // three values are always unimodal
}

}  // namespace dip_test
