// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <type_traits>

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

template <class Work>
struct ElementWork {
    Work work;
    Index columns;

    KOKKOS_INLINE_FUNCTION void operator()(const Index i) const { work(i / columns, i % columns); }
};

}  // namespace core_detail

/// Calls work(row, column) for every element of rows x columns; none may depend on another. On the host a thread goes
/// along whole rows; on a device neighbouring threads take neighbouring columns, which lie together in memory.
/// @param cost as in for_each_index
template <class Exec, class Work>
void for_each_element(const Exec& exec, KernelLabel name, Index rows, Index columns, Index cost, const Work& work) {
    if constexpr (runs_on_host<Exec>)
        for_each_index(exec, name, rows, cost, [=](const Index row) {
            for (Index column = 0; column < columns; ++column) work(row, column);
        });
    else
        for_each_index(exec, name, rows * columns, cost, core_detail::ElementWork<Work>{work, columns});
}

namespace core_detail {

/// values *= factor.
template <class Exec, class Values>
void scale(const Exec& exec, const Values& values, typename Values::const_value_type factor) {
    const auto count = static_cast<Index>(values.extent(0));
    for_each_index(
        exec, KernelLabel("cellvae::scale"), count, count / 4, KOKKOS_LAMBDA(const Index i) { values(i) *= factor; });
}

}  // namespace core_detail

/// A row of a kernel of rows x columns, as its author sees it: one thread on the host, a team of threads on a device,
/// which share the columns. Every thread takes the same columns each time, so that what columns() wrote the next
/// columns() of the same row may read, in the same column.
template <class Exec>
class KernelRow {
public:
    /// f(column) for every column.
    template <class F>
    KOKKOS_INLINE_FUNCTION void columns(Index count, const F& f) const {
        if constexpr (runs_on_host<Exec>)
            for (Index column = 0; column < count; ++column) f(column);
        else
            Kokkos::parallel_for(Kokkos::TeamThreadRange(*team_, count), f);
    }

    /// The sum of f(column) over the columns, which every thread gets. In double, and always in the same order.
    template <class F>
    [[nodiscard]] KOKKOS_INLINE_FUNCTION double sum(Index count, const F& f) const {
        double total = 0;
        if constexpr (runs_on_host<Exec>) {
            for (Index column = 0; column < count; ++column) total += f(column);
        } else {
            Kokkos::parallel_reduce(
                Kokkos::TeamThreadRange(*team_, count), [&](const Index column, double& part) { part += f(column); },
                total);
        }
        return total;
    }

    /// The largest f(column), which every thread gets. At least one column.
    template <class Real, class F>
    [[nodiscard]] KOKKOS_INLINE_FUNCTION Real largest(Index count, const F& f) const {
        Real most = f(Index(0));
        if constexpr (runs_on_host<Exec>) {
            for (Index column = 1; column < count; ++column) most = f(column) > most ? f(column) : most;
        } else {
            Kokkos::parallel_reduce(
                Kokkos::TeamThreadRange(*team_, count),
                [&](const Index column, Real& part) { part = f(column) > part ? f(column) : part; },
                Kokkos::Max<Real>(most));
        }
        return most;
    }

    /// Before other columns are read than those that one wrote.
    KOKKOS_INLINE_FUNCTION void wait() const {
        if constexpr (!runs_on_host<Exec>) team_->team_barrier();
    }

    /// f(begin, end) for runs of columns, for work that is dear to begin, such as a stream of random numbers: a single
    /// run on the host, else runs of at most `length`, each beginning at a multiple of it.
    template <class F>
    KOKKOS_INLINE_FUNCTION void runs(Index count, Index length, const F& f) const {
        if constexpr (runs_on_host<Exec>)
            f(Index(0), count);
        else
            Kokkos::parallel_for(Kokkos::TeamThreadRange(*team_, (count + length - 1) / length), [&](const Index run) {
                f(run * length, (run + 1) * length < count ? (run + 1) * length : count);
            });
    }

    /// f() by one thread.
    template <class F>
    KOKKOS_INLINE_FUNCTION void once(const F& f) const {
        if constexpr (runs_on_host<Exec>)
            f();
        else
            Kokkos::single(Kokkos::PerTeam(*team_), f);
    }

    // made by for_each_row
    using Team = std::conditional_t<runs_on_host<Exec>, void, typename Kokkos::TeamPolicy<Exec>::member_type>;
    KOKKOS_INLINE_FUNCTION explicit KernelRow(const Team* team) : team_(team) {}

private:
    const Team* team_;  // null on the host
};

namespace core_detail {

template <class Exec, class Work>
struct RowWork {
    Work work;

    KOKKOS_INLINE_FUNCTION void operator()(const typename KernelRow<Exec>::Team& team) const {
        work(static_cast<Index>(team.league_rank()), KernelRow<Exec>(&team));
    }
};

}  // namespace core_detail

/// Calls work(row, KernelRow<Exec>) for every row; none may depend on another. What it does along the row it asks the
/// KernelRow for, which makes of it a loop on the host and a team's work on a device, neighbouring threads at
/// neighbouring columns. Columns whose sums run over the rows are for_each_index's: a thread a column reads together
/// what lies together, too.
/// @param cost as in for_each_index
template <class Exec, class Work>
void for_each_row(const Exec& exec, KernelLabel name, Index rows, Index cost, const Work& work) {
    if constexpr (runs_on_host<Exec>)
        for_each_index(exec, name, rows, cost, [=](const Index row) { work(row, KernelRow<Exec>(nullptr)); });
    else
        Kokkos::parallel_for(name, Kokkos::TeamPolicy<Exec>(exec, static_cast<int>(rows), Kokkos::AUTO),
                             core_detail::RowWork<Exec, Work>{work});
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
