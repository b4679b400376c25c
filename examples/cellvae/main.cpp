// SPDX-License-Identifier: Apache-2.0
// The program cellvae: latent coordinates and clusters of the cells of a count file, without knowing C++.
#include <algorithm>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <Kokkos_Core.hpp>
#include <new>
#include <thread>

#include "cellvae/core/error.hpp"
#include "cellvae/core/version.hpp"
#include "commands.hpp"
#include "terminal.hpp"

namespace {

using namespace cellvae;
using namespace cellvae::program;

/// The options of priors and bounds.
void add_prior(CLI::App& train, TrainRequest& request) {
    train
        .add_option("--prior", request.prior,
                    "gaussian: N(0, I); mixture: clusters with networks q(y|x) and q(z|x, y); marginal_mixture: the "
                    "clusters summed out, as VaDE; vamp: the encoder at learned pseudo-inputs")
        ->check(CLI::IsMember({"gaussian", "mixture", "marginal_mixture", "vamp"}));
    train
        .add_option("--sum", request.sum,
                    "Over the clusters of --prior mixture: exact, threshold (without small responsibilities), "
                    "gumbel_softmax or straight_through")
        ->check(CLI::IsMember({"exact", "threshold", "gumbel_softmax", "straight_through"}));
    train.add_option("--threshold", request.threshold, "Of responsibilities, for --sum threshold");
    train
        .add_option("--temperature", request.temperature,
                    "Of gumbel_softmax and straight_through: at the first and the last step (1,0.1)")
        ->delimiter(',')
        ->expected(1, 2);
    train.add_option("--weights", request.weights, "Of a mixture's clusters: learned or uniform")
        ->check(CLI::IsMember({"learned", "uniform"}));
    train
        .add_option("--start", request.start,
                    "Of a mixture, after a plain model: groups of its latent's neighbour graph (leiden) or of kmeans; "
                    "random: at once; auto: leiden where it is built in")
        ->check(CLI::IsMember({"auto", "leiden", "kmeans", "random"}));
    train.add_option("--start-resolution", request.start_resolution, "Of --start leiden")->check(CLI::PositiveNumber);
    train.add_option("--start-epochs", request.start_epochs, "Of the plain model before a mixture; 0: twice --epochs")
        ->check(CLI::NonNegativeNumber);
    train
        .add_option("--merge", request.merge,
                    "Components that overlap more than this (Hennig's misclassification probability) are one cluster; "
                    "1: never")
        ->check(CLI::Range(0.0, 1.0));
    train.add_option("--pseudo-inputs", request.pseudo_inputs, "Of --prior vamp")->check(CLI::Range(1, 100000));
    train
        .add_option("--bound", request.bound, "What is trained: elbo, or importance_weighted (see --training-samples)")
        ->check(CLI::IsMember({"elbo", "importance_weighted"}));
    train.add_option("--training-samples", request.training_samples, "Samples of z a cell in each step")
        ->check(CLI::Range(1, 1000));
    train.add_option("--known-labels", request.known_labels,
                     "Column of known types, with missing values, that a mixture learns from; none");
}

void add_train(CLI::App& app, TrainRequest& request) {
    auto* train = app.add_subcommand("train", "Train on a count file; write latent coordinates, clusters and scores");
    train->option_defaults()->always_capture_default();
    train->add_option("counts", request.counts, "Count file: h5ad, or CSV/TSV with or without gzip")->required();
    train->add_option("--out", request.out, "Folder for cells.h5ad, history.csv and scores.json")->required();
    train->add_option(
        "--labels", request.labels,
        "Column of the cells' known types, for scores alone; auto: a well-known name such as cell_type; none");
    train->add_option("--orientation", request.orientation, "Of CSV/TSV: auto, cells-in-rows or genes-in-rows")
        ->check(CLI::IsMember({"auto", "cells-in-rows", "genes-in-rows"}));
    std::string names;
    for (const auto& row : likelihoods()) names += std::string("\n  ") + row.option + ": " + row.description;
    train->add_option("--likelihood", request.likelihood, "What explains a count given the latent:" + names);
    train->add_option("--genes", request.genes, "Most variable genes (Seurat v3) that are trained on; 0: all genes")
        ->check(CLI::NonNegativeNumber);
    add_prior(*train, request);
    train->add_option("--latent", request.latent, "Dimensions of the latent")->check(CLI::Range(1, 10000));
    train
        ->add_option("--hidden", request.hidden,
                     "Width of each hidden layer of the encoder (128,64: two); the decoder's are reversed")
        ->delimiter(',')
        ->check(CLI::Range(1, 1000000));
    train->add_option("--activation", request.activation, "relu, silu, tanh or identity");
    train->add_option("--normalisation", request.normalisation, "Of the hidden layers: none, layer or batch");
    train->add_option("--dropout", request.dropout, "Share of the encoder's hidden units dropped in training");
    train->add_option(
        "--scale", request.scale,
        "What the mean is relative to: none, library (the cell's total count), share (of all genes), library_share, or "
        "auto: library where it can be");
    train
        ->add_option("--decoder", request.decoder,
                     "mlp; linear: no hidden layer; masked: linear, and each latent dimension is a gene set")
        ->check(CLI::IsMember({"mlp", "linear", "masked"}));
    train->add_option("--gene-sets", request.gene_sets, "GMT file of the gene sets of --decoder masked");
    train->add_option("--least-genes", request.least_genes, "Sets with fewer of the genes in use are left out")
        ->check(CLI::PositiveNumber);
    train->add_option("--condition", request.condition,
                      "Column of a batch covariate (donor, protocol) that encoder and decoder are given; none");
    train
        ->add_option(
            "--shared", request.shared,
            "Likelihood parameters with one value a gene for all cells; auto: the dispersion; none: all decoded")
        ->delimiter(',');
    train->add_option("--input", request.input,
                      "What the encoder sees: raw, log1p, log1p_normalised, standardised or target");
    train->add_option("--input-noise", request.input_noise,
                      "Standard deviation of noise on every gene's input in training; see --input standardised");
    train->add_option(
        "--target", request.target,
        "What the likelihood explains: counts, unit_maximum, log_normalised, or auto: what it is meant for");
    train
        ->add_option(
            "--epochs", request.epochs,
            "Passes over the training cells; 0: 400, fewer above 20,000 cells; of a mixture: 100 steps, 5 to 20 passes")
        ->check(CLI::NonNegativeNumber);
    train->add_option("--minibatch", request.minibatch, "Cells a step")->check(CLI::Range(1, 1000000));
    train->add_option("--learning-rate", request.learning_rate, "Of Adam");
    train->add_option("--weight-decay", request.weight_decay, "Decoupled");
    train->add_option("--clip-norm", request.clip_norm, "Longer gradients are scaled down to this norm; 0: never");
    train->add_option("--warm-up", request.warm_up, "Epochs over which the weight of the KL rises from 0 on");
    train->add_option("--kl-weight", request.kl_weight, "Of the KL, after the warm-up");
    train->add_option("--patience", request.patience,
                      "Epochs without a better held-out bound before training stops; 0: never");
    train->add_option("--held-out", request.held_out, "Share of the cells that is not trained on");
    train->add_option("--samples", request.samples, "Samples a cell of the importance-weighted log-likelihood")
        ->check(CLI::Range(1, 1000000));
    train
        ->add_option("--clusters", request.clusters,
                     "Clusters of k-means on the latent, or the most components of a mixture; 0: as many as labels, or "
                     "by silhouette; of a mixture as many as its start finds")
        ->check(CLI::NonNegativeNumber);
    train
        ->add_option("--cluster-by", request.cluster_by,
                     "How cells are clustered: mixture (its own clusters), kmeans or leiden on the latent; auto: "
                     "mixture where there is one, else kmeans")
        ->check(CLI::IsMember({"auto", "mixture", "kmeans", "leiden"}));
    train->add_option("--resolution", request.resolution, "Of --cluster-by leiden")->check(CLI::PositiveNumber);
    train->add_flag("--compare", request.compare,
                    "Score k-means and Leiden (resolutions .3, .6, 1) on the latent as well");
    train->add_option("--seed", request.seed, "Same seed, same result, for any number of threads");
    train->add_option("--threads", request.threads, "0: one a core")->check(CLI::Range(0, 4096));
}

/// How clusters are found, for every command that finds some; `what` names the coordinates.
void add_clustering(CLI::App& command, ClusteringRequest& request, const std::string& what) {
    command.add_option("--cluster-by", request.by, "kmeans or leiden")->check(CLI::IsMember({"kmeans", "leiden"}));
    command.add_option("--resolution", request.resolution, "Of leiden: higher means more clusters")
        ->check(CLI::PositiveNumber);
    command
        .add_option("--clusters", request.clusters,
                    "Clusters of k-means on " + what +
                        "; 0: as many as labels, or the number from 2 to 25 with the best silhouette")
        ->check(CLI::NonNegativeNumber);
    command.add_option("--seed", request.seed, "Same seed, same result, for any number of threads");
}

void add_baseline(CLI::App& app, BaselineRequest& request) {
    auto* baseline = app.add_subcommand(
        "baseline", "Cluster principal components of log-normalised counts, to compare with what train finds");
    baseline->option_defaults()->always_capture_default();
    baseline->add_option("counts", request.counts, "Count file: h5ad, or CSV/TSV with or without gzip")->required();
    baseline->add_option("--out", request.out, "Folder for cells.h5ad and scores.json")->required();
    baseline->add_option(
        "--labels", request.labels,
        "Column of the cells' known types, for scores alone; auto: a well-known name such as cell_type; none");
    baseline->add_option("--orientation", request.orientation, "Of CSV/TSV: auto, cells-in-rows or genes-in-rows")
        ->check(CLI::IsMember({"auto", "cells-in-rows", "genes-in-rows"}));
    baseline
        ->add_option("--genes", request.genes,
                     "Most variable genes (Seurat v3) that components are taken of; 0: all genes")
        ->check(CLI::NonNegativeNumber);
    baseline->add_option("--components", request.components, "Principal components")->check(CLI::Range(1, 10000));
    add_clustering(*baseline, request.clustering, "the components");
    baseline->add_option("--threads", request.threads, "0: one a core")->check(CLI::Range(0, 4096));
}

void add_simulate(CLI::App& app, SimulateRequest& request) {
    auto* simulate =
        app.add_subcommand("simulate", "Write an h5ad of simulated cells with known types (obs/cell_type)");
    simulate->option_defaults()->always_capture_default();
    simulate->add_option("--cells", request.cells, "Number of cells")->check(CLI::PositiveNumber);
    simulate->add_option("--genes", request.genes, "Number of genes")->check(CLI::PositiveNumber);
    simulate->add_option("--types", request.types, "Number of cell types")->check(CLI::PositiveNumber);
    simulate->add_option("--separation", request.separation,
                         "How far apart the types are: less is harder, 0 is one type");
    simulate->add_option("--zero-inflation", request.zero_inflation,
                         "Largest probability of a structural zero, from 0 to below 1");
    simulate->add_option("--seed", request.seed, "Same seed, same cells");
    simulate->add_option("--out", request.out, "h5ad file to write")->required();
}

}  // namespace

