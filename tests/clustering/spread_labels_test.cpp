// SPDX-License-Identifier: Apache-2.0
#include "cellvae/clustering/spread_labels.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <Eigen/LU>

#include <limits>
#include <vector>

#include "cellvae/core/random.hpp"

using namespace cellvae;
using Catch::Approx;

namespace spread_labels_test {

namespace {

/// Rows of three Gaussian groups in two dimensions.
struct Rows {
    std::vector<float> values;
    std::vector<std::int32_t> group;
    Neighbours neighbours;

    Rows(int of_each, double apart, int count) {
        RandomStream random(7, Purpose::test);
        for (int k = 0; k < 3; ++k)
            for (int row = 0; row < of_each; ++row) {
                values.push_back(static_cast<float>(apart * k + random.normal()));
                values.push_back(static_cast<float>(random.normal()));
                group.push_back(k);
            }
        neighbours = nearest_neighbours({}, values, static_cast<Index>(group.size()), 2, count);
    }
};

}  // namespace

TEST_CASE("labels spread as the limit in closed form says") {
    const Rows rows(30, 2, 5);
    const auto n = static_cast<Eigen::Index>(rows.group.size());
    std::vector<std::int32_t> known(rows.group.size(), -1);
    for (const std::size_t row : {2U, 29U, 33U, 70U, 71U}) known[row] = rows.group[row];
    const auto found = spread_labels({}, rows.values, 2, rows.neighbours, known, 3);

    Eigen::MatrixXd edges = Eigen::MatrixXd::Zero(n, n), said = Eigen::MatrixXd::Zero(n, 3);
    for (Eigen::Index row = 0; row < n; ++row)
        for (Eigen::Index k = 0; k < 5; ++k) {
            const auto other = rows.neighbours.index[static_cast<std::size_t>(row * 5 + k)];
            edges(row, other) = edges(other, row) = 1;
        }
    for (Eigen::Index row = 0; row < n; ++row)
        if (known[static_cast<std::size_t>(row)] >= 0) said(row, known[static_cast<std::size_t>(row)]) = 1;
    const Eigen::VectorXd scale = edges.rowwise().sum().cwiseSqrt().cwiseInverse();
    const Eigen::MatrixXd system =
        Eigen::MatrixXd::Identity(n, n) - 0.9 * (scale.asDiagonal() * edges * scale.asDiagonal()).eval();
    const Eigen::MatrixXd limit = system.lu().solve(said);
    for (Eigen::Index row = 0; row < n; ++row) {
        const auto at = static_cast<std::size_t>(row);
        Eigen::Index most = 0;
        limit.row(row).maxCoeff(&most);
        INFO("row " << row);
        if (known[at] >= 0) {
            CHECK(found.labels[at] == known[at]);
            CHECK(found.certainty[at] == 1);
        } else {
            CHECK(found.labels[at] == most);
            CHECK(found.certainty[at] == Approx(limit(row, most) / limit.row(row).sum()).epsilon(1e-3));
        }
    }
}

TEST_CASE("one known row of a group is enough, and a known row keeps its label") {
    const Rows rows(60, 9, 8);
    std::vector<std::int32_t> known(rows.group.size(), -1);
    known[5] = 0;
    known[65] = 1;
    known[125] = 2;
    CHECK(spread_labels({}, rows.values, 2, rows.neighbours, known, 3).labels == rows.group);
    known[6] = 2;  // against all that is near
    CHECK(spread_labels({}, rows.values, 2, rows.neighbours, known, 3).labels[6] == 2);
}

TEST_CASE("rows that no path joins to a known one have the nearest known row's label, and say so") {
    const Rows rows(40, 30, 4);
    std::vector<std::int32_t> known(rows.group.size(), -1);
    known[0] = 0;
    known[119] = 1;
    for (std::size_t row = 100; row < 110; ++row) known[row] = 0;  // nearer to the middle than row 0 are
    const auto found = spread_labels({}, rows.values, 2, rows.neighbours, known, 2);
    for (std::size_t row = 40; row < 80; ++row) {
        std::size_t nearest = 0;
        double least = 1e9;
        for (std::size_t other = 0; other < known.size(); ++other) {
            const double x = static_cast<double>(rows.values[2 * row]) - static_cast<double>(rows.values[2 * other]);
            const double y =
                static_cast<double>(rows.values[2 * row + 1]) - static_cast<double>(rows.values[2 * other + 1]);
            if (known[other] >= 0 && x * x + y * y < least) {
                least = x * x + y * y;
                nearest = other;
            }
        }
        CHECK(found.labels[row] == known[nearest]);
        CHECK(found.certainty[row] == 0);
    }
}

TEST_CASE("what cannot be spread is refused") {
    const Rows rows(10, 3, 3);
    std::vector<std::int32_t> known(30, -1);
    CHECK_THROWS_AS(spread_labels({}, rows.values, 2, rows.neighbours, known, 2), OptionError);
    known[0] = 2;
    CHECK_THROWS_AS(spread_labels({}, rows.values, 2, rows.neighbours, known, 2), OptionError);
    CHECK_THROWS_AS(spread_labels({}, rows.values, 3, rows.neighbours, known, 3), ShapeError);
    CHECK_THROWS_AS(spread_labels({}, rows.values, 2, rows.neighbours, {known.data(), 29}, 3), ShapeError);
    CHECK_THROWS_AS(spread_labels({}, rows.values, 2, rows.neighbours, known, 3, {.share = 1}), OptionError);
    auto broken = rows.values;
    broken[5] = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(spread_labels({}, broken, 2, rows.neighbours, known, 3), InputError);
}

}  // namespace spread_labels_test
