// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cellvae/clustering/merge_components.hpp"
#include "cellvae/core/count_matrix.hpp"
#include "cellvae/data/target.hpp"
#include "cellvae/nn/activation.hpp"
#include "cellvae/nn/normalisation.hpp"
#include "counts_request.hpp"
#include "terminal.hpp"

namespace cellvae {
class CellReader;
struct ModelDescription;
struct PosteriorPredictiveSummary;
}  // namespace cellvae

namespace cellvae::program {

class LoadedModel;

/// What the user asked of `cellvae train`; the values are the defaults that --help shows.
struct TrainRequest : CountsRequest {
    std::string out;
    std::string labels = "auto";  ///< column of obs; auto: a well-known name; none: no labels
    std::string likelihood = "zinb";
    Index genes = 2000;  ///< the most variable ones; 0: all
    std::string prior = "marginal_mixture";
    std::string sum = "exact";                ///< over a mixture's clusters, in training
    double threshold = 0.01;                  ///< of responsibilities, for the sum of that name
    std::vector<double> temperature{1, 0.1};  ///< of relaxed sums, at the first and the last step
    std::string weights = "learned";          ///< of a mixture: learned or uniform
    std::string start = "auto";               ///< of a mixture: leiden, kmeans, random
    double start_resolution = 0.7;            ///< of leiden
    int components = 0;             ///< of a mixture at most; 0: as many as its start finds, 15 where that finds none
    Index start_epochs = 0;         ///< of the plain model that a mixture starts from; 0: by the number of cells
    ComponentMergeOptions merge{};  ///< of a mixture's components; its number of clusters and seed are those below
    Index pseudo_inputs = 100;      ///< of a VampPrior
    std::string bound = "elbo";
    Index training_samples = 1;
    std::string decoder = "mlp";  ///< mlp, linear, or masked by gene sets
    std::string gene_sets;        ///< GMT file
    Index least_genes = 5;        ///< of a set among the file's genes
    std::string known_labels = "none";
    std::string condition = "none";
    double input_noise = 0;
    double kl_weight = 1;
    std::optional<double> cluster_kl_weight;  ///< of a mixture; empty: as kl_weight
    std::optional<Index> cluster_warm_up;     ///< empty: as warm_up
    double balance = 0;
    double free_nats = 0;
    double cluster_free_nats = 0;
    Index hold_prior = 0;
    bool compare = false;  ///< score k-means and Leiden on the latent as well
    Index latent = 10;
    std::vector<Index> hidden{128};
    std::string activation = "relu";
    std::string normalisation = "layer";
    double dropout = 0.1;
    std::string scale = "auto";               ///< auto: library where the likelihood has a log mean
    std::vector<std::string> shared{"auto"};  ///< auto: the dispersion, one value a gene
    std::string input = "standardised";
    std::string target = "auto";    ///< auto: what the likelihood is meant for
    std::string products = "auto";  ///< of the output layer, in training
    Index epochs = 0;               ///< 0: chosen by the number of cells
    Index minibatch = 128;
    double learning_rate = 1e-3;
    double weight_decay = 1e-6;
    double clip_norm = 0;
    Index warm_up = 0;
    Index patience = 20;
    double held_out = 0.1;
    Index samples = 100;              ///< of the importance-weighted log-likelihood
    int clusters = 0;                 ///< 0: as many as labels, or by silhouette; of a mixture: as many as it has
    std::string cluster_by = "auto";  ///< mixture, kmeans, leiden; auto: mixture where there is one, else kmeans
    double resolution = 0.6;          ///< of leiden
    std::uint64_t seed = 1;
    bool stream = false;            ///< the counts stay in their file
    Index stream_memory = 1000;     ///< MB that training on them may take
    Index shuffle_chunk = 0;        ///< consecutive cells that stay near each other; 0: none do, or as memory allows
    Index shuffle_chunks = 16;      ///< that are shuffled among themselves
    std::string resume;             ///< model file of earlier training to go on from; empty: begin
    std::string save = "model";     ///< model: DIR/model.h5; none
    Index checkpoint_epochs = 0;    ///< 0: not by epochs
    double checkpoint_minutes = 5;  ///< 0: not by time
    std::string report = "html";    ///< html: DIR/report.html; none
    std::string options;            ///< all of these, as options.toml is to say them

