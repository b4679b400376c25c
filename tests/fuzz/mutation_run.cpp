// SPDX-License-Identifier: Apache-2.0
// Damages small whole files of every form and gives each to its reader.
//
//     mutation_run [--files N] [--seed S] [--jobs J] [--only K] [--form TEXT] [--self-check]
//
// Each damaged file must give an error derived from cellvae::Error or a right answer: no crash, no hang, no memory
// beyond a small multiple of the file. File K of seed S is the same on every machine. Readers run in children; what
// happens inside the HDF5 library is told apart by the stack, listed, and does not fail the run.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "mutations.hpp"
#include "seeds.hpp"
#include "stack.hpp"

// Of the sanitizer's run-time library; GCC does not ship the headers that declare them.
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*after_allocation)(const volatile void*, std::size_t),
                                              void (*before_release)(const volatile void*));
int __sanitizer_get_ownership(const volatile void* pointer);
std::size_t __sanitizer_get_allocated_size(const volatile void* pointer);
void __sanitizer_set_death_callback(void (*callback)());
}

namespace {

using fuzz::Content;
using fuzz::Seed;

constexpr int seconds_a_file = 10;                         // of processor time; a whole file takes some milliseconds
constexpr std::size_t free_memory = 48;                    // megabytes: HDF5's and our buffers, whatever the file
constexpr std::size_t multiple = 64;                       // of the file's bytes, beyond that
constexpr std::size_t most_memory = std::size_t{1} << 28;  // where a reader is stopped at once
constexpr std::size_t files_a_child = 200;

/// Whether a file is at work, or what became of it.
enum class State : int { idle, at_work, refused, read, wrong, crash, hang, memory };

/// What parent and child share: the file at work, and the child's last words.
struct Shared {
    std::atomic<std::size_t> file;
    std::atomic<int> state;
    std::atomic<int> culprit;  // fuzz::Culprit
    std::atomic<std::size_t> peak;
    char words[1024];
};

Shared* shared = nullptr;  // the child's own

// Bytes, signed: what was taken before they are counted may be given back.
std::atomic<std::ptrdiff_t> live{0};
std::atomic<std::ptrdiff_t> peak{0};
std::atomic<std::ptrdiff_t> allowed{0};  // of live bytes, for the file at work; 0 once it was passed

void last_words(State state) {
    if (shared == nullptr || shared->state != static_cast<int>(State::at_work)) return;
    shared->state = static_cast<int>(state);
    shared->culprit = static_cast<int>(fuzz::describe_stack(shared->words, sizeof shared->words));
}

void after_allocation(const volatile void*, std::size_t size) {
    const std::ptrdiff_t now = live += static_cast<std::ptrdiff_t>(size);
    std::ptrdiff_t before = peak;
    while (now > before && !peak.compare_exchange_weak(before, now)) {
    }
    if (shared == nullptr || shared->state != static_cast<int>(State::at_work)) return;
    // Who passes the limit is noted, and the reader goes on until that would harm the machine.
    const std::ptrdiff_t most = allowed;
    if (most != 0 && now > most) {
        allowed = 0;
        shared->culprit = static_cast<int>(fuzz::describe_stack(shared->words, sizeof shared->words));
    }
    if (now > static_cast<std::ptrdiff_t>(most_memory)) {
        shared->state = static_cast<int>(State::memory);
        _exit(3);
    }
}

void before_release(const volatile void* pointer) {
    if (__sanitizer_get_ownership(pointer) != 0)
        live -= static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(pointer));
}

/// The numbers that file K of seed S is made with.
fuzz::Numbers numbers_of(std::uint64_t seed, std::size_t file) {
    fuzz::Numbers numbers(seed);
    return fuzz::Numbers(numbers.next() + 0x632be59bd9b4e019U * file);
}

/// Writes a seed's files to `folder` in place of what is there, damaged where `numbers` are given. Returns the bytes in
/// all.
std::size_t write_files(const Seed& seed, const std::vector<Seed>& seeds, fuzz::Numbers* numbers,
                        const std::filesystem::path& folder) {
    const std::size_t chosen = numbers == nullptr ? 0 : numbers->below(seed.files.size());
    std::size_t total = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) std::filesystem::remove(entry);
    for (std::size_t k = 0; k < seed.files.size(); ++k) {
        const auto& file = seed.files[k];
        std::string bytes = file.bytes;
        if (numbers != nullptr && k == chosen) {
            const auto& other_seed = seeds[numbers->below(seeds.size())].files;
            const std::string& other = other_seed[numbers->below(other_seed.size())].bytes;
            if (file.content == Content::gzip && numbers->below(2) == 0) {
                // The text inside: damaged, then compressed again.
                const io_files::Folder own;
                std::string text = fuzz::decompressed(file.bytes, own);
                fuzz::damage(text, other, true, *numbers);
                bytes = io_files::content_of(own.gzip("again.gz", text));
            } else {
                fuzz::damage(bytes, other, file.content == Content::text, *numbers);
            }
        }
        std::ofstream(folder / file.name, std::ios::binary) << bytes;
        total += bytes.size();
    }
    return total;
}

