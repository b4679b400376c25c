// SPDX-License-Identifier: Apache-2.0
#include "report_sections.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

#include "cellvae/core/random.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/evaluation/latent.hpp"
#include "cellvae/evaluation/latent_components.hpp"
#include "cellvae/evaluation/marker_genes.hpp"
#include "cellvae/evaluation/t_sne.hpp"
#include "cellvae/evaluation/trustworthiness.hpp"
#include "cellvae/training/history.hpp"
#include "charts.hpp"
#include "run_folder.hpp"
#include "summary.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

constexpr std::size_t most_shown = 5000, most_genes_shown = 2500, most_genes_coloured = 12;

/// At most 5,000 cells: one of each label in turn, in an order drawn at random, until there are enough.
std::vector<std::size_t> cells_to_show(const Categorical& labels, std::size_t cells) {
    std::vector<std::size_t> shown;
    if (cells <= most_shown) {
        for (std::size_t cell = 0; cell < cells; ++cell) shown.push_back(cell);
        return shown;
    }
    std::vector<std::vector<std::size_t>> groups(labels.categories.size() + 1);  // the last: without a label
    for (std::size_t cell = 0; cell < cells; ++cell) {
        const auto code = labels.codes[cell];
        groups[code < 0 ? groups.size() - 1 : static_cast<std::size_t>(code)].push_back(cell);
    }
    RandomStream random(0, Purpose::evaluation);
    for (auto& group : groups)
        for (std::size_t i = 0; i + 1 < group.size(); ++i)
            std::swap(group[i], group[i + random.below(static_cast<std::uint32_t>(group.size() - i))]);
    for (std::size_t turn = 0; shown.size() < most_shown; ++turn)
        for (const auto& group : groups)
            if (turn < group.size() && shown.size() < most_shown) shown.push_back(group[turn]);
    std::sort(shown.begin(), shown.end());
    return shown;
}

std::string in_words(std::string name) {
    std::replace(name.begin(), name.end(), '_', ' ');
    if (name.starts_with("kl"))
        name = name == "kl z" ? "KL of z" : name == "kl y" ? "KL of clusters" : "KL" + name.substr(2);
    return name;
}

std::string paragraph(const std::string& html) { return "<p>" + html + "</p>\n"; }

/// Points in the plane (cells shown x 2) by category; those without one are left out.
ScatterChart coloured(std::string title, const Axis& x, const Axis& y, const std::vector<float>& points, const Run& run,
                      const Categorical& groups) {
    ScatterChart chart{std::move(title), x, y, {}, true, false};
    chart.groups.resize(groups.categories.size());
    for (std::size_t g = 0; g < groups.categories.size(); ++g) chart.groups[g].name = groups.categories[g];
    for (std::size_t i = 0; i < run.shown.size(); ++i) {
        const auto code = groups.codes[run.shown[i]];
        if (code < 0) continue;
        auto& group = chart.groups[static_cast<std::size_t>(code)];
        group.x.push_back(static_cast<double>(points[2 * i]));
        group.y.push_back(static_cast<double>(points[2 * i + 1]));
    }
    std::erase_if(chart.groups, [](const auto& group) { return group.x.empty(); });
    return chart;
}

/// A group of points in the plane, of some of the cells shown.
PointGroup points_of(const std::string& name, const std::vector<float>& points, const std::vector<std::size_t>& which) {
    PointGroup group{name, {}, {}};
    for (const std::size_t i : which) {
        group.x.push_back(static_cast<double>(points[2 * i]));
        group.y.push_back(static_cast<double>(points[2 * i + 1]));
    }
    return group;
}

/// The cells shown, by a number of each, in at most `steps` steps with as many cells; those below `least` are not
/// there.
std::vector<std::pair<std::string, std::vector<std::size_t>>> in_steps(const std::vector<double>& values,
                                                                       std::size_t steps, double least) {
    std::vector<std::pair<double, std::size_t>> sorted;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (values[i] >= least) sorted.emplace_back(values[i], i);
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::pair<std::string, std::vector<std::size_t>>> groups;
    for (std::size_t step = 0, first = 0; step < steps; ++step) {
        std::size_t last = (step + 1) * sorted.size() / steps;
        while (last > first && last < sorted.size() && sorted[last].first == sorted[last - 1].first) ++last;
        if (first >= last) continue;
        groups.emplace_back(
            brief(sorted[first].first) +
                (sorted[first].first < sorted[last - 1].first ? " to " + brief(sorted[last - 1].first) : ""),
            std::vector<std::size_t>());
        for (; first < last; ++first) groups.back().second.push_back(sorted[first].second);
    }
    return groups;
}

