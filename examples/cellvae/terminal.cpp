// SPDX-License-Identifier: Apache-2.0
#include "terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>

namespace cellvae::program {

namespace {

std::atomic<bool> asked_to_stop{false};

extern "C" void on_interrupt(int signal_number) {
    asked_to_stop = true;
    std::signal(signal_number, SIG_DFL);  // the second one ends the program at once
}

bool line_is_open = false;

void close_line() {
    if (line_is_open) std::fputc('\n', stderr);
    line_is_open = false;
}

}  // namespace

void catch_interrupt() { std::signal(SIGINT, on_interrupt); }

bool interrupted() { return asked_to_stop; }

void print_progress(const std::string& text, bool last) {
    using Clock = std::chrono::steady_clock;
    static Clock::time_point printed{};
    static const bool terminal = isatty(STDERR_FILENO) != 0;
    // a log file need not have every epoch of a fast training
    const bool due = Clock::now() - printed > std::chrono::milliseconds(terminal ? 100 : 2000);
    if (!due && !last) return;
    printed = Clock::now();
    if (terminal) {
        std::fprintf(stderr, "\r\033[K%s", text.c_str());
        line_is_open = true;
        if (last) close_line();
    } else {
        std::fprintf(stderr, "%s\n", text.c_str());
    }
    std::fflush(stderr);
}

void print_notice(const std::string& text) {
    close_line();
    std::fprintf(stderr, "%s\n", text.c_str());
}

void print_table(const std::vector<std::pair<std::string, std::string>>& rows) {
    close_line();
    std::size_t width = 0;
    for (const auto& row : rows) width = std::max(width, row.first.size());
    for (const auto& [name, value] : rows)
        std::printf("  %-*s  %s\n", static_cast<int>(width), name.c_str(), value.c_str());
    std::fflush(stdout);
}

}  // namespace cellvae::program