/// One file, in the child.
void try_file(const Seed& seed, const std::vector<Seed>& seeds, fuzz::Numbers* numbers,
              const std::filesystem::path& folder) {
    const std::size_t bytes = write_files(seed, seeds, numbers, folder);
    State state = State::read;
    std::string wrong;
    const itimerval limit{{0, 0}, {seconds_a_file, 0}};
    setitimer(ITIMER_PROF, &limit, nullptr);
    const std::ptrdiff_t start = live;
    peak = start;
    allowed = start + static_cast<std::ptrdiff_t>((free_memory << 20) + multiple * bytes);
    shared->culprit = static_cast<int>(fuzz::Culprit::ours);
    shared->words[0] = '\0';
    shared->state = static_cast<int>(State::at_work);
    try {
        wrong = seed.reader(seed.path(folder));
    } catch (const cellvae::Error& error) {
        state = State::refused;
        wrong = fuzz::wrong_refusal(error.what(), folder);
    } catch (const std::exception& error) {
        wrong = std::string("an exception that is none of cellvae's: ") + error.what();
    }
    shared->peak = static_cast<std::size_t>(peak - start);
    if (!wrong.empty()) {
        state = State::wrong;
        shared->culprit = static_cast<int>(fuzz::Culprit::ours);
        std::snprintf(shared->words, sizeof shared->words, "%s", wrong.c_str());
    } else if (allowed == 0) {
        state = State::memory;  // the words say who
    }
    shared->state = static_cast<int>(state);
    const itimerval none{};
    setitimer(ITIMER_PROF, &none, nullptr);
}

struct Options {
    std::size_t files = 2000;
    std::uint64_t seed = 1;
    std::size_t jobs = 2;
    long only = -1;
    std::string form;
    bool self_check = false;
};

/// What was seen in all.
struct Tally {
    std::map<int, std::size_t> states;
    std::map<std::string, std::vector<std::size_t>> library;  // the stack of a fault inside HDF5 -> files
    std::map<std::string, std::size_t> failures;              // a line for each of ours -> the first file
    std::size_t ours = 0;
    std::size_t peak = 0;
};

const char* name_of(State state) {
    static constexpr const char* names[] = {"idle", "at work", "refused", "read", "wrong", "crash", "hang", "memory"};
    return names[static_cast<int>(state)];
}

