// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/principal_components.hpp"

#include "cellvae/clustering/k_means.hpp"
#include "cellvae/data/simulator.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <Eigen/Core>
#include <Eigen/SVD>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

using Catch::Approx;
using Catch::Matchers::Message;
using namespace cellvae;

namespace principal_components_test {

namespace {

Kokkos::DefaultHostExecutionSpace host() { return {}; }

/// Where a value lies in a row-major matrix.
std::size_t place(int row, int column, int columns) {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(column);
}

CountMatrix from_dense(const std::vector<int>& dense, int cells, int genes) {
    CountMatrix counts;
    for (int cell = 0; cell < cells; ++cell) {
        for (int gene = 0; gene < genes; ++gene)
            if (const int count = dense[place(cell, gene, genes)]; count != 0) {
                counts.columns.push_back(gene);
                counts.values.push_back(static_cast<float>(count));
            }
        counts.row_offsets.push_back(static_cast<std::int64_t>(counts.values.size()));
        counts.obs.names.push_back(message("c", cell));
    }
    for (int gene = 0; gene < genes; ++gene) counts.var.names.push_back(message("g", gene));
    return counts;
}

/// Four groups of cells, 120 cells x 60 genes, from the generator of the other tests.
CountMatrix groups() {
    std::uint32_t state = 2024;
    const auto uniform = [&] {
        state = state * 1664525u + 1013904223u;
        return static_cast<double>(state >> 8) / 16777216.0;
    };
    std::vector<int> dense;
    for (int i = 0; i < 120; ++i)
        for (int j = 0; j < 60; ++j) {
            const int k = i % 4;
            const double level = j % 4 == k ? 3.0 : (j / 4) % 3 == k % 3 ? 1.2 : 0.5;
            const double first = level * uniform();
            dense.push_back(static_cast<int>(first * uniform() * 4 * (1 + i % 5)));
        }
    return from_dense(dense, 120, 60);
}

}  // namespace

TEST_CASE("principal components equal scikit-learn's") {
    // sklearn.decomposition.PCA(6, svd_solver="full") 1.9.1 on log1p of counts per ten thousand, signs as ours; scaled:
    // divided by the standard deviation with ddof=1
    struct Reference {
        bool scale;
        std::array<double, 6> variances;
        double total;
        std::array<double, 6> cell_0, cell_119, gene_0;
    };
    const auto reference = GENERATE(Reference{false,
                                              {41.377562580938644, 37.79620572672653, 30.894886562473992,
                                               24.193761620614268, 13.434469521328827, 12.50047567644456},
                                              402.44903628545256,
                                              {-7.649197108812495, -9.937270682257292, -4.212426802462703,
                                               -9.582582319285379, -5.111055058580165, 0.7584229149625196},
                                              {-4.346563606830745, 3.7943905955373363, 6.8631447522119124,
                                               5.250688923796421, -2.452026750059535, -1.6585088490183957},
                                              {-0.17631430022794203, -0.05670390187463883, 0.012207428729220022,
                                               0.028762198596309945, -0.059210286160690226, 0.09295413420407077}},
                                    Reference{true,
                                              {6.124809151610302, 5.6548140064921375, 4.552194866018634,
                                               3.6243135683080254, 2.0186327048650647, 1.8515674893994387},
                                              60.0,
                                              {-3.0743689640451417, -3.7237554363046916, -1.3567086095466463,
                                               -3.782508156694192, -2.031167824355481, 0.3927980094496476},
                                              {-1.4395622282162426, 1.4280163209426497, 2.63475341765138,
                                               2.224256464641384, -1.0792527788909034, -0.6287256595169004},
                                              {-0.17966599769133831, -0.0553062533408063, 0.021393069690529412,
                                               0.03742830634879101, -0.07040861538318816, 0.06771516660027932}});
    const auto result =
        principal_components(host(), groups(), {.components = 6, .scale = reference.scale, .tolerance = 1e-9});
    CHECK(result.total_variance == Approx(reference.total).epsilon(1e-6));
    for (std::size_t j = 0; j < 6; ++j) {
        CHECK(result.variances[j] == Approx(reference.variances[j]).epsilon(1e-6));
        CHECK(static_cast<double>(result.scores[j]) == Approx(reference.cell_0[j]).margin(1e-3));
        CHECK(static_cast<double>(result.scores[std::size_t{119} * 6 + j]) ==
              Approx(reference.cell_119[j]).margin(1e-3));
        CHECK(result.loadings[j] == Approx(reference.gene_0[j]).margin(1e-4));
    }
}

TEST_CASE("on sparse cells the components are those of a dense decomposition") {
    SimulationOptions options;
    options.cells = 300;
    options.genes = 700;
    options.types = 5;
    const auto counts = simulate(host(), options).counts;
    Eigen::MatrixXd dense = Eigen::MatrixXd::Zero(300, 700);
    for (std::size_t cell = 0; cell < 300; ++cell)
        for (auto k = static_cast<std::size_t>(counts.row_offsets[cell]);
             k < static_cast<std::size_t>(counts.row_offsets[cell + 1]); ++k)
            dense(static_cast<Eigen::Index>(cell), counts.columns[k]) =
                std::log1p(static_cast<double>(counts.values[k]) * 1e4 / counts.library_size(static_cast<Index>(cell)));
    dense.rowwise() -= dense.colwise().mean().eval();
    const Eigen::JacobiSVD<Eigen::MatrixXd> decomposition(dense, Eigen::ComputeThinU | Eigen::ComputeThinV);
    const auto result = principal_components(host(), counts, {.components = 10});
    CHECK(result.total_variance == Approx(dense.squaredNorm() / 299).epsilon(1e-5));
    for (int j = 0; j < 10; ++j) {
        const double value = decomposition.singularValues()[j];
        CHECK(result.variances[static_cast<std::size_t>(j)] == Approx(value * value / 299).epsilon(1e-3));
    }
    // the four directions between the types stand out: their scores agree one by one, up to the sign
    for (int j = 0; j < 4; ++j) {
        Eigen::VectorXd scores(300);
        for (int cell = 0; cell < 300; ++cell) scores[cell] = static_cast<double>(result.scores[place(cell, j, 10)]);
        const Eigen::VectorXd expected = dense * decomposition.matrixV().col(j);
        const double sign = scores.dot(expected) > 0 ? 1 : -1;
        CHECK((sign * scores - expected).norm() < 2e-3 * expected.norm());
    }
    // orthonormal loadings, the largest entry of each positive
    const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> loadings(
        result.loadings.data(), 700, 10);
    CHECK((loadings.transpose() * loadings - Eigen::MatrixXd::Identity(10, 10)).norm() < 1e-10);
    for (int j = 0; j < 10; ++j) CHECK(loadings.col(j).maxCoeff() == loadings.col(j).cwiseAbs().maxCoeff());

    const auto again = principal_components(host(), counts, {.components = 10});
    CHECK(again.scores == result.scores);
}

TEST_CASE("the library size of all genes normalises chosen genes") {
    auto counts = groups();
    const auto plain = principal_components(host(), counts, {.components = 2});
    std::vector<double> library_sizes;
    for (Index cell = 0; cell < 120; ++cell) library_sizes.push_back(10 * counts.library_size(cell));
    counts.library_sizes = library_sizes;
    const auto wider = principal_components(host(), counts, {.components = 2, .counts_per_cell = 1e5});
    for (std::size_t i = 0; i < plain.scores.size(); ++i)
        CHECK(static_cast<double>(wider.scores[i]) == Approx(static_cast<double>(plain.scores[i])).margin(1e-4));
}

TEST_CASE("k-means on the components finds the simulator's types, less well as they come closer") {
    const auto score = [](double separation) {
        SimulationOptions options;
        options.cells = 800;
        options.genes = 1000;
        options.types = 6;
        options.mean_count = 0.6;
        options.fold_change_log_deviation = 1.5;
        options.type_size_log_deviation = 0.4;
        options.separation = separation;
        const auto [counts, truth] = simulate(host(), options);
        const auto components = principal_components(host(), counts, {.components = 8, .tolerance = 0.02});
        const auto clusters = k_means(host(), components.scores, 800, 8, {.clusters = 6});
        // share of the pairs of cells on which both agree
        std::int64_t agreeing = 0;
        for (std::size_t i = 0; i < 800; ++i)
            for (std::size_t j = 0; j < i; ++j)
                agreeing += (truth.labels[i] == truth.labels[j]) == (clusters.labels[i] == clusters.labels[j]);
        return static_cast<double>(agreeing) / (800.0 * 799 / 2);
    };
    const double clear = score(1), hard = score(0.4), none = score(0);
    CHECK(clear > 0.95);
    CHECK(hard < clear);
    CHECK(none < 0.75);
}

TEST_CASE("components of a matrix of low rank are found in as many steps, and repeated ones are all found") {
    // Types of equal size that have one gene each: as many components of equal variance as types, less one
    constexpr int types = 6, cells = 600, genes = 400;
    std::vector<int> dense(static_cast<std::size_t>(cells) * genes, 0);
    for (int cell = 0; cell < cells; ++cell) dense[place(cell, cell % types, genes)] = 3;
    const auto counts = from_dense(dense, cells, genes);
    const auto result = principal_components(host(), counts, {.components = 8});
    CHECK(result.steps < 40);
    for (std::size_t j = 0; j < 8; ++j) {
        CAPTURE(j);
        if (j < types - 1)
            CHECK(result.variances[j] == Approx(result.total_variance / (types - 1)));
        else
            CHECK(result.variances[j] < 1e-9 * result.total_variance);
    }
}

TEST_CASE("empty cells, constant genes and too many components") {
    const auto counts = from_dense({0, 0, 0, 0, 4, 0, 2, 0, 0, 3, 1, 0}, 3, 4);
    const auto result = principal_components(host(), counts, {.components = 2, .scale = true});
    for (const float score : result.scores) CHECK(std::isfinite(score));
    CHECK_THROWS_MATCHES(principal_components(host(), counts, {.components = 3}), OptionError,
                         Message("principal components: found 3, expected 1 to 2 for 3 cells x 4 genes"));
    auto negative = counts;
    negative.values[0] = -1;
    CHECK_THROWS_MATCHES(
        principal_components(host(), negative, {.components = 1}), InputError,
        Message("counts given to principal components: cell 1 (c1), gene 0 (g0) is -1, expected 0 or more"));
}

}  // namespace principal_components_test
