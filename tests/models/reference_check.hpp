// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <iostream>

#include "reference_model.hpp"

namespace cellvae::tests {

using Exec = Kokkos::DefaultExecutionSpace;

inline bool close(double found, double expected) {
    return std::abs(found - expected) <= 1e-9 * std::abs(expected) + 1e-12;
}

template <class L, class Prior>
void check_model(const ReferenceModel& reference) {
    const Exec exec;
    const CountMatrix cells = reference.cells();
    const auto labels = reference.labels();
    auto views = reference.dataset_options();
    views.labels = labels;
    const auto data = make_dataset<L>(exec, cells, views);
    Vae<Mlp<>, Prior, L, double> model(exec, cells.genes(), reference.model_options());
    const auto unknown = set_parameters(reference, model.parameters());
    for (const auto& name : unknown) FAIL("the model has no parameter " << name);
    model.apply_mask(exec);

    Minibatch<double, Exec> batch(exec, data, cells.cells());
    Kokkos::View<Index*> order("order", static_cast<std::size_t>(cells.cells()));
    for (Index cell = 0; cell < cells.cells(); ++cell) order(cell) = cell;
    batch.assemble(exec, data, order);
    set_exact_values(reference, exec, batch);
    model.reserve(exec, batch);

    const auto pass = model.pass(exec, batch, {}, Mode::training);
    const auto noise = reference.json.at("noise").get<std::vector<std::vector<std::vector<double>>>>();
    const auto rows = model.inference().noise(pass);
    for (std::size_t s = 0; s < noise.size(); ++s)
        for (std::size_t cell = 0; cell < noise[s].size(); ++cell)
            for (std::size_t l = 0; l < noise[s][cell].size(); ++l)
                rows(s * noise[s].size() + cell, l) = noise[s][cell][l];

    const auto terms = model.gradient_at_noise(pass, reference.json.at("beta").get<double>());
    CHECK(close(terms[0], reference.json.at("bound_mean").get<double>()));
    const auto bound = reference.json.at("bound_per_cell").get<std::vector<double>>();
    for (std::size_t cell = 0; cell < bound.size(); ++cell) CHECK(close(model.terms()(cell, 0), bound[cell]));
    if constexpr (!requires { model.inference().log_responsibilities(pass); }) {
        const auto& expected = reference.json.at("terms");
        if (expected.contains("kl")) {  // the importance-weighted bound has other terms
            const auto reconstruction = expected.at("reconstruction").get<std::vector<double>>();
            const auto kl = expected.at("kl").get<std::vector<double>>();
            for (std::size_t cell = 0; cell < bound.size(); ++cell) {
                CHECK(close(model.terms()(cell, 1), reconstruction[cell]));
                CHECK(close(model.terms()(cell, 2), kl[cell]));
            }
        }
    } else {
        const auto q = reference.matrix(reference.json.at("terms").at("q"));
        const auto log_q = model.inference().log_responsibilities(pass);
        for (std::size_t cell = 0; cell < bound.size(); ++cell)
            for (std::size_t k = 0; k < q[cell].size(); ++k) CHECK(close(std::exp(log_q(cell, k)), q[cell][k]));
    }
    std::size_t compared = 0;
    for (const auto& [name, node] : reference.json.at("gradient_of_bound_mean").items()) {
        const auto expected = reference.matrix(node);
        const auto found =
            as_reference(model.parameters(), name, model.parameters().gradient(model.parameters().find(name)));
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

/// Checks every reference model of that prior that the library has, and says which it leaves out.
/// @returns how many were checked
template <class Prior>
int check_models(const std::string& prior) {
    const auto folder = reference_folder() / "models";
    REQUIRE(std::filesystem::is_directory(folder));
    int checked = 0;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".json") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
        const ReferenceModel reference(path);
        if (reference.text("prior") != prior) continue;
        INFO("reference model " << path.filename().string());
        if (const auto missing = reference.missing(); !missing.empty()) {
            std::cout << "left out: " << path.filename().string() << ": the library has no " << missing << " yet\n";
            continue;
        }
        const bool known =
            with_likelihood(reference.text("likelihood"), [&]<class L>() { check_model<L, Prior>(reference); });
        CHECK(known);
        ++checked;
    }
    return checked;
}

}  // namespace cellvae::tests
