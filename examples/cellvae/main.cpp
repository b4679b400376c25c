// SPDX-License-Identifier: Apache-2.0
// The program cellvae: latent coordinates and clusters of the cells of a count file, without knowing C++.
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <Kokkos_Core.hpp>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <thread>

#include "cellvae/core/error.hpp"
#include "cellvae/core/version.hpp"
#include "commands.hpp"
#include "help.hpp"
#include "processes.hpp"
#include "terminal.hpp"

using namespace cellvae;
using namespace cellvae::program;

namespace {

/// Threads that wait for one another look a while whether they may go on before they sleep. By default they look so
/// long that on a machine with other work they take the cores from the thread that they wait for: two trainings at a
/// time took tens of times as long as one (examples/cellvae/README.md). OpenMP reads what it is told when it is loaded,
/// so the program tells it and begins anew; whoever has told it something is left alone.
void look_briefly_while_waiting([[maybe_unused]] char* argv[]) {
#ifdef __linux__
    for (const char* const name : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"})
        if (std::getenv(name) != nullptr) return;
    ::setenv("GOMP_SPINCOUNT", "2000", 1);
    ::execv("/proc/self/exe", argv);  // where it fails, all goes on as it was
#endif
}

/// The words of the command line, those in quotes that a shell would take apart.
std::string as_typed(int argc, char* argv[]) {
    std::string line = "cellvae";
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 ||
                   std::string_view("-_./,:=+@%").find(static_cast<char>(c)) != std::string_view::npos;
        });
        line += ' ';
        if (!plain) line += '\'';
        for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c == '\n' ? ' ' : c);
        if (!plain) line += '\'';
    }
    return line;
}

/// Says what went wrong, and ends all processes where there are several.
int fail(const std::string& text, int code) {
    const Processes& all = processes();
    if (all.rank() == 0) {
        print_error(text, code);
    } else {
        // what all of them have found the first one says, and ends the others
        std::this_thread::sleep_for(std::chrono::seconds(2));
        std::fprintf(stderr, "cellvae: process %d: %s\n", static_cast<int>(all.rank()), text.c_str());
    }
    std::fflush(nullptr);
    all.end(code);
    return code;
}

constexpr const char* empty_value = "the value is empty; give one, or leave the option out";

/// Refuses what the command line's library would take: "nan", which it holds to be within any range, a whole number
/// that begins with 0, which it reads as an octal one, and a text that is empty, as of a variable that a shell does not
/// know. The empty name of a group is one.
void refuse_odd_values(CLI::App& app) {
    const auto is_number = [](const std::string& text) {
        std::string small = text;
        std::transform(small.begin(), small.end(), small.begin(), [](unsigned char c) { return std::tolower(c); });
        const bool nan = small == "nan" || small == "-nan" || small == "+nan";
        return nan ? "found " + text + ", expected a number" : std::string();
    };
    const auto is_decimal = [](const std::string& text) {
        const std::size_t first = text.find_first_not_of("+-");
        const bool octal = first != std::string::npos && text[first] == '0' && first + 1 < text.size() &&
                           std::isdigit(static_cast<unsigned char>(text[first + 1])) != 0;
        return octal ? "found " + text + ", expected a number that does not begin with 0" : std::string();
    };
    const auto is_there = [](const std::string& text) { return std::string(text.empty() ? empty_value : ""); };
    for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        for (CLI::Option* option : command->get_options()) {
            const std::string type = option->get_type_name(), name = option->get_name();
            if (type.find("FLOAT") != std::string::npos) option->check(is_number);
            if (type.find("INT") != std::string::npos) option->check(is_decimal);
            if (type.find("TEXT") != std::string::npos && name.find("--group") != 0) option->check(is_there);
        }
}

/// The threads of a process that is not told how many: a core each, which processes of one machine share unless their
/// launcher has given each its own.
int default_threads() {
    const int own = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    const bool all = own >= ::sysconf(_SC_NPROCESSORS_ONLN);
    return all ? std::max(1, own / processes().on_this_machine()) : own;
}

int run(int argc, char* argv[]) {
    look_briefly_while_waiting(argv);
    Invocation invocation;
    CLI::App app("cellvae: variational autoencoders for single-cell counts", "cellvae");
    app.set_version_flag("--version", message("cellvae ", version_major, '.', version_minor, '.', version_patch));
    app.require_subcommand(1);
    app.formatter(std::make_shared<HelpText>());
    for (AddCommand* add : {add_train, add_report, add_compare, add_info, add_simulate, add_filter, add_baseline,
                            add_embed, add_de, add_denoise, add_sample, add_evaluate, add_completion, add_man})
        add(app, invocation);
    refuse_odd_values(app);
    app.footer(
        "cellvae simulate --out cells.h5ad     # or any count file of yours: h5ad, 10x, loom, Matrix Market, CSV\n"
        "cellvae train cells.h5ad --out run    # latent coordinates, clusters, scores, a model\n"
        "xdg-open run/report.html              # what was found");
    if (argc == 1) {
        std::fputs(app.help().c_str(), stdout);
        return 0;
    }
    invocation.command = as_typed(argc, argv);
    // errors of the command line itself are JSON as well where it asks for that
    print_results_as_json(std::any_of(argv, argv + argc, [](std::string_view word) { return word == "--json"; }));
    std::shared_ptr<Processes> started;  // MPI, until all is done
    try {
        for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i)
            if (const std::string_view word = argv[i]; word.starts_with("--") && word.find('=') == word.size() - 1)
                throw OptionError(message(word.substr(0, word.size() - 1), ": ", empty_value));
        started = start_processes(argc, argv);
        app.parse(argc, argv);
        const bool is_first = processes().rank() == 0;
        be_quiet(invocation.quiet || !is_first);
        if (processes().size() > 1 && !app.got_subcommand("train"))
            throw OptionError("several processes share cellvae train alone: start other commands without mpirun");
        Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true).set_num_threads(
            invocation.threads > 0 ? invocation.threads : default_threads()));
        invocation.run();
        processes().wait();  // until the first one has written everything
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
            throw Error("the standard output cannot be written to: what was to be printed is lost");
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return processes().rank() == 0 ? app.exit(error) : 0;
        const auto asked = app.get_subcommands();
        const std::string command = asked.empty() ? "" : asked.front()->get_name() + " ";
        return fail(message(error.what(), " (cellvae ", command, "--help explains the options)"), 2);
    } catch (const Error& error) {
        return fail(error.what(), 2);
    } catch (const std::bad_alloc&) {
        return fail("out of memory", 1);
    } catch (const std::exception& error) {
        return fail(message("unexpected: ", error.what()), 1);
    }
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {  // before there are options to be told of, or while an error is told
        std::fprintf(stderr, "cellvae: %s\n", error.what());
        return 1;
    }
}
