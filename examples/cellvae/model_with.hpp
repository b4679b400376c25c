// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "any_cells.hpp"
#include "cellvae/io/model_file.hpp"
#include "cellvae/models/evaluate.hpp"
#include "latent_models.hpp"
#include "loaded_model.hpp"

namespace cellvae::program {

/// The loaded model with the likelihood L. One instantiation a source file, that of its training.
template <class L>
class ModelWith final : public LoadedModel {
public:
    ModelWith(const std::filesystem::path& file, const ModelDescription& description)
        : views_(description), model_(exec_, static_cast<Index>(description.genes.size()), description.options) {
        load_model(exec_, file, model_);
    }

    void take_cells(const ModelCells& cells, const std::shared_ptr<CellReader>& reader) override {
        const auto options = cells.dataset_options(views_);
        if (reader)
            data_.emplace(make_streamed_dataset<L>(exec_, reader, options));
        else
            data_.emplace(make_dataset<L>(exec_, cells.counts, options));
        model_.require_fit(*data_);
        batch_.emplace(exec_, *data_, 128);
        all_ = all_cells(*data_);
    }

    std::vector<float> latent(const Progress& progress) override {
        return latent_means(exec_, model_, *data_, *batch_, progress);
    }
    std::vector<float> responsibilities(const Progress& progress) override {
        if (clusters() == 0) return {};
        return cellvae::responsibilities(exec_, model_, *data_, *batch_, progress);
    }
    Index clusters() const override { return model_.clusters(); }

    void denoise(const DenoisedOptions& options, const TakeCells& take) override {
        cellvae::denoise(exec_, model_, data_->in_memory(), *batch_, options, take);
    }
    void sample(const PosteriorPredictiveOptions& options, const TakeDraw& take) override {
        sample_posterior_predictive(exec_, model_, *data_, *batch_, options, take);
    }
    void generate(const PriorPredictiveOptions& options, const TakeNewCells& take) override {
        sample_prior_predictive(exec_, model_, data_->in_memory(), *batch_, options, take);
    }
    Differences differences(std::span<const Index> group, std::span<const Index> reference,
                            const DifferentialExpressionOptions& options, const Progress& progress) override {
        return differential_expression(exec_, model_, data_->in_memory(), *batch_, group, reference, options, progress);
    }

    std::array<double, 4> bound(std::uint64_t seed, const Progress& progress) override {
        return mean_bound(exec_, model_, *data_, all_, *batch_, seed, progress);
    }
    double log_likelihood(Index samples, std::uint64_t seed, const Progress& progress) override {
        return mean_log_likelihood(exec_, model_, *data_, all_, *batch_, samples, seed, progress);
    }

private:
    using Exec = Kokkos::DefaultExecutionSpace;
    using Model = Vae<Mlp<>, AnyPrior, L>;

    Exec exec_;
    ModelDescription views_;
    Model model_;
    std::optional<AnyCells<Exec>> data_;
    std::optional<Minibatch<float, Exec>> batch_;
    std::vector<Index> all_;
};

template <class L>
std::unique_ptr<LoadedModel> load_with(const std::filesystem::path& file, const ModelDescription& description) {
    return std::make_unique<ModelWith<L>>(file, description);
}

}  // namespace cellvae::program
