// SPDX-License-Identifier: Apache-2.0
// Watches every kernel and fence of training steps and of evaluation through Kokkos's tools interface: each kernel has
// a label that begins with cellvae::, and each runs on the execution space instance that was given, and on no other.
//
// Kokkos gives all OpenMP instances one number, so there the instance is told by its number of threads: the program
// takes the place of the compiler's call that begins a parallel region (GCC's), and sees how many threads each region
// asks for.
#include <Kokkos_Core.hpp>

#include <dlfcn.h>

#ifdef KOKKOS_ENABLE_OPENMP
#include <omp.h>
#endif

#include <cstdio>
#include <cstring>
#include <set>
#include <string>

#include "steps.hpp"

namespace {

std::uint32_t expected_instance = 0;
bool watching = false;
bool allocating =
    false;  // memory is made and goes: Kokkos sets it to zero, and waits for everything before it is freed
int failures = 0;
int fences = 0;
int regions = 0;
unsigned expected_threads = 0;
std::set<std::string> seen;

void complain(const char* kind, const char* name, const char* about, std::uint32_t instance) {
    if (++failures <= 20)
        std::printf("the %s '%s' %s (instance %u, given %u)\n", kind, name, about, instance, expected_instance);
}

void on_kernel(const char* name, std::uint32_t instance, std::uint64_t*) {
    seen.insert(name);
    const bool made = allocating && std::strstr(name, "Kokkos::View::initialization [cellvae::") == name;
    if (std::strncmp(name, "cellvae::", 9) != 0 && !made) complain("kernel", name, "has no label of cellvae", instance);
    if (instance != expected_instance) complain("kernel", name, "runs elsewhere", instance);
}

void on_fence(const char* name, std::uint32_t instance, std::uint64_t*) {
    if (std::strncmp(name, "Kokkos::Tools::", 15) == 0) return;  // Kokkos waits for everything before it calls a tool
    if (allocating && std::strstr(name, "impl_deallocate before free") != nullptr) return;
    ++fences;
    if (instance != expected_instance) complain("fence", name, "waits for another instance", instance);
}

void on_region(unsigned threads) {
    if (!watching) return;
    ++regions;
    if (threads != expected_threads)
        complain("parallel region", std::to_string(threads).c_str(), "has threads of another instance", 0);
}

void watch(bool on) {
    watching = on;
    namespace tools = Kokkos::Tools::Experimental;
    tools::set_begin_parallel_for_callback(on ? on_kernel : nullptr);
    tools::set_begin_parallel_reduce_callback(on ? on_kernel : nullptr);
    tools::set_begin_parallel_scan_callback(on ? on_kernel : nullptr);
    tools::set_begin_fence_callback(on ? on_fence : nullptr);
}

struct Nothing {
    KOKKOS_FUNCTION void operator()(int) const {}
};

template <class Function>
Function* next(Function*, const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned flags) {
    on_region(threads);
    next(&GOMP_parallel, "GOMP_parallel")(work, data, threads, flags);
}

void GOMP_parallel_loop_dynamic(void (*work)(void*), void* data, unsigned threads, long start, long end, long step,
                                long chunk, unsigned flags) {
    on_region(threads);
    next(&GOMP_parallel_loop_dynamic, "GOMP_parallel_loop_dynamic")(work, data, threads, start, end, step, chunk,
                                                                    flags);
}

void GOMP_parallel_loop_nonmonotonic_dynamic(void (*work)(void*), void* data, unsigned threads, long start, long end,
                                             long step, long chunk, unsigned flags) {
    on_region(threads);
    next(&GOMP_parallel_loop_nonmonotonic_dynamic, "GOMP_parallel_loop_nonmonotonic_dynamic")(
        work, data, threads, start, end, step, chunk, flags);
}

}  // extern "C"

int main() {
#ifdef KOKKOS_ENABLE_OPENMP
    omp_set_max_active_levels(2);  // without it Kokkos gives out the whole as every part
#endif
    Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings().set_num_threads(4).set_disable_warnings(true));
    const cellvae_tests::Exec everything;
    const auto parts = Kokkos::Experimental::partition_space(everything, 1, 3);
    const auto& exec = parts[1];
    expected_instance = Kokkos::Tools::Experimental::device_id(exec);
    expected_threads = static_cast<unsigned>(exec.concurrency());
    const bool by_number = expected_instance != Kokkos::Tools::Experimental::device_id(everything);
#if defined(KOKKOS_ENABLE_OPENMP) && defined(__GNUC__) && !defined(__clang__)
    const bool by_threads = expected_threads != static_cast<unsigned>(everything.concurrency());
#else
    const bool by_threads = false;
#endif
    if (!by_number && !by_threads)
        std::printf("skipped: the instances of this backend cannot be told apart; labels are checked\n");
    cellvae_tests::for_each_model(exec, [&](cellvae_tests::Steps& steps, const std::string& name) {
        steps.step(0);  // memory is made in the first step
        const int before = failures;
        watch(true);
        steps.step(1);
        steps.step(2);
        steps.bound();
        allocating = true;
        steps.evaluate();
        allocating = false;
        watch(false);
        std::printf("%s: %s\n", name.c_str(),
                    failures == before ? "all kernels are its own and on the given instance" : "WRONG");
    });

    // What was watched is all there is: a step's kernels were seen, and a kernel and a fence elsewhere would be
    // complained of.
    for (const char* name : {"cellvae::minibatch::rows", "cellvae::sparse_forward", "cellvae::sparse_backward",
                             "cellvae::output_layer", "cellvae::reparametrise", "cellvae::normalise_rows_backward",
                             "cellvae::normalise_columns", "cellvae::mixture_kl", "cellvae::number_kept",
                             "cellvae::relaxed_members", "cellvae::adam", "cellvae::add_log_mean_exp"})
        if (seen.count(name) == 0) {
            std::printf("the kernel %s was not seen\n", name);
            ++failures;
        }
    const int found = failures;
    const int planted = 1 + 2 * by_number + by_threads;
    if (fences == 0 || (by_threads && regions < 100)) {
        std::printf("%d fences and %d parallel regions were seen, fewer than there are\n", fences, regions);
        return 1;
    }
    watch(true);
    Kokkos::parallel_for("elsewhere", Kokkos::RangePolicy<cellvae_tests::Exec>(everything, 0, 100), Nothing{});
    everything.fence("elsewhere");
    watch(false);
    if (failures != found + planted) {
        std::printf("what was planted was not found: %d complaints of %d\n", failures - found, planted);
        return 1;
    }
    std::printf("%zu kernels were seen in %d parallel regions, and what was planted was found\n", seen.size(), regions);
    return found == 0 ? 0 : 1;
}
