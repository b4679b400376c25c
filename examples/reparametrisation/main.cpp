// SPDX-License-Identifier: Apache-2.0
// The reparametrisation trick, for the Gaussian and for the categorical, measured: how far each estimate of a gradient
// is from the true one on average (bias), and how much it scatters (variance). README.md tells the story; this program
// prints its tables.
//
//   example_reparametrisation [samples]        how many samples each estimate is measured with; 20000 unless
// told
#include <cellvae/core/count_matrix.hpp>
#include <cellvae/data/dataset.hpp>
#include <cellvae/distributions/poisson.hpp>
#include <cellvae/models/vae.hpp>
#include <cellvae/priors/gaussian_mixture.hpp>

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using cellvae::ClusterSum;
using cellvae::ClusterSumKind;
using cellvae::Index;
using Exec = Kokkos::DefaultHostExecutionSpace;
using Model = cellvae::Vae<cellvae::Mlp<>, cellvae::GaussianMixture<>, cellvae::Poisson, double, Exec>;

/// The mean and the variance of a vector that comes one sample at a time.
template <std::size_t Size>
struct Moments {
    std::array<double, Size> sum{}, squares{};
    double count = 0;

    void add(const std::array<double, Size>& sample) {
        for (std::size_t i = 0; i < Size; ++i) {
            sum[i] += sample[i];
            squares[i] += sample[i] * sample[i];
        }
        ++count;
    }
    [[nodiscard]] double mean(std::size_t i) const { return sum[i] / count; }
    /// Summed over the entries.
    [[nodiscard]] double variance() const {
        double total = 0;
        for (std::size_t i = 0; i < Size; ++i) total += squares[i] / count - mean(i) * mean(i);
        return total;
    }
    /// The length of (mean - truth).
    [[nodiscard]] double bias(const std::array<double, Size>& truth) const {
        double total = 0;
        for (std::size_t i = 0; i < Size; ++i) total += (mean(i) - truth[i]) * (mean(i) - truth[i]);
        return std::sqrt(total);
    }
};

// ---------------------------------------------------------------------------------------------------------------------
// 1. The Gaussian. We want the gradient of E[f(z)], z ~ N(m, s^2), by m and s, for f(z) = -(z - 3)^2 / 2: a decoder
// that
//    likes z = 3. The expectation is known, -((m - 3)^2 + s^2) / 2, and so is the truth: (3 - m, -s).
// ---------------------------------------------------------------------------------------------------------------------

void gaussian(int samples) {
    const double m = 0, s = 1;
    const std::array<double, 2> truth{3 - m, -s};
    Moments<2> score, reparametrised;
    cellvae::RandomStream random(1, cellvae::Purpose::evaluation);
    for (int i = 0; i < samples; ++i) {
        const double noise = random.normal();
        const double z = m + s * noise;
        const double f = -(z - 3) * (z - 3) / 2;
        // The score function: f(z) times the gradient of log N(z; m, s). It needs no derivative of f.
        score.add({f * noise / s, f * (noise * noise - 1) / s});
        // Reparametrisation: z = m + s noise is a function of m and s, and f is differentiated through it.
        const double d_f = 3 - z;
        reparametrised.add({d_f, d_f * noise});
    }
    std::printf("The Gaussian: the gradient of E[-(z - 3)^2 / 2] by mean and deviation, which is (%.0f, %.0f)\n\n",
                truth[0], truth[1]);
    std::printf("| estimate | bias | its standard error | variance of one sample |\n|---|---|---|---|\n");
    const auto row = [&](const char* name, const Moments<2>& found) {
        std::printf("| %s | %.3f | %.3f | %.1f |\n", name, found.bias(truth), std::sqrt(found.variance() / found.count),
                    found.variance());
    };
    row("score function", score);
    row("reparametrisation", reparametrised);
}

// ---------------------------------------------------------------------------------------------------------------------
// 2. The categorical, in a mixture VAE of four clusters. The gradient is that of the bound by the four biases of the
//    logits of q(y | x): nothing but the choice of the cluster moves them.
// ---------------------------------------------------------------------------------------------------------------------

constexpr std::size_t clusters = 4;
using Gradient = std::array<double, clusters>;

constexpr Index copies = 200;

/// One cell, many times: one step is many samples, since noise is keyed by the cell's number.
cellvae::CountMatrix one_cell_many_times() {
    const std::vector<float> cell{4, 0, 1, 0, 9, 0, 2, 0};
    cellvae::CountMatrix matrix;
    for (std::size_t gene = 0; gene < cell.size(); ++gene) matrix.var.names.push_back(std::to_string(gene));
    for (Index copy = 0; copy < copies; ++copy) {
        for (std::size_t gene = 0; gene < cell.size(); ++gene) {
            if (cell[gene] == 0) continue;
            matrix.columns.push_back(static_cast<cellvae::GeneIndex>(gene));
            matrix.values.push_back(cell[gene]);
        }
        matrix.row_offsets.push_back(static_cast<std::int64_t>(matrix.values.size()));
        matrix.obs.names.push_back(std::to_string(copy));
    }
    return matrix;
}

