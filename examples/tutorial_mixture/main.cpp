// SPDX-License-Identifier: Apache-2.0
// A tutorial: types of cells as the components of a mixture, by a Gaussian-mixture VAE (GMVAE).
//
//     tutorial_mixture [COUNTS [EPOCHS [PICTURES]]]
//
// COUNTS is any file or folder that the library reads; where it has the types of the cells in obs/cell_type, they are
// compared with what was found. Without a file, blood-like cells are simulated. PICTURES is a folder that gets the
// latent and its covariance as SVG. README.md shows what comes out.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "cellvae/clustering/merge_clusters.hpp"
#include "cellvae/clustering/silhouette.hpp"
#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/simulator.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/evaluation/latent.hpp"
#include "cellvae/evaluation/latent_components.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/counts.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/training/mixture_start.hpp"
#include "cellvae/training/trainer.hpp"

#include "../cellvae/charts.hpp"  // how the program cellvae draws

using namespace cellvae;

namespace {

using CountLikelihood = NegativeBinomial<>;
using PlainModel = Vae<Mlp<Relu>, StandardGaussian, CountLikelihood>;
using MixtureModel = Vae<Mlp<Relu>, GaussianMixture<>, CountLikelihood>;

constexpr Index latent_size = 10;
constexpr Index components = 15;
constexpr std::uint64_t seed = 1;  // of everything: with the same one, the same numbers, however many threads there are

// 1. The cells
//
// As in the first tutorial (examples/tutorial_vae): counts, the two thousand most variable genes, a tenth of the cells
// put aside. The types are for the scores at the end alone; no model sees them.
struct Cells {
    CountMatrix counts;
    Categorical types;  // empty where the file has none
    Split split;
};

Cells read_cells(const char* file) {
    Cells cells;
    if (file == nullptr) {
        auto blood = zheng_like();
        blood.cells = 400;
        blood.genes = 300;
        blood.types = 4;
        blood.mean_count = 2;
        blood.separation = 2;
        cells.counts = simulate(Kokkos::DefaultHostExecutionSpace(), blood).counts;
    } else {
        cells.counts = read_counts(file);
    }
    const auto all_genes = cells.counts.genes();
    cells.counts = keep_genes(cells.counts, select_variable_genes(cells.counts, {.genes = 2000}).genes);
    if (const auto* column = cells.counts.obs.find("cell_type"))
        if (const auto* types = std::get_if<Categorical>(&column->values)) cells.types = *types;
    cells.split = split_cells(cells.counts.cells(), {.held_out = 0.1, .seed = seed});
    std::printf("%ld cells x %ld of %ld genes, %zu types; %zu cells are held out\n",
                static_cast<long>(cells.counts.cells()), static_cast<long>(cells.counts.genes()),
                static_cast<long>(all_genes), cells.types.categories.size(), cells.split.held_out.size());
    return cells;
}

// 2. The model
//
// The plain VAE asks that all cells together look like one Gaussian in the latent. Cells of ten types do not. Here a
// cell first has a cluster y, drawn from p(y), then its z from that cluster's own Gaussian p(z | y), then its counts
// from z as before. Two networks answer what cannot be seen: q(y | x), the responsibilities of the clusters for a cell,
// and q(z | x, y), where the cell would lie in each. The bound has one term more,
//
//     sum over y of q(y | x) [ E log p(x | z)  -  KL(q(z | x, y) || p(z | y)) ]  -  KL(q(y | x) || p(y)),
//
// and the sum over y is taken exactly: every cell is decoded once a cluster.
//
// Trained from nothing, such a model easily falls into a corner: a random q(y | x) sends all cells to a few clusters
// before the latent has any order, and the rest die. So it goes in two stages, as most who get good clusters do it. A
// plain VAE orders the latent; a mixture of Gaussians is fitted to it; and the model with the mixture begins as that
// VAE with that mixture (start_mixture), q(y | x) included. The number of components need not be that of the types. It
// should be more.

/// What both models are.
ModelOptions model_options() {
    return {.latent = latent_size,
            .hidden = {128},
            .normalisation = Normalisation::layer,
            .scale = MeanScale::library,
            .shared = {"log_dispersion"},
            .mixture = {.clusters = components},
            .seed = seed};
}

template <class Model>
TrainingResult<Model::term_count> train_and_say(Model& model, const Dataset<Kokkos::DefaultExecutionSpace>& data,
                                                const Split& split, const TrainingOptions& options, const char* stage) {
    TrainingCallbacks<Model::term_count> callbacks;
    callbacks.epoch = [stage](const auto& report) {
        std::fprintf(stderr, "\r%s: epoch %ld of %ld, held-out bound %.1f, %.0f s left   ", stage,
                     static_cast<long>(report.epoch), static_cast<long>(report.epochs), (*report.held_out)[0],
                     report.seconds_left);
        if (report.epoch == report.epochs) std::fputc('\n', stderr);
    };
    auto result = train(Kokkos::DefaultExecutionSpace(), model, data, split, options, callbacks);
    const auto& best = *result.history[static_cast<std::size_t>(result.best_epoch - 1)].held_out;
    std::printf("%s: best epoch %ld of %zu, held out", stage, static_cast<long>(result.best_epoch),
                result.history.size());
    for (std::size_t term = 0; term < Model::term_count; ++term)
        std::printf("%s %s %.2f", term == 0 ? "" : ",", std::string(Model::term_names[term]).c_str(), best[term]);
    std::printf("; %.1f s\n", result.seconds);
    return result;
}

/// The two stages. The model has to be made already: it is not copied.
void train_model(MixtureModel& model, const Cells& cells, const Dataset<Kokkos::DefaultExecutionSpace>& data,
                 Index epochs) {
    const Kokkos::DefaultExecutionSpace exec;
    const Kokkos::DefaultHostExecutionSpace host;
    PlainModel plain(exec, cells.counts.genes(), model_options());
    plain.start_from(exec, data);
    train_and_say(plain, data, cells.split, {.epochs = epochs, .warm_up = epochs / 2, .seed = seed}, "plain VAE");

    const auto latent = latent_means(exec, plain, data);
    const auto fit =
        fit_mixture(host, latent, cells.counts.cells(), latent_size, {.components = components, .seed = seed});

    copy_parameters(exec, plain.parameters(), model.parameters());
    copy_parameters(exec, plain.state(), model.state());
    start_mixture(exec, model.parameters(), fit);
    // Few epochs, or large clusters begin to take over small ones; in the first of them the prior stays where it is.
    train_and_say(model, data, cells.split, {.epochs = (2 * epochs + 4) / 5, .hold_prior = epochs / 5, .seed = seed},
                  "mixture");
}

// 3. Assignment and its certainty
//
// A cell belongs to the component that is most responsible for it. How sure that is, q(y | x) says itself: the largest
// responsibility of the cell. Gaussians are too simple a shape for many types, and several of them make up one.
// Components that are taken for each other are not two clusters: merge_clusters joins those that overlap by more than
// .05 (benchmarks/cell_types says why this number).

struct Assignment {
    std::vector<std::int32_t> labels;  // of each cell, the largest cluster first
    std::vector<double> certainty;     // of each cell: the responsibility of its cluster
    int clusters = 0;
    int components_in_use = 0;
};

Assignment assign(const std::vector<float>& responsibilities, Index cells) {
    const auto merged = merge_clusters(responsibilities, cells, components, {.overlap = 0.05});
    Assignment found{.labels = merged.labels, .certainty = {}, .clusters = merged.clusters, .components_in_use = 0};
    for (const auto cluster : merged.cluster_of) found.components_in_use += cluster >= 0 ? 1 : 0;
    for (std::size_t cell = 0; cell < found.labels.size(); ++cell) {
        double sum = 0;  // over the components that make up the cell's cluster
        for (std::size_t k = 0; k < static_cast<std::size_t>(components); ++k)
            if (merged.cluster_of[k] == found.labels[cell])
                sum += static_cast<double>(responsibilities[cell * static_cast<std::size_t>(components) + k]);
        found.certainty.push_back(sum);
    }
    return found;
}

/// A line a cluster: its size, how sure its cells are, and which types they are of.
void print_clusters(const Assignment& found, const Categorical& types) {
    std::printf("\n%d clusters of %ld components, of which %d are some cell's most probable one\n", found.clusters,
                static_cast<long>(components), found.components_in_use);
    std::printf("  %7s %6s %10s %12s   %s\n", "cluster", "cells", "certainty", "above .9", "types");
    for (std::int32_t cluster = 0; cluster < found.clusters; ++cluster) {
        double certainty = 0;
        long size = 0, sure = 0;
        std::vector<std::pair<long, std::size_t>> of_type;  // cells, type
        for (std::size_t type = 0; type < types.categories.size(); ++type) of_type.emplace_back(0, type);
        for (std::size_t cell = 0; cell < found.labels.size(); ++cell) {
            if (found.labels[cell] != cluster) continue;
            ++size;
            certainty += found.certainty[cell];
            sure += found.certainty[cell] > 0.9 ? 1 : 0;
            if (!types.codes.empty() && types.codes[cell] >= 0)
                ++of_type[static_cast<std::size_t>(types.codes[cell])].first;
        }
        std::sort(of_type.rbegin(), of_type.rend());
        std::printf("  %7d %6ld %10.3f %11.0f%%  ", cluster, size, certainty / static_cast<double>(size),
                    100.0 * static_cast<double>(sure) / static_cast<double>(size));
        for (std::size_t k = 0; k < std::min<std::size_t>(3, of_type.size()) && of_type[k].first > 0; ++k)
            std::printf(" %s %ld", types.categories[of_type[k].second].c_str(), of_type[k].first);
        std::printf("\n");
    }
}

// 4. Scores
//
// With known types: the adjusted Rand index (ARI; pairs of cells that are together in both, 0 by chance) and the
// normalised mutual information (NMI) of clusters and types. Large types decide the ARI, small ones count for more in
// the NMI. The silhouette (ASW) asks about the latent itself: once with the types as groups, once with the clusters
// that were found, which needs no known type. Active units are the coordinates whose mean varies from cell to cell by
// more than .01.
//
// Certainty is worth a score of its own: where it is high, the clusters should agree with the types more.
void print_scores(const Assignment& found, const std::vector<float>& latent, const Cells& cells) {
    const Kokkos::DefaultHostExecutionSpace host;
    const std::span<const float> means(latent);
    const auto count = cells.counts.cells();
    std::printf("\nactive units %ld of %ld\n", static_cast<long>(active_units(means, count, latent_size).count),
                static_cast<long>(latent_size));
    if (found.clusters > 1)
        std::printf("ASW of the clusters %.3f\n", silhouette(host, means, count, latent_size, found.labels).mean);
    if (cells.types.categories.size() < 2) return;
    std::vector<std::int32_t> sure = found.labels, unsure = found.labels;  // -1: left out
    long sure_cells = 0;
    for (std::size_t cell = 0; cell < sure.size(); ++cell) {
        const bool is_sure = found.certainty[cell] > 0.9;
        (is_sure ? unsure : sure)[cell] = -1;
        sure_cells += is_sure ? 1 : 0;
    }
    const auto& types = cells.types.codes;
    std::printf("ASW of the types %.3f\n", silhouette(host, means, count, latent_size, types).mean);
    const auto print = [&](const char* which, long size, const std::vector<std::int32_t>& labels) {
        std::printf("%s (%ld cells): ARI %.3f, NMI %.3f\n", which, size, adjusted_rand_index(types, labels),
                    normalised_mutual_information(types, labels));
    };
    print("all", static_cast<long>(count), found.labels);
    print("certainty above .9", sure_cells, sure);
    print("the others", static_cast<long>(count) - sure_cells, unsure);
}

// 5. The latent and its covariance
//
// Two directions of ten show most of what there is to see: the principal components of the cells' means, coloured once
// by the clusters that were found and once by the types. The covariance tells how the ten coordinates are used: its
// diagonal which of them the cells are spread along, and the rest whether two of them tell the same. A plain VAE's
// prior would have the identity; with a mixture it is the clusters' places that spread the cells, and nothing holds it
// there.
program::ScatterChart latent_picture(const std::string& title, const std::vector<float>& points,
                                     const Categorical& groups) {
    program::ScatterChart chart{title, {"first component"}, {"second component"}, {}, true, false};
    for (const auto& name : groups.categories) chart.groups.push_back({name, {}, {}});
    for (std::size_t cell = 0; cell < groups.codes.size(); ++cell) {
        if (groups.codes[cell] < 0) continue;
        auto& group = chart.groups[static_cast<std::size_t>(groups.codes[cell])];
        group.x.push_back(static_cast<double>(points[2 * cell]));
        group.y.push_back(static_cast<double>(points[2 * cell + 1]));
    }
    return chart;
}

void show_latent(const Assignment& found, const std::vector<float>& latent, const Cells& cells, const char* folder) {
    const Kokkos::DefaultHostExecutionSpace host;
    const auto count = cells.counts.cells();
    const auto covariance = latent_covariance(std::span<const float>(latent), count, latent_size);
    const auto size = static_cast<std::size_t>(latent_size);
    program::HeatMap map{"Covariance of the latent means; shade: correlation, blue above 0, orange below",
                         "latent units",
                         "latent units",
                         {},
                         {},
                         {},
                         {}};
    std::printf("\ncovariance of the latent means\n");
    for (std::size_t i = 0; i < size; ++i) {
        map.rows.push_back(std::to_string(i + 1));
        for (std::size_t j = 0; j < size; ++j) {
            const double value = covariance[i * size + j];
            std::printf(" %6.2f", value);
            map.shades.push_back(value / std::sqrt(covariance[i * size + i] * covariance[j * size + j]));
            map.texts.push_back(message(std::round(value * 100) / 100));
        }
        std::printf("\n");
    }
    map.columns = map.rows;
    if (folder == nullptr) return;
    Categorical clusters{{}, found.labels};
    for (int k = 0; k < found.clusters; ++k) clusters.categories.push_back(std::to_string(k));
    const auto components = latent_components(host, latent, count, latent_size);
    const std::filesystem::path pictures(folder);
    std::filesystem::create_directories(pictures);
    const auto write = [&](const char* name, const auto& chart) {
        write_text_atomically(pictures / name, program::stand_alone(program::draw(chart)));
    };
    write("covariance.svg", map);
    write("latent_clusters.svg", latent_picture("Latent, by cluster", components.coordinates, clusters));
    if (!cells.types.codes.empty())
        write("latent_types.svg", latent_picture("Latent, by type", components.coordinates, cells.types));
}

void run(const char* file, Index epochs, const char* pictures) {
    const Kokkos::DefaultExecutionSpace exec;
    const Cells cells = read_cells(file);
    const auto data = make_dataset<CountLikelihood>(exec, cells.counts, {.input = Input::standardised});
    MixtureModel model(exec, cells.counts.genes(), model_options());
    model.start_from(exec, data);
    train_model(model, cells, data, epochs);

    Minibatch<float, Kokkos::DefaultExecutionSpace> batch(exec, data, 128);
    const auto found = assign(responsibilities(exec, model, data, batch), cells.counts.cells());
    print_clusters(found, cells.types);
    // a cell's place in the latent: the mean of q(z | x, y) at its most probable y
    const auto latent = latent_means(exec, model, data, batch);
    print_scores(found, latent, cells);
    show_latent(found, latent, cells, pictures);
}

}  // namespace

int main(int argc, char* argv[]) {
    const Index epochs = argc > 2 ? std::atol(argv[2]) : argc > 1 ? 25 : 20;
    if (argc > 4 || epochs < 1) return std::puts("usage: tutorial_mixture [COUNTS [EPOCHS [PICTURES]]]"), 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    try {
        run(argc > 1 ? argv[1] : nullptr, epochs, argc > 3 ? argv[3] : nullptr);
    } catch (const Error& error) {
        return std::fprintf(stderr, "tutorial_mixture: %s\n", error.what()), 2;
    }
    return 0;
}
