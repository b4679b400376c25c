// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cellvae/distributions/bernoulli.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/models/vae.hpp"

// Reads the reference models (tests/reference/README.md): any sizes, and any combination that the library has.

namespace cellvae::tests {

/// The folder of the reference values: CELLVAE_REFERENCE_DIR, or the copy in the tree.
inline std::filesystem::path reference_folder() {
    const char* other = std::getenv("CELLVAE_REFERENCE_DIR");
    return other != nullptr && *other != '\0' ? std::filesystem::path(other)
                                              : std::filesystem::path(CELLVAE_TESTS_DIR) / "reference";
}

struct ReferenceModel {
    nlohmann::json json;

    explicit ReferenceModel(const std::filesystem::path& path) {
        std::ifstream file(path);
        json = nlohmann::json::parse(file);
    }

    [[nodiscard]] std::string text(const char* key) const { return json.at(key).get<std::string>(); }
    [[nodiscard]] bool flag(const char* key) const { return json.at(key).get<bool>(); }

    /// What of it the library does not have; empty when it has all.
    [[nodiscard]] std::string missing() const {
        if (text("bound") != "elbo" && (text("bound") != "iwae" || text("prior") == "mixture"))
            return "bound " + text("bound");
        return "";
    }

    [[nodiscard]] std::vector<std::vector<double>> matrix(const nlohmann::json& node) const {
        if (node.is_array() && !node.empty() && node[0].is_array()) return node.get<std::vector<std::vector<double>>>();
        return {node.get<std::vector<double>>()};
    }

    [[nodiscard]] std::vector<std::vector<double>> x() const { return matrix(json.at("x")); }

    [[nodiscard]] ModelOptions model_options() const {
        const auto& values = json.at("values");
        const auto rows = [&](const char* name) { return static_cast<Index>(values.at(name).size()); };
        ModelOptions options;
        options.latent = rows("encoder/mean/bias");
        options.hidden = {rows("encoder/hidden/bias")};
        options.decoder_hidden.emplace();
        if (values.contains("decoder/hidden/bias")) options.decoder_hidden->push_back(rows("decoder/hidden/bias"));
        if (!json.at("mask").is_null())
            for (const auto& row : matrix(json.at("mask")))
                for (const double entry : row) options.mask.push_back(entry != 0);
        const std::map<std::string, ActivationKind> kinds{
            {"tanh", ActivationKind::tanh}, {"relu", ActivationKind::relu}, {"silu", ActivationKind::silu}};
        options.activation = kinds.at(text("activation"));
        const bool share = flag("share");
        if (flag("library"))
            options.scale = share ? MeanScale::library_share : MeanScale::library;
        else
            options.scale = share ? MeanScale::share : MeanScale::none;
        options.shared = json.at("shared").get<std::vector<std::string>>();
        if (text("prior") == "mixture") {
            options.mixture.clusters = static_cast<Index>(json.at("noise").size());
            options.mixture.learned_weights = values.contains("prior/logits");
        } else {
            options.samples = static_cast<Index>(json.at("noise").size());
        }
        if (values.contains("prior/pseudo_inputs")) options.vamp.pseudo_inputs = rows("prior/pseudo_inputs");
        if (text("bound") == "iwae") options.bound = Bound::importance_weighted;
        return options;
    }

    [[nodiscard]] CountMatrix cells() const {
        CountMatrix matrix;
        const auto dense = x();
        for (std::size_t gene = 0; gene < dense[0].size(); ++gene) matrix.var.names.push_back(std::to_string(gene));
        for (const auto& row : dense) {
            for (std::size_t gene = 0; gene < row.size(); ++gene) {
                if (row[gene] == 0) continue;
                matrix.columns.push_back(static_cast<GeneIndex>(gene));
                matrix.values.push_back(static_cast<float>(row[gene]));
            }
            matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
            matrix.obs.names.push_back(std::to_string(matrix.cells()));
        }
        return matrix;
    }

    /// Known labels, empty where the file has none.
    [[nodiscard]] std::vector<std::int32_t> labels() const {
        const auto& terms = json.at("terms");
        return terms.contains("label") ? terms.at("label").get<std::vector<std::int32_t>>()
                                       : std::vector<std::int32_t>{};
    }

