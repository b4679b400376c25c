// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <utility>

#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/keep.hpp"
#include "cellvae/evaluation/latent.hpp"
#include "cellvae/evaluation/posterior_predictive.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/gene_sets.hpp"
#include "cellvae/io/h5ad.hpp"
#include "cellvae/io/h5ad_cells.hpp"
#include "cellvae/io/model_file.hpp"
#include "cellvae/training/one_cluster_notice.hpp"
#include "clustering.hpp"
#include "html_report.hpp"
#include "mixture_clusters.hpp"
#include "processes.hpp"
#include "report.hpp"
#include "request.hpp"
#include "start_groups.hpp"
#include "streaming.hpp"
#include "summary.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

/// How clusters are to be found; refuses what cannot be before any work.
ClusteringRequest clustering_of(const TrainRequest& request, Index cells) {
    ClusteringRequest clustering{.clusters = request.clusters, .resolution = request.resolution, .seed = request.seed};
    if (request.start == "leiden" && !leiden_is_there()) throw OptionError(without_leiden("--start leiden"));
    clustering.by = request.cluster_by != "auto" ? request.cluster_by : request.has_clusters() ? "mixture" : "kmeans";
    if (clustering.by == "mixture") {
        if (!request.has_clusters())
            throw OptionError(message("--cluster-by mixture needs a prior with clusters: --prior mixture or ",
                                      "marginal_mixture; found ", request.prior));
        if (request.clusters > cells)
            throw OptionError(
                message("--clusters ", request.clusters, " is more than the ", cells, " cells of ", request.counts));
        if (request.components > cells)
            throw OptionError(message("--components ", request.components, " is more than the ", cells, " cells of ",
                                      request.counts));
        if (request.components > 0 && request.clusters > request.components)
            throw OptionError(message("--clusters ", request.clusters, " is more than --components ",
                                      request.components, "; components are merged to clusters"));
        return clustering;
    }
    check_clustering(clustering, cells, request.counts);
    return clustering;
}

/// A column that must be there. @throws OptionError
KnownLabels required_labels(const CountMatrix& counts, const std::string& asked, const std::string& file) {
    auto labels = find_labels(counts, asked, file);
    if (!labels) throw OptionError(message(file, ": no column has one of the well-known names of labels; name one"));
    return std::move(*labels);
}

/// Known labels, conditions and gene sets, as the request names them.
Annotated annotations(const CountMatrix& counts, const CountMatrix& used, const TrainRequest& request) {
    Annotated annotated;
    if (request.known_labels != "none") {
        const auto known = required_labels(counts, request.known_labels, request.counts);
        if (!request.has_clusters())
            throw OptionError("--known-labels needs a prior with clusters: --prior mixture or marginal_mixture");
        const Categorical used = used_categories(known.values);  // one that no cell has would be a cluster of none
        annotated.known = used.codes;
        annotated.label_names = used.categories;
    }
    if (request.condition != "none") {
        const auto condition = required_labels(counts, request.condition, request.counts);
        for (std::size_t cell = 0; cell < condition.values.codes.size(); ++cell)
            if (condition.values.codes[cell] < 0)
                throw InputError(message(request.counts, ": ", counts.obs.names[cell], " has no value in the column ",
                                         request.condition, ": every cell needs its condition"));
        annotated.condition = condition.values.codes;
        annotated.condition_names = condition.values.categories;
        annotated.condition_column = condition.column;
    }
    if ((request.decoder == "masked") != !request.gene_sets.empty())
        throw OptionError("--decoder masked and --gene-sets FILE.gmt go together: each latent dimension is a set");
    if (request.decoder == "masked") {
        const auto sets = read_gene_sets(request.gene_sets);
        const auto mask = [&] {
            try {
                return gene_set_mask(sets, used.var.names, {.least_genes = request.least_genes});
            } catch (const InputError& error) {
                throw InputError(message(request.gene_sets, ": ", error.what()));
            }
        }();
        annotated.mask = mask.mask;
        annotated.sets = static_cast<Index>(mask.names.size());
        annotated.latent_names = mask.names;
        print_notice(message(request.gene_sets, ": ", mask.names.size(), " of ", sets.size(), " sets have at least ",
                             request.least_genes, " of the genes in use; each is a latent dimension"));
    }
    return annotated;
}

