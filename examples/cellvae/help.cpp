// SPDX-License-Identifier: Apache-2.0
#include "help.hpp"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/version.hpp"

namespace cellvae::program {

namespace {

constexpr std::size_t line_width = 100, names_width = 30;

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
    return program.get_subcommands([](const CLI::App*) { return true; });
}

/// The options in their groups, in the order of both in the source; those that every command has last. Positional ones
/// are a group of their own, the first.
std::vector<std::pair<std::string, std::vector<const CLI::Option*>>> groups_of(const CLI::App& app) {
    std::vector<std::pair<std::string, std::vector<const CLI::Option*>>> groups{{"What it takes", {}}};
    std::vector<const CLI::Option*> common;
    for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
        if (option->get_positional()) {
            groups.front().second.push_back(option);
            continue;
        }
        const std::string& name = option->get_group();
        if (name == "Running" || option == app.get_help_ptr()) {
            common.push_back(option);
            continue;
        }
        auto group = std::find_if(groups.begin() + 1, groups.end(), [&](const auto& g) { return g.first == name; });
        if (group == groups.end()) group = groups.insert(groups.end(), {name, {}});
        group->second.push_back(option);
    }
    groups.emplace_back("Running", std::move(common));
    std::erase_if(groups, [](const auto& group) { return group.second.empty(); });
    return groups;
}

/// The values that an option is checked to be one of; none where it takes others.
std::vector<std::string> choices_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const auto begin = type.find('{'), end = type.find('}');
    std::vector<std::string> choices;
    if (begin == std::string::npos || end == std::string::npos) return choices;
    std::istringstream list(type.substr(begin + 1, end - begin - 1));
    for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
    return choices;
}

bool is_flag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

/// What stands for an option's value: N, NUMBER or TEXT; nothing after a flag.
std::string value_of(const CLI::Option& option) {
    if (is_flag(option)) return {};
    const std::string type = option.get_type_name();
    if (type.starts_with("INT") || type.starts_with("UINT")) return "N";
    return type.starts_with("FLOAT") ? "NUMBER" : "TEXT";
}

std::string names_of(const CLI::Option& option) {
    if (option.get_positional()) return option.get_name(true) + (option.get_items_expected_max() > 1 ? " ..." : "");
    std::string names;
    for (const auto& name : option.get_snames()) names += (names.empty() ? "-" : ", -") + name;
    for (const auto& name : option.get_lnames()) names += (names.empty() ? "--" : ", --") + name;
    const auto value = value_of(option);
    return names + (value.empty() ? "" : " " + value);
}

std::string note_of(const CLI::Option& option) {
    if (option.get_required()) return " (required)";
    std::string value = option.get_default_str();
    if (value.starts_with('[') && value.ends_with(']')) value = value.substr(1, value.size() - 2);
    return is_flag(option) || value.empty() ? "" : " [" + value + "]";
}

std::string usage_of(const CLI::App& command, const std::string& name) {
    std::string usage = name;
    for (const CLI::Option* option : command.get_options([](const CLI::Option*) { return true; }))
        if (option->get_positional()) {
            const auto word = names_of(*option);
            usage += option->get_required() ? " " + word : " [" + word + "]";
        } else if (option->get_required()) {
            usage += " " + names_of(*option);
        }
    return usage + " [OPTIONS]";
}

/// Text within double quotes of a shell's script, or within single ones.
std::string quoted(const std::string& text, char quote) {
    std::string result;
    for (const char c : text) {
        if (c == '\n')
            result += ' ';
        else if (quote == '\'' && c == '\'')
            result += "\\'";  // as fish has it
        else
            result += c;
    }
    return result;
}

std::string joined(const std::vector<std::string>& words) {
    std::string line;
    for (const auto& word : words) line += (line.empty() ? "" : " ") + word;
    return line;
}

/// The long names, with their dashes.
std::vector<std::string> words_of(const CLI::Option& option) {
    std::vector<std::string> words;
    for (const auto& name : option.get_lnames()) words.push_back("--" + name);
    return words;
}

