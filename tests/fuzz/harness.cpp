// SPDX-License-Identifier: Apache-2.0
// A libFuzzer harness. CELLVAE_FUZZ_READER is the reader: a function of readers.hpp.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "readers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    // The readers take names of files; this one lies in memory.
    static const int descriptor = memfd_create("input", MFD_CLOEXEC);
    static const std::string name = "/proc/self/fd/" + std::to_string(descriptor);
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, bytes, size, 0) != static_cast<ssize_t>(size)) return -1;
    std::string wrong;
    try {
        wrong = fuzz::CELLVAE_FUZZ_READER(name);
    } catch (const cellvae::Error& error) {
        wrong = fuzz::wrong_refusal(error.what(), name);
    }
    if (!wrong.empty()) {
        std::fprintf(stderr, "%s\n", wrong.c_str());
        std::abort();
    }
    return 0;
}
