// SPDX-License-Identifier: Apache-2.0
// The benchmarks' command lines: --name value, --name; what every benchmark says of itself with --about.
#pragma once

#include <Kokkos_Core.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "cellvae/core/views.hpp"

namespace cellvae_benchmarks {

using cellvae::Index;

class Options {
public:
    Options& number(const char* name, Index& value, Index least = 1) {
        readers_[name] = [&value, least](const char* text) {
            char* end = nullptr;
            if (text != nullptr) value = std::strtol(text, &end, 10);
            return end != nullptr && end != text && *end == '\0' && value >= least;
        };
        return *this;
    }

    Options& number(const char* name, double& value) {
        readers_[name] = [&value](const char* text) {
            char* end = nullptr;
            if (text != nullptr) value = std::strtod(text, &end);
            return end != nullptr && end != text && *end == '\0';
        };
        return *this;
    }

    Options& word(const char* name, std::string& value) {
        readers_[name] = [&value](const char* text) { return text != nullptr && !(value = text).empty(); };
        return *this;
    }

    Options& flag(const char* name, bool& value) {
        flags_[name] = &value;
        return *this;
    }

    /// @returns false, having said why, where a word is not an option or a value not what it takes; --threads N is for
    /// run_benchmark()
    bool parse(int argc, char* argv[]) {
        Index threads = 0;
        number("--threads", threads);
        for (int i = 1; i < argc; ++i) {
            if (const auto flag = flags_.find(argv[i]); flag != flags_.end()) {
                *flag->second = true;
                continue;
            }
            const auto reader = readers_.find(argv[i]);
            if (reader == readers_.end()) {
                std::fprintf(stderr, "unknown option %s\n", argv[i]);
                return false;
            }
            ++i;
            if (!reader->second(i < argc ? argv[i] : nullptr)) {
                std::fprintf(stderr, "%s: %s is no value for it\n", reader->first.c_str(),
                             i < argc ? argv[i] : "the end");
                return false;
            }
        }
        return true;
    }

private:
    std::map<std::string, std::function<bool(const char*)>> readers_;
    std::map<std::string, bool*> flags_;
};

/// Prints a line of JSON: the compiler, the backends that this Kokkos has, and of them those that the programs run on.
inline void print_about() {
#ifdef __clang__
    const std::string compiler = std::string("clang ") + __clang_version__;
#else
    const std::string compiler = std::string("GCC ") + __VERSION__;
#endif
    std::string backends;
#ifdef KOKKOS_ENABLE_SERIAL
    backends += "Serial ";
#endif
#ifdef KOKKOS_ENABLE_OPENMP
    backends += "OpenMP ";
#endif
#ifdef KOKKOS_ENABLE_THREADS
    backends += "Threads ";
#endif
#ifdef KOKKOS_ENABLE_CUDA
    backends += "Cuda ";
#endif
    if (!backends.empty()) backends.pop_back();
    std::printf("{\"compiler\": \"%s\", \"backends\": \"%s\", \"steps_on\": \"%s\", \"kernels_on\": \"%s\"}\n",
                compiler.c_str(), backends.c_str(), Kokkos::DefaultExecutionSpace::name(),
                Kokkos::DefaultHostExecutionSpace::name());
}

/// Calls run(argc, argv) with Kokkos started on --threads threads; or with --about says what this program is.
inline int run_benchmark(int argc, char* argv[], int (*run)(int, char*[])) {
    if (argc == 2 && std::strcmp(argv[1], "--about") == 0) {
        print_about();
        return 0;
    }
    Kokkos::InitializationSettings settings;
    settings.set_disable_warnings(true);
    for (int i = 1; i + 1 < argc; ++i)
        if (std::strcmp(argv[i], "--threads") == 0) settings.set_num_threads(std::atoi(argv[i + 1]));
    Kokkos::ScopeGuard kokkos(settings);
    return run(argc, argv);
}

}  // namespace cellvae_benchmarks