ScatterChart by_steps(std::string title, const Axis& x, const Axis& y, const std::vector<float>& points,
                      const std::vector<std::pair<std::string, std::vector<std::size_t>>>& steps) {
    ScatterChart chart{std::move(title), x, y, {}, false, true};
    for (const auto& [name, cells] : steps) chart.groups.push_back(points_of(name, points, cells));
    return chart;
}

std::vector<double> library_sizes(const Run& run) {
    std::vector<double> sizes;
    for (const std::size_t cell : run.shown) sizes.push_back(run.results.counts.library_size(static_cast<Index>(cell)));
    return sizes;
}

/// The counts of a gene per ten thousand of the cell, of the cells shown.
std::vector<double> expression(const Run& run, GeneIndex gene) {
    const auto& counts = run.results.counts;
    std::vector<double> values;
    for (const std::size_t cell : run.shown) {
        const auto end = counts.columns.begin() + counts.row_offsets[cell + 1];
        const auto at = std::lower_bound(counts.columns.begin() + counts.row_offsets[cell], end, gene);
        const double library = counts.library_size(static_cast<Index>(cell));
        const bool counted = at != end && *at == gene && library > 0;
        values.push_back(
            counted ? 1e4 * static_cast<double>(counts.values[static_cast<std::size_t>(at - counts.columns.begin())]) /
                          library
                    : 0);
    }
    return values;
}

/// How sure a mixture is of each cell's cluster, in steps that become finer towards one.
std::vector<std::pair<std::string, std::vector<std::size_t>>> certainty_steps(const std::vector<double>& certainty) {
    constexpr double bounds[] = {0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999};
    std::vector<std::pair<std::string, std::vector<std::size_t>>> steps;
    for (std::size_t k = 0; k < std::size(bounds); ++k)
        steps.emplace_back(
            k + 1 < std::size(bounds) ? brief(bounds[k]) + " to " + brief(bounds[k + 1]) : "above " + brief(bounds[k]),
            std::vector<std::size_t>());
    for (std::size_t i = 0; i < certainty.size(); ++i) {
        std::size_t k = std::size(bounds) - 1;
        while (k > 0 && certainty[i] < bounds[k]) --k;
        steps[k].second.push_back(i);
    }
    return steps;
}

/// Letters and digits of a name, for a file's.
std::string file_name_of(std::string name) {
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
}

/// The colourings of one arrangement of points.
void add_arrangement(Section& section, const std::string& name, const std::string& words, const std::string& title,
                     const Axis& x, const Axis& y, const std::vector<float>& points, const Run& run) {
    section.arrangements.push_back({name, words});
    const bool first = section.arrangements.size() == 1;
    const auto add = [&](const std::string& colouring, const std::string& by, const auto& chart) {
        if (first) section.colourings.push_back({colouring, by});
        section.figures.push_back({name + "_" + colouring, draw(chart)});
    };
    add("cluster", "cluster", coloured(title + ", by cluster", x, y, points, run, run.clusters));
    if (run.labels)
        add("label", run.labels->column,
            coloured(title + ", by " + run.labels->column, x, y, points, run, run.labels->values));
    if (run.condition)
        add("condition", run.condition_name,
            coloured(title + ", by " + run.condition_name, x, y, points, run, *run.condition));
    add("library_size", "library size",
        by_steps(title + ", by library size", x, y, points, in_steps(library_sizes(run), 8, 0)));
    if (const auto* column = run.results.counts.obs.find("cellvae_certainty"))
        if (const auto* all = std::get_if<std::vector<double>>(&column->values)) {
            std::vector<double> certainty;
            for (const std::size_t cell : run.shown) certainty.push_back((*all)[cell]);
            add("certainty", "certainty",
                by_steps(title + ", by certainty of the cluster", x, y, points, certainty_steps(certainty)));
        }
    for (const GeneIndex gene : run.genes) {
        const auto& gene_name = run.results.counts.var.names[static_cast<std::size_t>(gene)];
        const auto values = expression(run, gene);
        auto steps = in_steps(values, 7, std::numeric_limits<double>::min());
        steps.insert(steps.begin(), {"not counted", {}});
        for (std::size_t i = 0; i < values.size(); ++i)
            if (values[i] == 0) steps.front().second.push_back(i);
        add("gene_" + file_name_of(gene_name) +
                (std::count_if(run.genes.begin(), run.genes.end(),
                               [&](GeneIndex other) {
                                   return file_name_of(run.results.counts.var.names[static_cast<std::size_t>(other)]) ==
                                          file_name_of(gene_name);
                               }) > 1
                     ? message('_', gene)
                     : ""),
            gene_name, by_steps(message(title, ", by ", gene_name, " in counts per 10,000"), x, y, points, steps));
    }
}

