// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "cellvae/core/error.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "charts.hpp"
#include "html_report.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

struct CompareRequest {
    std::vector<std::string> folders;
    std::string out;
};

/// What makes two runs repetitions of each other, but for the seed.
constexpr std::array<const char*, 9> settings{"cells", "genes",  "genes_used", "variable_genes", "likelihood",
                                              "prior", "latent", "components", "cluster_by"};
/// What is compared.
constexpr std::array<const char*, 9> measures{"bound_test", "log_likelihood_test", "ari",    "nmi",    "silhouette",
                                              "clusters",   "active_units",        "epochs", "seconds"};

struct ComparedRun {
    std::string folder;
    Json scores;
    std::size_t group = 0;
};

struct Group {
    std::string name;
    std::vector<const ComparedRun*> runs;
};

/// The settings in which not all runs agree; "all" where they do.
std::string name_of_group(const Json& scores, const std::vector<const char*>& differing) {
    std::string name;
    for (const char* setting : differing) {
        const auto value = scores.value(setting, Json());
        if (value.is_null()) continue;
        name +=
            (name.empty() ? "" : " ") + (value.is_string() ? value.get<std::string>() : setting + ("=" + value.dump()));
    }
    return name.empty() ? "all" : name;
}

/// Agreement of the clusters of each pair of runs, over the cells that both have by name: adjusted Rand indices, runs x
/// runs; null where there are none in common.
Json agreement(const std::vector<ComparedRun>& runs) {
    std::vector<std::optional<ClusteredCells>> cells;
    std::vector<std::map<std::string, std::size_t>> places(runs.size());
    for (const auto& run : runs) {
        cells.push_back(read_clusters(run.folder));
        if (!cells.back()) continue;
        auto& place = places[cells.size() - 1];
        for (std::size_t i = 0; i < cells.back()->names.size(); ++i) place.emplace(cells.back()->names[i], i);
    }
    Json matrix = Json::array();
    for (std::size_t a = 0; a < runs.size(); ++a) {
        Json row = Json::array();
        for (std::size_t b = 0; b < runs.size(); ++b) {
            std::vector<std::int32_t> first, second;
            if (cells[a] && cells[b])
                for (std::size_t i = 0; i < cells[a]->names.size(); ++i)
                    if (const auto found = places[b].find(cells[a]->names[i]); found != places[b].end()) {
                        first.push_back(cells[a]->clusters.codes[i]);
                        second.push_back(cells[b]->clusters.codes[found->second]);
                    }
            row.push_back(first.empty() ? Json() : Json(adjusted_rand_index(first, second)));
        }
        matrix.push_back(row);
    }
    return matrix;
}

/// A run's number, where it has one. @param missing its name where not
std::map<std::string, double> by_seed(const Group& group, const char* measure) {
    std::map<std::string, double> values;
    for (const auto* run : group.runs) {
        const auto seed = run->scores.value("seed", Json());
        const auto value = run->scores.value(measure, Json());
        if (seed.is_number() && value.is_number()) values[seed.dump()] = value.get<double>();
    }
    return values;
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string text_of(const Json& value) {
    if (value.is_null()) return "";
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_number_float()) return value.dump();
    const double number = value.get<double>();
    const bool counts = std::abs(number) > 1 && number == std::floor(number);  // the median of numbers of clusters
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), counts ? "%.0f" : std::abs(number) < 10 ? "%.4f" : "%.1f", number);
    return text.data();
}

/// Rows of equal length in columns, the first of them the names.
void print_columns(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> width(rows.front().size());
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i)
            std::printf(i == 0 ? "  %-*s" : "  %*s", static_cast<int>(width[i]), row[i].c_str());
        std::printf("\n");
    }
    std::printf("\n");
    std::fflush(stdout);
}

