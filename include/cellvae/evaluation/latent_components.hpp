// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/row_blocks.hpp"
#include "cellvae/evaluation/latent.hpp"

namespace cellvae {

/// Latent means in the directions in which they vary most.
struct LatentComponents {
    std::vector<float> coordinates;  ///< cells x components, row-major, centred
    std::vector<double> variances;   ///< of every direction, descending: as many as the latent has dimensions
};

/// The first principal components of latent means, by the eigenvectors of their covariance; the largest entry of each
/// is positive. With fewer dimensions than components, the last columns are zeros.
/// @param means cells x latent, row-major
/// @throws ShapeError as latent_covariance
[[nodiscard]] inline LatentComponents latent_components(const Kokkos::DefaultHostExecutionSpace& exec,
                                                        std::span<const float> means, Index cells, Index latent,
                                                        int components = 2) {
    using Covariance = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const auto covariance = latent_covariance(means, cells, latent);
    Eigen::SelfAdjointEigenSolver<Covariance> eigen;
    // inside a parallel region Eigen does not open threads of its own, which would change the order of its sums
    data_detail::for_each_block(exec, "cellvae::latent_components", 1, [&](std::size_t) {
        eigen.compute(Eigen::Map<const Covariance>(covariance.data(), latent, latent));
    });
    const auto n = static_cast<std::size_t>(cells), width = static_cast<std::size_t>(latent),
               kept = static_cast<std::size_t>(components);
    LatentComponents result;
    result.coordinates.assign(n * kept, 0.0f);
    std::vector<double> centre(width, 0.0);
    for (std::size_t i = 0; i < n * width; ++i)
        centre[i % width] += static_cast<double>(means[i]) / static_cast<double>(cells);
    for (std::size_t k = 0; k < width; ++k) {
        const auto column = static_cast<Eigen::Index>(width - 1 - k);
        result.variances.push_back(std::max(0.0, eigen.eigenvalues()[column]));
        if (k >= kept) continue;
        Eigen::Index largest = 0;
        eigen.eigenvectors().col(column).cwiseAbs().maxCoeff(&largest);
        const double sign = eigen.eigenvectors()(largest, column) < 0 ? -1 : 1;
        for (std::size_t cell = 0; cell < n; ++cell) {
            double sum = 0;
            for (std::size_t i = 0; i < width; ++i)
                sum += sign * eigen.eigenvectors()(static_cast<Eigen::Index>(i), column) *
                       (static_cast<double>(means[cell * width + i]) - centre[i]);
            result.coordinates[cell * kept + k] = static_cast<float>(sum);
        }
    }
    return result;
}

}  // namespace cellvae