SilhouetteChart silhouette_chart(const std::string& title, const Silhouette& found, const Categorical& groups) {
    SilhouetteChart chart{title, {}, std::vector<std::vector<double>>(found.clusters.size()), found.mean};
    for (std::size_t k = 0; k < found.clusters.size(); ++k) {
        chart.names.push_back(groups.categories[static_cast<std::size_t>(found.clusters[k])]);
        for (std::size_t cell = 0; cell < groups.codes.size(); ++cell)
            if (groups.codes[cell] == found.clusters[k] && !std::isnan(found.cells[cell]))
                chart.widths[k].push_back(found.cells[cell]);
    }
    return chart;
}

/// A column of numbers of var, or null.
const std::vector<double>* numbers(const CountMatrix& counts, const char* name) {
    const auto* column = counts.var.find(name);
    return column == nullptr ? nullptr : std::get_if<std::vector<double>>(&column->values);
}

}  // namespace

Run describe(const RunResults& results) {
    Run run{.results = results};
    const auto& counts = results.counts;
    const auto cells = counts.cells();
    if (cells < 2) throw InputError(message("a report needs at least two cells, found ", cells));
    run.latent_size = static_cast<Index>(results.latent.size()) / cells;
    require_size(static_cast<Index>(results.latent.size()), run.latent_size * cells, "latent coordinates");
    const auto* column = counts.obs.find("cellvae_cluster");
    const auto* clusters = column == nullptr ? nullptr : std::get_if<Categorical>(&column->values);
    if (clusters == nullptr)
        throw InputError("cells.h5ad: obs has no categories cellvae_cluster; expected what train writes");
    run.clusters = *clusters;
    if (results.scores.value("labels", nlohmann::ordered_json()).is_string())
        run.labels = find_labels(counts, results.scores["labels"].get<std::string>(), "cells.h5ad");
    if (const auto name = option_of(results.options, "condition"); !name.empty() && name != "none")
        if (const auto* condition = counts.obs.find(name))
            if (const auto* values = std::get_if<Categorical>(&condition->values)) {
                run.condition = *values;
                run.condition_name = name;
            }
    if (!results.genes.empty() && counts.columns.empty())
        throw OptionError("--genes: the run has no counts by which the latent could be coloured (train --stream)");
    for (const auto& name : results.genes) {
        const auto found = std::find(counts.var.names.begin(), counts.var.names.end(), name);
        if (found == counts.var.names.end()) throw OptionError(message("--genes: the run has no gene ", name));
        const auto gene = static_cast<GeneIndex>(found - counts.var.names.begin());
        if (std::find(run.genes.begin(), run.genes.end(), gene) == run.genes.end()) run.genes.push_back(gene);
    }
    run.shown = cells_to_show(run.labels ? run.labels->values : run.clusters, static_cast<std::size_t>(cells));
    return run;
}

std::string option_of(const std::string& options, const std::string& name) {
    std::istringstream lines(options);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(name + "=")) continue;
        std::string value = line.substr(name.size() + 1);
        if (value.size() > 1 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
            value = value.substr(1, value.size() - 2);
        return value;
    }
    return {};
}

std::string score_text(const nlohmann::ordered_json& scores, const std::string& name) {
    std::string text = brief_score(scores, name);
    if (!has_score(scores, name)) return text;
    const std::string whole = json_text(scores[name]);
    return message("<data class=\"score\" data-name=\"", escaped(name), "\" value=\"", escaped(whole), "\">",
                   escaped(text), "</data>");
}

