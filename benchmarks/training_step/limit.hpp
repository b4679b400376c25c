// SPDX-License-Identifier: Apache-2.0
// What a training step cannot be faster than on this machine: its products at the rate of the best product here, the
// likelihood at the rate that it has on data in the cache, one pass of the optimiser at the bandwidth of a stream.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#ifdef CELLVAE_BENCHMARKS_ONEDNN
#include <dnnl.h>
#endif

#include "../likelihood.hpp"
#include "../measure.hpp"
#include "cellvae/core/product_bfloat16.hpp"

namespace cellvae_benchmarks {

/// The library's product function, and oneDNN's, which does a product by one thread where one of many calls it. Both
/// add op(a) op(b), rows x columns, to `c`; depth is what the sum runs over.
template <class Real>
struct OwnProduct {
    template <cellvae::Operand A, cellvae::Operand B>
    void multiply(Index rows, Index columns, Index depth, const Real* a, Index a_stride, const Real* b, Index b_stride,
                  Real* c, Index c_stride, Real* packing) const {
        cellvae::multiply_add<A, B, Real>(rows, columns, depth, a, a_stride, b, b_stride, c, c_stride, packing);
    }
};

#ifdef CELLVAE_BENCHMARKS_ONEDNN
struct OneDnnProduct {
    template <cellvae::Operand A, cellvae::Operand B>
    void multiply(Index rows, Index columns, Index depth, const float* a, Index a_stride, const float* b,
                  Index b_stride, float* c, Index c_stride, float*) const {
        constexpr char letters[] = {'N', 'T'};
        dnnl_sgemm(letters[A == cellvae::Operand::transposed], letters[B == cellvae::Operand::transposed], rows,
                   columns, depth, 1, a, a_stride, b, b_stride, 1, c, c_stride);
    }
};
#endif

/// Operations a second of products of one panel of the output layer, by the functions that the layer calls, with all
/// operands in each thread's cache.
template <class Real>
class PanelProducts {
public:
    PanelProducts(const Exec& exec, Index rows, Index depth)
        : exec_(exec),
          threads_(exec.concurrency()),
          rows_(rows),
          depth_(depth),
          memory_("panel", static_cast<std::size_t>(threads_),
                  static_cast<std::size_t>(cellvae::core_detail::packing_size + rows * depth + 2 * width * depth +
                                           rows * width)) {}

    /// The three products of a head: parameters, gradient of the weights, gradient of the hidden rows.
    template <class Product = OwnProduct<Real>>
    double rate(const Product& product = {}) const {
        const auto memory = memory_;
        const Index rows = rows_, depth = depth_;
        const double ms = milliseconds(exec_, [&] {
            Kokkos::parallel_for(Kokkos::RangePolicy<Exec>(exec_, 0, threads_).set_chunk_size(1),
                                 [=](const Index thread) {
                                     using cellvae::Operand;
                                     Real* packing = &memory(thread, 0);
                                     Real* hidden = packing + cellvae::core_detail::packing_size;
                                     Real* weight = hidden + rows * depth;
                                     Real* d_weight = weight + width * depth;
                                     Real* eta = d_weight + width * depth;
                                     for (int turn = 0; turn < turns; ++turn) {
                                         product.template multiply<Operand::as_is, Operand::transposed>(
                                             rows, width, depth, hidden, depth, weight, depth, eta, width, packing);
                                         product.template multiply<Operand::transposed, Operand::as_is>(
                                             width, depth, rows, eta, width, hidden, depth, d_weight, depth, packing);
                                         product.template multiply<Operand::as_is, Operand::as_is>(
                                             rows, depth, width, eta, width, weight, depth, hidden, depth, packing);
                                     }
                                 });
        });
        return 6e-6 * static_cast<double>(rows * width * depth * turns * threads_) / ms;
    }

