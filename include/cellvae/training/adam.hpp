// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cellvae/core/launch.hpp"
#include "cellvae/core/parameters.hpp"

namespace cellvae {

/// Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019).
struct AdamOptions {
    double learning_rate = 1e-3;
    double first_decay = 0.9;     ///< of the gradient's running mean
    double second_decay = 0.999;  ///< of the squared gradient's
    double epsilon = 1e-8;        ///< added to the root of the squared gradient's mean
    double weight_decay = 0;      ///< each step takes learning_rate * weight_decay of every value away
};

namespace training_detail {

/// Elements that one task of a pass over flat arrays works on: it fixes the order of sums.
inline constexpr Index elements_per_task = 1 << 14;

template <class Exec, class Flat>
void adam_update(const Exec& exec, const Flat& values, const Flat& gradients, const Flat& first, const Flat& second,
                 const AdamOptions& options, double scale, std::int64_t step) {
    using Real = typename Flat::non_const_value_type;
    const auto size = static_cast<Index>(values.extent(0));
    const auto first_decay = static_cast<Real>(options.first_decay);
    const auto second_decay = static_cast<Real>(options.second_decay);
    const auto first_share = static_cast<Real>(1 - options.first_decay);
    const auto second_share = static_cast<Real>(1 - options.second_decay);
    // m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon), with both corrections taken out of the loop
    const double root = std::sqrt(1 - std::pow(options.second_decay, static_cast<double>(step)));
    const auto rate = static_cast<Real>(options.learning_rate * root /
                                        (1 - std::pow(options.first_decay, static_cast<double>(step))));
    const auto epsilon = static_cast<Real>(options.epsilon * root);
    const auto kept = static_cast<Real>(1 - options.learning_rate * options.weight_decay);
    const auto factor = static_cast<Real>(scale);
    const Kokkos::RangePolicy<Exec> tasks(exec, 0, (size + elements_per_task - 1) / elements_per_task);
    if constexpr (runs_on_host<Exec>) {
        Kokkos::parallel_for(KernelLabel("cellvae::adam"), tasks, [=](const Index task) {
            // a plain loop does not vectorise: the library's root may set errno; Eigen's packets need not
            using Block = Eigen::Map<Eigen::Array<Real, Eigen::Dynamic, 1>>;
            constexpr Index block_size = 1024;  // four blocks stay in the first cache
            const Index end = std::min((task + 1) * elements_per_task, size);
            for (Index i = task * elements_per_task; i < end; i += block_size) {
                const Index length = std::min(block_size, end - i);
                Block value(values.data() + i, length), g(gradients.data() + i, length);
                Block m(first.data() + i, length), v(second.data() + i, length);
                // scaled before it is squared: what is long enough to be clipped may have no square
                m = first_decay * m + first_share * (factor * g);
                v = second_decay * v + second_share * (factor * g).square();
                value = kept * value + rate * m / (v.sqrt() + epsilon);
            }
        });
    } else {
        Kokkos::parallel_for(
            KernelLabel("cellvae::adam"), Kokkos::RangePolicy<Exec>(exec, 0, size), KOKKOS_LAMBDA(const Index i) {
                const Real g = factor * gradients(i);
                first(i) = first_decay * first(i) + first_share * g;
                second(i) = second_decay * second(i) + second_share * g * g;
                values(i) = kept * values(i) + rate * first(i) / (Kokkos::sqrt(second(i)) + epsilon);
            });
    }
}

template <class Exec, class Flat, class Partials>
void sum_of_squares(const Exec& exec, const Flat& values, const Partials& partials) {
    const auto size = static_cast<Index>(values.extent(0));
    for_each_index(
        exec, KernelLabel("cellvae::sum_of_squares"), static_cast<Index>(partials.extent(0)), size / 2,
        KOKKOS_LAMBDA(const Index task) {
            const Index begin = task * elements_per_task;
            const Index end = begin + elements_per_task < size ? begin + elements_per_task : size;
            double sums[8] = {};
            for (Index i = begin; i < end; i += 8)
                for (Index j = 0; j < 8 && i + j < end; ++j) {
                    const auto value = static_cast<double>(values(i + j));
                    sums[j] += value * value;
                }
            double sum = 0;
            for (const double part : sums) sum += part;
            partials(task) = sum;
        });
}

}  // namespace training_detail

/// The optimiser's state, and its one pass over all parameters: dense, every parameter in every step.
template <class Real, class Exec>
class Adam {
public:
    using Space = typename Exec::memory_space;

    Adam(const Exec& exec, const ParameterStore<Real, Exec>& parameters, const AdamOptions& options)
        : options_(options),
          first_(flat_array<Real>(exec, "cellvae::adam::first", static_cast<std::size_t>(parameters.size()))),
          second_(flat_array<Real>(exec, "cellvae::adam::second", static_cast<std::size_t>(parameters.size()))),
          partials_(Kokkos::view_alloc(exec, "cellvae::adam::partials"),
                    static_cast<std::size_t>((parameters.size() + training_detail::elements_per_task - 1) /
                                             training_detail::elements_per_task)),
          host_partials_(Kokkos::create_mirror_view(partials_)) {
        if (!(options.learning_rate > 0))
            throw OptionError(message("the learning rate must be above 0, found ", options.learning_rate));
        for (const double decay : {options.first_decay, options.second_decay})
            if (!(decay >= 0 && decay < 1))
                throw OptionError(message("the decays of Adam's means are 0 or more and below 1, found ", decay));
        if (!(options.epsilon > 0))
            throw OptionError(message("epsilon, which Adam divides by where no gradient was, must be above 0, found ",
                                      options.epsilon));
        if (!(options.weight_decay >= 0))
            throw OptionError(message("weight decay must be 0 or more, found ", options.weight_decay));
    }

    /// The Euclidean norm of the gradient.
    [[nodiscard]] double gradient_norm(const Exec& exec, const ParameterStore<Real, Exec>& parameters) const {
        training_detail::sum_of_squares(exec, parameters.gradients(), partials_);
        read_back(exec, KernelLabel("cellvae::gradient_norm"), host_partials_, partials_);
        double sum = 0;
        for (std::size_t i = 0; i < host_partials_.extent(0); ++i) sum += host_partials_(i);
        return std::sqrt(sum);
    }

    /// One step up the gradient times `scale`.
    void step(const Exec& exec, const ParameterStore<Real, Exec>& parameters, double scale = 1) {
        ++steps_;
        training_detail::adam_update(exec, parameters.values(), parameters.gradients(), first_, second_, options_,
                                     scale, steps_);
    }

    [[nodiscard]] std::int64_t steps() const { return steps_; }

    /// The running means of the gradient and of its square, as flat as the parameters.
    [[nodiscard]] const Vector<Real, Space>& first_moment() const { return first_; }
    [[nodiscard]] const Vector<Real, Space>& second_moment() const { return second_; }

    /// The moments are, as of now, those after so many steps.
    void go_on_after(std::int64_t steps) { steps_ = steps; }

private:
    AdamOptions options_;
    Vector<Real, Space> first_;
    Vector<Real, Space> second_;
    Vector<double, Space> partials_;
    typename Vector<double, Space>::host_mirror_type host_partials_;
    std::int64_t steps_ = 0;
};

}  // namespace cellvae