Section training_section(const Run& run) {
    Section section{"Training", {}, {}};
    const auto history = read_history(run.results.history);
    const auto* epochs = find(history, "epoch");
    if (epochs == nullptr || epochs->empty()) {
        section.before = paragraph("No epoch was finished.");
        return section;
    }
    const auto& scores = run.results.scores;
    section.before = paragraph(
        "Means over cells, in nats a cell: of the training cells as they were trained on, and of the held-out cells "
        "after each epoch, at full weight of the KL. The first tenth of the epochs may be cut off. The parameters "
        "of epoch " +
        score_text(scores, "best_epoch") + " of " + score_text(scores, "epochs") +
        " were kept. A model explains the cells it was trained on better than others, the more so the fewer they are: "
        "training was too long where the bound of the held-out cells falls again.");
    if (scores.value("start_epochs", 0) > 0)
        section.before += paragraph("Before these epochs, a model without clusters was trained for " +
                                    score_text(scores, "start_epochs") + ": the mixture starts from what it learned.");
    const std::string suffix = "_train";
    for (const auto& [name, values] : history) {
        if (!name.ends_with(suffix)) continue;
        const std::string term = name.substr(0, name.size() - suffix.size());
        const auto* held_out = find(history, term + "_held_out");
        const auto nothing = [](const std::vector<double>& v) {
            return std::all_of(v.begin(), v.end(), [](double x) { return x == 0 || std::isnan(x); });
        };
        if (nothing(values) && (held_out == nullptr || nothing(*held_out))) continue;  // a term that this prior has not
        LineChart chart{in_words(term), {"epoch"}, {"nats a cell"}, {{"training", *epochs, values}}, {}, {}};
        chart.title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(chart.title[0])));
        if (held_out != nullptr && !nothing(*held_out)) chart.lines.push_back({"held out", *epochs, *held_out});
        if (const auto best = scores.value("best_epoch", 0.0); best > 0) {
            chart.mark = best;
            chart.mark_name = message("best: ", best);
        }
        section.figures.push_back({"training_" + term, draw(chart)});
    }
    if (const auto* beta = find(history, "beta"); beta != nullptr && beta->front() != beta->back())
        section.figures.push_back(
            {"training_beta",
             draw(LineChart{"Weight of the KL", {"epoch"}, {"weight"}, {{"weight", *epochs, *beta}}, {}, {}})});
    return section;
}

Section latent_section(const Run& run) {
    const auto n = static_cast<Index>(run.shown.size());
    const auto width = static_cast<std::size_t>(run.latent_size);
    std::vector<float> latent;
    for (const auto cell : run.shown)
        latent.insert(latent.end(), run.results.latent.begin() + static_cast<std::ptrdiff_t>(cell * width),
                      run.results.latent.begin() + static_cast<std::ptrdiff_t>((cell + 1) * width));
    const auto components = latent_components(run.host, latent, n, run.latent_size);
    double total = 0;
    for (const double variance : components.variances) total += variance;
    const auto share = [&](std::size_t k) {
        return k < components.variances.size() && total > 0 ? brief(100 * components.variances[k] / total) : "0";
    };
    Section section{"The latent in two dimensions", {}, {}};
    const bool all = n == run.results.counts.cells();
    section.before = paragraph(message(
        all ? std::string("All ") : message("Of ", brief(static_cast<double>(run.results.counts.cells())), " cells, "),
        brief(static_cast<double>(n)), " cells", all ? "" : ", chosen evenly over their types",
        ". A group's name stands at its median, or beside it with a line to it. The buttons choose the arrangement and "
        "the colours; genes are the best markers of each cluster, and those of <code>cellvae report --genes</code>."));
    const auto add_components = [&] {
        add_arrangement(section, "pca", "principal components", "Principal components of the latent",
                        {"first component (" + share(0) + "% of the variance)"},
                        {"second component (" + share(1) + "%)"}, components.coordinates, run);
    };
    if (n < 8 || !(components.variances[0] > 0)) {
        add_components();
        return section;
    }
    const double perplexity = std::min(30.0, static_cast<double>(n - 1) / 3);
    TSneOptions options{.perplexity = perplexity};
    options.progress = ProgressLine("t-SNE", options.steps, "steps");
    const auto picture = t_sne(run.host, latent, n, run.latent_size, components.coordinates, options);
    add_arrangement(section, "tsne", "t-SNE", "t-SNE of the latent", {"", false, false}, {"", false, false},
                    picture.coordinates, run);
    add_components();
    const double trust = trustworthiness(run.host, latent, n, run.latent_size, picture.coordinates, n > 10 ? 5 : 1);
    const auto whole = [](const char* name, double value) {
        return message("<data data-name=\"", name, "\" value=\"", nlohmann::json(value).dump(), "\">", brief(value),
                       "</data>");
    };
    section.after =
        paragraph("t-SNE (van der Maaten and Hinton 2008), exact, perplexity " + brief(perplexity) +
                  ", from the principal components: KL divergence " + whole("t_sne_divergence", picture.divergence) +
                  ", trustworthiness of 5 neighbours " + whole("t_sne_trustworthiness", trust) +
                  ". Near points are alike; sizes of groups and distances between them mean little.");
    return section;
}

