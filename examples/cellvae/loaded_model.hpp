// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cellvae/evaluation/denoised.hpp"
#include "cellvae/evaluation/differential_expression.hpp"
#include "cellvae/evaluation/posterior_predictive.hpp"
#include "cellvae/evaluation/prior_predictive.hpp"
#include "cellvae/io/model_cells.hpp"

namespace cellvae::program {

/// A trained model, whichever likelihood it has, and the cells that it is asked about. Each function works through all
/// of them and tells `progress` how many are done.
class LoadedModel {
public:
    LoadedModel() = default;
    LoadedModel(const LoadedModel&) = delete;
    LoadedModel& operator=(const LoadedModel&) = delete;
    virtual ~LoadedModel() = default;

    /// Takes the cells, which must outlive it. @throws InputError for values that its likelihood does not explain
    /// @param reader where their counts stay in the file, what reads them with the model's genes; else null
    virtual void take_cells(const ModelCells& cells, const std::shared_ptr<CellReader>& reader) = 0;

    /// Means of q(z | x): cells x latent.
    [[nodiscard]] virtual std::vector<float> latent(const Progress& progress) = 0;
    /// q(y | x): cells x clusters(); empty for a prior without.
    [[nodiscard]] virtual std::vector<float> responsibilities(const Progress& progress) = 0;
    [[nodiscard]] virtual Index clusters() const = 0;

    virtual void denoise(const DenoisedOptions& options, const TakeCells& take) = 0;
    virtual void sample(const PosteriorPredictiveOptions& options, const TakeDraw& take) = 0;
    /// New cells from the prior, with the library sizes and conditions of the cells that were taken.
    virtual void generate(const PriorPredictiveOptions& options, const TakeNewCells& take) = 0;
    [[nodiscard]] virtual Differences differences(std::span<const Index> group, std::span<const Index> reference,
                                                  const DifferentialExpressionOptions& options,
                                                  const Progress& progress) = 0;

    /// Means over cells of the bound and its terms: bound, reconstruction, kl_z, kl_y (0 without clusters).
    [[nodiscard]] virtual std::array<double, 4> bound(std::uint64_t seed, const Progress& progress) = 0;
    [[nodiscard]] virtual double log_likelihood(Index samples, std::uint64_t seed, const Progress& progress) = 0;
};

}  // namespace cellvae::program
