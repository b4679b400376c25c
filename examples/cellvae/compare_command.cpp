// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cellvae/core/error.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

struct CompareRequest {
    std::vector<std::string> folders;
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
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), std::abs(value.get<double>()) < 10 ? "%.4f" : "%.1f", value.get<double>());
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
}

void run_compare(const CompareRequest& request) {
    std::vector<ComparedRun> runs;
    for (const auto& folder : request.folders) runs.push_back({folder, read_scores(folder)});
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
    const Json found = comparison(runs, groups);
    if (results_are_json())
        print_result(found);
    else
        print_comparison(found);
}

}  // namespace

void add_compare(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<CompareRequest>();
    auto& compare = add_command(app, invocation, "compare",
                                "Runs side by side: their scores, repetitions over seeds together, paired by seed",
                                request, run_compare);
    compare.add_option("folders", request->folders, "Folders that train or baseline wrote")->required();
}

}  // namespace cellvae::program