Section cluster_section(const Run& run) {
    const auto& scores = run.results.scores;
    Section section{"Clusters", {}, {}};
    section.before = paragraph(
        score_text(scores, "clusters") + (scores.value("clusters", 0) == 1 ? " cluster by " : " clusters by ") +
        score_text(scores, "cluster_by") + " (" + score_text(scores, "clusters_from") + ")." +
        (run.labels ? " Adjusted Rand index with " + escaped(run.labels->column) + ": " + score_text(scores, "ari") +
                          ", normalised mutual information: " + score_text(scores, "nmi") + "."
                    : ""));
    if (run.labels) {
        const auto table = contingency_table(run.clusters.codes, run.labels->values.codes);
        HeatMap chart{"Cells by cluster and " + run.labels->column + "; shade: share of the cluster",
                      "clusters",
                      run.labels->column,
                      {},
                      {},
                      {},
                      {}};
        for (const auto code : table.rows)
            chart.rows.push_back(run.clusters.categories[static_cast<std::size_t>(code)]);
        for (const auto code : table.columns)
            chart.columns.push_back(run.labels->values.categories[static_cast<std::size_t>(code)]);
        for (std::size_t r = 0; r < table.rows.size(); ++r)
            for (std::size_t c = 0; c < table.columns.size(); ++c) {
                const auto count = static_cast<double>(table.count(r, c));
                chart.shades.push_back(count / static_cast<double>(std::max<std::int64_t>(1, table.row_sums[r])));
                chart.texts.push_back(count > 0 ? message(table.count(r, c)) : "");
            }
        section.figures.push_back({"confusion", draw(chart)});
    }
    const auto cells = run.results.counts.cells();
    const auto add_silhouette = [&](const char* name, const std::string& title, const Categorical& groups) {
        const Coordinates latent{run.results.latent, cells, run.latent_size};
        if (const auto found = silhouette_of_groups(run.host, latent, groups.codes))
            section.figures.push_back({name, draw(silhouette_chart(title, *found, groups))});
    };
    add_silhouette("silhouette_clusters", "Silhouette of the clusters", run.clusters);
    if (run.labels) add_silhouette("silhouette_labels", "Silhouette of " + run.labels->column, run.labels->values);
    section.after = paragraph(
        (cells > most_for_silhouette
             ? message("Of the cells, ", brief(static_cast<double>(most_for_silhouette)), ", evenly spaced. ")
             : std::string()) +
        "Each cell is a row of its group, as wide as its silhouette (Rousseeuw 1987): 1 where its group is far nearer "
        "than the next one, 0 between "
        "two, "
        "below 0 where another is nearer; Euclidean, in the latent." +
        (run.labels ? " Its mean over the cells, their " + escaped(run.labels->column) +
                          " as groups: " + score_text(scores, "silhouette") + "."
                    : std::string()));
    return section;
}

