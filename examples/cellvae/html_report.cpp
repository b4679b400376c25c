// SPDX-License-Identifier: Apache-2.0
#include "html_report.hpp"

#include <sys/stat.h>

#include <array>
#include <ctime>
#include <utility>
#include <vector>

#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/h5ad.hpp"
#include "charts.hpp"
#include "report.hpp"
#include "report_sections.hpp"
#include "run_folder.hpp"
#include "summary.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

constexpr const char* page_style = R"(
body{background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;max-width:1240px;margin:0 auto;padding:24px}
h1{font-size:26px;margin:0}h2{font-size:19px;margin:36px 0 6px;border-bottom:1px solid var(--grid)}
p{max-width:80ch;margin:8px 0}.soft,small{color:var(--soft)}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0}.tile{border:1px solid var(--grid);border-radius:6px;padding:8px 14px}
.tile data{display:block;font-size:20px;font-weight:600}.tile span{color:var(--soft);font-size:13px}
.figures{display:flex;flex-wrap:wrap;gap:18px 28px;align-items:flex-start}figure{margin:0;max-width:100%;break-inside:avoid}
table{border-collapse:collapse;font-size:14px}th,td{text-align:left;vertical-align:top;padding:3px 14px 3px 0;border-bottom:1px solid var(--grid)}
tr{break-inside:avoid}thead th{color:var(--soft);font-weight:500}.markers th,.markers td{white-space:nowrap}.markers td:last-child{white-space:normal}
.gene{display:inline-block;margin-right:12px;white-space:nowrap}
.wide{overflow-x:auto}pre{font-size:12.5px;columns:3 240px;column-gap:30px;margin:8px 0;white-space:pre-wrap;overflow-wrap:anywhere}
.scores td:last-child{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.columns{columns:2 420px;column-gap:40px}
.choice{position:relative}.choice input{position:absolute;opacity:0}.picks{max-width:none;display:flex;flex-wrap:wrap;gap:6px}
.picks label{border:1px solid var(--grid);border-radius:14px;padding:3px 12px;cursor:pointer;font-size:14px}
.about th{color:var(--soft);font-weight:500;white-space:nowrap}.about td{overflow-wrap:anywhere}.about code{font-size:13px}
@page{margin:12mm}
@media print{.picks,.choice input{display:none}.wide{overflow:visible}body{max-width:none;padding:0;font-size:11pt}h2,h2+p{break-after:avoid}p{break-inside:avoid}.figures{display:block}.figures figure,.choice .figures figure:not(.gene_figure){display:inline-block;vertical-align:top;width:48%;margin:0 1% 10px 0}.choice .figures figure.gene_figure{display:none}.figures figure.large{width:100%}}
@media screen and (max-width:600px){body{padding:12px}.figures figure{overflow-x:auto}.figures .chart{max-width:none}}
)";

std::string tile(const nlohmann::ordered_json& scores, const std::string& name, const std::string& words) {
    if (!has_score(scores, name)) return {};
    return "<div class=\"tile\">" + score_text(scores, name) + "<span>" + words + "</span></div>\n";
}

/// Buttons that choose which figure is seen, by style sheet alone: a page that is opened from the disk runs no script.
std::string choices(const Section& section) {
    std::string inputs, rules = ".choice figure{display:none}", labels;
    for (const auto* list : {&section.arrangements, &section.colourings}) {
        labels += "<p class=\"picks\">";
        for (const auto& [name, words] : *list) {
            const std::string id = "pick_" + name;
            inputs +=
                message("<input type=\"radio\" name=\"", list == &section.arrangements ? "arrangement" : "colouring",
                        "\" id=\"", id, '"', &name == &list->front().name ? " checked" : "", ">\n");
            labels += message("<label for=\"", id, "\">", escaped(words), "</label>\n");
            rules +=
                message("\n#", id, ":checked~.picks label[for=", id, "]{background:var(--ink);color:var(--paper)}#", id,
                        ":focus-visible~.picks label[for=", id, "]{outline:3px solid var(--c4)}");
        }
        labels += "</p>\n";
    }
    for (const auto& arrangement : section.arrangements)
        for (const auto& colouring : section.colourings)
            rules += message("\n#pick_", arrangement.name, ":checked~#pick_", colouring.name, ":checked~.figures #",
                             arrangement.name, '_', colouring.name, "{display:block}");
    return "<style>" + rules + "</style>\n<div class=\"choice\">" + inputs + labels;
}

