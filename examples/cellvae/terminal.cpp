// SPDX-License-Identifier: Apache-2.0
#include "terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "cellvae/core/error.hpp"
#include "cellvae/training/duration.hpp"

namespace cellvae::program {

namespace {

std::atomic<bool> asked_to_stop{false};

extern "C" void on_interrupt(int signal_number) {
    asked_to_stop = true;
    std::signal(signal_number, SIG_DFL);  // the second one ends the program at once
}

std::mutex writing;  // a WaitingLine has a thread of its own
bool line_is_open = false;
bool results_as_json = false;
bool quiet = false;

void close_line() {
    if (line_is_open) std::fputc('\n', stderr);
    line_is_open = false;
}

bool on_a_terminal() {
    static const bool terminal = isatty(STDERR_FILENO) != 0;
    return terminal;
}

std::string rounded(double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), std::abs(value) < 10 ? "%.4f" : "%.1f", value);
    return text.data();
}

}  // namespace

void catch_interrupt() { std::signal(SIGINT, on_interrupt); }

bool interrupted() { return asked_to_stop; }

void be_quiet(bool wanted) { quiet = wanted; }

void print_progress(const std::string& text, bool last) {
    if (quiet) return;
    const std::lock_guard lock(writing);
    using Clock = std::chrono::steady_clock;
    static Clock::time_point printed{};
    const bool terminal = on_a_terminal();
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
    if (quiet) return;
    const std::lock_guard lock(writing);
    close_line();
    std::fprintf(stderr, "%s\n", text.c_str());
}

ProgressLine::ProgressLine(std::string what, Index total, std::string unit)
    : what_(std::move(what)), total_(total), unit_(std::move(unit)) {}

void ProgressLine::operator()(Index done) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    if (seconds < 1 || (done == total_ && !shown_)) return;
    shown_ = true;
    const double rate = static_cast<double>(done) / seconds;
    const std::string pace = rate >= 2 ? message(static_cast<Index>(rate), ' ', unit_, "/s")
                                       : message(duration_text(1 / rate), " each");  // few, and slow
    print_progress(message(what_, ": ", done, " of ", total_, " ", unit_, "  ", pace, "  ",
                           duration_text(static_cast<double>(total_ - done) / rate), " left"),
                   done == total_);
}

WaitingLine::WaitingLine(std::string what) : what_(std::move(what)), thread_([this] { wait(); }) {}

WaitingLine::~WaitingLine() {
    {
        const std::lock_guard lock(mutex_);
        end_ = true;
    }
    ended_.notify_one();
    thread_.join();
}

void WaitingLine::wait() {
    const auto start = std::chrono::steady_clock::now();
    const auto text = [&] {
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
        return message(what_, ": ", duration_text(passed.count()));
    };
    std::chrono::seconds pause(2);
    bool shown = false;
    for (std::unique_lock lock(mutex_); !ended_.wait_for(lock, pause, [this] { return end_; }); shown = true) {
        print_progress(text(), false);
        pause = on_a_terminal() ? std::chrono::seconds(1) : std::min(2 * pause, std::chrono::seconds(60));
    }
    if (shown) print_progress(text(), true);
}

void print_results_as_json(bool json) { results_as_json = json; }
bool results_are_json() { return results_as_json; }

std::string json_text(const nlohmann::ordered_json& json, int indent) {
    return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void print_result(const nlohmann::ordered_json& result) {
    close_line();
    if (results_as_json) {
        std::printf("%s\n", json_text(result, 2).c_str());
        std::fflush(stdout);
        return;
    }
    std::size_t width = 0;
    for (const auto& row : result.items()) width = std::max(width, row.key().size());
    for (const auto& [name, value] : result.items()) {
        if (value.is_null()) continue;  // what is not known is left out
        const std::string text = value.is_number_float() ? rounded(value.get<double>())
                                 : value.is_string()     ? value.get<std::string>()
                                                         : json_text(value);
        std::printf("  %-*s  %s\n", static_cast<int>(width), name.c_str(), text.c_str());
    }
    std::fflush(stdout);
}

int print_error(const std::string& text, int code) {
    close_line();
    std::fprintf(stderr, "cellvae: %s\n", text.c_str());
    if (results_as_json) print_result({{"error", text}, {"exit_code", code}});
    return code;
}

}  // namespace cellvae::program
