// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cellvae/distributions/concepts.hpp"
#include "cellvae/nn/linear.hpp"
#include "cellvae/nn/output_layer_device.hpp"
#include "cellvae/nn/output_layer_host.hpp"
#include "cellvae/nn/output_layer_share.hpp"

namespace cellvae {

/// What the likelihood's mean is relative to.
enum class MeanScale {
    none,     ///< nothing
    library,  ///< the cell's library size: its logarithm is added to log_mean or log_rate
    share,    ///< nothing, but the means of all genes add up to 1: log_mean or log_rate goes through a log-softmax
    library_share,  ///< as share, times the cell's total over the model's genes: the means add up to that, as in scVI
};

[[nodiscard]] constexpr std::string_view name_of(MeanScale scale) {
    switch (scale) {
        case MeanScale::library:
            return "library";
        case MeanScale::share:
            return "share";
        case MeanScale::library_share:
            return "library_share";
        default:
            return "none";
    }
}

[[nodiscard]] constexpr bool is_share(MeanScale scale) {
    return scale == MeanScale::share || scale == MeanScale::library_share;
}
[[nodiscard]] constexpr bool adds_library(MeanScale scale) {
    return scale == MeanScale::library || scale == MeanScale::library_share;
}

/// How the layer is run; see output_layer_host.hpp and output_layer_device.hpp.
enum class OutputDriver { host, device };

struct OutputOptions {
    MeanScale scale = MeanScale::none;
    std::vector<std::string> shared{};  ///< parameters of the likelihood with one learned value a gene, for all cells
    std::vector<std::uint8_t> mask{};  ///< genes x hidden, row-major: weights where it is 0 are 0 for ever; empty: none
    ProductPrecision products = ProductPrecision::float32;  ///< of gradient(); log_prob() is in the layer's type
};

namespace nn_detail {

/// Elements become zero where the mask is.
template <class Real, class Exec, class MaskView>
void mask_elements(const Exec& exec, const MaskView& mask, Real* elements) {
    Kokkos::parallel_for(
        KernelLabel("cellvae::output_layer::mask"),
        Kokkos::RangePolicy<Exec>(exec, 0, static_cast<Index>(mask.extent(0))), KOKKOS_LAMBDA(const Index i) {
            if (mask(i) == 0) elements[i] = Real(0);
        });
}

}  // namespace nn_detail

/// The last layer and the likelihood in one: from hidden rows to the log-probability of the minibatch's counts and back
/// to the gradients of its weights and of the rows. Parameters of cells x genes exist for one panel of genes at a time.
///
/// The heads' parameters are NAME/PARAMETER/weight (genes x hidden) and NAME/PARAMETER/bias (1 x genes), or for a
/// shared parameter NAME/PARAMETER/shared (1 x genes).
///
/// `driver` is the host's where the host runs the kernels, and the device's elsewhere; tests give the device's to the
/// host.
template <Likelihood L, class Real, class Exec,
          OutputDriver driver = runs_on_host<Exec> ? OutputDriver::host : OutputDriver::device>
class OutputLayer {
public:
    static constexpr std::size_t count = parameter_count<L>;
    using Space = typename Exec::memory_space;
    using Slice = MatrixSlice<Real, Space>;