int main(int argc, char* argv[]) {
    TrainRequest train;
    BaselineRequest baseline;
    SimulateRequest simulate;
    CLI::App app("cellvae: variational autoencoders for single-cell counts", "cellvae");
    app.set_version_flag("--version", message("cellvae ", version_major, '.', version_minor, '.', version_patch));
    app.require_subcommand(1);
    add_train(app, train);
    add_baseline(app, baseline);
    add_simulate(app, simulate);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);
        std::fprintf(stderr, "cellvae: %s (cellvae --help explains the options)\n", error.what());
        return 2;
    }
    try {
        const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
        const int asked = app.got_subcommand("baseline") ? baseline.threads : train.threads;
        Kokkos::ScopeGuard kokkos(
            Kokkos::InitializationSettings{}.set_disable_warnings(true).set_num_threads(asked > 0 ? asked : cores));
        catch_interrupt();
        if (app.got_subcommand("train"))
            run_train(train);
        else if (app.got_subcommand("baseline"))
            run_baseline(baseline);
        else
            run_simulate(simulate);
    } catch (const Error& error) {
        std::fprintf(stderr, "cellvae: %s\n", error.what());
        return 2;
    } catch (const std::bad_alloc&) {
        std::fprintf(stderr, "cellvae: out of memory\n");
        return 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "cellvae: unexpected: %s\n", error.what());
        return 1;
    }
    return 0;
}
