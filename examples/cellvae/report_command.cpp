// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cellvae/core/error.hpp"
#include "html_report.hpp"
#include "options.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

struct ReportRequest {
    std::string folder;
};

/// `cellvae report`: makes the page of a run again.
void run_report(const ReportRequest& request) {
    const std::filesystem::path folder(request.folder);
    if (!std::filesystem::is_directory(folder))
        throw OptionError(message(request.folder, ": there is no such folder; expected what cellvae train wrote"));
    report_on_folder(folder);
    print_result({{"file", (folder / "report.html").string()}});
}

}  // namespace

void add_report(CLI::App& app, Invocation& invocation) {
    const auto request = std::make_shared<ReportRequest>();
    auto& report =
        add_command(app, invocation, "report",
                    "Make the page of a run again: DIR/report.html, pictures and markers.csv", request, run_report);
    report.add_option("folder", request->folder, "What train wrote: cells.h5ad, scores.json, history.csv")->required();
}

}  // namespace cellvae::program
