// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <optional>

#include "cellvae/core/views.hpp"

namespace cellvae {

/// Numbers for the threads of a host backend while they are in a kernel, so that each has memory of its own for what it
/// writes before it reads it: as much as there are threads, however many pieces the work has, and the same each time,
/// so that it stays in a core's cache. Which thread does what may differ from run to run; results may not depend on it.
template <class Exec>
class ThreadNumbers {
public:
    /// For no thread.
    ThreadNumbers() = default;

    /// @param most calls of with() at a time
    ThreadNumbers(const Exec& exec, Index most)
        : token_(std::in_place, static_cast<int>(std::min(most, static_cast<Index>(exec.concurrency()))), exec) {}

    /// Numbers are below it.
    [[nodiscard]] Index size() const { return token_ ? static_cast<Index>(token_->size()) : 0; }

    /// Calls work(number) with a number that no other call has meanwhile.
    template <class Work>
    void with(const Work& work) const {
        const auto number = token_->acquire();
        work(static_cast<Index>(number));
        token_->release(number);
    }

private:
    std::optional<Kokkos::Experimental::UniqueToken<Exec>> token_;
};

}  // namespace cellvae
