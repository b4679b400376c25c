// SPDX-License-Identifier: Apache-2.0
// Counts every allocation of the process, of all threads and libraries, during training steps: after the first step
// there must be none. Takes malloc's place, which glibc allows; operator new of every kind comes from malloc and
// aligned_alloc.
#include <Eigen/Core>
#include <Kokkos_Core.hpp>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "steps.hpp"

namespace {

std::atomic<bool> counts{false};
std::atomic<long> allocations{0};
std::atomic<std::size_t> first_size{0};

void note(std::size_t size) {
    if (counts.load(std::memory_order_relaxed) && allocations.fetch_add(1) == 0) first_size = size;
}

}  // namespace

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept {
    note(size);
    return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
    note(count * size);
    return __libc_calloc(count, size);
}

void* realloc(void* old, std::size_t size) noexcept {
    note(size);
    return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
    note(size);
    return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    note(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void** result, std::size_t alignment, std::size_t size) noexcept {
    note(size);
    *result = __libc_memalign(alignment, size);
    return *result == nullptr ? ENOMEM : 0;
}

}  // extern "C"

namespace {

/// The number of allocations while `work` runs.
template <class Work>
long counted(Work&& work) {
    allocations = 0;
    counts = true;
    work();
    counts = false;
    return allocations;
}

struct alignas(256) Wide {
    char content[256];
};

// The compiler may leave out an allocation that it sees to be unused: it cannot see through this.
void* volatile kept = nullptr;

template <class Work>
int check_counter(const char* what, Work&& work) {
    if (counted(work) > 0) return 0;
    std::printf("the counter is blind to %s\n", what);
    return 1;
}

int check_counter() {
    int failures = check_counter("malloc", [] { kept = std::malloc(100), std::free(kept); });
    failures += check_counter("calloc", [] { kept = std::calloc(10, 10), std::free(kept); });
    failures += check_counter("realloc", [] { kept = std::realloc(nullptr, 100), std::free(kept); });
    failures += check_counter("aligned_alloc", [] { kept = std::aligned_alloc(64, 128), std::free(kept); });
    failures += check_counter("posix_memalign", [] {
        void* memory = nullptr;
        if (posix_memalign(&memory, 64, 128) == 0) kept = memory, std::free(kept);
    });
    failures += check_counter("new", [] { kept = new int(1), delete static_cast<int*>(kept); });
    failures += check_counter("new of an aligned type", [] { kept = new Wide(), delete static_cast<Wide*>(kept); });
    failures += check_counter("Kokkos's views", [] { Kokkos::View<int*> view("view", 10); });
    failures += check_counter("Eigen's large products", [] {
        // its packing memory, which comes from malloc where it is large: what the library's own product avoids
        const Eigen::MatrixXd a = Eigen::MatrixXd::Ones(600, 600);
        Eigen::MatrixXd b(600, 600);
        b.noalias() = a * a;
    });
    std::thread other(
        [&] { failures += check_counter("other threads", [] { kept = std::malloc(100), std::free(kept); }); });
    other.join();
    return failures;
}

std::atomic<long> views{0};

void on_view(Kokkos_Profiling_SpaceHandle, const char* name, const void*, std::uint64_t size) {
    if (views.fetch_add(1) == 0) std::printf("Kokkos allocates %s, %ld bytes\n", name, static_cast<long>(size));
}

/// The number of Kokkos's own allocations while `work` runs. On a host they come from malloc as well, but these have
/// names.
template <class Work>
long counted_views(Work&& work) {
    views = 0;
    Kokkos::Tools::Experimental::set_allocate_data_callback(on_view);
    work();
    Kokkos::Tools::Experimental::set_allocate_data_callback(nullptr);
    return views;
}

}  // namespace

int main() {
    // more threads than one, also where there is one core
    Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings().set_num_threads(4).set_disable_warnings(true));
    int failures = check_counter();
    if (counted_views([] { Kokkos::View<int*> view("view on purpose", 10); }) != 1) ++failures;
    const cellvae_tests::Exec exec;
    cellvae_tests::for_each_model(exec, [&](cellvae_tests::Steps& steps, const std::string& name) {
        steps.step(0);
        const auto eight_more = [&] {
            for (std::uint32_t number = 1; number < 9; ++number) steps.step(number);
        };
        const long found = counted(eight_more);
        const long found_views = counted_views(eight_more);
        std::printf("%s: %ld allocations in the eight steps after the first\n", name.c_str(), found);
        if (found > 0) std::printf("    the first of them of %zu bytes\n", first_size.load());
        if (found > 0 || found_views > 0) ++failures;
    });
    return failures == 0 ? 0 : 1;
}
