// SPDX-License-Identifier: Apache-2.0
// A process that saves one model after another is killed many times: after each, the file is one of the whole models
// that it wrote, and the next save leaves no temporary file behind.
//     model_file_kill_program KILLS FOLDER
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "cellvae/distributions/poisson.hpp"
#include "cellvae/io/model_file.hpp"
#include "cellvae/models/vae.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultHostExecutionSpace;
using Model = Vae<Mlp<Relu>, StandardGaussian, Poisson, float, Exec>;

constexpr Index genes = 4000;

/// Saves `count` models (0: without end), numbered from `first` on; every value of a model is its number.
void save(const std::filesystem::path& file, int first, int count) {
    const Exec exec;
    Model model(exec, genes, {.latent = 4, .hidden = {32}, .seed = 1});
    ModelDescription description;
    description.type = Model::composition();
    description.likelihood = Poisson::name;
    description.options = model.options();
    for (Index gene = 0; gene < genes; ++gene) description.genes.push_back(message("gene", gene));
    for (int number = first; count == 0 || number < first + count; ++number) {
        Kokkos::deep_copy(exec, model.parameters().values(), static_cast<float>(number));
        exec.fence();
        description.program = message(number);
        save_model(exec, file, description, model);
    }
}

/// The number of the model in the file. @throws Error where it is not whole; std::runtime_error where it is a mixture
int number_in(const std::filesystem::path& file) {
    const Exec exec;
    const auto description = read_model_description(file);
    Model model(exec, static_cast<Index>(description.genes.size()), description.options);
    load_model(exec, file, model);
    const int number = std::stoi(description.program);
    for (const auto& entry : model.parameters().entries()) {
        const auto values = model.parameters().value(model.parameters().find(entry.name));
        for (std::size_t i = 0; i < values.size(); ++i)
            if (values.data()[i] != static_cast<float>(number))
                throw std::runtime_error(message(entry.name, " of model ", number, " holds ", values.data()[i]));
    }
    return number;
}

pid_t start_saving(const char* program, const std::string& file, int first, int count) {
    const std::string from = message(first), so_many = message(count);
    const pid_t child = ::fork();
    if (child == 0) {
        ::execl(program, program, "save", file.c_str(), from.c_str(), so_many.c_str(), static_cast<char*>(nullptr));
        std::_Exit(127);
    }
    return child;
}

int count_files(const std::filesystem::path& folder) {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
}

/// Looks often, and gives up after half a minute.
template <class Condition>
void wait_until(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::microseconds(100));
}

int kill_many(const char* program, int kills, const std::filesystem::path& folder) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const auto file = folder / "model.h5";
    RandomStream random(static_cast<std::uint64_t>(kills), Purpose::test);
    int in_the_middle = 0, most = 0, last = 0;
    for (int k = 0; k < kills; ++k) {
        const auto before = std::filesystem::exists(file) ? std::filesystem::last_write_time(file)
                                                          : std::filesystem::file_time_type::min();
        const pid_t child = start_saving(program, file, 1000 * k + 1, 0);
        // The first save takes as long as it takes. Then one kill falls at any time, and the next while a file is being
        // written, which most of a slow program's time is not.
        wait_until([&] { return std::filesystem::exists(file) && std::filesystem::last_write_time(file) != before; });
        std::this_thread::sleep_for(std::chrono::microseconds(random.below(60000)));
        if (k % 2 == 1) {
            wait_until([&] { return count_files(folder) > 1; });
            std::this_thread::sleep_for(std::chrono::microseconds(random.below(1000)));
        }
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        if (!WIFSIGNALED(status)) {
            std::printf("kill %d: the saving process had ended before, with %d\n", k, WEXITSTATUS(status));
            return 1;
        }
        const int left = count_files(folder) - 1;
        in_the_middle += left > 0 ? 1 : 0;
        most = std::max(most, left);
        try {
            last = number_in(file);
            if (last <= 1000 * k) throw std::runtime_error(message("model ", last, " of an earlier process is back"));
        } catch (const std::exception& error) {
            std::printf("kill %d: %s\n", k, error.what());
            return 1;
        }
    }
    int status = 0;
    ::waitpid(start_saving(program, file, 1, 1), &status, 0);
    const int left = count_files(folder) - 1;
    std::printf(
        "%d kills, %d of them while a file was being written: each left a whole model of that process (the last one "
        "number %d); "
        "temporary files: at most %d after a kill, %d after the next save\n",
        kills, in_the_middle, last, most, left);
    if (status != 0 || left != 0 || most > 1) return 1;
    return in_the_middle * 10 >= kills ? 0 : 1;  // else the test saw nothing
}

}  // namespace

int main(int argc, char* argv[]) {
    if (argc < 3) return 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_num_threads(1).set_disable_warnings(true));
    try {
        if (std::strcmp(argv[1], "save") != 0) return kill_many(argv[0], std::atoi(argv[1]), argv[2]);
        save(argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
        return 0;
    } catch (const std::exception& error) {
        std::printf("%s\n", error.what());
        return 1;
    }
}