    /// @throws OptionError for a shared parameter that the likelihood does not have, a scale that it cannot take, or
    /// products of bfloat16 elsewhere than in float on the host
    OutputLayer(ParameterStore<Real, Exec>& store, const std::string& name, Index hidden, Index genes,
                const OutputOptions& options)
        : hidden_(hidden), genes_(genes), options_(options) {
        if (options.scale != MeanScale::none && L::log_mean_parameter < 0)
            throw OptionError(message("the likelihood ", L::name, " has no log-mean parameter for the scale ",
                                      name_of(options.scale),
                                      ": use the scale none, or a likelihood with log_mean or log_rate"));
        constexpr bool can_round = std::is_same_v<Real, float> && driver == OutputDriver::host;
        if (options.products == ProductPrecision::bfloat16 && !can_round)
            throw OptionError("products of bfloat16 are for models of float on the host: use float32");
        if (options.products == ProductPrecision::fastest)
            options_.products =
                can_round && bfloat16_is_faster() ? ProductPrecision::bfloat16 : ProductPrecision::float32;
        for (const auto& shared : options.shared)
            if (std::find(L::parameters.begin(), L::parameters.end(), shared) == L::parameters.end())
                throw OptionError(message("the likelihood ", L::name, " has no parameter ", shared,
                                          " to share; it has ", parameter_list()));
        if (!options.mask.empty())
            require_size(static_cast<Index>(options.mask.size()), genes * hidden, "mask of the output layer's weights");
        for (std::size_t n = 0; n < count; ++n) {
            const std::string path = name + "/" + std::string(L::parameters[n]);
            if (is_shared(n)) {
                weight_[n] = -1;
                bias_[n] = store.add(path + "/shared", 1, genes);
            } else {
                weight_[n] = store.add(path + "/weight", genes, hidden);
                bias_[n] = store.add(path + "/bias", 1, genes);
            }
        }
    }

    /// Weights uniform in +-1/sqrt(hidden) where they are not masked, biases zero.
    void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store, std::uint64_t seed) {
        const double limit = 1.0 / std::sqrt(static_cast<double>(hidden_));
        for (std::size_t n = 0; n < count; ++n) {
            if (weight_[n] >= 0) nn_detail::fill_uniform(exec, store, weight_[n], limit, seed);
            Kokkos::deep_copy(exec, store.value(bias_[n]), Real(0));
        }
        apply_mask(exec, store);
    }

    /// Sets masked weights to zero: for values that were set by hand. Nothing else gives them another value, since
    /// their gradient is zero.
    void apply_mask(const Exec& exec, const ParameterStore<Real, Exec>& store) {
        copy_mask(exec);
        for (std::size_t n = 0; n < count; ++n)
            if (weight_[n] >= 0 && mask_.extent(0) > 0)
                nn_detail::mask_elements(exec, mask_, store.value(weight_[n]).data());
    }

    /// Starts biases and shared values from the genes' statistics, by the likelihood's own from_moments: without it the
    /// first epoch learns little but the genes' means. Does nothing for a likelihood without from_moments.
    void start_from(const Exec& exec, const ParameterStore<Real, Exec>& store, const CellStatistics<Exec>& data) const;