std::string written(const Section& section, const std::filesystem::path& pictures) {
    std::string html = "<section><h2>" + escaped(section.title) + "</h2>\n" + section.before;
    if (!section.arrangements.empty()) html += choices(section);
    if (!section.figures.empty()) html += "<div class=\"figures\">\n";
    for (const auto& [name, svg] : section.figures) {
        write_text_atomically(pictures / (name + ".svg"), stand_alone(svg));
        const bool large = name == "confusion" || name == "markers";
        const bool gene = !section.arrangements.empty() && name.find("_gene_") != std::string::npos;
        html += message("<figure",
                        large  ? " class=\"large\""
                        : gene ? " class=\"gene_figure\""
                               : "",
                        " id=\"", name, "\">", svg, "</figure>\n");
    }
    if (!section.figures.empty()) html += "</div>\n";
    if (!section.arrangements.empty()) html += "</div>\n";
    return html + (section.after.empty() ? "" : "<div class=\"wide\">" + section.after + "</div>\n") + "</section>\n";
}

/// The command, its data, the model, the seed and the version, as far as the run's files say them.
std::string about(const RunResults& run, const std::string& date) {
    std::string html = "<table class=\"about\"><tbody>\n";
    const auto row = [&](const char* name, const std::string& value) {
        if (!value.empty()) html += message("<tr><th>", name, "</th><td>", value, "</td></tr>\n");
    };
    if (run.options.starts_with("# "))
        row("command", "<code>" + escaped(run.options.substr(2, run.options.find('\n') - 2)) + "</code>");
    row("counts", escaped(option_of(run.options, "counts")));
    row("model", score_text(run.scores, "model"));
    row("seed", score_text(run.scores, "seed"));
    row("version", "cellvae " + score_text(run.scores, "version") + (date.empty() ? "" : ", " + escaped(date)));
    return html + "</tbody></table>\n";
}

std::string every_score(const RunResults& run) {
    std::string html = "<section><h2>Every score and option</h2>\n";
    html += "<table class=\"scores columns\"><tbody>\n";
    for (const auto& [name, value] : run.scores.items())
        html += "<tr><td>" + escaped(name) + "</td><td><data class=\"whole\" data-name=\"" + escaped(name) + "\">" +
                escaped(value.is_string() ? value.get<std::string>() : json_text(value)) + "</data></td></tr>\n";
    html += "</tbody></table>\n";
    if (!run.options.empty()) html += "<h3>Options</h3>\n<pre>" + escaped(run.options) + "</pre>\n";
    return html + "</section>\n";
}

std::string date_of(const std::filesystem::path& file) {
    struct stat about {};
    if (::stat(file.c_str(), &about) != 0) return {};
    std::tm parts{};
    ::gmtime_r(&about.st_mtime, &parts);
    std::array<char, 40> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts);
    return text.data();
}

}  // namespace

std::vector<float> read_latent(const std::filesystem::path& path, Index cells) {
    using namespace io_detail;
    const QuietHdf5 quiet;
    const Hdf5File file = open_hdf5(path);
    const Handle group = open_object(file.handle.get(), "obsm");
    if (!is_group(group)) file.fail("obsm", "is missing; expected what cellvae train writes");
    const io_detail::Dataset dataset(file, group.get(), "X_cellvae", "obsm/X_cellvae");
    dataset.require_numbers();
    const auto& shape = dataset.shape();
    if (shape.size() != 2 || shape[0] != static_cast<hsize_t>(cells) || shape[1] < 1)
        file.fail("obsm/X_cellvae", "does not fit ", cells, " cells; expected cells x latent");
    std::vector<float> latent(static_cast<std::size_t>(shape[0] * shape[1]));
    dataset.read({0, 0}, {shape[0], shape[1]}, H5T_NATIVE_FLOAT, latent.data());
    return latent;
}

