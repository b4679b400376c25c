// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

/// Covariance of the latent means over cells, latent x latent, row-major: sum over cells of the products of deviations,
/// divided by the cells less one. `means` is cells x latent, row-major. Sums are taken in double around the means.
/// @throws ShapeError if `means` does not hold cells * latent numbers, or there are fewer than two cells.
template <class Real>
[[nodiscard]] std::vector<double> latent_covariance(std::span<const Real> means, Index cells, Index latent) {
    require_size(static_cast<Index>(means.size()), cells * latent, "latent means");
    if (cells < 2) throw ShapeError(message("cells of a latent covariance: found ", cells, ", expected at least 2"));
    const auto width = static_cast<std::size_t>(latent), count = static_cast<std::size_t>(cells);
    std::vector<double> centre(width, 0.0), covariance(width * width, 0.0), deviation(width);
    for (std::size_t cell = 0; cell < count; ++cell)
        for (std::size_t i = 0; i < width; ++i) centre[i] += static_cast<double>(means[cell * width + i]);
    for (double& value : centre) value /= static_cast<double>(cells);
    for (std::size_t cell = 0; cell < count; ++cell) {
        for (std::size_t i = 0; i < width; ++i) deviation[i] = static_cast<double>(means[cell * width + i]) - centre[i];
        for (std::size_t i = 0; i < width; ++i)
            for (std::size_t j = 0; j <= i; ++j) covariance[i * width + j] += deviation[i] * deviation[j];
    }
    for (std::size_t i = 0; i < width; ++i)
        for (std::size_t j = 0; j <= i; ++j) {
            covariance[i * width + j] /= static_cast<double>(cells - 1);
            covariance[j * width + i] = covariance[i * width + j];
        }
    return covariance;
}

/// The units of the latent space that carry something, after Burda et al. (2016, arXiv:1509.00519): those whose
/// posterior mean has a variance over cells above a threshold.
struct ActiveUnits {
    Index count = 0;
    std::vector<double> variances;  ///< of each unit's posterior mean over cells
    std::vector<bool> active;
};

/// Counts the active units. `means` is cells x latent, row-major; a unit is active where its variance exceeds
/// `threshold`.
/// @throws ShapeError as latent_covariance.
template <class Real>
[[nodiscard]] ActiveUnits active_units(std::span<const Real> means, Index cells, Index latent,
                                       double threshold = 0.01) {
    const auto covariance = latent_covariance(means, cells, latent);
    ActiveUnits result;
    for (std::size_t i = 0; i < static_cast<std::size_t>(latent); ++i) {
        const double variance = covariance[i * static_cast<std::size_t>(latent) + i];
        result.variances.push_back(variance);
        result.active.push_back(variance > threshold);
        result.count += variance > threshold ? 1 : 0;
    }
    return result;
}

}  // namespace cellvae
