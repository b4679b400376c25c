// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>

#include "cellvae/core/views.hpp"

namespace cellvae::program {

/// From here on Ctrl-C asks for an end (interrupted()); a second one ends the program.
void catch_interrupt();

/// True once the user has pressed Ctrl-C.
[[nodiscard]] bool interrupted();

/// From here on nothing but errors is written to the standard error.
void be_quiet(bool quiet);

/// A line for the user: over the last one on a terminal while it is passing, else a line of its own.
void print_progress(const std::string& text, bool last);
void print_notice(const std::string& text);

/// A line with rate and time left, for what turns out to take longer than a second or two.
class ProgressLine {
public:
    ProgressLine(std::string what, Index total, std::string unit = "cells");
    void operator()(Index done);

private:
    std::string what_;
    Index total_;
    std::string unit_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
    bool shown_ = false;
};

/// A line with the time that has passed, from two seconds on until the end of its scope, for what cannot say how far it
/// is.
class WaitingLine {
public:
    explicit WaitingLine(std::string what);
    ~WaitingLine();
    WaitingLine(const WaitingLine&) = delete;
    WaitingLine& operator=(const WaitingLine&) = delete;

private:
    void wait();

    std::string what_;
    std::mutex mutex_;
    std::condition_variable ended_;
    bool end_ = false;
    std::thread thread_;
};

/// From here on results are printed as JSON.
void print_results_as_json(bool json);
[[nodiscard]] bool results_are_json();

/// JSON as text; bytes of names that are not UTF-8 are replaced. @param indent of each level; below 0: one line
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& json, int indent = -1);

/// What a command found, on the standard output: one JSON object where that was asked for, else names and values in two
/// columns, numbers rounded and without what is not known (null).
void print_result(const nlohmann::ordered_json& result);

/// Ends with `code`: one line on the standard error and, where results are JSON, {"error": text, "exit_code": code}.
int print_error(const std::string& text, int code);

}  // namespace cellvae::program