/// The runs, the groups' medians and ranges, and what each group has over the first at the seeds that both have.
Json comparison(const std::vector<ComparedRun>& runs, const std::vector<Group>& groups) {
    Json result{{"runs", Json::array()}, {"groups", Json::array()}, {"paired", Json::array()}};
    for (const auto& run : runs) {
        Json row{{"folder", run.folder}, {"group", groups[run.group].name}, {"seed", run.scores.value("seed", Json())}};
        for (const char* measure : measures) row[measure] = run.scores.value(measure, Json());
        result["runs"].push_back(row);
    }
    for (const auto& group : groups) {
        Json row{{"group", group.name}, {"runs", group.runs.size()}};
        for (const char* measure : measures) {
            std::vector<double> values;
            for (const auto* run : group.runs)
                if (const auto value = run->scores.value(measure, Json()); value.is_number())
                    values.push_back(value.get<double>());
            row[measure] = values.empty() ? Json()
                                          : Json{{"median", median(values)},
                                                 {"least", *std::min_element(values.begin(), values.end())},
                                                 {"most", *std::max_element(values.begin(), values.end())}};
        }
        result["groups"].push_back(row);
    }
    for (std::size_t g = 1; g < groups.size(); ++g) {
        Json row{{"group", groups[g].name}, {"over", groups[0].name}};
        for (const char* measure : measures) {
            const auto first = by_seed(groups[0], measure);
            std::vector<double> differences;
            for (const auto& [seed, value] : by_seed(groups[g], measure))
                if (const auto other = first.find(seed); other != first.end())
                    differences.push_back(value - other->second);
            double mean = 0;
            for (const double difference : differences) mean += difference / static_cast<double>(differences.size());
            row[measure] = differences.empty()
                               ? Json()
                               : Json{{"seeds", differences.size()},
                                      {"mean", mean},
                                      {"least", *std::min_element(differences.begin(), differences.end())},
                                      {"most", *std::max_element(differences.begin(), differences.end())}};
        }
        result["paired"].push_back(row);
    }
    result["cluster_ari"] = agreement(runs);
    return result;
}

void print_comparison(const Json& found) {
    const auto print = [](const Json& list, const std::vector<std::string>& names, const auto& text) {
        std::vector<std::string> used;
        for (const char* measure : measures)
            if (std::any_of(list.begin(), list.end(), [&](const Json& row) { return !row[measure].is_null(); }))
                used.emplace_back(measure);
        std::vector<std::vector<std::string>> rows{names};
        rows.front().insert(rows.front().end(), used.begin(), used.end());
        for (const auto& row : list) {
            rows.emplace_back();
            for (const auto& name : names) rows.back().push_back(text_of(row[name]));
            for (const auto& measure : used) rows.back().push_back(row[measure].is_null() ? "" : text(row[measure]));
        }
        print_columns(rows);
    };
    print(found["runs"], {"folder", "group", "seed"}, text_of);
    print(found["groups"], {"group", "runs"}, [](const Json& value) {
        return text_of(value["median"]) + " (" + text_of(value["least"]) + " to " + text_of(value["most"]) + ")";
    });
    if (!found["paired"].empty())
        print(found["paired"], {"group", "over"}, [](const Json& value) {
            return text_of(value["mean"]) + " (" + text_of(value["least"]) + " to " + text_of(value["most"]) + "; " +
                   text_of(value["seeds"]) + ")";
        });
    std::printf("  adjusted Rand index of the clusters of each two runs\n");
    std::vector<std::vector<std::string>> rows{{"run"}};
    for (std::size_t r = 0; r < found["runs"].size(); ++r) {
        rows.front().push_back(std::to_string(r + 1));
        rows.push_back({std::to_string(r + 1) + " " + text_of(found["runs"][r]["folder"])});
        for (const auto& value : found["cluster_ari"][r]) rows.back().push_back(value.is_null() ? "" : text_of(value));
    }
    print_columns(rows);
}

/// A table of the page: what `text` makes of each measure that a row has.
template <class Text>
std::string html_table(const Json& list, const std::vector<std::string>& names, const Text& text) {
    std::string head, body;
    std::vector<std::string> used;
    for (const char* measure : measures)
        if (std::any_of(list.begin(), list.end(), [&](const Json& row) { return !row[measure].is_null(); }))
            used.emplace_back(measure);
    for (const auto& name : names) head += "<th>" + escaped(name) + "</th>";
    for (const auto& name : used) head += "<th>" + escaped(name) + "</th>";
    for (const auto& row : list) {
        body += "<tr>";
        for (const auto& name : names) body += "<th>" + escaped(text_of(row[name])) + "</th>";
        for (const auto& name : used)
            body += "<td>" + (row[name].is_null() ? std::string() : escaped(text(row[name]))) + "</td>";
        body += "</tr>\n";
    }
    return "<div class=\"wide\"><table><thead><tr>" + head + "</tr></thead><tbody>\n" + body +
           "</tbody></table></div>\n";
}

