// SPDX-License-Identifier: Apache-2.0
// scVAE's published setting (Gronbech et al. 2020) on a count file with known types. scvae COUNTS [EPOCHS] [SUM]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/io/counts.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/training/trainer.hpp"

using namespace cellvae;
using CountLikelihood = NegativeBinomial<TotalCountProbability>;  // as there, p is decoded and not the mean
using Model = Vae<Mlp<Relu>, GaussianMixture<>, CountLikelihood>;

namespace {

/// The cluster of largest responsibility of some cells.
std::vector<std::int32_t> most_probable(std::span<const float> responsibilities, Index clusters,
                                        std::span<const Index> cells) {
    std::vector<std::int32_t> result;
    for (const Index cell : cells) {
        const auto row = responsibilities.begin() + cell * clusters;
        result.push_back(static_cast<std::int32_t>(std::max_element(row, row + clusters) - row));
    }
    return result;
}

/// 81% to train on, 9% to choose the epoch by, 10% to report.
struct ThreeWays {
    Split training;
    std::vector<Index> test;
};

ThreeWays split_three_ways(Index cells, std::uint64_t seed) {
    const Split outer = split_cells(cells, {.held_out = 0.1, .seed = seed});
    const Split inner = split_cells(static_cast<Index>(outer.train.size()), {.held_out = 0.1, .seed = seed + 1});
    ThreeWays ways{.training = inner, .test = outer.held_out};
    for (auto* part : {&ways.training.train, &ways.training.held_out})
        for (Index& cell : *part) cell = outer.train[static_cast<std::size_t>(cell)];
    return ways;
}

void run(const std::string& file, Index epochs, const std::string& sum) {
    const Kokkos::DefaultExecutionSpace exec;
    const CountMatrix counts = read_counts(file);
    const auto* column = counts.obs.find("cell_type");
    const auto* types = column == nullptr ? nullptr : std::get_if<Categorical>(&column->values);
    if (types == nullptr)
        throw InputError(file + ": the cells' known types are wanted in obs/cell_type, a categorical");

    constexpr std::uint64_t seed = 1;
    const auto clusters = static_cast<Index>(types->categories.size());
    const auto data = make_dataset<CountLikelihood>(exec, counts, {.input = Input::raw});
    Model model(exec, counts.genes(),
                {.latent = 100,
                 .hidden = {100, 100},
                 .normalisation = Normalisation::layer,
                 .mixture = {.clusters = clusters,
                             .learned_weights = false,
                             .sum = {.kind = sum == "threshold" ? ClusterSumKind::threshold : ClusterSumKind::exact}},
                 .seed = seed});
    model.start_from(exec, data);
    const auto ways = split_three_ways(counts.cells(), seed);

    TrainingCallbacks<Model::term_count> callbacks;
    callbacks.epoch = [](const auto& report) {
        std::fprintf(stderr, "\repoch %ld of %ld, bound %.1f, held out %.1f, %.0f cells/s, %.0f s left  ",
                     static_cast<long>(report.epoch), static_cast<long>(report.epochs), report.train[0],
                     (*report.held_out)[0], report.cells_per_second, report.seconds_left);
    };
    const auto result = train(exec, model, data, ways.training,
                              {.epochs = epochs,
                               .minibatch = 100,
                               .adam = {.learning_rate = 1e-4},
                               .warm_up = std::max<Index>(1, 2 * epochs / 5),
                               .seed = seed},
                              callbacks);

    Minibatch<float, Kokkos::DefaultExecutionSpace> batch(exec, data, 100);
    const auto terms = mean_bound(exec, model, data, ways.test, batch, seed);
    const auto found = most_probable(responsibilities(exec, model, data, batch), clusters, ways.test);
    std::vector<std::int32_t> known;
    for (const Index cell : ways.test) known.push_back(types->codes[static_cast<std::size_t>(cell)]);
    std::printf("\n%zu / %zu / %zu cells, %ld genes, %ld clusters; %.0f s\n", ways.training.train.size(),
                ways.training.held_out.size(), ways.test.size(), static_cast<long>(counts.genes()),
                static_cast<long>(clusters), result.seconds);
    std::printf("best epoch %ld of %zu\n", static_cast<long>(result.best_epoch), result.history.size());
    for (std::size_t i = 0; i < terms.size(); ++i)
        std::printf("test %-15s %.2f\n", std::string(Model::term_names[i]).c_str(), terms[i]);
    std::printf("test ari %.3f, nmi %.3f\n", adjusted_rand_index(known, found),
                normalised_mutual_information(known, found));
}

}  // namespace

int main(int argc, char* argv[]) {
    if (argc < 2 || argc > 4) return std::puts("usage: scvae COUNTS [EPOCHS=500] [exact or threshold]"), 2;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    try {
        const std::string epochs = argc > 2 ? argv[2] : "500", sum = argc > 3 ? argv[3] : "exact";
        if (sum != "exact" && sum != "threshold") throw OptionError("SUM is exact or threshold; found " + sum);
        run(argv[1], std::atol(epochs.c_str()), sum);
    } catch (const Error& error) {
        return std::fprintf(stderr, "scvae: %s\n", error.what()), 2;
    }
    return 0;
}
