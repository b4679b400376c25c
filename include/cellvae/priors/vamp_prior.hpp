// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cellvae/priors/gaussian_inference.hpp"
#include "cellvae/priors/mixture_density.hpp"
#include "cellvae/priors/prior_sample.hpp"

namespace cellvae {

/// The prior p(z) = mean over u of q(z | pseudo-input u) (Tomczak and Welling 2018): prior/pseudo_inputs (pseudo-inputs
/// x genes) are learned, lie in the encoder's input space and go through the encoder after the minibatch's cells, so
/// that its gradient has both parts. They take no part in dropout: given its parameters the prior is not random. The KL
/// is sampled, for held-out cells as well. Known labels are not used.
///
/// The pseudo-inputs start as small uniform noise; start_pseudo_inputs() copies cells there, which starts better.
struct VampPrior {
    static constexpr std::string_view name = "vamp";

    template <class Real, class Exec>
    class Density {
    public:
        using Slice = MatrixSlice<Real, typename Exec::memory_space>;

        Density(ParameterStore<Real, Exec>& store, Index genes, const InferenceOptions& options)
            : latent_(options.latent),
              pseudo_inputs_(store.add("prior/pseudo_inputs", checked(options).vamp.pseudo_inputs, genes)),
              components_(options.vamp.pseudo_inputs) {}

        void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, std::uint64_t seed) const {
            nn_detail::fill_uniform(exec, store, pseudo_inputs_, 0.05, seed);
        }

        void reserve(const Exec& exec, Index most_rows) { mixture_.reserve(exec, most_rows, components_, latent_); }

        /// What goes through the encoder after the cells, and its gradient: pseudo-inputs x genes.
        [[nodiscard]] Slice extra_inputs(const Pass<Real, Exec>& pass) const {
            return pass.parameters->value(pseudo_inputs_);
        }
        [[nodiscard]] Slice d_extra_inputs(const Pass<Real, Exec>& pass) const {
            return pass.parameters->gradient(pseudo_inputs_);
        }

        void prepare(const Pass<Real, Exec>& pass, const Slice& mean, const Slice& log_variance) {
            mean_ = mean;
            log_variance_ = log_variance;
            mixture_.set_components(pass, log_variance);
        }

        template <class DensityView>
        void log_density(const Pass<Real, Exec>& pass, const Slice& z, bool, const DensityView& log_density) const {
            mixture_.log_density(pass, z, mean_, false, log_density);
        }

        template <class Weights>
        void backward(const Pass<Real, Exec>& pass, double beta, const Weights& weights, const Slice& z,
                      const Slice& d_z, const Slice& d_mean, const Slice& d_log_variance) const {
            mixture_.backward(pass, beta, weights, z, mean_, log_variance_, d_z, d_mean, d_log_variance);
        }

        /// After prepare(): the components are where the encoder has the pseudo-inputs.
        template <class AllowedView, class ComponentView>
        void sample_prior(const Pass<Real, Exec>& pass, const AllowedView& allowed, const Slice& z,
                          const ComponentView& component) const {
            priors_detail::sample_components(pass, mean_, log_variance_, Slice(), allowed, z, component);
        }

    private:
        static const InferenceOptions& checked(const InferenceOptions& options) {
            if (options.vamp.pseudo_inputs < 1)
                throw OptionError(
                    message("a VampPrior needs at least one pseudo-input, found ", options.vamp.pseudo_inputs));
            if (options.network.normalisation == Normalisation::batch)
                throw OptionError(
                    "batch normalisation would mix pseudo-inputs and cells: use layer normalisation with a VampPrior, "
                    "or none");
            return options;
        }

        Index latent_;
        int pseudo_inputs_;
        Index components_;
        Slice mean_, log_variance_;  // pseudo-inputs x latent: where the last pass left them
        MixtureDensity<Real, Exec> mixture_;
    };

    template <class Real, class Exec, class Encoder>
    using Inference = GaussianInference<Real, Exec, Encoder, Density<Real, Exec>>;
};

namespace priors_detail {

/// rows (cells of `order` x genes): what the encoder sees of these cells, zeros written out.
template <class Real, class Exec, class OrderView>
void dense_inputs(const Exec& exec, const Dataset<Exec>& data, const OrderView& order,
                  const MatrixSlice<Real, typename Exec::memory_space>& rows) {
    const auto row_offsets = data.row_offsets;
    const auto columns = data.columns;
    const auto values = data.values;
    const auto library = data.library;
    const auto maximum = data.maximum;
    const auto input_shift = data.input_shift;
    const auto input_scale = data.input_scale;
    const Input input = data.input;
    const Target target = data.target;
    for_each_row(
        exec, KernelLabel("cellvae::dense_inputs"), static_cast<Index>(rows.extent(0)), static_cast<Index>(rows.size()),
        KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const bool standardises = input == Input::standardised;
            along.columns(static_cast<Index>(rows.extent(1)), [&](const Index gene) {
                rows(row, gene) = standardises ? -static_cast<Real>(input_shift(gene)) : Real(0);
            });
            along.wait();
            const Index begin = row_offsets(order(row)), end = row_offsets(order(row) + 1);
            along.columns(end - begin, [&](const Index nonzero) {
                const Index cell = order(row);
                const Index k = begin + nonzero;
                const Index gene = columns(k);
                const Real seen = input_value(input, target, static_cast<Real>(values(k)),
                                              static_cast<Real>(library(cell)), static_cast<Real>(maximum(cell)));
                rows(row, gene) = standardises ? standardised_value(seen, static_cast<Real>(input_scale(gene)),
                                                                    static_cast<Real>(input_shift(gene)))
                                               : seen;
            });
        });
}

}  // namespace priors_detail

/// Starts a VampPrior's pseudo-inputs as the encoder's inputs of as many of `cells`, drawn without repetition.
/// @param store the model's parameters() @param cells numbers of cells in `data`: those of training
/// @throws OptionError if there are no pseudo-inputs in `store`, or more of them than cells
template <class Real, class Exec>
void start_pseudo_inputs(const Exec& exec, const ParameterStore<Real, Exec>& store, const Dataset<Exec>& data,
                         std::span<const Index> cells, std::uint64_t seed) {
    const int id = store.find("prior/pseudo_inputs");
    if (id < 0) throw OptionError("a model without a VampPrior has no pseudo-inputs to start from cells");
    const auto rows = store.value(id);
    require_size(data.genes(), static_cast<Index>(rows.extent(1)), "genes of the data set");
    if (cells.size() < rows.extent(0))
        throw OptionError(message("there are ", rows.extent(0), " pseudo-inputs to start from ", cells.size(),
                                  " cells: give at most as many pseudo-inputs as cells"));
    std::vector<Index> chosen(cells.begin(), cells.end());
    RandomStream random(seed, Purpose::initial_values, static_cast<std::uint32_t>(id), 0xffffffffu);
    for (std::size_t i = 0; i < rows.extent(0); ++i)
        std::swap(chosen[i], chosen[i + random.below(static_cast<std::uint32_t>(chosen.size() - i))]);
    const Kokkos::View<Index*, typename Exec::memory_space> order(
        Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, "cellvae::pseudo_inputs"), rows.extent(0));
    Kokkos::deep_copy(exec, order, Kokkos::View<const Index*, Kokkos::HostSpace>(chosen.data(), rows.extent(0)));
    priors_detail::dense_inputs(exec, data, order, rows);
    exec.fence(KernelLabel("cellvae::pseudo_inputs"));
}

}  // namespace cellvae
