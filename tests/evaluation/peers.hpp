// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

/// The numbers of evaluation_peers.py, and what it makes of them.

struct PeerNumbers {
    std::uint32_t state = 2025;
    double operator()() {
        state = state * 1664525u + 1013904223u;
        return static_cast<double>(state >> 8) / 16777216.0;
    }

    static constexpr int rows = 400, columns = 6;
    /// Four flat squares. Their first two columns are near the best picture, and so its minimum does not hang on the
    /// last bits: numbers that differ by 1e-5 change scikit-learn's divergence by 2e-4 of it. In round clouds, by 7%.
    std::vector<float> points() {
        std::vector<float> values;
        for (int row = 0; row < rows; ++row)
            for (int column = 0; column < columns; ++column)
                values.push_back(static_cast<float>(
                    column > 1 ? 0.2 * (*this)() : 3 * (column == 0 ? row % 2 : row / 2 % 2) + 2 * (*this)()));
        return values;
    }
};

/// The lines of evaluation_peers.csv.
inline std::vector<std::vector<double>> peer_results() {
    std::ifstream file(CELLVAE_TESTS_DIR "/evaluation/evaluation_peers.csv");
    std::vector<std::vector<double>> lines;
    for (std::string line, field; std::getline(file, line);) {
        std::istringstream text(line);
        auto& values = lines.emplace_back();
        while (std::getline(text, field, ',')) values.push_back(std::stod(field));
    }
    return lines;
}