    /// Makes the memory for passes over minibatches of at most that many cells and nonzeros, each with `samples` rows.
    void reserve(const Exec& exec, Index most_cells, Index most_nonzeros, Index samples) {
        copy_mask(exec);
        const auto rows = static_cast<std::size_t>(most_cells * samples);
        if constexpr (driver == OutputDriver::device) {
            const bool share = is_share(options_.scale);
            const auto block_rows =
                share ? std::min(rows, static_cast<std::size_t>(nn_detail::device_share_rows)) : rows;
            panel_ = nn_detail::DevicePanel<Real, Space, count>(
                exec, block_rows, static_cast<std::size_t>(std::min(nn_detail::device_panel_width, genes_)),
                static_cast<std::size_t>(samples), static_cast<std::size_t>(most_nonzeros));
            if (share) panel_.reserve_share(exec, block_rows, static_cast<std::size_t>(genes_));
        } else {
            const auto lanes = static_cast<std::size_t>(nn_detail::lane_count(genes_));
            lane_log_prob_ =
                Matrix<double, Space>(Kokkos::view_alloc(exec, "cellvae::output_layer::lane_log_prob"), lanes, rows);
            lane_d_hidden_ = Kokkos::View<Real***, Kokkos::LayoutRight, Space>(
                Kokkos::view_alloc(exec, "cellvae::output_layer::lane_d_hidden"), lanes, rows,
                static_cast<std::size_t>(hidden_));
            threads_ = ThreadNumbers<Exec>(exec, nn_detail::lane_count(genes_));
            thread_memory_ = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::output_layer::thread_memory"),
                                                 static_cast<std::size_t>(threads_.size()),
                                                 static_cast<std::size_t>(nn_detail::thread_memory_size<Real, count>));
            if (is_share(options_.scale)) share_ = nn_detail::HostShare<Real, Space>(exec, genes_);
            if (options_.products == ProductPrecision::bfloat16)
                bfloat16_ = nn_detail::Bfloat16Operands<Space>(exec, threads_.size(), static_cast<Index>(count),
                                                               most_cells * samples, hidden_);
        }
    }

    /// The log-probability of each row's cell, summed over genes, without base measures.
    /// @param hidden rows x hidden @param log_prob rows, overwritten
    void log_prob(const Pass<Real, Exec>& pass, const Slice& hidden, const VectorSlice<double, Space>& log_prob) const {
        run<false>(pass, hidden, VectorSlice<const Real, Space>(), log_prob, Slice());
    }

    /// The same, and the gradient of sum over rows of weight * log-probability: by the heads' parameters into the
    /// store, and by the hidden rows into d_hidden (rows x hidden). All are overwritten. Weights are at least 0: which
    /// gradient leads out of a bound is read off the log-probability's.
    void gradient(const Pass<Real, Exec>& pass, const Slice& hidden, const VectorSlice<const Real, Space>& weights,
                  const VectorSlice<double, Space>& log_prob, const Slice& d_hidden) const {
        run<true>(pass, hidden, weights, log_prob, d_hidden);
    }

    /// As kernels see the heads.
    [[nodiscard]] nn_detail::Heads<Real, count> heads(const ParameterStore<Real, Exec>& store) const {
        nn_detail::Heads<Real, count> heads{};
        for (std::size_t n = 0; n < count; ++n) {
            auto& head = heads[n];
            if (weight_[n] >= 0) {
                head.weight = store.value(weight_[n]).data();
                head.d_weight = store.gradient(weight_[n]).data();
            }
            head.bias = store.value(bias_[n]).data();
            head.d_bias = store.gradient(bias_[n]).data();
            const bool scaled = static_cast<int>(n) == L::log_mean_parameter;
            head.adds_library = scaled && adds_library(options_.scale);
            head.share = scaled && is_share(options_.scale);
            const Bounds bounds = L::bounds(static_cast<int>(n));
            head.lower = static_cast<Real>(bounds.lower);
            head.upper = static_cast<Real>(bounds.upper);
        }
        return heads;
    }

    [[nodiscard]] Index genes() const { return genes_; }
    [[nodiscard]] Index hidden() const { return hidden_; }