/// Adds what the model generates for the cells, and what these are like: columns of var, and the mean over genes of the
/// share of zeros to the scores.
void add_predictive(Json& scores, CountMatrix& counts, const std::vector<bool>& used,
                    const PosteriorPredictiveSummary& summary) {
    const GeneMoments* const kinds[] = {&summary.observed, &summary.simulated};
    scores["predictive_cells"] = summary.cells;
    for (int kind = 0; kind < 2; ++kind) {
        const std::vector<double>* const moments[] = {&kinds[kind]->mean, &kinds[kind]->variance,
                                                      &kinds[kind]->zero_share};
        for (int moment = 0; moment < 3; ++moment) {
            std::vector<double> column(used.size(), std::numeric_limits<double>::quiet_NaN());
            std::size_t next = 0;
            for (std::size_t gene = 0; gene < used.size(); ++gene)
                if (used[gene]) column[gene] = (*moments[moment])[next++];
            counts.var.set({predictive_columns[kind][moment], std::move(column)});
        }
        const auto& zeros = kinds[kind]->zero_share;
        scores[kind == 0 ? "zeros_observed" : "zeros_simulated"] =
            std::accumulate(zeros.begin(), zeros.end(), 0.0) / static_cast<double>(zeros.size());
    }
}

/// The cells of a file with some of its genes, as keep_genes() has them in memory.
void keep_genes(H5adCells& file, std::span<const GeneIndex> genes) {
    const Annotations& all = file.annotations().var;
    std::vector<GeneIndex> place(all.names.size(), -1);
    for (std::size_t i = 0; i < genes.size(); ++i)
        place[static_cast<std::size_t>(genes[i])] = static_cast<GeneIndex>(i);
    file.take_genes(std::move(place), keep_rows(all, genes));
}

/// The cells of a run with all their genes: in memory, or what a file says of them that they are streamed from.
struct RunCells {
    CountsRead read;
    std::shared_ptr<H5adCells> file;

    [[nodiscard]] const CountMatrix& counts() const { return file ? file->annotations() : read.counts; }
};

RunCells read_cells(const TrainRequest& request) {
    RunCells cells;
    if (request.stream) {
        cells.file = open_streamed(request);
        if (cells.file->nonzeros() == 0 && !cells.counts().obs.names.empty())
            throw InputError(message(request.counts, ": every count is 0; expected counts above 0"));
        print_notice(message(request.counts, ": ", cells.counts().obs.names.size(), " cells x ", cells.counts().genes(),
                             " genes (h5ad, ", request.matrix, ", which stays there)"));
    } else {
        cells.read = read_and_choose(request, request.labels, request.seed);
    }
    return cells;
}

/// The genes that a model is of.
struct UsedGenes {
    Annotations all;                    ///< also of the others
    std::vector<bool> is_used;          ///< of each of these
    std::optional<CountMatrix> counts;  ///< the cells with those in use alone, where that is not all of what was read
};

UsedGenes choose_genes(RunCells& cells, const TrainRequest& request) {
    const CountMatrix& found = cells.counts();
    UsedGenes genes{found.var, std::vector<bool>(static_cast<std::size_t>(found.genes()), true), {}};
    if (request.genes <= 0 || request.genes >= found.genes()) return genes;
    const auto cell_count = static_cast<Index>(found.obs.names.size());
    const GeneSelectionOptions options{.genes = request.genes,
                                       .progress = ProgressLine("variable genes", 3 * cell_count)};
    const auto selection =
        cells.file ? select_variable_genes(*cells.file, options) : select_variable_genes(found, options);
    genes.is_used.assign(genes.is_used.size(), false);
    for (const GeneIndex gene : selection.genes) genes.is_used[static_cast<std::size_t>(gene)] = true;
    if (cells.file)
        keep_genes(*cells.file, selection.genes);
    else
        genes.counts = keep_genes(found, selection.genes);
    print_notice(message("genes: the ", selection.genes.size(), " most variable (--genes 0: all)"));
    return genes;
}

