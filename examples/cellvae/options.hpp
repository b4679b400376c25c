// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "clustering.hpp"
#include "commands.hpp"
#include "counts_request.hpp"

// Options that several commands have, each described once.

namespace cellvae::program {

/// A command with --threads and --json. The request lives as long as the command; `run` is called with it.
template <class Request>
CLI::App& add_command(CLI::App& app, Invocation& invocation, const std::string& name, const std::string& description,
                      const std::shared_ptr<Request>& request, void (*run)(const Request&)) {
    auto* command = app.add_subcommand(name, description);
    command->option_defaults()->always_capture_default();
    command->add_option("--threads", invocation.threads, "0: one a core")->check(CLI::Range(0, 4096));
    command->add_flag("--json", invocation.json, "The result as one JSON object on the standard output");
    command->callback([&invocation, request, run] { invocation.run = [request, run] { run(*request); }; });
    return *command;
}

/// The counts, how they are read, and which cells and genes are used.
void add_counts(CLI::App& command, CountsRequest& request);

/// One input, all of whose cells are used: for commands that apply a model.
void add_counts(CLI::App& command, std::string& counts, std::string& orientation);

void add_orientation(CLI::App& command, std::string& orientation);

/// The column of known types that scores are taken against.
void add_labels(CLI::App& command, std::string& labels);

/// How clusters are found; `what` names the coordinates.
void add_clustering(CLI::App& command, ClusteringRequest& request, const std::string& what);

void add_seed(CLI::App& command, std::uint64_t& seed);

}  // namespace cellvae::program
