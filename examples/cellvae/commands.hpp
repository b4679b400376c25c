// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

// The program's commands, one a source file `<name>_command.cpp`: its options and what it does. A new one is a file,
// a line here and a line in main.cpp.

namespace cellvae::program {

/// What the command line asked for: filled in when it is parsed, run once Kokkos is there.
struct Invocation {
    std::function<void()> run;
    int threads = 0;      ///< 0: one a core
    bool json = false;    ///< the result on the standard output is one JSON object, and so are errors
    bool quiet = false;   ///< nothing but errors on the standard error
    std::string command;  ///< as it was typed, quoted for a shell
};

/// Adds a command to the program. Its options say what they are and what their defaults are.
using AddCommand = void(CLI::App& app, Invocation& invocation);

AddCommand add_train, add_baseline, add_simulate, add_embed, add_denoise, add_evaluate, add_sample, add_de, add_compare,
    add_filter, add_info, add_report, add_completion, add_man;

}  // namespace cellvae::program