/// What a person should know of a training that has ended.
void print_training_notices(const Trained& trained, const TrainRequest& request) {
    if (trained.interrupted)
        print_notice(message("interrupted: going on with what was reached in epoch ", trained.best_epoch,
                             request.save == "none" ? "" : "; --resume continues the training"));
    if (trained.stopped_early)
        print_notice(message("stopped after epoch ", trained.epochs, ": the held-out bound was best in epoch ",
                             trained.best_epoch));
    if (trained.seconds_waiting)
        print_notice(message("waited ", *trained.seconds_waiting, " s of ", trained.training_seconds,
                             " s of training for ", request.counts));
}

/// Clusters of the cells, as columns and coordinates, with their scores and what the model file is to know of them.
void add_clusters_of_cells(CountMatrix& counts, H5adExtras& extras, Json& scores, const Trained& trained,
                           const Annotated& annotated, const ClusteringRequest& clustering,
                           const std::optional<KnownLabels>& labels, const std::filesystem::path& model,
                           const TrainRequest& request) {
    const Kokkos::DefaultHostExecutionSpace host;
    const Coordinates latent{trained.latent, counts.cells(), trained.latent_size};
    if (clustering.by == "mixture") {
        ComponentMergeOptions merge = request.merge;
        merge.clusters = request.clusters;
        merge.seed = request.seed;
        const auto components = cluster_components(trained, annotated, merge);
        if (components.names.size() == 1 && trained.components > 1 && request.clusters != 1)
            print_notice(one_cluster_notice(trained.components, components.components_in_use, request.kl_weight));
        const auto of_mixture = annotated.known.empty() ? mixture_clusters(trained.responsibilities, components)
                                                        : label_clusters(host, latent, annotated.known, components);
        if (!trained.file_is_of_start && request.save == "model") add_clusters(model, components.cluster_of);
        add_cluster_scores(scores, host, latent, of_mixture.clusters, clustering, labels);
        add_mixture_scores(scores, trained, components, of_mixture, labels);
        counts.obs.set({"cellvae_cluster", of_mixture.column});
        counts.obs.set({"cellvae_certainty", of_mixture.certainty});
        set_coordinates(extras, {"X_cellvae_responsibility", trained.components, trained.responsibilities});
    } else {
        const Clusters clusters = find_clusters(host, latent, clustering, labels);
        add_cluster_scores(scores, host, latent, clusters, clustering, labels);
        counts.obs.set({"cellvae_cluster", cluster_column(clusters)});
    }
    if (request.compare) add_comparison(scores, host, trained, latent, labels, request.seed);
}

/// What a model is and how well it fits, before anything of its clusters.
void add_fit_scores(Json& scores, const Trained& trained, const TrainRequest& request) {
    scores["likelihood"] = request.likelihood;
    scores["prior"] = request.prior;
    scores["bound_train"] = trained.bound_train;
    scores["bound_test"] = trained.bound_test ? Json(*trained.bound_test) : Json();
    scores["log_likelihood_test"] = trained.log_likelihood_test ? Json(*trained.log_likelihood_test) : Json();
}

/// The latent units and how the training went.
void add_training_scores(Json& scores, const Trained& trained, const Annotated& annotated, Index cells,
                         const TrainRequest& request) {
    const auto units = active_units(std::span<const float>(trained.latent), cells, trained.latent_size);
    if (units.count < trained.latent_size)
        print_notice(message("warning: ", trained.latent_size - units.count, " of ", trained.latent_size,
                             " latent dimensions are not in use; a lower --kl-weight or --latent may help"));
    scores["latent"] = trained.latent_size;
    if (!annotated.latent_names.empty()) scores["latent_names"] = annotated.latent_names;
    scores["active_units"] = units.count;
    scores["epochs"] = trained.epochs;
    scores["start_epochs"] = trained.start_epochs;
    scores["best_epoch"] = trained.best_epoch;
    scores["interrupted"] = trained.interrupted;
    scores["seed"] = request.seed;
    scores["threads"] = Kokkos::DefaultExecutionSpace().concurrency();
    scores["cells_per_second"] = trained.cells_per_second;
    if (processes().size() > 1) scores["processes"] = processes().size();
    if (trained.seconds_waiting) {
        scores["seconds_waiting"] = *trained.seconds_waiting;
        scores["share_waiting"] =
            trained.training_seconds > 0 ? *trained.seconds_waiting / trained.training_seconds : 0;
    }
}

}  // namespace