namespace {

/// The cells of a run, without counts where it streamed them.
CountMatrix read_run_cells(const std::filesystem::path& path) {
    using namespace io_detail;
    require_regular_file(path);
    const QuietHdf5 quiet;
    const Hdf5File file = open_hdf5(path);
    if (has(file.handle.get(), "X")) return read_open_h5ad(file, {}, {}).counts;
    CountMatrix cells;
    std::vector<std::string> notes;
    cells.obs = read_annotations(file, file.handle.get(), "obs", "obs", notes);
    cells.var = read_annotations(file, file.handle.get(), "var", "var", notes);
    restore_library_sizes(cells);
    cells.row_offsets.assign(cells.obs.names.size() + 1, 0);
    return cells;
}

}  // namespace

std::string html_page(const std::string& title, const std::string& body) {
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" "
           "content=\"light dark\">\n<title>" +
           escaped(title) + "</title>\n<style>" + chart_style() + page_style + "</style></head><body>\n" + body +
           "</body></html>\n";
}

void report_on_folder(const std::filesystem::path& folder, const std::vector<std::string>& genes) {
    const auto text = text_of_file(folder / "scores.json");
    auto scores_read = nlohmann::ordered_json::parse(text, nullptr, false);
    if (!scores_read.is_object())
        throw InputError(message((folder / "scores.json").string(),
                                 text.empty() ? ": is missing or empty" : ": is no JSON object",
                                 "; expected what cellvae train writes"));
    if (!scores_read.contains("prior"))
        throw InputError(message(folder.string(),
                                 ": is not of a training (its scores.json names no prior); a report is "
                                 "of what cellvae train wrote"));
    const auto counts = read_run_cells(folder / "cells.h5ad");
    const auto latent = read_latent(folder / "cells.h5ad", counts.cells());
    write_report(folder, {counts, latent, std::move(scores_read), text_of_file(folder / "history.csv"),
                          text_of_file(folder / "options.toml"), genes});
}

void write_report(const std::filesystem::path& folder, const RunResults& results) {
    Run run = describe(results);
    const auto pictures = made_folder((folder / "pictures").string());
    const auto& scores = results.scores;
    const Section markers = marker_section(run);  // the latent is coloured by its best genes
    std::string sections;
    sections += written(training_section(run), pictures);
    sections += written(latent_section(run), pictures);
    sections += written(cluster_section(run), pictures);
    sections += written(unit_section(run), pictures);
    sections += written(markers, pictures);
    if (const auto predictive = predictive_section(run); !predictive.figures.empty())
        sections += written(predictive, pictures);

    const std::string name = std::filesystem::absolute(folder).lexically_normal().filename().string();
    std::string page;
    page +=
        "<h1>" + (name.empty() ? std::string("A run of cellvae") : escaped(name)) + "</h1>\n<p>" +
        summary(run.results.scores, [&](const std::string& score) { return score_text(run.results.scores, score); }) +
        "</p>\n" + about(results, date_of(folder / "scores.json")) + "<div class=\"tiles\">\n";
    for (const auto& [score, words] : {std::pair{"bound_test", "held-out bound, nats a cell"},
                                       {"bound_train", "training bound"},
                                       {"log_likelihood_test", "held-out log-likelihood"},
                                       {"clusters", "clusters"},
                                       {"ari", "adjusted Rand index"},
                                       {"nmi", "mutual information"},
                                       {"silhouette", "silhouette of the types"},
                                       {"active_units", "active units"},
                                       {"best_epoch", "best epoch"},
                                       {"epochs", "epochs"},
                                       {"seed", "seed"},
                                       {"seconds", "seconds"},
                                       {"peak_memory_mb", "MB at the peak"}})
        page += tile(scores, score, words);
    page += "</div>\n" + sections + every_score(results);
    if (!run.markers.empty()) write_text_atomically(folder / "markers.csv", run.markers);
    write_text_atomically(folder / "report.html", html_page("cellvae: " + name, page));
    print_notice(message("written to ", (folder / "report.html").string(), ", pictures ",
                         run.markers.empty() ? "" : "and markers.csv ", "beside it"));
}

}  // namespace cellvae::program
