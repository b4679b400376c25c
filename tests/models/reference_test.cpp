// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <iostream>

#include "reference_model.hpp"

using namespace cellvae;

namespace {

using Exec = Kokkos::DefaultExecutionSpace;

bool close(double found, double expected) { return std::abs(found - expected) <= 1e-9 * std::abs(expected) + 1e-12; }

template <class L>
void check_vae(const tests::ReferenceModel& reference) {
    const Exec exec;
    const CountMatrix cells = reference.cells();
    const auto data = make_dataset<L>(exec, cells, reference.dataset_options());
    Vae<Mlp<>, StandardGaussian, L, double> model(exec, cells.genes(), reference.model_options());
    const auto unknown = tests::set_parameters(reference, model.parameters());
    for (const auto& name : unknown) FAIL("the model has no parameter " << name);

    Minibatch<double, Exec> batch(exec, data, cells.cells());
    Kokkos::View<Index*> order("order", static_cast<std::size_t>(cells.cells()));
    for (Index cell = 0; cell < cells.cells(); ++cell) order(cell) = cell;
    batch.assemble(exec, data, order);
    tests::set_exact_values(reference, exec, batch);
    model.reserve(exec, batch);

    const auto pass = model.pass(exec, batch, {}, Mode::training);
    const auto noise = reference.json.at("noise").get<std::vector<std::vector<std::vector<double>>>>();
    const auto rows = model.inference().noise(pass);
    for (std::size_t s = 0; s < noise.size(); ++s)
        for (std::size_t cell = 0; cell < noise[s].size(); ++cell)
            for (std::size_t l = 0; l < noise[s][cell].size(); ++l) rows(s * noise[s].size() + cell, l) = noise[s][cell][l];

    const auto terms = model.gradient_at_noise(pass, reference.json.at("beta").get<double>());
    CHECK(close(terms[0], reference.json.at("bound_mean").get<double>()));
    const auto bound = reference.json.at("bound_per_cell").get<std::vector<double>>();
    const auto reconstruction = reference.json.at("terms").at("reconstruction").get<std::vector<double>>();
    const auto kl = reference.json.at("terms").at("kl").get<std::vector<double>>();
    for (std::size_t cell = 0; cell < bound.size(); ++cell) {
        CHECK(close(model.terms()(cell, 0), bound[cell]));
        CHECK(close(model.terms()(cell, 1), reconstruction[cell]));
        CHECK(close(model.terms()(cell, 2), kl[cell]));
    }
    std::size_t compared = 0;
    for (const auto& [name, node] : reference.json.at("gradient_of_bound_mean").items()) {
        const auto expected = reference.matrix(node);
        const auto found =
            tests::as_reference(model.parameters(), name, model.parameters().gradient(model.parameters().find(name)));
        REQUIRE(found.size() == expected.size());
        for (std::size_t r = 0; r < found.size(); ++r) {
            REQUIRE(found[r].size() == expected[r].size());
            for (std::size_t c = 0; c < found[r].size(); ++c) {
                INFO(name << "[" << r << "][" << c << "]: found " << found[r][c] << ", expected " << expected[r][c]);
                CHECK(close(found[r][c], expected[r][c]));
            }
        }
        ++compared;
    }
    CHECK(compared == model.parameters().entries().size());
}

}  // namespace

TEST_CASE("every reference model that the library has is equalled, bound, terms and whole gradient", "[reference]") {
    const auto folder = tests::reference_folder() / "models";
    REQUIRE(std::filesystem::is_directory(folder));
    int checked = 0;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".json") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
        const tests::ReferenceModel reference(path);
        INFO("reference model " << path.filename().string());
        if (const auto missing = reference.missing(); !missing.empty()) {
            std::cout << "left out: " << path.filename().string() << ": the library has no " << missing << " yet\n";
            continue;
        }
        const bool known = tests::with_likelihood(reference.text("likelihood"), [&]<class L>() { check_vae<L>(reference); });
        CHECK(known);
        ++checked;
    }
    CHECK(checked > 0);
}