void run_train(const TrainRequest& request) {
    const auto start = std::chrono::steady_clock::now();
    catch_interrupt();
    const auto& table = likelihoods();
    const auto entry =
        std::find_if(table.begin(), table.end(), [&](const auto& row) { return request.likelihood == row.option; });
    if (entry == table.end()) {
        std::string names;
        for (const auto& row : table) names += (names.empty() ? "" : ", ") + std::string(row.option);
        throw OptionError(message("--likelihood is one of ", names, "; found ", request.likelihood));
    }
    require_other_folder(request.out, request.files);
    if (request.save == "none") require_no_earlier(request.out, {"model.h5"});
    if (request.report == "none") require_no_earlier(request.out, {"report.html", "markers.csv"});
    RunCells cells = read_cells(request);
    const auto cell_count = static_cast<Index>(cells.counts().obs.names.size());
    if (cell_count < 2)
        throw InputError(message(request.counts, ": has ", counted(cell_count, "cell"), ", and two are the least"));
    const auto labels = find_labels(cells.counts(), request.labels, request.counts);
    const ClusteringRequest clustering = clustering_of(request, cell_count);
    UsedGenes genes = choose_genes(cells, request);
    const CountMatrix& used = genes.counts ? *genes.counts : cells.counts();
    const Index genes_used = used.genes();
    const Annotated annotated = annotations(cells.counts(), used, request);

    const StartGroups start_groups = [&](std::span<const float> values, Index columns) {
        return groups_to_start_from({}, {values, cell_count, columns}, request, annotated);
    };
    const bool is_first = processes().rank() == 0;
    std::filesystem::path folder;
    const double nonzeros = cells.file ? static_cast<double>(cells.file->nonzeros()) : 0;
    Trained trained = entry->train({used, cells.file, nonzeros / static_cast<double>(cell_count)}, request, annotated,
                                   start_groups, [&] {
                                       if (is_first) folder = made_folder(request.out);
                                   });
    if (!is_first) return;
    print_training_notices(trained, request);

    CountMatrix& counts = cells.read.counts;
    if (cells.file) {
        counts = cells.file->release_annotations();
        counts.var = std::move(genes.all);
        counts.library_sizes = std::move(trained.library_sizes);
        counts.row_offsets.assign(static_cast<std::size_t>(cell_count) + 1, 0);  // no cell has counts here
        cells.file.reset();
    }
    Json scores;
    scores["cells"] = counts.cells();
    scores["genes"] = counts.genes();
    scores["genes_used"] = genes_used;
    add_fit_scores(scores, trained, request);
    H5adExtras extras{.obsm = std::move(cells.read.obsm), .counts = !request.stream};
    forget_results(counts, extras.obsm);
    set_coordinates(extras, {"X_cellvae", trained.latent_size, trained.latent});
    add_clusters_of_cells(counts, extras, scores, trained, annotated, clustering, labels, folder / "model.h5", request);
    add_training_scores(scores, trained, annotated, counts.cells(), request);
    add_predictive(scores, counts, genes.is_used, *trained.predictive);
    counts.var.set({"highly_variable", genes.is_used});
    write_cells(folder / "cells.h5ad", counts, std::move(extras));
    write_text_atomically(folder / "history.csv", trained.history);
    scores["model"] = trained.model;
    write_text_atomically(folder / "options.toml", request.options);
    scores = write_scores(std::move(scores), folder, start);
    if (request.stream)
        print_notice(
            message("cells.h5ad has no counts: they stay in ", request.counts, ", and the report has no marker genes"));
    print_notice(message("written to ", (folder / "cells.h5ad").string(),
                         request.save == "none" ? ", " : ", model.h5, ", "history.csv and scores.json beside it"));
    if (request.report == "html")
        write_report(folder, {counts, trained.latent, scores, trained.history, request.options});
    print_notice("\n" + summary(scores));
}

}  // namespace cellvae::program
