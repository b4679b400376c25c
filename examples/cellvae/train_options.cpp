// SPDX-License-Identifier: Apache-2.0
#include <initializer_list>
#include <memory>

#include "options.hpp"
#include "processes.hpp"
#include "request.hpp"

namespace cellvae::program {

namespace {

/// Where results go, and what is in them.
void add_results(CLI::App& train, TrainRequest& request) {
    begin_group(train, "Results");
    train.add_option("--out", request.out, "Folder for cells.h5ad, history.csv, scores.json and report.html")
        ->required();
    add_labels(train, request.labels);
    train.add_option("--report", request.report, "html: write report.html, with pictures; none")
        ->check(CLI::IsMember({"html", "none"}));
    train
        .add_flag_callback(
            "--no-report", [&request] { request.report = "none"; }, "The same as --report none")
        ->configurable(false);
}

/// The model but for its prior.
void add_model(CLI::App& train, TrainRequest& request) {
    begin_group(train, "Model");
    std::string names;
    for (const auto& row : likelihoods()) names += std::string("\n  ") + row.option + ": " + row.description;
    train.add_option("--likelihood", request.likelihood, "What explains a count given the latent:" + names);
    train.add_option("--genes", request.genes, "Most variable genes (Seurat v3) that are trained on; 0: all genes")
        ->check(zero_or_more());
    train.add_option("--latent", request.latent, "Dimensions of the latent")->check(CLI::Range(1, 10000));
    train
        .add_option("--hidden", request.hidden,
                    "Width of each hidden layer of the encoder (128,64: two); the decoder's are reversed")
        ->delimiter(',')
        ->check(CLI::Range(1, 1000000));
    train.add_option("--activation", request.activation, "relu, silu, tanh or identity");
    train.add_option("--normalisation", request.normalisation, "Of the hidden layers: none, layer or batch");
    train.add_option("--dropout", request.dropout, "Share of the encoder's hidden units dropped in training");
    train.add_option(
        "--scale", request.scale,
        "What the mean is relative to: none, library (the cell's total count), share (of all genes), library_share, or "
        "auto: library where it can be");
    train
        .add_option("--decoder", request.decoder,
                    "mlp; linear: no hidden layer; masked: linear, and each latent dimension is a gene set")
        ->check(CLI::IsMember({"mlp", "linear", "masked"}));
    train.add_option("--gene-sets", request.gene_sets, "GMT file of the gene sets of --decoder masked");
    train.add_option("--least-genes", request.least_genes, "Sets with fewer of the genes in use are left out")
        ->check(above_zero());
    train.add_option("--condition", request.condition,
                     "Column of a batch covariate (donor, protocol) that encoder and decoder are given; none");
    train
        .add_option(
            "--shared", request.shared,
            "Likelihood parameters with one value a gene for all cells; auto: the dispersion; none: all decoded")
        ->delimiter(',');
    train.add_option("--input", request.input,
                     "What the encoder sees: raw, log1p, log1p_normalised, standardised or target");
    train.add_option("--input-noise", request.input_noise,
                     "Standard deviation of noise on every gene's input in training; see --input standardised");
    train.add_option(
        "--target", request.target,
        "What the likelihood explains: counts, unit_maximum, log_normalised, or auto: what it is meant for");
    train.add_option("--products", request.products,
                     "Of the output layer in training: float32; bfloat16, which is less precise, and faster where "
                     "the processor has AMX and on a Zen 4; auto: bfloat16 there. Scores are in float32");
}

/// The options of priors and bounds.
void add_prior(CLI::App& train, TrainRequest& request) {
    begin_group(train, "Prior and bound");
    train
        .add_option(
            "--prior", request.prior,
            "marginal_mixture: clusters, summed out as VaDE has them; mixture: clusters with networks q(y|x) and "
            "q(z|x, y); gaussian: N(0, I); vamp: the encoder at learned pseudo-inputs")
        ->check(CLI::IsMember({"marginal_mixture", "mixture", "gaussian", "vamp"}));
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
                    "random: at once; auto: leiden where it is built in (with igraph, which is GPL) and for at most "
                    "200,000 cells, else kmeans")
        ->check(CLI::IsMember({"auto", "leiden", "kmeans", "random"}));
    train
        .add_option("--start-resolution", request.start_resolution,
                    "Of --start leiden; groups of at most 2% of the cells are kept from twice of it")
        ->check(above_zero());
    train
        .add_option(
            "--start-epochs", request.start_epochs,
            "Of the plain model before a mixture; 0: 25, fewer above 10,000 cells, more where 25 are not 150 steps")
        ->check(zero_or_more());
    train
        .add_option("--merge", request.merge.overlap,
                    "Components that overlap more than this (Hennig's misclassification probability) are one cluster; "
                    "1: never")
        ->check(CLI::Range(0.0, 1.0));
    train
        .add_option("--components", request.components,
                    "The most components of a mixture; 0: as many as its start finds, 15 from kmeans and random")
        ->check(zero_or_more());
    train
        .add_option(
            "--merge-level", request.merge.level,
            "Clusters that are unimodal together along the axis that tells them apart (dip test at this level, a "
            "higher one for fewer than 100 cells) are one cluster; 0: never")
        ->check(CLI::Range(0.0, 1.0));
    train
        .add_option(
            "--merge-silhouette", request.merge.silhouette_share,
            "A merge that leaves less than this share of the clusters' mean silhouette is taken back, and one that "
            "leaves a single cluster where they have 1.2 times that of groups in one normal distribution; 0: never")
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

/// How the model is trained.
void add_training(CLI::App& train, TrainRequest& request) {
    begin_group(train, "Training");
    train
        .add_option("--epochs", request.epochs,
                    "Passes over the training cells; 0: of a mixture 10, from a random start 40, fewer above 10,000 "
                    "cells, more where 10 are not 60 steps; else 400, fewer above 20,000 cells")
        ->check(zero_or_more());
    train.add_option("--minibatch", request.minibatch, "Cells a step")->check(CLI::Range(1, 1000000));
    train.add_option("--learning-rate", request.learning_rate, "Of Adam");
    train.add_option("--weight-decay", request.weight_decay, "Decoupled");
    train.add_option("--clip-norm", request.clip_norm, "Longer gradients are scaled down to this norm; 0: never");
    train.add_option("--warm-up", request.warm_up, "Epochs over which the weight of the KL rises from 0 on");
    train.add_option("--kl-weight", request.kl_weight, "Of the KL, after the warm-up");
    train.add_option("--cluster-warm-up", request.cluster_warm_up,
                     "As --warm-up, of the KL of a mixture's clusters; by default --warm-up");
    train.add_option("--cluster-kl-weight", request.cluster_kl_weight,
                     "Of the KL of a mixture's clusters; by default --kl-weight");
    train.add_option("--balance", request.balance,
                     "Weight at first, falling to 0, of how far a minibatch's mean responsibilities are from the "
                     "clusters' weights (--prior mixture)");
    train.add_option("--free-nats", request.free_nats, "A minibatch's mean KL up to this has no gradient");
    train.add_option("--cluster-free-nats", request.cluster_free_nats, "As --free-nats, of the KL of clusters");
    train.add_option("--hold-prior", request.hold_prior,
                     "Epochs at first in which a learned prior stays as it started");
    train.add_option("--patience", request.patience,
                     "Epochs without a better held-out bound before training stops; 0: never");
    train.add_option("--held-out", request.held_out, "Share of the cells that is not trained on");
    train.add_option("--samples", request.samples, "Samples a cell of the importance-weighted log-likelihood")
        ->check(CLI::Range(1, 1000000));
    add_seed(train, request.seed);
}

/// Files that are read as they are trained on.
void add_streaming(CLI::App& train, TrainRequest& request) {
    begin_group(train, "More cells than memory");
    train.add_flag("--stream", request.stream,
                   "Leave the counts in their file (h5ad with a csr_matrix) and read them as they are trained on; "
                   "cells.h5ad is then without them, and the report without marker genes");
    train
        .add_option("--stream-memory", request.stream_memory,
                    "MB that training with --stream may take: what is left of it by names, statistics and the model "
                    "is for counts")
        ->check(above_zero());
    train
        .add_option("--shuffle-chunk", request.shuffle_chunk,
                    "Consecutive cells that an epoch's order keeps near each other, whole minibatches; 0: cells are "
                    "shuffled freely, or, with --stream, by chunks as the memory allows")
        ->check(zero_or_more());
    train
        .add_option("--shuffle-chunks", request.shuffle_chunks,
                    "Chunks that are shuffled among themselves, and with --stream are in memory together; a file "
                    "sorted by type wants shorter chunks and more of them")
        ->check(above_zero());
}

/// Which cells are one cluster.
void add_clusters(CLI::App& train, TrainRequest& request) {
    begin_group(train, "Clusters");
    train
        .add_option("--clusters", request.clusters,
                    "How many clusters: of k-means on the latent, 0 for as many as labels, or by silhouette; of a "
                    "mixture, whose components are merged until so many are left, 0 for as many as are separate")
        ->check(zero_or_more());
    train
        .add_option(
            "--cluster-by", request.cluster_by,
            "How cells are clustered: mixture (its own clusters), kmeans or leiden (only where igraph, which is "
            "GPL, is built in) on the latent; auto: mixture where there is one, else kmeans")
        ->check(CLI::IsMember({"auto", "mixture", "kmeans", "leiden"}));
    train.add_option("--resolution", request.resolution, "Of --cluster-by leiden")->check(above_zero());
    train.add_flag("--compare", request.compare,
                   "Score k-means and Leiden (resolutions .3, .6, 1) on the latent as well");
}

/// What is kept, so that training can go on.
void add_going_on(CLI::App& train, TrainRequest& request) {
    begin_group(train, "To stop and go on");
    train.add_option("--resume", request.resume,
                     "Go on from this model file (or the folder it lies in) with the same options, to as many --epochs "
                     "or more; the result is that of training without a stop");
    train.add_option("--save", request.save, "model: write DIR/model.h5; none: do not, and nothing can be resumed")
        ->check(CLI::IsMember({"model", "none"}));
    train
        .add_option("--checkpoint-epochs", request.checkpoint_epochs,
                    "Write DIR/model.h5 every so many epochs of training as well; 0: not by epochs")
        ->check(zero_or_more());
    train
        .add_option("--checkpoint-minutes", request.checkpoint_minutes,
                    "Write DIR/model.h5 every so many minutes of training; 0: not by time")
        ->check(zero_or_more());
}

/// @throws OptionError for an option that was given and that the others would have ignored
void refuse_ignored(const CLI::App& train, const TrainRequest& request) {
    const auto refuse = [&](bool ignored, const char* why, std::initializer_list<const char*> names) {
        program::refuse_ignored(train, ignored, why, names);
    };
    const bool network = request.prior == "mixture", clusters = request.has_clusters(), vamp = request.prior == "vamp";
    const bool relaxed = request.sum == "gumbel_softmax" || request.sum == "straight_through";
    refuse(!network, "without --prior mixture",
           {"--sum", "--balance", "--cluster-free-nats", "--cluster-kl-weight", "--cluster-warm-up"});
    refuse(!(network && request.sum == "threshold"), "without --prior mixture --sum threshold", {"--threshold"});
    refuse(!(network && relaxed), "without --prior mixture and --sum gumbel_softmax or straight_through",
           {"--temperature"});
    refuse(!clusters, "without --prior mixture or marginal_mixture",
           {"--weights", "--start", "--start-resolution", "--start-epochs", "--components", "--merge", "--merge-level",
            "--merge-silhouette"});
    refuse(!(clusters || vamp), "with --prior gaussian, which learns nothing", {"--hold-prior"});
    refuse(!vamp, "without --prior vamp", {"--pseudo-inputs"});
    refuse(request.known_labels != "none", "with --known-labels, which says the clusters",
           {"--clusters", "--components", "--start-resolution", "--merge", "--merge-level", "--merge-silhouette"});
    refuse(request.start == "kmeans" || request.start == "random", "without --start leiden", {"--start-resolution"});
    refuse(request.cluster_by != "leiden", "without --cluster-by leiden", {"--resolution"});
    const bool masked = request.decoder == "masked";
    refuse(!masked, "without --decoder masked", {"--gene-sets", "--least-genes"});
    refuse(masked, "with --decoder masked, whose latent dimensions are the gene sets", {"--latent"});
    refuse(!request.stream, "without --stream", {"--stream-memory"});
    refuse(!request.stream && request.shuffle_chunk == 0, "without --shuffle-chunk or --stream", {"--shuffle-chunks"});
    if (request.bound == "importance_weighted" && request.training_samples == 1)
        throw OptionError(
            "--bound importance_weighted of one sample is the elbo: give --training-samples 2 or more as well");
}

/// @throws OptionError for what several processes do not have, before a mixture's plain model is trained by them
void refuse_unshared(const TrainRequest& request) {
    if (processes().size() > 1 && (request.free_nats > 0 || request.cluster_free_nats > 0 || request.balance > 0))
        throw OptionError(
            "--free-nats, --cluster-free-nats and --balance look at a whole minibatch, and each of several processes "
            "has a share of it: leave them out, or start one process");
}

/// @throws OptionError for an option that was given and that needs all counts in memory
void refuse_unstreamed(const CLI::App& train, const TrainRequest& request) {
    const auto given = [&](const char* name) { return train.get_option(name)->count() > 0; };
    if (!request.stream) return;
    for (const char* name : {"--keep-cells", "--keep-genes", "--min-counts", "--max-counts", "--min-genes",
                             "--max-mitochondrial", "--min-cells", "--subsample", "--subsample-by-label"})
        if (given(name))
            throw OptionError(message(name,
                                      " needs all counts in memory, and --stream leaves them in their file: "
                                      "leave one of both out, or write a file of the cells and genes that are wanted "
                                      "first (cellvae filter)"));
    if (request.prior == "vamp")
        throw OptionError(
            "--prior vamp starts from cells in memory, and --stream leaves them in their file: take "
            "--prior gaussian, mixture or marginal_mixture, or leave --stream out");
}

}  // namespace

void add_train(CLI::App& app, Invocation& invocation) {
    const auto asked = std::make_shared<TrainRequest>();
    auto& request = *asked;
    auto* train =
        &add_command(app, invocation,
                     {"train", "Train on a count file; write latent coordinates, clusters and scores",
                      "cellvae train cells.h5ad --out run                                # then open run/report.html\n"
                      "cellvae train cells.h5ad --out run --clusters 8                   # as many clusters, not as "
                      "many as are found\n"
                      "cellvae train cells.h5ad --out run --prior gaussian               # a plain model, and k-means "
                      "on its latent\n"
                      "cellvae train cells.h5ad --out run --likelihood nb --seed 2 --genes 0"},
                     asked, run_train);
    add_counts(*train, request);
    add_results(*train, request);
    add_model(*train, request);
    add_prior(*train, request);
    add_training(*train, request);
    add_streaming(*train, request);
    add_clusters(*train, request);
    add_going_on(*train, request);
    train->callback([train, asked, &invocation] {
        // its first line is what report.html says was run
        asked->options = "# " + invocation.command + "\n" + train->config_to_str(true);
        invocation.run = [train, asked] {
            refuse_ignored(*train, *asked);
            refuse_unstreamed(*train, *asked);
            refuse_unshared(*asked);
            run_train(*asked);
        };
    });
}

}  // namespace cellvae::program
