// SPDX-License-Identifier: Apache-2.0
// A tutorial: a variational autoencoder of the mouse pancreas, with one likelihood after another.
//
//     tutorial_vae [COUNTS [EPOCHS]]
//
// COUNTS is any file or folder that the library reads; where it has the types of the cells in obs/cell_type or
// obs/assigned_cluster, the latent is scored by them. Without a file, cells like those of the pancreas are simulated.
// README.md shows what comes out.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cellvae/clustering/k_means.hpp"
#include "cellvae/clustering/silhouette.hpp"
#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/simulator.hpp"
#include "cellvae/distributions/continuous_bernoulli.hpp"
#include "cellvae/distributions/gaussian.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/evaluation/latent.hpp"
#include "cellvae/io/counts.hpp"
#include "cellvae/training/trainer.hpp"

using namespace cellvae;

namespace {

constexpr Index latent_size = 10;
constexpr std::uint64_t seed = 1;  // of everything: with the same one, the same numbers, however many threads there are

/// The cells, the known type of each, and which of them no model is trained on.
struct Cells {
    CountMatrix counts;
    Categorical types;  // empty where the file has none
    Split split;
};

// 1. The cells
//
// A CountMatrix is cells x genes in compressed rows, with names and annotations. The two thousand genes whose counts
// vary most beyond what their mean lets expect say nearly all about types. What the other genes counted is not lost:
// keep_genes leaves each cell's library size, its total over all genes of the file, and that is what the model will
// scale by.
//
// A tenth of the cells is put aside. A model with more parameters always explains the cells it was trained on better;
// only cells that it has not seen tell whether it learned what is common to all.
Cells read_cells(const char* file) {
    Cells cells;
    if (file == nullptr) {
        const Kokkos::DefaultHostExecutionSpace host;
        cells.counts =
            simulate(host, {.cells = 500, .genes = 400, .types = 5, .seed = seed, .mean_count = 2, .separation = 2})
                .counts;
    } else {
        cells.counts = read_counts(file);
    }
    const auto all_genes = cells.counts.genes();
    cells.counts = keep_genes(cells.counts, select_variable_genes(cells.counts, {.genes = 2000}).genes);
    for (const char* name : {"cell_type", "assigned_cluster"})  // the second is GEO's of the pancreas
        if (const auto* column = cells.counts.obs.find(name))
            if (const auto* types = std::get_if<Categorical>(&column->values)) cells.types = *types;
    cells.split = split_cells(cells.counts.cells(), {.held_out = 0.1, .seed = seed});
    std::printf("%ld cells x %ld of %ld genes, %zu types; %zu cells are held out\n\n",
                static_cast<long>(cells.counts.cells()), static_cast<long>(cells.counts.genes()),
                static_cast<long>(all_genes), cells.types.categories.size(), cells.split.held_out.size());
    return cells;
}

// 2. The model
//
// The encoder, a network, sees a cell's counts and gives a Gaussian q(z | x) over ten latent coordinates. The decoder,
// another network, gives from a z the parameters of the likelihood p(x | z) of every gene's count. Both are trained at
// once, to raise the bound
//
//     log p(x)  >=  E_q log p(x | z)  -  KL(q(z | x) || p(z)),
//
// the reconstruction less what the latent costs, in nats a cell. p(z) is the standard Gaussian here; the other
// tutorial, examples/tutorial_mixture, puts a mixture in its place.
//
// Only the type L changes from one model to the next. What else depends on it:
//
// - the target. Counts are for likelihoods of whole numbers. The continuous Bernoulli, on [0, 1], explains log1p(count)
//   over the cell's largest, and the Gaussian log1p of counts per ten thousand. make_dataset sees it from the
//   likelihood's support, and would refuse another target with the cell, the gene and the value.
// - the scale. The mean of a count is the cell's library size times what the decoder says, so that the latent need not
//   learn how deeply a cell was sequenced. Targets that are normalised already have no scale.
// - what is shared. Dispersion and variance are one number a gene, not one a gene and cell: fewer parameters for the
//   same few counts.

/// What became of one likelihood.
struct Outcome {
    std::string likelihood;
    Target target = Target::counts;
    double bound = 0, reconstruction = 0, kl = 0;  // of the held-out cells, nats a cell
    std::vector<float> latent;                     // cells x latent_size, row-major
    double silhouette = 0, ari = 0;                // with the known types; 0 where there are none
    Index active = 0;
    double seconds = 0;
};

template <class L>
Outcome try_likelihood(const Cells& cells, Index epochs) {
    const Kokkos::DefaultExecutionSpace exec;
    const auto data = make_dataset<L>(exec, cells.counts, {.input = Input::log1p_normalised});

    ModelOptions options{.latent = latent_size, .hidden = {128}, .seed = seed};
    if (data.target == Target::counts) options.scale = MeanScale::library;
    for (const auto& parameter : L::parameters)
        if (parameter == "log_dispersion" || parameter == "log_variance") options.shared = {std::string(parameter)};
    Vae<Mlp<Relu>, StandardGaussian, L> model(exec, cells.counts.genes(), options);
    model.start_from(exec, data);  // each gene's bias begins at its mean: training starts with types, not with levels

    // The KL's weight rises from 0 to 1 over the first epochs. At full weight from the start, coordinates that do not
    // yet carry anything are switched off, and most of them never come back. The model ends with the parameters of the
    // epoch whose held-out bound was best.
    TrainingCallbacks<decltype(model)::term_count> callbacks;
    callbacks.epoch = [](const auto& report) {
        std::fprintf(stderr, "\r%.*s: epoch %ld of %ld, held-out bound %.1f, %.0f s left   ",
                     static_cast<int>(L::name.size()), L::name.data(), static_cast<long>(report.epoch),
                     static_cast<long>(report.epochs), (*report.held_out)[0], report.seconds_left);
        if (report.epoch == report.epochs) std::fputc('\n', stderr);
    };
    const auto result =
        train(exec, model, data, cells.split, {.epochs = epochs, .warm_up = epochs / 4, .seed = seed}, callbacks);

    Outcome outcome;
    outcome.likelihood = L::name;
    outcome.target = data.target;
    const auto& best = *result.history[static_cast<std::size_t>(result.best_epoch - 1)].held_out;
    outcome.bound = best[0];
    outcome.reconstruction = best[1];
    outcome.kl = best[2];
    outcome.seconds = result.seconds;

    // 3. The latent
    //
    // A cell lies at the mean of its q(z | x). A coordinate is active where that mean varies from cell to cell (by more
    // than .01; Burda et al. 2016); the others repeat the prior, and cost and say nothing. The silhouette (ASW) is 1
    // where each cell is much nearer to its own type than to any other, 0 where it is as near. The adjusted Rand index
    // (ARI) compares k-means, which does not know the types but their number, with them: 1 is the same partition, 0
    // chance.
    outcome.latent = latent_means(exec, model, data);
    const std::span<const float> latent(outcome.latent);
    outcome.active = active_units(latent, cells.counts.cells(), latent_size).count;
    if (cells.types.categories.size() > 1) {
        const Kokkos::DefaultHostExecutionSpace host;
        const auto types = static_cast<int>(cells.types.categories.size());
        outcome.silhouette = silhouette(host, latent, cells.counts.cells(), latent_size, cells.types.codes).mean;
        outcome.ari = adjusted_rand_index(
            k_means(host, latent, cells.counts.cells(), latent_size, {.clusters = types, .seed = seed}).labels,
            cells.types.codes);
    }
    return outcome;
}

// 4. The comparison
//
// Bounds rank likelihoods of the same target only. A density of log-normalised values and a probability of counts are
// in different units: measure the values in another one, and every log-density moves by a constant. So the table has a
// part for each target, and in it the best bound first. The scores of the latent compare everywhere: they ask where the
// cells lie, and not how it was learned.
void print_table(const std::vector<Outcome>& outcomes) {
    const Outcome* before = nullptr;
    for (const auto& outcome : outcomes) {
        if (before == nullptr || before->target != outcome.target)
            std::printf("target %s\n  %-38s %10s %14s %6s %7s %6s %7s %8s\n",
                        std::string(name_of(outcome.target)).c_str(), "likelihood", "bound", "reconstruction", "KL",
                        "ASW", "ARI", "active", "seconds");
        std::printf("  %-38s %10.1f %14.1f %6.1f %7.3f %6.3f %7ld %8.1f\n", outcome.likelihood.c_str(), outcome.bound,
                    outcome.reconstruction, outcome.kl, outcome.silhouette, outcome.ari,
                    static_cast<long>(outcome.active), outcome.seconds);
        before = &outcome;
    }
}

// 5. The covariance of the latent
//
// The prior's covariance is the identity. That of the means over cells tells what became of it. A coordinate with a
// variance near 0 is not used. One near 1 tells cells apart, and the cells fill the prior; where it is well above, they
// are spread wider than the prior has them, as happens with few cells and many parameters. Numbers off the diagonal say
// that two coordinates share what they tell.
void print_covariance(const Outcome& outcome, Index cells) {
    const auto covariance = latent_covariance(std::span<const float>(outcome.latent), cells, latent_size);
    std::printf("\ncovariance of the latent means of %s\n", outcome.likelihood.c_str());
    for (Index i = 0; i < latent_size; ++i) {
        for (Index j = 0; j < latent_size; ++j)
            std::printf(" %6.2f", covariance[static_cast<std::size_t>(i * latent_size + j)]);
        std::printf("\n");
    }
}

void run(const char* file, Index epochs) {
    const Cells cells = read_cells(file);
    std::vector<Outcome> outcomes{
        try_likelihood<Poisson>(cells, epochs),
        try_likelihood<NegativeBinomial<>>(cells, epochs),
        try_likelihood<ZeroInflated<Poisson>>(cells, epochs),
        try_likelihood<ZeroInflated<NegativeBinomial<>>>(cells, epochs),
        try_likelihood<ContinuousBernoulli>(cells, epochs),
        try_likelihood<Gaussian>(cells, epochs),
    };
    std::sort(outcomes.begin(), outcomes.end(), [](const auto& a, const auto& b) {
        return a.target != b.target ? a.target < b.target : a.bound > b.bound;
    });
    print_table(outcomes);
    print_covariance(outcomes.front(), cells.counts.cells());
}

}  // namespace

int main(int argc, char* argv[]) {
    const Index epochs = argc > 2 ? std::atol(argv[2]) : argc > 1 ? 60 : 30;
    if (argc > 3 || epochs < 1) return std::puts("usage: tutorial_vae [COUNTS [EPOCHS]]"), 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    try {
        run(argc > 1 ? argv[1] : nullptr, epochs);
    } catch (const Error& error) {
        return std::fprintf(stderr, "tutorial_vae: %s\n", error.what()), 2;
    }
    return 0;
}