Section unit_section(const Run& run) {
    const auto cells = run.results.counts.cells();
    const auto width = static_cast<std::size_t>(run.latent_size);
    Section section{"Latent units", {}, {}};
    section.before =
        paragraph(score_text(run.results.scores, "active_units") + " of " + score_text(run.results.scores, "latent") +
                  " units are active: their mean varies over cells by more than 0.01 (Burda et al. 2016).");
    const auto units = active_units(run.results.latent, cells, run.latent_size);
    const auto covariance = latent_covariance(run.results.latent, cells, run.latent_size);
    const auto& names = run.results.scores.value("latent_names", nlohmann::ordered_json::array());
    BarChart bars{"Activity of the latent units", {"variance of the unit's mean over cells"}, {}, {}, {}, 0.01, "0.01"};
    HeatMap map{"Covariance of the latent means; shade: correlation, blue above 0, orange below",
                "latent units",
                "latent units",
                {},
                {},
                {},
                {}};
    double largest = 0;
    for (const double variance : units.variances) largest = std::max(largest, variance);
    for (std::size_t i = 0; i < width; ++i) {
        bars.names.push_back(i < names.size() && names[i].is_string() ? names[i].get<std::string>()
                                                                      : std::to_string(i + 1));
        bars.values.push_back(units.variances[i]);
        bars.notes.push_back(brief(units.variances[i]) + (units.active[i] ? "" : " (not active)"));
        for (std::size_t j = 0; j < width; ++j) {
            const double scale = std::sqrt(units.variances[i] * units.variances[j]);
            map.shades.push_back(scale > 0 ? covariance[i * width + j] / scale : 0);
            if (width <= 20) map.texts.push_back(message(std::round(covariance[i * width + j] * 100) / 100 + 0.0));
        }
    }
    map.rows = map.columns = bars.names;
    section.figures.push_back({"active_units", draw(bars)});
    section.figures.push_back({"covariance", draw(map)});
    return section;
}

Section marker_section(Run& run) {
    Section section{"Marker genes", {}, {}};
    const auto& counts = run.results.counts;
    if (counts.columns.empty()) {  // train --stream
        section.before = paragraph("The counts of this run stayed in their file, and there are no marker genes.");
        return section;
    }
    const auto number = static_cast<int>(run.clusters.categories.size());
    const auto markers = marker_genes(run.host, counts, run.clusters.codes, number,
                                      {.genes = 0, .progress = ProgressLine("marker genes", counts.genes(), "genes")});
    section.before = paragraph(
        "Genes that tell a cluster from all other cells: Wilcoxon's rank-sum test on log1p of counts per ten thousand, "
        "as scanpy's "
        "rank_genes_groups does it; the highest scores first, with the log2 fold change and the shares of cells in "
        "which the "
        "gene was counted, inside and outside. More in markers.csv.");
    std::map<GeneIndex, std::size_t> chosen;
    std::vector<GeneIndex> columns;
    std::string table = "<table class=\"markers\"><thead><tr><th>cluster</th><th>cells</th>";
    table += run.labels ? "<th>mostly</th>" : "";
    table += "<th>marker genes</th></tr></thead><tbody>\n";
    run.markers = "cluster,rank,gene,score,log2_fold_change,p_value,adjusted_p_value,share_inside,share_outside\n";
    for (std::size_t k = 0; k < markers.size(); ++k) {
        std::map<std::int32_t, std::size_t> types;
        std::size_t size = 0;
        for (std::size_t cell = 0; cell < run.clusters.codes.size(); ++cell)
            if (run.clusters.codes[cell] == static_cast<std::int32_t>(k)) {
                ++size;
                if (run.labels && run.labels->values.codes[cell] >= 0) ++types[run.labels->values.codes[cell]];
            }
        if (size == 0) continue;
        table += message("<tr><th>", escaped(run.clusters.categories[k]), "</th><td>", brief(static_cast<double>(size)),
                         "</td>");
        if (run.labels) {
            const auto most = std::max_element(types.begin(), types.end(),
                                               [](const auto& a, const auto& b) { return a.second < b.second; });
            table +=
                most == types.end()
                    ? "<td></td>"
                    : message("<td>", escaped(run.labels->values.categories[static_cast<std::size_t>(most->first)]),
                              " (", std::lround(100.0 * static_cast<double>(most->second) / static_cast<double>(size)),
                              "%)</td>");
        }
        table += "<td>";
        const std::string cluster = table_field(run.clusters.categories[k], ',');
        for (std::size_t rank = 0; rank < std::min<std::size_t>(50, markers[k].size()); ++rank) {
            const auto& marker = markers[k][rank];
            const auto& name = counts.var.names[static_cast<std::size_t>(marker.gene)];
            run.markers += message(cluster, ',', rank + 1, ',', table_field(name, ','), ',', marker.score, ',',
                                   marker.log2_fold_change, ',', marker.p_value, ',', marker.adjusted_p_value, ',',
                                   marker.share_inside, ',', marker.share_outside, '\n');
            if (!(marker.score > 0)) continue;
            if (rank == 0 && run.genes.size() < most_genes_coloured &&
                std::find(run.genes.begin(), run.genes.end(), marker.gene) == run.genes.end())
                run.genes.push_back(marker.gene);
            if (rank < 3 && chosen.emplace(marker.gene, columns.size()).second) columns.push_back(marker.gene);
            if (rank < 8)
                table += message("<span class=\"gene\"><b>", escaped(name), "</b> ", brief(marker.log2_fold_change),
                                 " <small>", std::lround(100 * marker.share_inside), "/",
                                 std::lround(100 * marker.share_outside), "%</small></span> ");
        }
        table += "</td></tr>\n";
    }
    section.after = table + "</tbody></table>\n";
    if (columns.empty() || columns.size() > 90) return section;
    HeatMap chart{"Mean log-normalised count; shade: share of the gene's highest",
                  "clusters",
                  "three best marker genes of each",
                  {},
                  {},
                  {},
                  {}};
    std::vector<double> highest(columns.size(), 0.0), means;
    for (std::size_t k = 0; k < markers.size(); ++k) {
        if (markers[k].empty()) continue;
        chart.rows.push_back(run.clusters.categories[k]);
        const std::size_t begin = means.size();
        means.resize(begin + columns.size());
        for (const auto& marker : markers[k])
            if (const auto found = chosen.find(marker.gene); found != chosen.end()) {
                means[begin + found->second] = marker.mean_inside;
                highest[found->second] = std::max(highest[found->second], marker.mean_inside);
            }
    }
    for (const auto gene : columns) chart.columns.push_back(counts.var.names[static_cast<std::size_t>(gene)]);
    for (std::size_t i = 0; i < means.size(); ++i)
        chart.shades.push_back(highest[i % columns.size()] > 0 ? means[i] / highest[i % columns.size()] : 0);
    section.figures.push_back({"markers", draw(chart)});
    return section;
}