std::string bash_script(const CLI::App& program) {
    std::vector<std::string> names;
    std::string values, options;
    for (const CLI::App* command : commands_of(program)) {
        names.push_back(command->get_name());
        std::vector<std::string> all;
        for (const CLI::Option* option : command->get_options([](const CLI::Option*) { return true; })) {
            const auto words = words_of(*option), choices = choices_of(*option);
            all.insert(all.end(), words.begin(), words.end());
            for (const auto& word : words)
                if (!choices.empty())
                    values +=
                        message("        ", command->get_name(), ':', word, ") words='", joined(choices), "' ;;\n");
            if (option->get_positional() && !choices.empty())
                values += message("        ", command->get_name(), ':', command->get_name(), ") words='",
                                  joined(choices), "' ;;\n");
        }
        options += message("            ", command->get_name(), ") words='", joined(all), "' ;;\n");
    }
    return message(
        "_cellvae() {\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} "
        "words=''\n"
        "    COMPREPLY=()\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        "        COMPREPLY=($(compgen -W '",
        joined(names),
        " --help --version' -- \"$current\"))\n"
        "        return\n"
        "    fi\n"
        "    case $command:$previous in\n",
        values,
        "    esac\n"
        "    if [ -z \"$words\" ] && [ \"${current:0:1}\" = - ]; then\n"
        "        case $command in\n",
        options,
        "        esac\n"
        "    fi\n"
        "    if [ -n \"$words\" ]; then\n"
        "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
        "    else\n"
        "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
        "    fi\n"
        "}\n"
        "complete -o filenames -F _cellvae cellvae\n");
}

std::string fish_script(const CLI::App& program) {
    std::string script;
    for (const CLI::App* command : commands_of(program)) {
        const std::string name = command->get_name();
        script += message("complete -c cellvae -n __fish_use_subcommand -f -a ", name, " -d '",
                          quoted(command->get_description(), '\''), "'\n");
        for (const CLI::Option* option : command->get_options([](const CLI::Option*) { return true; })) {
            const auto choices = choices_of(*option);
            for (const auto& long_name : option->get_lnames())
                script += message("complete -c cellvae -n '__fish_seen_subcommand_from ", name, "' -l ", long_name,
                                  " -d '", quoted(option->get_description(), '\''), "'",
                                  is_flag(*option)  ? std::string()
                                  : choices.empty() ? std::string(" -r")
                                                    : " -x -a '" + joined(choices) + "'",
                                  "\n");
        }
    }
    return script;
}

/// Text that troff takes as it is.
std::string troff(const std::string& text) {
    std::string result;
    bool begins = true;  // of a line, where a dot or a quote would be a request
    for (const char c : text) {
        if (begins && (c == '.' || c == '\'')) result += "\\&";
        begins = c == '\n';
        result += c == '\\' ? "\\e" : c == '-' ? "\\-" : c == '\n' ? "\n.br\n" : std::string(1, c);
    }
    return result;
}

}  // namespace

std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
    std::string result;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto first = std::min(line.find_first_not_of(' '), line.size());
        const std::string margin(indent + first, ' ');
        std::string current;
        std::istringstream words(line);
        for (std::string word; words >> word;) {
            if (!current.empty() && margin.size() + current.size() + 1 + word.size() > width) {
                result += margin + current + "\n";
                current.clear();
            }
            current += (current.empty() ? "" : " ") + word;
        }
        result += current.empty() ? "\n" : margin + current + "\n";
    }
    return result;
}

std::string HelpText::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode) const {
    std::string text = app->get_description() + "\n\n";
    std::istringstream examples(app->get_footer());
    for (std::string line; std::getline(examples, line);) text += "  " + line + "\n";
    text += "\n";
    const auto entry = [&](const std::string& names, const std::string& description) {
        std::string block = wrapped(description, names_width, line_width);
        if (names.size() + 4 <= names_width)
            block.replace(0, 2 + names.size(), "  " + names);
        else
            block = "  " + names + "\n" + block;
        text += block;
    };
    const auto commands = commands_of(*app);
    if (!commands.empty()) {
        text += "Commands\n";
        for (const CLI::App* command : commands) entry(command->get_name(), command->get_description());
        return text + "\ncellvae COMMAND --help explains the options of each, with an example.\n";
    }
    text += "Usage: " + usage_of(*app, name) + "\n";
    for (const auto& [group, options] : groups_of(*app)) {
        text += "\n" + group + "\n";
        for (const CLI::Option* option : options)
            entry(names_of(*option), option->get_description() + note_of(*option));
    }
    return text;
}

std::string completion_script(const CLI::App& program, const std::string& shell) {
    if (shell == "bash") return bash_script(program);
    if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(program);
    if (shell == "fish") return fish_script(program);
    throw OptionError("completion is written for bash, zsh and fish; found " + shell);
}

std::string man_page(const CLI::App& program) {
    std::string page = message(".TH CELLVAE 1 \"\" \"cellvae ", version_major, '.', version_minor, '.', version_patch,
                               "\"\n.SH NAME\n", troff("cellvae - variational autoencoders for single-cell counts"),
                               "\n.SH SYNOPSIS\n.B cellvae\n.I COMMAND\n[OPTIONS]\n.SH EXAMPLE\n.nf\n",
                               troff(program.get_footer()), "\n.fi\n.SH COMMANDS\n");
    for (const CLI::App* command : commands_of(program)) {
        page += message(".SS \"", troff(usage_of(*command, "cellvae " + command->get_name())), "\"\n",
                        troff(command->get_description()), "\n.PP\n.nf\n", troff(command->get_footer()), "\n.fi\n");
        for (const auto& [group, options] : groups_of(*command)) {
            page += message(".PP\n.I \"", troff(group), "\"\n");
            for (const CLI::Option* option : options)
                page += message(".TP\n.B \"", troff(names_of(*option)), "\"\n",
                                troff(option->get_description() + note_of(*option)), "\n");
        }
    }
    return page +
           ".SH EXIT STATUS\n0: done. 2: the input or the options were refused; the last line on the standard error "
           "says what, where and what would be right. 1: anything else.\n";
}

}  // namespace cellvae::program
