// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

// Points that the Python scripts behind figures in the tests made too.

namespace clustering_test {

/// Their generator (Numerical Recipes' ranqd1, upper 24 bits).
struct Lcg {
    std::uint32_t state;
    double operator()() {
        state = state * 1664525u + 1013904223u;
        return static_cast<double>(state >> 8) / 16777216.0;
    }
};

/// 300 points of five overlapping boxes in three dimensions.
inline std::vector<float> boxes() {
    Lcg uniform{12345};
    std::vector<float> values;
    for (int i = 0; i < 300; ++i) {
        const int k = i % 5;
        const double corner[3] = {((k * 7) % 5) * 0.5, ((k * 3) % 5) * 0.5, k * 0.5};
        for (const double c : corner) values.push_back(static_cast<float>(c + 1.5 * uniform()));
    }
    return values;
}

}  // namespace clustering_test