    [[nodiscard]] DatasetOptions dataset_options() const {
        const std::map<std::string, Input> inputs{{"identity", Input::raw}, {"log1p", Input::log1p}};
        return {.input = inputs.at(text("input")), .target = Target::counts};
    }
};

/// Data in a CountMatrix are floats; the reference's have all digits, and come to the minibatch here.
template <class Exec>
void set_exact_values(const ReferenceModel& reference, const Exec& exec, Minibatch<double, Exec>& batch) {
    const auto targets = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), batch.targets);
    const auto inputs = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), batch.inputs);
    std::size_t k = 0;
    for (const auto& row : reference.x())
        for (const double value : row) {
            if (value == 0) continue;
            targets(k) = value;
            inputs(k) = reference.text("input") == "log1p" ? std::log1p(value) : value;
            ++k;
        }
    Kokkos::deep_copy(exec, batch.targets, targets);
    Kokkos::deep_copy(exec, batch.inputs, inputs);
    exec.fence();
}

/// The first layers' weights are stored genes x outputs, a cluster's clusters x outputs.
inline bool is_transposed(const std::string& name) {
    return name == "encoder/hidden/weight" || name == "cluster_encoder/hidden/weight" ||
           name == "encoder/hidden/cluster_weight";
}

/// An array of the store as the reference has it: weights outputs x inputs.
template <class Real, class Exec>
std::vector<std::vector<double>> as_reference(const ParameterStore<Real, Exec>& store, const std::string& name,
                                              const MatrixSlice<Real, typename Exec::memory_space>& slice) {
    const auto host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), slice);
    const bool transposed = is_transposed(name);
    const std::size_t rows = transposed ? host.extent(1) : host.extent(0);
    const std::size_t columns = transposed ? host.extent(0) : host.extent(1);
    std::vector<std::vector<double>> result(rows, std::vector<double>(columns));
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < columns; ++c)
            result[r][c] = static_cast<double>(transposed ? host(c, r) : host(r, c));
    static_cast<void>(store);
    return result;
}

/// Sets every parameter from the reference's values.
/// @returns the names that the model does not have
template <class Exec>
std::vector<std::string> set_parameters(const ReferenceModel& reference, const ParameterStore<double, Exec>& store) {
    std::vector<std::string> unknown;
    for (const auto& [name, node] : reference.json.at("values").items()) {
        const int id = store.find(name);
        if (id < 0) {
            unknown.push_back(name);
            continue;
        }
        const auto values = reference.matrix(node);
        const auto slice = store.value(id);
        const auto host = Kokkos::create_mirror_view(Kokkos::HostSpace(), slice);
        const bool transposed = is_transposed(name);
        for (std::size_t r = 0; r < values.size(); ++r)
            for (std::size_t c = 0; c < values[r].size(); ++c) (transposed ? host(c, r) : host(r, c)) = values[r][c];
        Kokkos::deep_copy(slice, host);
    }
    return unknown;
}

/// Calls visit.template operator()<L>() with the likelihood of that name.
/// @returns false where the library has none
template <class Visitor>
bool with_likelihood(const std::string& name, Visitor&& visit) {
    bool found = false;
    const auto attempt = [&]<class L>() {
        if (name != L::name) return;
        found = true;
        visit.template operator()<L>();
    };
    attempt.template operator()<Bernoulli>();
    attempt.template operator()<ContinuousBernoulli>();
    attempt.template operator()<Gaussian>();
    attempt.template operator()<Poisson>();
    attempt.template operator()<ZeroInflated<Poisson>>();
    attempt.template operator()<NegativeBinomial<TotalCountProbability>>();
    attempt.template operator()<NegativeBinomial<MeanDispersion>>();
    attempt.template operator()<ZeroInflated<NegativeBinomial<TotalCountProbability>>>();
    attempt.template operator()<ZeroInflated<NegativeBinomial<MeanDispersion>>>();
    return found;
}

}  // namespace cellvae::tests