    [[nodiscard]] bool has_clusters() const { return prior == "mixture" || prior == "marginal_mixture"; }
};

/// Of more cells, --start auto takes k-means: their neighbours and Leiden take longer, and more memory, than training.
inline constexpr Index most_for_leiden = 200000;

/// How many components a mixture begins with where its start does not find them itself.
[[nodiscard]] inline int placed_components(const TrainRequest& request) {
    return request.components > 0 ? request.components : std::max(15, request.clusters);
}

/// Cells of the posterior predictive check.
inline constexpr Index most_predicted = 5000;

/// The cells to train on.
struct TrainCells {
    const CountMatrix& counts;           ///< where there is a reader its annotations, without counts
    std::shared_ptr<CellReader> reader;  ///< reads the counts as they are trained on; null: they are in memory
    double nonzeros_a_cell = 0;          ///< that it reads

    [[nodiscard]] Index cells() const { return static_cast<Index>(counts.obs.names.size()); }
};

/// What training one likelihood gives, whichever it was.
struct Trained {
    std::vector<float> latent;  ///< cells x latent, row-major
    Index latent_size = 0;
    std::vector<float> responsibilities;  ///< cells x components, row-major; empty without a mixture
    Index components = 0;
    std::string started_from;  ///< how a mixture's components were placed
    double bound_train = 0;
    std::optional<double> bound_test;
    std::optional<double> log_likelihood_test;
    Index epochs = 0;  ///< that were run
    Index start_epochs = 0;
    Index best_epoch = 0;
    bool stopped_early = false;
    bool interrupted = false;
    double training_seconds = 0;
    double cells_per_second = 0;
    std::optional<double> seconds_waiting;  ///< in training, for the file that cells are streamed from
    std::vector<double> library_sizes;      ///< of cells that are streamed; else empty
    std::shared_ptr<const PosteriorPredictiveSummary> predictive;  ///< of `most_predicted` cells at random
    bool file_is_of_start = false;  ///< model.h5 is still the plain model that a mixture starts from
    std::string model;              ///< the composed type in words
    std::string history;            ///< CSV
};

/// What is known of the cells and genes beside the counts.
struct Annotated {
    std::vector<std::int32_t> known;  ///< label of each cell, -1 where it is not known; empty: none is
    std::vector<std::string> label_names;
    std::vector<std::int32_t> condition;  ///< of each cell; empty without
    std::vector<std::string> condition_names;
    std::string condition_column;
    std::vector<std::uint8_t> mask;  ///< genes x sets
    Index sets = 0;
    std::vector<std::string> latent_names;  ///< of the sets
};

/// Groups of cells on which a mixture's components are placed.
struct StartedFrom {
    std::vector<std::int32_t> group;  ///< of each cell, numbered from 0
    std::string from;                 ///< leiden, kmeans or the known labels
};

/// Finds the groups of cells on which a mixture's components are placed, in the latent of the
/// plain model: cells x columns.
using StartGroups = std::function<StartedFrom(std::span<const float> latent, Index columns)>;

/// Trains with one likelihood. Calls `ready` once everything is checked, before the first step. Throws cellvae::Error.
using TrainFunction = Trained (*)(const TrainCells&, const TrainRequest&, const Annotated&, const StartGroups&,
                                  const std::function<void()>& ready);

/// Makes the model of a file (loaded_model.hpp). @throws as load_model
using LoadFunction = std::unique_ptr<LoadedModel> (*)(const std::filesystem::path& file,
                                                      const ModelDescription& description);

/// A row of the table of likelihoods: one source file each.
struct LikelihoodEntry {
    const char* option;       ///< what --likelihood takes
    const char* description;  ///< for --help
    TrainFunction train;
    LoadFunction load;
    std::string_view name;  ///< as model files have it
};

[[nodiscard]] const std::vector<LikelihoodEntry>& likelihoods();

/// `cellvae train`: reads, trains, clusters, scores and writes DIR/cells.h5ad, history.csv, scores.json and
/// options.toml, and the report where it is wanted.
void run_train(const TrainRequest& request);

}  // namespace cellvae::program