class Mixture {
public:
    /// A model whose sum over clusters is taken like that. Its parameters are the same each time, and not those of a
    /// fresh model, whose clusters are nearly alike.
    explicit Mixture(const ClusterSum& sum)
        : counts_(one_cell_many_times()),
          data_(cellvae::make_dataset<cellvae::Poisson, Exec>(exec_, counts_)),
          model_(exec_, counts_.genes(),
                 {.latent = 2,
                  .hidden = {8},
                  .activation = cellvae::ActivationKind::tanh,
                  .mixture = {.clusters = static_cast<Index>(clusters), .sum = sum}}),
          batch_(exec_, data_, copies) {
        cellvae::RandomStream random(3, cellvae::Purpose::initial_values);
        for (const auto& entry : model_.parameters().entries()) {
            const auto array = model_.parameters().value(model_.parameters().find(entry.name));
            if (entry.name == "prior/logits") continue;  // equal weights
            for (std::size_t i = 0; i < array.size(); ++i) array.data()[i] = 0.5 * (2 * random.uniform() - 1);
        }
        const Kokkos::View<Index*, Exec> order("order", copies);
        for (Index copy = 0; copy < copies; ++copy) order(copy) = copy;
        batch_.assemble(exec_, data_, order);
    }

    /// Another `copies` samples at once: the mean of their gradients.
    Gradient samples(std::uint32_t step, double temperature) {
        model_.gradient(exec_, batch_, {.seed = 1, .step = step, .temperature = temperature});
        exec_.fence();
        const auto& parameters = model_.parameters();
        const auto biases = parameters.gradient(parameters.find("cluster_encoder/logits/bias"));
        Gradient result{};
        for (std::size_t k = 0; k < clusters; ++k) result[k] = biases(0, k);
        return result;
    }

    /// The score function's estimate (REINFORCE; Williams 1992) at the clusters that the last samples() of
    /// straight-through drew: f(y) times the gradient of log q(y | x), which is (1 at y, else 0) - q. What is in closed
    /// form, the KL of y, stays so.
    Gradient score_function(std::uint32_t step) {
        samples(step, 1);
        const auto pass = model_.pass(exec_, batch_, {.step = step}, cellvae::Mode::training);
        const auto member = model_.inference().member(pass);
        const auto log_q = model_.inference().log_responsibilities(pass);
        const double log_pi = -std::log(static_cast<double>(clusters));
        Gradient result{};
        for (std::size_t cell = 0; cell < static_cast<std::size_t>(copies); ++cell) {
            const double f = model_.terms()(cell, 1) - model_.terms()(cell, 2);  // reconstruction - KL of z
            const double kl_y = model_.terms()(cell, 3);
            for (std::size_t k = 0; k < clusters; ++k) {
                const double q = std::exp(log_q(cell, k));
                result[k] += f * (member(cell, k) - q) - q * (log_q(cell, k) - log_pi - kl_y);
            }
        }
        for (double& entry : result) entry /= static_cast<double>(copies);
        return result;
    }

private:
    Exec exec_;
    cellvae::CountMatrix counts_;
    cellvae::Dataset<Exec> data_;
    Model model_;
    cellvae::Minibatch<double, Exec> batch_;
};

void categorical(int samples) {
    const auto steps = static_cast<std::uint32_t>(std::max<int>(samples / static_cast<int>(copies), 2));
    // The truth: the exact sum over clusters, whose gradient scatters with the noise of z alone; more samples of it.
    Mixture exact_model({});
    Moments<clusters> exact;
    for (std::uint32_t step = 0; step < 4 * steps; ++step) exact.add(exact_model.samples(step, 1));
    Gradient truth{};
    for (std::size_t k = 0; k < clusters; ++k) truth[k] = exact.mean(k);

    std::printf(
        "\nThe categorical: the gradient of the bound by the biases of the logits of q(y | x), which is (%.3f, %.3f, "
        "%.3f, %.3f)\n\n",
        truth[0], truth[1], truth[2], truth[3]);
    std::printf(
        "| estimate | temperature | bias | its standard error | variance of one sample |\n|---|---|---|---|---|\n");
    const auto row = [&](const char* name, const char* temperature, const Moments<clusters>& found, double bias) {
        // a step's gradient is the mean of `copies` samples
        std::printf("| %s | %s | %.4f | %.4f | %.3f |\n", name, temperature, bias,
                    std::sqrt(found.variance() / found.count), found.variance() * static_cast<double>(copies));
    };
    row("exact sum", "-", exact, 0);
    Mixture hard({.kind = ClusterSumKind::straight_through});
    Moments<clusters> score;
    for (std::uint32_t step = 0; step < steps; ++step) score.add(hard.score_function(step));
    row("score function", "-", score, score.bias(truth));

    Mixture soft({.kind = ClusterSumKind::gumbel_softmax});
    for (const double temperature : {2.0, 1.0, 0.5, 0.2, 0.1, 0.05})
        for (Mixture* model : {&soft, &hard}) {
            Moments<clusters> found;
            for (std::uint32_t step = 0; step < steps; ++step) found.add(model->samples(step, temperature));
            row(model == &soft ? "Gumbel-softmax" : "straight-through",
                std::to_string(temperature).substr(0, 4).c_str(), found, found.bias(truth));
        }
}

int main(int argc, char* argv[]) {
    Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    const int samples = argc > 1 ? std::atoi(argv[1]) : 20000;
    if (samples < 1) {
        std::fprintf(stderr, "the number of samples is 1 or more\n");
        return 2;
    }
    gaussian(samples);
    categorical(samples);
    return 0;
}
