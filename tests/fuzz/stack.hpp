// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>
#include <execinfo.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>

/// Whose code it is in which a reader came to its end.
namespace fuzz {

enum class Culprit : int { ours, hdf5 };

/// The first call loads a library, which a signal handler must not.
inline void prepare_stack() {
    std::array<void*, 4> frames;
    (void)backtrace(frames.data(), static_cast<int>(frames.size()));
}

/// Writes the innermost functions of HDF5 or of ours that this was called under, and says whose the innermost is.
///
/// The sanitizer's backtrace comes first, then the frames of the handler itself (in this program), then those of the
/// sanitizer or of the C library; the first one behind these that is HDF5's or this program's is at fault, or called
/// what is.
inline Culprit describe_stack(char* to, std::size_t size) {
    std::array<void*, 128> frames;
    const int count = backtrace(frames.data(), static_cast<int>(frames.size()));
    Dl_info own{};
    dladdr(reinterpret_cast<void*>(&prepare_stack), &own);
    enum { before, handler, behind } part = before;
    int culprit = -1;
    int named = 0;
    to[0] = '\0';
    std::size_t used = 0;
    for (int k = 0; k < count && named < 4; ++k) {
        Dl_info place{};
        if (dladdr(frames[static_cast<std::size_t>(k)], &place) == 0) continue;
        const bool ours = place.dli_fbase == own.dli_fbase;
        if (part != behind && ours) part = handler;
        if (part == handler && !ours) part = behind;
        if (part != behind) continue;
        const std::string_view library = place.dli_fname == nullptr ? "" : place.dli_fname;
        const bool hdf5 = library.find("libhdf5") != std::string_view::npos;
        if (!ours && !hdf5) continue;
        if (culprit < 0) culprit = static_cast<int>(hdf5 ? Culprit::hdf5 : Culprit::ours);
        // Of HDF5 only the names that it exports are known; they are enough to tell faults apart.
        const char* const name = place.dli_sname == nullptr ? (ours ? "(ours)" : "(static)") : place.dli_sname;
        const int written = std::snprintf(to + used, size - used, "%s%s", named > 0 ? " < " : "", name);
        if (written < 0 || static_cast<std::size_t>(written) >= size - used) break;
        used += static_cast<std::size_t>(written);
        ++named;
    }
    return culprit == static_cast<int>(Culprit::hdf5) ? Culprit::hdf5 : Culprit::ours;
}

}  // namespace fuzz
