// SPDX-License-Identifier: Apache-2.0
// Every row of the reference values, in float and double, within the tolerance that tests/reference/README.md states.
// CELLVAE_REFERENCE_DIR names another folder of the same layout.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "shipped.hpp"

namespace {

std::filesystem::path reference_folder() {
    const char* given = std::getenv("CELLVAE_REFERENCE_DIR");
    return given != nullptr && *given != '\0' ? std::filesystem::path(given)
                                              : std::filesystem::path(CELLVAE_TESTS_DIR) / "reference";
}

/// A table of numbers whose first row names the columns.
struct Table {
    std::vector<std::string> columns;
    std::vector<std::vector<double>> rows;

    std::size_t column(const std::string& name) const {
        const auto found = std::find(columns.begin(), columns.end(), name);
        if (found == columns.end()) throw std::runtime_error("no column '" + name + "'");
        return static_cast<std::size_t>(found - columns.begin());
    }
};

Table read_table(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("cannot read " + path.string());
    Table table;
    std::string line, cell;
    while (std::getline(file, line)) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (line.empty()) continue;
        std::istringstream cells(line);
        if (table.columns.empty()) {
            while (std::getline(cells, cell, ',')) table.columns.push_back(cell);
            continue;
        }
        std::vector<double> row;
        while (std::getline(cells, cell, ',')) row.push_back(std::strtod(cell.c_str(), nullptr));
        if (row.size() != table.columns.size())
            throw std::runtime_error(path.string() + ": a row of " + std::to_string(row.size()) + " numbers under " +
                                     std::to_string(table.columns.size()) + " names");
        table.rows.push_back(row);
    }
    return table;
}

/// The largest error of a column in units of its tolerance, and the row where it is.
struct Worst {
    double ratio = 0;
    std::size_t row = 0;
    std::string column;
};

template <class L, class Real>
Worst worst_error(const Table& table) {
    constexpr std::size_t count = cellvae::parameter_count<L>;
    constexpr double epsilons = std::is_same_v<Real, float> ? 8 : 64;
    constexpr double smallest = static_cast<double>(std::numeric_limits<Real>::min());
    constexpr double largest = static_cast<double>(std::numeric_limits<Real>::max());
    constexpr double u = static_cast<double>(std::numeric_limits<Real>::epsilon());

    std::vector<std::string> outputs{"log_prob"};
    std::vector<std::size_t> inputs;
    for (const auto name : L::parameters) {
        inputs.push_back(table.column(std::string(name)));
        outputs.push_back("d_" + std::string(name));
    }
    const std::size_t x_column = table.column("x");
    Worst worst;
    const auto compare = [&](std::size_t row, std::size_t output, double computed, double shift) {
        const double truth = table.rows[row][table.column(outputs[output])] + shift;
        const double scale = table.rows[row][table.column("scale_" + outputs[output])];
        if (std::abs(truth) > largest) return;
        const double tolerance = epsilons * u * (std::abs(truth) + scale) + smallest;
        double ratio = std::abs(computed - truth) / tolerance;
        if (std::isnan(ratio)) ratio = std::numeric_limits<double>::infinity();
        if (ratio > worst.ratio) worst = {ratio, row, outputs[output]};
    };
    for (std::size_t row = 0; row < table.rows.size(); ++row) {
        const double exact_x = table.rows[row][x_column];
        const auto x = static_cast<Real>(exact_x);
        cellvae::Parameters<Real, count> eta{};
        cellvae::Parameters<double, count> exact_eta{};
        for (std::size_t p = 0; p < count; ++p) {
            exact_eta[p] = table.rows[row][inputs[p]];
            eta[p] = static_cast<Real>(exact_eta[p]);
        }
        // The scales cover the rounding of parameters, not that of an observed fraction: 0.999 in float moves the
        // Bernoulli's gradient at logit 90, which is x - 1, by 3e-5 of itself. So the truth is moved to the x that the
        // type holds.
        const bool moved = static_cast<double>(x) != exact_x;
        const auto there = L::log_prob(moved ? static_cast<double>(x) : exact_x, exact_eta);
        const auto here = L::log_prob(exact_x, exact_eta);
        const auto check = [&](const cellvae::LogProb<Real, count>& result) {
            compare(row, 0, static_cast<double>(result.value + L::log_base_measure(x)),
                    moved ? there.value - here.value : 0);
            for (std::size_t p = 0; p < count; ++p)
                compare(row, p + 1, static_cast<double>(result.d_log_prob[p]),
                        moved ? there.d_log_prob[p] - here.d_log_prob[p] : 0);
        };
        check(L::log_prob(x, eta));
        if (x == Real(0)) check(L::log_prob(cellvae::Zero{}, eta));
    }
    return worst;
}

template <class L, class Real>
void check_table(const Table& table, const char* type) {
    const Worst worst = worst_error<L, Real>(table);
    std::ostringstream where;
    where << L::name << " in " << type << ": " << std::setprecision(3) << worst.ratio << " of the tolerance, in "
          << worst.column << " at";
    for (std::size_t c = 0; c <= cellvae::parameter_count<L>; ++c)
        where << ' ' << table.columns[c] << '=' << table.rows[worst.row][c];
    INFO(where.str());
    CHECK(worst.ratio <= 1);
    if (std::getenv("CELLVAE_REFERENCE_REPORT") != nullptr) WARN(where.str());
}

}  // namespace

TEST_CASE("likelihoods equal the reference values in float and double", "[reference]") {
    const auto folder = reference_folder();
    INFO("reference folder: " << folder.string());
    int found = 0;
    cellvae_tests::for_each_likelihood([&]<class L>() {
        const auto path = folder / (std::string(L::name) + ".csv");
        if (!std::filesystem::exists(path)) return;
        const Table table = read_table(path);
        INFO(path.string());
        REQUIRE(!table.rows.empty());
        check_table<L, float>(table, "float");
        check_table<L, double>(table, "double");
        ++found;
    });
    INFO("no file of reference values is named after a likelihood");
    REQUIRE(found > 0);
}