Section predictive_section(const Run& run) {
    Section section{"Posterior predictive check", {}, {}};
    const auto& counts = run.results.counts;
    const std::vector<double>* columns[2][3];
    for (int kind = 0; kind < 2; ++kind)
        for (int moment = 0; moment < 3; ++moment)
            if ((columns[kind][moment] = numbers(counts, predictive_columns[kind][moment])) == nullptr)
                return section;                         // as of a run of an older version
    std::vector<std::pair<double, std::size_t>> genes;  // by their observed mean
    for (std::size_t gene = 0; gene < columns[0][0]->size(); ++gene)
        if (std::isfinite((*columns[0][0])[gene])) genes.emplace_back((*columns[0][0])[gene], gene);
    std::sort(genes.begin(), genes.end());
    ScatterChart variance{"Mean and variance of each gene",
                          {"mean", true},
                          {"variance", true},
                          {{"observed", {}, {}}, {"simulated", {}, {}}},
                          false,
                          false};
    ScatterChart zeros{
        "Mean and share of zeros of each gene", {"mean", true}, {"share of zeros"}, variance.groups, false, false};
    const std::size_t step = (genes.size() + most_genes_shown - 1) / most_genes_shown;
    for (std::size_t i = 0; i < genes.size(); i += step)
        for (std::size_t kind = 0; kind < 2; ++kind) {
            const auto gene = genes[i].second;
            variance.groups[kind].x.push_back((*columns[kind][0])[gene]);
            variance.groups[kind].y.push_back((*columns[kind][1])[gene]);
            zeros.groups[kind].x.push_back((*columns[kind][0])[gene]);
            zeros.groups[kind].y.push_back((*columns[kind][2])[gene]);
        }
    const auto& scores = run.results.scores;
    section.before = paragraph(message(
        "Each point is a gene that was trained on", step > 1 ? message(" (one of ", step, ")") : "", ": over ",
        score_text(scores, "predictive_cells"),
        scores.value("predictive_cells", Index{0}) < counts.cells() ? " cells, drawn at random," : " cells",
        " as they are, and over one draw from the model for each. Where the model fits, both clouds agree. "
        "Mean share of zeros over genes: ",
        score_text(scores, "zeros_observed"), " observed, ", score_text(scores, "zeros_simulated"), " simulated."));
    section.figures.push_back({"predictive_variance", draw(variance)});
    section.figures.push_back({"predictive_zeros", draw(zeros)});
    return section;
}

}  // namespace cellvae::program
