// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/core/launch.hpp"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace cellvae {

/// Zeros, as many as a model has parameters. On the host of a Linux system they lie on large pages, where it has some
/// for who asks (transparent_hugepage is madvise or always): a step goes through all of them, and with pages of 4 KB
/// looks each up.
template <class Real, class Exec>
Vector<Real, typename Exec::memory_space> flat_array(const Exec& exec, KernelLabel label, std::size_t size) {
    Vector<Real, typename Exec::memory_space> array(
        Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, std::string(label.text())), size);
#ifdef __linux__
    if constexpr (runs_on_host<Exec>) {
        constexpr std::uintptr_t page = 1 << 21;
        const auto size_in_bytes = size * sizeof(Real);
        const auto before = (page - reinterpret_cast<std::uintptr_t>(array.data()) % page) % page;
        if (before < size_in_bytes)  // whether it is granted does not matter
            madvise(reinterpret_cast<char*>(array.data()) + before, (size_in_bytes - before) / page * page,
                    MADV_HUGEPAGE);
    }
#endif
    fill(exec, label, array, Real(0));
    return array;
}

/// One named array among a model's parameters.
struct ParameterEntry {
    std::string name;  ///< a path such as decoder/hidden/weight
    Index rows;
    Index columns;
    Index offset;  ///< of its first element in the flat arrays
};

/// All parameters of a model and their gradient, each one flat array, so that the optimiser makes a single pass.
///
/// A layer adds its arrays while it is built and keeps the numbers it gets; allocate() comes once, after the last of
/// them. Each array starts on a 64-byte boundary; the gaps stay zero in values and gradient.
template <class Real, class Exec>
class ParameterStore {
public:
    using Slice = MatrixSlice<Real, typename Exec::memory_space>;

    /// @returns the array's number, to be given to value() and gradient()
    int add(std::string name, Index rows, Index columns) {
        constexpr Index unit = 64 / static_cast<Index>(sizeof(Real));
        entries_.push_back({std::move(name), rows, columns, size_});
        size_ += (rows * columns + unit - 1) / unit * unit;
        return static_cast<int>(entries_.size()) - 1;
    }

    void allocate(const Exec& exec) {
        values_ = flat_array<Real>(exec, "cellvae::parameters", static_cast<std::size_t>(size_));
        gradients_ = flat_array<Real>(exec, "cellvae::gradient", static_cast<std::size_t>(size_));
    }

    [[nodiscard]] Slice value(int id) const { return slice(values_, id); }
    [[nodiscard]] Slice gradient(int id) const { return slice(gradients_, id); }

    /// The flat arrays, gaps included.
    [[nodiscard]] const Vector<Real, typename Exec::memory_space>& values() const { return values_; }
    [[nodiscard]] const Vector<Real, typename Exec::memory_space>& gradients() const { return gradients_; }

    [[nodiscard]] const std::vector<ParameterEntry>& entries() const { return entries_; }

    /// The number of the array of that name, or -1.
    [[nodiscard]] int find(const std::string& name) const {
        for (std::size_t i = 0; i < entries_.size(); ++i)
            if (entries_[i].name == name) return static_cast<int>(i);
        return -1;
    }

    /// Elements of the flat arrays, gaps included.
    [[nodiscard]] Index size() const { return size_; }

private:
    [[nodiscard]] Slice slice(const Vector<Real, typename Exec::memory_space>& flat, int id) const {
        const auto& entry = entries_[static_cast<std::size_t>(id)];
        return Slice(flat.data() + entry.offset, static_cast<std::size_t>(entry.rows),
                     static_cast<std::size_t>(entry.columns));
    }

    std::vector<ParameterEntry> entries_;
    Index size_ = 0;
    Vector<Real, typename Exec::memory_space> values_;
    Vector<Real, typename Exec::memory_space> gradients_;
};

}  // namespace cellvae
