// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "commands.hpp"
#include "help.hpp"

namespace cellvae::program {

void add_completion(CLI::App& app, Invocation& invocation) {
    const auto shell = std::make_shared<std::string>();
    auto* completion = app.add_subcommand("completion", "Print a script that completes commands, options and values");
    completion->footer(
        "source <(cellvae completion bash)         # in ~/.bashrc; of zsh in ~/.zshrc\n"
        "cellvae completion fish >~/.config/fish/completions/cellvae.fish");
    completion->add_option("shell", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    completion->callback([&app, &invocation, shell] {
        invocation.run = [&app, shell] { std::fputs(completion_script(app, *shell).c_str(), stdout); };
    });
}

void add_man(CLI::App& app, Invocation& invocation) {
    auto* man = app.add_subcommand("man", "Print the man page");
    man->footer("cellvae man >cellvae.1 && man ./cellvae.1");
    man->callback([&app, &invocation] { invocation.run = [&app] { std::fputs(man_page(app).c_str(), stdout); }; });
}

}  // namespace cellvae::program
