// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "clustering.hpp"
#include "commands.hpp"
#include "counts_request.hpp"

// Options that several commands have, each described once.

namespace cellvae::program {

/// What --help says of a command beside its options.
struct CommandText {
    std::string name;
    std::string description;  ///< one line
    std::string example;      ///< lines to type, with comments; the first thing that --help shows
};

/// From here on the command's options are of this group in --help.
inline void begin_group(CLI::App& command, const std::string& name) { command.option_defaults()->group(name); }

/// A command with --threads, --quiet and --json. The request lives as long as the command; `run` is called with it.
template <class Request>
CLI::App& add_command(CLI::App& app, Invocation& invocation, const CommandText& text,
                      const std::shared_ptr<Request>& request, void (*run)(const Request&)) {
    auto* command = app.add_subcommand(text.name, text.description);
    command->footer(text.example);
    command->option_defaults()->always_capture_default();
    begin_group(*command, "Running");
    command->add_option("--threads", invocation.threads, "0: one a core")->check(CLI::Range(0, 4096));
    command->add_flag("--json", invocation.json, "The result as one JSON object on the standard output");
    command->add_flag("--quiet", invocation.quiet, "No progress and no notices on the standard error, but errors");
    begin_group(*command, "Options");
    command->callback([&invocation, request, run] { invocation.run = [request, run] { run(*request); }; });
    return *command;
}

/// @throws OptionError where an option was given and would be ignored; `why` as in "without --stream"
void refuse_ignored(bool ignored, const std::string& option, const std::string& why);

/// The same of the options of a command that were given.
void refuse_ignored(const CLI::App& command, bool ignored, const std::string& why,
                    std::initializer_list<const char*> options);

/// The same of the options by which clusters are found.
void refuse_ignored(const ClusteringRequest& request);

/// Of a number above 0, and of one that is not below it; neither is infinite. CLI11's own say the largest double in
/// full.
[[nodiscard]] CLI::Validator above_zero();
[[nodiscard]] CLI::Validator zero_or_more();

/// The counts, how they are read, and which cells and genes are used.
void add_counts(CLI::App& command, CountsRequest& request);

/// One input, all of whose cells are used: for commands that apply a model.
void add_counts(CLI::App& command, std::string& counts, CountsPlace& place);

void add_place(CLI::App& command, CountsPlace& place);

/// The column of known types that scores are taken against.
void add_labels(CLI::App& command, std::string& labels);

/// How clusters are found; `what` names the coordinates.
void add_clustering(CLI::App& command, ClusteringRequest& request, const std::string& what);

void add_seed(CLI::App& command, std::uint64_t& seed);

}  // namespace cellvae::program
