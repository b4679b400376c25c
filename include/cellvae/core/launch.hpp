// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <span>
#include <string>

#include "cellvae/core/views.hpp"

namespace cellvae {

/// The label of a kernel or a fence. Kokkos makes a std::string of it at every launch, for which malloc is asked where
/// it has more than 15 characters, and a training step allocates nothing: so the string is empty unless a tool is there
/// to read it.
class KernelLabel {
public:
    constexpr KernelLabel(const char* text)
        : text_(text) {}  // NOLINT(google-explicit-constructor): it stands for the text

    operator std::string() const {  // NOLINT(google-explicit-constructor): what Kokkos takes
        return Kokkos::Tools::profileLibraryLoaded() ? std::string(text_) : std::string();
    }

    [[nodiscard]] constexpr const char* text() const { return text_; }

private:
    const char* text_;
};

namespace core_detail {

/// Calls work(i) from `begin` on. Out of line, so that one compilation of the loop serves one thread and many: what is
/// computed has the same bits.
template <class Work>
[[gnu::noinline]] void run_range(const Work& work, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) work(i);
}

/// Work in nanoseconds that is not worth a parallel region. On a machine that does nothing else one takes some
/// microseconds; where the other threads must wait for a core, which others have, it takes a hundred and more.
inline constexpr Index one_threads_work = 15000;

}  // namespace core_detail

/// Calls work(i) for every i below `count`; none may depend on another.
/// @param cost of all calls together in nanoseconds, roughly, on one core: on the host little work is done by the
/// thread that calls. A tool that is there to see kernels sees these as well.
template <class Exec, class Work>
void for_each_index(const Exec& exec, KernelLabel name, Index count, Index cost, const Work& work) {
    if constexpr (runs_on_host<Exec>) {
        if (cost <= core_detail::one_threads_work && !Kokkos::Tools::profileLibraryLoaded())
            return core_detail::run_range(work, 0, count);
        const Index parts = std::min(count, static_cast<Index>(exec.concurrency()));
        Kokkos::parallel_for(name, Kokkos::RangePolicy<Exec>(exec, 0, parts).set_chunk_size(1), [=](const Index part) {
            core_detail::run_range(work, count * part / parts, count * (part + 1) / parts);
        });
    } else {
        Kokkos::parallel_for(name, Kokkos::RangePolicy<Exec>(exec, 0, count), work);
    }
}

namespace core_detail {

template <class Exec, class Value>
void fill_elements(const Exec& exec, KernelLabel name, Value* elements, Index count, const Value value) {
    Kokkos::parallel_for(
        name, Kokkos::RangePolicy<Exec>(exec, 0, count), KOKKOS_LAMBDA(const Index i) { elements[i] = value; });
}

}  // namespace core_detail

/// Every element of a view without gaps becomes `value`. (Kokkos::deep_copy gives its kernel a label of its own.)
/// @throws ShapeError if the view has gaps
template <class Exec, class ViewType>
void fill(const Exec& exec, KernelLabel name, const ViewType& view, typename ViewType::const_value_type& value) {
    if (!view.span_is_contiguous()) throw ShapeError(message(name.text(), ": the view to fill has gaps"));
    core_detail::fill_elements(exec, name, view.data(), static_cast<Index>(view.size()), value);
}

/// A copy of the host's values in the backend's memory. They must stay until `exec` is so far.
template <class Exec, class Value>
[[nodiscard]] Vector<Value, typename Exec::memory_space> to_backend(const Exec& exec, std::span<const Value> values,
                                                                    const char* label) {
    Vector<Value, typename Exec::memory_space> copy(
        Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, std::string(label)), values.size());
    Kokkos::deep_copy(exec, copy, Kokkos::View<const Value*, Kokkos::HostSpace>(values.data(), values.size()));
    return copy;
}

/// Waits for `exec`, and then `mirror`, which Kokkos::create_mirror_view made, has the values of `view`.
template <class Exec, class Mirror, class ViewType>
void read_back(const Exec& exec, KernelLabel name, const Mirror& mirror, const ViewType& view) {
    if constexpr (!runs_on_host<Exec>) Kokkos::deep_copy(exec, mirror, view);  // on the host the mirror is the view
    exec.fence(name);
}

/// The values of `view` on the host, when `exec` is so far: itself where the host can read it.
template <class Exec, class ViewType>
[[nodiscard]] auto to_host(const Exec& exec, KernelLabel name, const ViewType& view) {
    auto host = Kokkos::create_mirror_view(Kokkos::HostSpace(), view);
    read_back(exec, name, host, view);
    return host;
}

}  // namespace cellvae
