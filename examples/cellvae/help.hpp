// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

// What the options' own table says of itself: help, completion of a shell's words, a man page. Nothing is written down
// twice.

namespace cellvae::program {

/// --help: an example first, then the options in groups, with what they take and their defaults. Of the program as a
/// whole: examples, and a line a command.
class HelpText : public CLI::FormatterBase {
public:
    [[nodiscard]] std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

/// A script that completes commands, options and their values. @param shell bash, zsh or fish
/// @throws OptionError for another shell
[[nodiscard]] std::string completion_script(const CLI::App& program, const std::string& shell);

/// The man page of section 1, in troff's man macros.
[[nodiscard]] std::string man_page(const CLI::App& program);

/// The text in lines of at most `width` characters, each after `indent` spaces; its own line breaks stay.
[[nodiscard]] std::string wrapped(const std::string& text, std::size_t indent, std::size_t width);

}  // namespace cellvae::program