private:
    [[nodiscard]] bool is_shared(std::size_t n) const {
        return std::find(options_.shared.begin(), options_.shared.end(), L::parameters[n]) != options_.shared.end();
    }

    /// The variance of counts that the dispersion starts with; other values keep theirs.
    static double excess_left(double mean, double variance) {
        return variance > mean && !L::supports(0.5) ? mean + (variance - mean) / 10 : variance;
    }

    static std::string parameter_list() {
        std::string list;
        for (const auto& parameter : L::parameters) list += (list.empty() ? "" : ", ") + std::string(parameter);
        return list;
    }

    void copy_mask(const Exec& exec) {
        if (mask_.extent(0) == options_.mask.size()) return;
        mask_ = Vector<std::uint8_t, Space>(
            Kokkos::view_alloc(exec, Kokkos::WithoutInitializing, "cellvae::output_layer::mask"), options_.mask.size());
        Kokkos::deep_copy(
            exec, mask_,
            Kokkos::View<const std::uint8_t*, Kokkos::HostSpace>(options_.mask.data(), options_.mask.size()));
    }

    template <bool Gradient>
    void run(const Pass<Real, Exec>& pass, const Slice& hidden, const VectorSlice<const Real, Space>& weights,
             const VectorSlice<double, Space>& log_prob, const Slice& d_hidden) const {
        require_size(static_cast<Index>(hidden.extent(1)), hidden_, "width of the output layer's rows");
        require_size(pass.batch->genes(), genes_, "genes of the minibatch");
        const auto heads = this->heads(*pass.parameters);
        if constexpr (driver == OutputDriver::host) {
            const nn_detail::HostOutputPass<Real, Exec, count> host{
                *pass.batch,    pass.row_cells(),
                hidden,         weights,
                heads,          lane_log_prob_,
                lane_d_hidden_, threads_,
                thread_memory_, Gradient ? bfloat16_ : nn_detail::Bfloat16Operands<Space>(),
                genes_,         nn_detail::lane_count(genes_),
            };
            if (is_share(options_.scale))
                nn_detail::run_share_on_host<L, Gradient>(
                    pass.exec, host, share_, static_cast<std::size_t>(L::log_mean_parameter), log_prob, d_hidden);
            else
                nn_detail::run_on_host<L, Gradient>(pass.exec, host, log_prob, d_hidden);
        } else {
            nn_detail::run_on_device<L, Gradient>(pass, panel_, heads, hidden, weights, log_prob, d_hidden);
        }
        if constexpr (Gradient)
            for (const auto& head : heads)
                if (head.weight != nullptr && mask_.extent(0) > 0)
                    nn_detail::mask_elements(pass.exec, mask_, head.d_weight);
    }

    Index hidden_;
    Index genes_;
    OutputOptions options_;
    std::array<int, count> weight_{};
    std::array<int, count> bias_{};
    Vector<std::uint8_t, Space> mask_;  // genes x hidden
    Matrix<double, Space> lane_log_prob_;
    Kokkos::View<Real***, Kokkos::LayoutRight, Space> lane_d_hidden_;
    ThreadNumbers<Exec> threads_;
    Matrix<Real, Space> thread_memory_;
    nn_detail::HostShare<Real, Space> share_;
    nn_detail::Bfloat16Operands<Space> bfloat16_;
    nn_detail::DevicePanel<Real, Space, count> panel_;
};

template <Likelihood L, class Real, class Exec, OutputDriver driver>
void OutputLayer<L, Real, Exec, driver>::start_from(const Exec& exec, const ParameterStore<Real, Exec>& store,
                                                    const CellStatistics<Exec>& data) const {
    if constexpr (requires { L::from_moments(1.0, 1.0); }) {
        const auto genes = static_cast<std::size_t>(genes_);
        require_size(data.genes(), genes_, "genes of the data set");
        const std::vector<double>& sums = data.target_sum;
        const std::vector<double>& squares = data.target_square_sum;
        double library_sum = 0;
        for (const double size : is_share(options_.scale) ? data.host_total : data.host_library) library_sum += size;
        const auto cell_count = static_cast<double>(data.cells());
        // a share's biases are the genes' log shares: a constant more or less is nothing to a softmax
        const double offset =
            options_.scale == MeanScale::none || library_sum <= 0 ? 0 : std::log(library_sum / cell_count);
        std::array<std::vector<Real>, count> start;
        for (auto& values : start) values.resize(genes);
        for (std::size_t gene = 0; gene < genes; ++gene) {
            const double mean = sums[gene] / cell_count;
            // Counts vary more over all cells than given the latent: a tenth of the variance beyond the mean is left to
            // the dispersion. With all of it a shared dispersion starts thousands of steps from where it ends.
            const double variance = excess_left(mean, std::max(squares[gene] / cell_count - mean * mean, 0.0));
            // a gene that was never seen starts as if half a count had been
            const bool positive_targets = data.target != Target::log_normalised;
            const auto eta = L::from_moments(positive_targets && sums[gene] <= 0 ? 0.5 / cell_count : mean, variance);
            for (std::size_t n = 0; n < count; ++n)
                start[n][gene] =
                    static_cast<Real>(eta[n] - (static_cast<int>(n) == L::log_mean_parameter ? offset : 0));
        }
        for (std::size_t n = 0; n < count; ++n)
            Kokkos::deep_copy(exec, store.value(bias_[n]),
                              MatrixSlice<const Real, Kokkos::HostSpace>(start[n].data(), 1, genes));
        exec.fence(KernelLabel("cellvae::output_layer::start_from"));
    }
}

}  // namespace cellvae