    /// The first of the three with operands rounded to bfloat16.
    double bfloat16_rate() const {
        using namespace cellvae::core_detail;
        const Index rows = rows_, depth = depth_, pairs = pairs_of(depth);
        const cellvae::Matrix<float, Exec::memory_space> results("results", static_cast<std::size_t>(threads_),
                                                                 static_cast<std::size_t>(rows * width));
        const cellvae::Vector<Bfloat16Pair, Exec::memory_space> operands(
            "operands", static_cast<std::size_t>(threads_ * (rows + 8) * pairs + threads_ * right_size(depth, width)));
        const double ms = milliseconds(exec_, [&] {
            Kokkos::parallel_for(
                Kokkos::RangePolicy<Exec>(exec_, 0, threads_).set_chunk_size(1), [=](const Index thread) {
                    const Bfloat16Pair* right = operands.data() + thread * right_size(depth, width);
                    const Bfloat16Pair* left = operands.data() + operands.size() - (thread + 1) * (rows + 8) * pairs;
                    for (int turn = 0; turn < 3 * turns; ++turn)
                        cellvae::multiply_bfloat16(rows, width, pairs, left, pairs, right, &results(thread, 0), width,
                                                   true);
                });
        });
        return 6e-6 * static_cast<double>(rows * width * depth * turns * threads_) / ms;
    }

private:
    static constexpr Index width = cellvae::genes_per_panel;
    static constexpr int turns = 8;
    Exec exec_;
    Index threads_, rows_, depth_;
    cellvae::Matrix<Real, Exec::memory_space> memory_;
};

/// The work of a step that no program can leave out.
struct StepWork {
    double gflop = 0;     ///< of products
    double elements = 0;  ///< rows x genes that the likelihood is computed for
    double bytes = 0;     ///< that the optimiser reads and writes
};

/// Milliseconds that this takes at least, and the rates, in billions a second, by which that is known: of all
/// measurements the medians.
struct StepParts {
    double products, likelihood, optimiser;
    double product_rate, likelihood_rate, stream_rate;
    double onednn_rate;        ///< of products of float in the shape of a panel; 0 where there is no oneDNN
    double multiply_add_rate;  ///< beside the products', not above that of bfloat16: it is of the model's own type

    [[nodiscard]] double sum() const { return products + likelihood + optimiser; }
};

/// How fast each kind of work is on this machine, measured whenever measure() is called.
template <class L, class Real>
class StepLimit {
public:
    /// @param parameters of the model, each with its gradient and two moments
    StepLimit(const Exec& exec, Index rows, Index depth, Index parameters, bool in_bfloat16)
        : exec_(exec),
          multiply_adds_(exec),
          square_(exec),
          panel_(exec, rows, depth),
          likelihood_(exec, Index{1} << 20),
          stream_(exec, 4.0 * sizeof(Real) * static_cast<double>(parameters)),
          in_bfloat16_(in_bfloat16) {}

    void measure() {
        multiply_add_rates_.push_back(multiply_adds_.rate());
        square_rates_.push_back(square_.rate());
        panel_rates_.push_back(in_bfloat16_ ? panel_.bfloat16_rate() : panel_.rate());
        onednn_rates_.push_back(onednn_rate());
        likelihood_rates_.push_back(1e-6 * likelihood_.elements() / milliseconds(exec_, likelihood_));
        stream_rates_.push_back(stream_.rate());
    }

    [[nodiscard]] StepParts parts(const StepWork& work) const {
        const double panel = Spread(panel_rates_).median, square = Spread(square_rates_).median;
        const double onednn = Spread(onednn_rates_).median;
        const double product_rate = in_bfloat16_ ? panel : std::max({panel, square, onednn});
        const double likelihood_rate = Spread(likelihood_rates_).median;
        const double stream_rate = Spread(stream_rates_).median;
        return {1e3 * work.gflop / product_rate,
                1e-6 * work.elements / likelihood_rate,
                1e-6 * work.bytes / stream_rate,
                product_rate,
                likelihood_rate,
                stream_rate,
                onednn,
                Spread(multiply_add_rates_).median};
    }

private:
    [[nodiscard]] double onednn_rate() const {
#ifdef CELLVAE_BENCHMARKS_ONEDNN
        if constexpr (std::is_same_v<Real, float>)
            if (!in_bfloat16_) return panel_.rate(OneDnnProduct());
#endif
        return 0;
    }

    Exec exec_;
    MultiplyAdds<Real> multiply_adds_;
    Peak<Real> square_;
    PanelProducts<Real> panel_;
    Likelihood<L, Real> likelihood_;
    Stream<Real> stream_;
    bool in_bfloat16_;
    std::vector<double> multiply_add_rates_, square_rates_, panel_rates_, onednn_rates_, likelihood_rates_,
        stream_rates_;
};

}  // namespace cellvae_benchmarks
