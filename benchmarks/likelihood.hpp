// SPDX-License-Identifier: Apache-2.0
// A likelihood with its gradient as the output layer computes it, on parameters that are in the cache.
#pragma once

#include <algorithm>
#include <string>

#include "cellvae/nn/output_layer_host.hpp"
#include "measure.hpp"

namespace cellvae_benchmarks {

template <class Real>
cellvae::Matrix<Real, Exec::memory_space> random_matrix(Index rows, Index columns) {
    cellvae::Matrix<Real, Exec::memory_space> matrix("matrix", static_cast<std::size_t>(rows),
                                                     static_cast<std::size_t>(columns));
    cellvae::RandomStream random(2, cellvae::Purpose::simulation);
    for (Index r = 0; r < rows; ++r)
        for (Index c = 0; c < columns; ++c) matrix(r, c) = Real(2) * random.uniform<Real>() - Real(1);
    return matrix;
}

/// Value and gradient on groups of rows as the output layer has them, one count in sixteen not zero. The parameters are
/// copied from the cache to the cache each time: that is part of the work.
template <class L, class Real>
class Likelihood {
public:
    /// @param least the number of elements is this, made up to whole groups
    Likelihood(const Exec& exec, Index least)
        : exec_(exec),
          groups_((least + rows * width - 1) / (rows * width)),
          parameters_(random_matrix<Real>(rows, static_cast<Index>(count) * width)),
          sums_("sums", static_cast<std::size_t>(groups_)) {
        for (std::size_t n = 0; n < count; ++n) {
            heads_[n].lower = static_cast<Real>(L::bounds(static_cast<int>(n)).lower);
            heads_[n].upper = static_cast<Real>(L::bounds(static_cast<int>(n)).upper);
        }
    }

    [[nodiscard]] double elements() const { return static_cast<double>(groups_ * rows * width); }

    void operator()() const {
        const auto parameters = parameters_;
        const auto sums = sums_;
        const auto heads = heads_;
        const Index genes = genes_;
        Kokkos::parallel_for(Kokkos::RangePolicy<Exec>(exec_, 0, groups_), [=](const Index group) {
            alignas(64) Real eta[count][rows][width];
            cellvae::nn_detail::GroupNonzeros<Real, count> found;
            constexpr Index nonzeros = width / 16;
            cellvae::GeneIndex gene_of[nonzeros];
            Real targets[nonzeros];
            for (Index j = 0; j < nonzeros; ++j) {
                gene_of[j] = static_cast<cellvae::GeneIndex>(16 * j + 3);
                targets[j] = 1;
            }
            const auto row_of = [&](Index r) {
                Kokkos::Array<Real*, count> row{};
                for (std::size_t n = 0; n < count; ++n) row[n] = eta[n][r];
                return row;
            };
            for (Index r = 0; r < rows; ++r) {
                for (std::size_t n = 0; n < count; ++n)
                    std::copy_n(&parameters(r, static_cast<Index>(n) * width), width, eta[n][r]);
                found.gather(row_of(r), gene_of, targets, nonzeros, 0, Real(0.5));
            }
            found.template compute<L>(heads);
            double sum = 0;
            for (Index r = 0; r < rows; ++r)
                sum += cellvae::nn_detail::likelihood_row<L, true>(row_of(r), genes, gene_of, nonzeros, Index{0}, found,
                                                                   r * nonzeros, heads, Real(0.5));
            sums(group) = sum + static_cast<double>(eta[0][0][group % genes]);
        });
    }

private:
    static constexpr std::size_t count = cellvae::parameter_count<L>;
    static constexpr Index rows = cellvae::nn_detail::rows_per_group;
    static constexpr Index width = cellvae::genes_per_panel;

    Exec exec_;
    Index groups_;
    Index genes_ = width;  // a number that the compiler does not know, as in the library
    cellvae::Matrix<Real, Exec::memory_space> parameters_;
    cellvae::Vector<double, Exec::memory_space> sums_;
    cellvae::nn_detail::Heads<Real, count> heads_{};
};

}  // namespace cellvae_benchmarks
