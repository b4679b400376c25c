// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cellvae/core/error.hpp"
#include "html_report.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct ReportRequest {
    std::vector<std::string> folders, genes;
};

/// `cellvae report`: makes the pages of runs again.
void run_report(const ReportRequest& request) {
    for (const std::string& name : request.folders)
        if (!std::filesystem::is_directory(name))
            throw OptionError(message(name, ": there is no such folder; expected what cellvae train wrote"));
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (const std::filesystem::path folder : request.folders) {
        report_on_folder(folder, request.genes);
        files.push_back((folder / "report.html").string());
    }
    if (files.size() == 1)
        print_result({{"file", files.front()}});
    else
        print_result({{"files", files}});
}

}  // namespace

void add_report(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<ReportRequest>();
    auto& report = add_command(app, invocation,
                               {"report", "Make the page of a run again: DIR/report.html, pictures and markers.csv",
                                "cellvae report run\n"
                                "cellvae report run --genes INS,GCG    # the latent coloured by these genes too"},
                               request, run_report);
    report
        .add_option("folders", request->folders,
                    "What train wrote: cells.h5ad, scores.json, history.csv; several folders, a page each")
        ->required();
    report
        .add_option("--genes", request->genes,
                    "Names of genes by which the latent is coloured too, separated by commas")
        ->delimiter(',');
}

}  // namespace cellvae::program