/// The comparison as a page: tables, the held-out bounds over each other, and the clusters' agreement.
std::string comparison_page(const std::vector<ComparedRun>& runs, const Json& found) {
    std::string body = message("<h1>", runs.size(), " runs side by side</h1>\n<section><h2>Runs</h2>\n",
                               html_table(found["runs"], {"folder", "group", "seed"}, text_of),
                               "</section>\n<section><h2>Over seeds</h2>\n<p>Median, least and most of the runs that "
                               "differ in their seed alone, as far as their scores say.</p>\n",
                               html_table(found["groups"], {"group", "runs"}, [](const Json& value) {
                                   return message(text_of(value["median"]), " (", text_of(value["least"]), " to ",
                                                  text_of(value["most"]), ")");
                               }));
    if (!found["paired"].empty())
        body += "<p>Mean difference at the seeds that both groups have; least and most, and how many.</p>\n" +
                html_table(found["paired"], {"group", "over"}, [](const Json& value) {
                    return message(text_of(value["mean"]), " (", text_of(value["least"]), " to ",
                                   text_of(value["most"]), "; ", text_of(value["seeds"]), ")");
                });
    body += "</section>\n<section><h2>Training</h2>\n<div class=\"figures\">\n";
    for (const auto& [column, title] :
         {std::pair{"bound_held_out", "Bound of the held-out cells"}, {"bound_train", "Bound of the training cells"}}) {
        LineChart chart{title, {"epoch"}, {"nats a cell"}, {}, {}, {}};
        for (const auto& run : runs) {
            const auto history = read_history(text_of_file(std::filesystem::path(run.folder) / "history.csv"));
            const auto *epochs = find(history, "epoch"), *values = find(history, column);
            if (epochs != nullptr && values != nullptr) chart.lines.push_back({run.folder, *epochs, *values});
        }
        if (!chart.lines.empty()) body += "<figure>" + draw(chart) + "</figure>\n";
    }
    HeatMap map{"Adjusted Rand index of the clusters of each two runs", "runs", "runs", {}, {}, {}, {}};
    for (std::size_t r = 0; r < runs.size(); ++r) {
        map.rows.push_back(runs[r].folder);
        map.columns.push_back(runs[r].folder);
        for (const auto& value : found["cluster_ari"][r]) {
            map.shades.push_back(value.is_number() ? value.get<double>() : 0);
            std::array<char, 16> text{};
            if (value.is_number()) std::snprintf(text.data(), text.size(), "%.2f", value.get<double>());
            map.texts.emplace_back(text.data());
        }
    }
    body += "</div></section>\n<section><h2>Agreement of the clusters</h2>\n<div class=\"figures\"><figure>" +
            draw(map) +
            "</figure></div>\n<p>1: the same clusters; 0: as many pairs of cells together in both as by chance. Over "
            "the cells "
            "that both runs have, by name.</p></section>\n";
    return html_page("cellvae compare", body);
}

void run_compare(const CompareRequest& request) {
    std::vector<ComparedRun> runs;
    for (const auto& folder : request.folders) {
        runs.push_back({folder, read_scores(folder)});
        auto& scores = runs.back().scores;  // the groups that were found decide how many components are placed there
        if (scores.value("started_from", Json()) == "leiden") scores.erase("components");
    }
    std::vector<const char*> differing;
    for (const char* setting : settings)
        if (std::any_of(runs.begin(), runs.end(), [&](const ComparedRun& run) {
                return run.scores.value(setting, Json()) != runs.front().scores.value(setting, Json());
            }))
            differing.push_back(setting);
    std::vector<Group> groups;
    for (auto& run : runs) {
        const auto name = name_of_group(run.scores, differing);
        const auto found =
            std::find_if(groups.begin(), groups.end(), [&](const Group& group) { return group.name == name; });
        run.group = static_cast<std::size_t>(found - groups.begin());
        if (found == groups.end()) groups.push_back({name, {}});
    }
    for (const auto& run : runs) groups[run.group].runs.push_back(&run);
    for (const auto& group : groups) {
        std::set<std::string> seeds;
        for (const auto* run : group.runs)
            if (!seeds.insert(run->scores.value("seed", Json()).dump()).second)
                print_notice(message("warning: ", group.name,
                                     " has a seed twice: what differs between these runs is not in ",
                                     "their scores; of each seed the last is paired"));
    }
    Json found = comparison(runs, groups);
    if (!request.out.empty()) {
        write_text_atomically(request.out, comparison_page(runs, found));
        found["file"] = request.out;
        print_notice("written to " + request.out);
    }
    if (results_are_json())
        print_result(found);
    else
        print_comparison(found);
}

}  // namespace

void add_compare(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<CompareRequest>();
    auto& compare = add_command(
        app, invocation,
        {"compare", "Runs side by side: their scores, repetitions over seeds together, how their clusters agree",
         "cellvae compare run_1 run_2 run_3\ncellvae compare run_* --out comparison.html    # with pictures"},
        request, run_compare);
    compare.add_option("folders", request->folders, "Folders that train or baseline wrote")->required();
    compare.add_option("--out", request->out,
                       "Page to write as well: tables, curves over each other, agreement of the clusters");
}

}  // namespace cellvae::program
