// SPDX-License-Identifier: Apache-2.0
// Timing beside the machine's limits. After each repetition of a kernel its limit is measured too, for a moment: on a
// shared machine both then see the same neighbours, and the share that was reached is a ratio of the two medians.
#pragma once

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "cellvae/core/parameters.hpp"
#include "cellvae/core/product.hpp"

namespace cellvae_benchmarks {

using cellvae::Index;
using Exec = Kokkos::DefaultHostExecutionSpace;  // the limits are the host's
using Clock = std::chrono::steady_clock;

template <class Space, class Work>
double milliseconds(const Space& exec, Work&& work) {
    const auto start = Clock::now();
    work();
    exec.fence();
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// The middle of some times, and the quartiles as their spread.
struct Spread {
    double median = 0;
    double low = 0;
    double high = 0;

    explicit Spread(std::vector<double> values) {
        std::sort(values.begin(), values.end());
        const auto at = [&](double part) {
            return values[static_cast<std::size_t>(std::lround(part * static_cast<double>(values.size() - 1)))];
        };
        median = at(0.5);
        low = at(0.25);
        high = at(0.75);
    }
};

/// Operations a second of products whose operands stay in each thread's cache.
template <class Real>
class Peak {
public:
    static constexpr const char* unit = "GFLOP/s";

    explicit Peak(const Exec& exec)
        : exec_(exec),
          threads_(exec.concurrency()),
          memory_("peak", static_cast<std::size_t>(threads_),
                  static_cast<std::size_t>(3 * side * side + cellvae::core_detail::packing_size)) {}

    double rate() const {
        const auto memory = memory_;
        const double ms = milliseconds(exec_, [&] {
            Kokkos::parallel_for(Kokkos::RangePolicy<Exec>(exec_, 0, threads_).set_chunk_size(1),
                                 [=](const Index thread) {
                                     Real* packing = &memory(thread, 0);
                                     Real* a = packing + cellvae::core_detail::packing_size;
                                     Real* b = a + side * side;
                                     for (int turn = 0; turn < turns; ++turn)
                                         cellvae::multiply_add<cellvae::Operand::as_is, cellvae::Operand::as_is, Real>(
                                             side, side, side, a, side, b, side, b + side * side, side, packing);
                                 });
        });
        return 2e-6 * static_cast<double>(side * side * side * turns * threads_) / ms;
    }

private:
    static constexpr Index side = 192;  // a multiple of the register tiles
    static constexpr int turns = 8;
    Exec exec_;
    Index threads_;
    cellvae::Matrix<Real, Exec::memory_space> memory_;
};

/// Operations a second of fused multiply-adds on registers alone, which no product can exceed. Eigen's packets say the
/// register's width, so that no compiler decides it.
template <class Real>
class MultiplyAdds {
public:
    explicit MultiplyAdds(const Exec& exec)
        : exec_(exec), threads_(exec.concurrency()), sums_("sums", static_cast<std::size_t>(threads_)) {}

    double rate() const {
        using Packet = typename Eigen::internal::packet_traits<Real>::type;
        constexpr int width = Eigen::internal::packet_traits<Real>::size;
        constexpr int chains = 12;  // more than the adders' latency times their number, fewer than the registers
        constexpr Index turns = 40000;
        const auto sums = sums_;
        const double ms = milliseconds(exec_, [&] {
            Kokkos::parallel_for(Kokkos::RangePolicy<Exec>(exec_, 0, threads_).set_chunk_size(1),
                                 [=](const Index thread) {
                                     const auto factor = Eigen::internal::pset1<Packet>(sums(thread) + Real(0.5));
                                     Packet sum[chains];
                                     for (int i = 0; i < chains; ++i) sum[i] = Eigen::internal::pset1<Packet>(Real(i));
                                     for (Index turn = 0; turn < turns; ++turn)
                                         for (int i = 0; i < chains; ++i)
                                             sum[i] = Eigen::internal::pmadd(sum[i], factor, factor);
                                     for (int i = 1; i < chains; ++i) sum[0] = Eigen::internal::padd(sum[0], sum[i]);
                                     sums(thread) = Real(0) * Eigen::internal::predux(sum[0]);
                                 });
        });
        return 2e-6 * static_cast<double>(width * chains * turns * threads_) / ms;
    }

private:
    Exec exec_;
    Index threads_;
    cellvae::Vector<Real, Exec::memory_space> sums_;
};

/// Bytes a second of a = a + 3 b. What is written was read before, as an optimiser does, so that all traffic is
/// counted.
template <class Real>
class Stream {
public:
    static constexpr const char* unit = "GB/s";

    /// @param bytes of both arrays together; where that fits a cache, it is the cache that is measured
    explicit Stream(const Exec& exec, double bytes = 128 << 20)
        : exec_(exec),
          length_(static_cast<Index>(bytes / (2 * tasks * sizeof(Real))) + 1),
          a_(cellvae::flat_array<Real>(exec, "a", static_cast<std::size_t>(tasks * length_))),
          b_(cellvae::flat_array<Real>(exec, "b", static_cast<std::size_t>(tasks * length_))) {}

    double rate() const {
        const Index length = length_;
        const double ms = milliseconds(exec_, [&] {
            Real* KOKKOS_RESTRICT a = a_.data();
            const Real* KOKKOS_RESTRICT b = b_.data();
            Kokkos::parallel_for(Kokkos::RangePolicy<Exec>(exec_, 0, tasks), [=](const Index task) {
                for (Index i = task * length; i < (task + 1) * length; ++i) a[i] += Real(3) * b[i];
            });
        });
        return 3e-6 * static_cast<double>(tasks * length * static_cast<Index>(sizeof(Real))) / ms;
    }

private:
    static constexpr Index tasks = 64;
    Exec exec_;
    Index length_;
    cellvae::Vector<Real, Exec::memory_space> a_, b_;
};

/// What was measured of one kernel.
struct Measurement {
    std::string group;
    std::string name;
    const char* type;
    int threads;
    Spread ms;
    double work;             ///< of one repetition
    const char* unit;        ///< of `work` in millions a millisecond, that is, billions a second
    double limit;            ///< in limit_unit
    const char* limit_unit;  ///< "" where the work has no limit of its own, which then is the peak
    double cost;             ///< share of the limit, or floating-point operations at the peak that one unit takes

    [[nodiscard]] double rate() const { return 1e-6 * work / ms.median; }
};

/// Runs kernels and keeps what they took.
template <class Real>
class Measurements {
public:
    Measurements(const Exec& exec, Index warm_up, Index repetitions)
        : exec_(exec), warm_up_(warm_up), repetitions_(repetitions), peak_(exec), stream_(exec) {}

    /// `work` is operations, and the limit the peak.
    template <class Kernel>
    void operations(const std::string& group, const std::string& name, double work, Kernel&& kernel) {
        add(group, name, work, "GFLOP/s", peak_, true, kernel);
    }

    /// `work` is bytes that must come from or go to the memory, and the limit the bandwidth.
    template <class Kernel>
    void bytes(const std::string& group, const std::string& name, double work, Kernel&& kernel) {
        add(group, name, work, "GB/s", stream_, true, kernel);
    }

    /// `work` is elements; beside it stands how many operations at the peak each takes.
    template <class Kernel>
    void elements(const std::string& group, const std::string& name, double work, Kernel&& kernel) {
        add(group, name, work, "G elements/s", peak_, false, kernel);
    }

    [[nodiscard]] const std::vector<Measurement>& all() const { return all_; }

private:
    template <class Limit, class Kernel>
    void add(const std::string& group, const std::string& name, double work, const char* unit, const Limit& limit,
             bool is_share, Kernel& kernel) {
        std::vector<double> times, limits;
        for (Index i = 0; i < warm_up_; ++i) {
            milliseconds(exec_, kernel);
            limit.rate();
        }
        for (Index i = 0; i < repetitions_; ++i) {
            times.push_back(milliseconds(exec_, kernel));
            limits.push_back(limit.rate());
        }
        const Spread ms(times);
        const double most = Spread(limits).median;
        const double rate = 1e-6 * work / ms.median;
        all_.push_back({group, name, sizeof(Real) == sizeof(float) ? "float" : "double", exec_.concurrency(), ms, work,
                        unit, most, is_share ? Limit::unit : "", is_share ? rate / most : most / rate});
    }

    Exec exec_;
    Index warm_up_;
    Index repetitions_;
    Peak<Real> peak_;
    Stream<Real> stream_;
    std::vector<Measurement> all_;
};

/// A table, or with `as_json` one line of JSON a measurement.
inline void print(const std::vector<Measurement>& all, bool as_json) {
    if (!as_json)
        std::printf("%-12s %-44s %-6s %7s %10s %21s %9s %-12s %20s\n", "group", "kernel", "type", "threads",
                    "median ms", "quartiles", "rate", "unit", "of the limit");
    for (const auto& m : all) {
        if (as_json) {
            std::printf(
                "{\"group\": \"%s\", \"kernel\": \"%s\", \"type\": \"%s\", \"threads\": %d, \"ms\": %.5g, "
                "\"ms_low\": %.5g, \"ms_high\": %.5g, \"rate\": %.5g, \"unit\": \"%s\", \"limit\": %.5g, "
                "\"limit_unit\": \"%s\", \"%s\": %.4g}\n",
                m.group.c_str(), m.name.c_str(), m.type, m.threads, m.ms.median, m.ms.low, m.ms.high, m.rate(), m.unit,
                m.limit, m.limit_unit[0] != '\0' ? m.limit_unit : "GFLOP/s",
                m.limit_unit[0] != '\0' ? "share" : "flop_at_peak", m.cost);
            continue;
        }
        char limit[40];
        if (m.limit_unit[0] != '\0')
            std::snprintf(limit, sizeof limit, "%.0f%% of %.0f %s", 100 * m.cost, m.limit, m.limit_unit);
        else
            std::snprintf(limit, sizeof limit, "%.0f FLOP each", m.cost);
        std::printf("%-12s %-44s %-6s %7d %10.3f %10.3f %10.3f %9.3f %-12s %20s\n", m.group.c_str(), m.name.c_str(),
                    m.type, m.threads, m.ms.median, m.ms.low, m.ms.high, m.rate(), m.unit, limit);
    }
}

}  // namespace cellvae_benchmarks