/// Runs files first, first + step, ... of `last` in children; a child that dies is followed by another.
class Worker {
public:
    Worker(const std::vector<Seed>& seeds, const Options& options, std::size_t first, std::size_t last,
           std::size_t step, bool damaged)
        : seeds_(seeds), options_(options), next_(first), last_(last), step_(step), damaged_(damaged) {
        shared_ = new (mmap(nullptr, sizeof(Shared) * most_results(), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared[most_results()]();
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() { munmap(shared_, sizeof(Shared) * most_results()); }

    /// Goes on a bit; true as long as there is more to do.
    bool go_on(Tally& tally) {
        if (child_ == 0) {
            if (next_ >= last_) return false;
            start();
        }
        int status = 0;
        if (waitpid(child_, &status, WNOHANG) == 0) {
            watch();
            return true;
        }
        collect(tally);
        child_ = 0;
        return next_ < last_;
    }

private:
    static constexpr std::size_t most_results() { return files_a_child; }

    void start() {
        for (std::size_t k = 0; k < most_results(); ++k) shared_[k].state = static_cast<int>(State::idle);
        const std::filesystem::path folder = folder_.path();
        std::fflush(stdout);
        child_ = fork();
        if (child_ != 0) {
            seen_ = 0;
            seen_at_ = std::chrono::steady_clock::now();
            return;
        }
        const int descriptor = ::open(logs_.path("log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (options_.only < 0) ::dup2(descriptor, 2);
        fuzz::prepare_stack();
        // What HDF5 keeps of the seeds' making it gives back when a request fails, and it would be missing in the
        // counts.
        H5garbage_collect();
        stack_t alternative{};
        alternative.ss_sp = std::malloc(1 << 16);
        alternative.ss_size = 1 << 16;
        sigaltstack(&alternative, nullptr);
        struct sigaction action {};
        action.sa_flags = SA_ONSTACK;
        action.sa_handler = [](int) {
            last_words(State::hang);
            _exit(3);
        };
        sigaction(SIGPROF, &action, nullptr);
        __sanitizer_set_death_callback([] { last_words(State::crash); });
        __sanitizer_install_malloc_and_free_hooks(after_allocation, before_release);
        std::size_t slot = 0;
        for (std::size_t file = next_; file < last_ && slot < most_results(); file += step_, ++slot) {
            shared = &shared_[slot];
            shared->file = file;
            if (damaged_) {
                auto numbers = numbers_of(options_.seed, file);
                const Seed& seed = seeds_[file % seeds_.size()];
                try_file(seed, seeds_, &numbers, folder);
            } else {
                try_file(seeds_[file], seeds_, nullptr, folder);
            }
        }
        _exit(0);
    }

    /// Ends a child that waits for something, which costs no processor time.
    void watch() {
        std::size_t done = 0;
        while (done < most_results() && shared_[done].state > static_cast<int>(State::at_work)) ++done;
        const auto now = std::chrono::steady_clock::now();
        if (done != seen_) {
            seen_ = done;
            seen_at_ = now;
        } else if (now - seen_at_ > std::chrono::seconds(12 * seconds_a_file)) {
            kill(child_, SIGKILL);
        }
    }

    void collect(Tally& tally) {
        for (std::size_t slot = 0; slot < most_results() && next_ < last_; ++slot) {
            Shared& result = shared_[slot];
            auto state = static_cast<State>(result.state.load());
            if (state == State::idle) {
                if (slot > 0) return;
                state = State::crash;  // it did not come as far as a reader
            }
            const bool died = state == State::at_work || state == State::crash || state == State::hang;
            auto culprit =
                state == State::at_work ? fuzz::Culprit::ours : static_cast<fuzz::Culprit>(result.culprit.load());
            if (state == State::at_work) {
                state = State::crash;
                std::snprintf(result.words, sizeof result.words, "ended without a word (see the log)");
            }
            ++tally.states[static_cast<int>(state)];
            if (state >= State::wrong) {
                const std::string line = std::string(name_of(state)) + ": " + result.words;
                if (culprit == fuzz::Culprit::hdf5) {
                    tally.library[line].push_back(next_);
                } else {
                    ++tally.ours;
                    tally.failures.emplace(seeds_[next_ % seeds_.size()].name + ": " + line, next_);
                    if (died) show_log();
                }
            }
            tally.peak = std::max<std::size_t>(tally.peak, result.peak);
            next_ += step_;
            if (died) return;
        }
    }

    /// The sanitizer's report.
    void show_log() const {
        const std::string text = io_files::content_of(logs_.path("log"));
        std::printf("%s\n", text.substr(0, 6000).c_str());
    }

    const std::vector<Seed>& seeds_;
    const Options& options_;
    std::size_t next_;
    std::size_t last_;
    std::size_t step_;
    bool damaged_;
    const io_files::Folder folder_;  ///< of the files
    const io_files::Folder logs_;    ///< of what the child prints
    Shared* shared_;
    pid_t child_ = 0;
    std::size_t seen_ = 0;
    std::chrono::steady_clock::time_point seen_at_;
};

Tally run(const std::vector<Seed>& seeds, const Options& options, std::size_t first, std::size_t last, bool damaged) {
    Tally tally;
    std::vector<std::unique_ptr<Worker>> workers;
    for (std::size_t job = 0; job < options.jobs; ++job)
        workers.push_back(std::make_unique<Worker>(seeds, options, first + job, last, options.jobs, damaged));
    for (bool more = true; more;) {
        more = false;
        for (auto& worker : workers) more = worker->go_on(tally) || more;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return tally;
}

std::size_t count(const Tally& tally, State state) {
    const auto found = tally.states.find(static_cast<int>(state));
    return found == tally.states.end() ? 0 : found->second;
}

void show(const Tally& tally, const std::vector<Seed>& seeds) {
    std::size_t library = 0;
    for (const auto& [line, files] : tally.library) {
        library += files.size();
        std::printf("inside HDF5, %zu files (the first is %zu, from %s): %s\n", files.size(), files.front(),
                    seeds[files.front() % seeds.size()].name.c_str(), line.c_str());
    }
    for (const auto& [line, file] : tally.failures) std::printf("FAILED, file %zu: %s\n", file, line.c_str());
    std::printf("%zu refused, %zu read, %zu faults inside HDF5, %zu failures of ours; at most %zu KB a file\n",
                count(tally, State::refused), count(tally, State::read), library, tally.ours, tally.peak >> 10);
}

/// Readers that do what none may; the run has to find each.
std::vector<Seed> faulty_readers() {
    const auto seed = [](const char* name, fuzz::Reader reader) {
        return Seed{name, reader, {{"file", "text", Content::text}}};
    };
    return {seed("crash",
                 [](const std::filesystem::path&) {
                     std::vector<char> bytes(8);
                     const char* volatile outside = bytes.data();
                     return std::string(1, outside[9]);
                 }),
            seed("null",
                 [](const std::filesystem::path&) {
                     const int* volatile nowhere = nullptr;
                     return std::to_string(*nowhere);
                 }),
            seed("hang",
                 [](const std::filesystem::path&) -> std::string {
                     for (volatile int k = 0;;) k = k ^ 1;
                 }),
            seed("memory",
                 [](const std::filesystem::path&) {
                     const std::vector<char> bytes(std::size_t{100} << 20);
                     return std::string(bytes.data());
                 }),
            seed("much memory",
                 [](const std::filesystem::path&) {
                     const std::vector<char> bytes(std::size_t{600} << 20);
                     return std::string(bytes.data());
                 }),
            seed("exception", [](const std::filesystem::path&) -> std::string { throw std::out_of_range("x"); }),
            seed("abort", [](const std::filesystem::path&) -> std::string { std::abort(); }),
            seed("nameless", [](const std::filesystem::path&) -> std::string { throw cellvae::InputError("no"); }),
            seed("answer", [](const std::filesystem::path&) {
                cellvae::CountMatrix matrix;
                matrix.row_offsets = {0, 1};
                return fuzz::wrong_counts(matrix);
            })};
}

int self_check(const Options& options) {
    const auto seeds = faulty_readers();
    const Tally tally = run(seeds, options, 0, seeds.size(), false);
    show(tally, seeds);
    if (tally.ours == seeds.size() && tally.failures.size() == seeds.size()) return 0;
    std::printf("mutation_run: %zu faults were made, %zu were found\n", seeds.size(), tally.ours);
    return 1;
}

int run_all(const Options& options) {
    std::vector<Seed> seeds = fuzz::SeedMaker().make();
    if (!options.form.empty())
        seeds.erase(std::remove_if(seeds.begin(), seeds.end(),
                                   [&](const auto& seed) { return seed.name.find(options.form) == std::string::npos; }),
                    seeds.end());
    if (seeds.empty()) {
        std::printf("mutation_run: there is no form '%s'\n", options.form.c_str());
        return 2;
    }
    if (options.only < 0) {
        const Tally whole = run(seeds, options, 0, seeds.size(), false);
        std::printf("whole files: ");
        show(whole, seeds);
        if (count(whole, State::read) != seeds.size()) return 1;
    }
    const auto first = static_cast<std::size_t>(std::max(0L, options.only));
    const Tally tally = run(seeds, options, first, options.only < 0 ? options.files : first + 1, true);
    std::printf("damaged files of %zu forms, seed %llu:\n", seeds.size(),
                static_cast<unsigned long long>(options.seed));
    show(tally, seeds);
    return tally.ours == 0 ? 0 : 1;
}

}  // namespace

/// What the sanitizer takes for its options: a failed allocation is a null pointer (an exception from new), and an end
/// by SIGABRT is a crash that is reported.
extern "C" const char* __asan_default_options() {
    return "allocator_may_return_null=1:max_allocation_size_mb=512:detect_leaks=0:handle_abort=1:quarantine_size_mb=8:"
           "symbolize=1:print_legend=0";
}

extern "C" const char* __ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

int main(int count, char** arguments) {
    Options options;
    for (int k = 1; k < count; ++k) {
        const std::string name = arguments[k];
        if (name == "--self-check") {
            options.self_check = true;
            continue;
        }
        if (k + 1 == count) {
            std::printf("mutation_run: %s needs a value\n", name.c_str());
            return 2;
        }
        const char* const value = arguments[++k];
        if (name == "--files")
            options.files = std::strtoull(value, nullptr, 10);
        else if (name == "--seed")
            options.seed = std::strtoull(value, nullptr, 10);
        else if (name == "--jobs")
            options.jobs = std::max<std::size_t>(1, std::strtoull(value, nullptr, 10));
        else if (name == "--only")
            options.only = std::strtol(value, nullptr, 10);
        else if (name == "--form")
            options.form = value;
        else {
            std::printf("mutation_run: there is no option %s\n", name.c_str());
            return 2;
        }
    }
    return options.self_check ? self_check(options) : run_all(options);
}
