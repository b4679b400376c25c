// SPDX-License-Identifier: Apache-2.0
// Trains some models and prints a hash of everything that they became, one line an array: same_bits.sh compares the
// lines of separate processes. same_bits SEED [Kokkos's own options]
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "cellvae/clustering/approximate_neighbours.hpp"
#include "cellvae/data/simulator.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/poisson.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/priors/gaussian_mixture.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "cellvae/priors/vamp_prior.hpp"
#include "cellvae/training/trainer.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultExecutionSpace;
using Zinb = ZeroInflated<NegativeBinomial<MeanDispersion>>;

/// FNV-1a of the bytes, 64 bits.
template <class Value>
std::uint64_t hash(std::span<const Value> values, std::uint64_t state = 0xcbf29ce484222325u) {
    for (const auto byte : std::as_bytes(values))
        state = (state ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3u;
    return state;
}

template <class Value>
void print(const std::string& name, std::span<const Value> values) {
    std::printf("%s %zu %016llx\n", name.c_str(), values.size(), static_cast<unsigned long long>(hash(values)));
}

template <class Prior, class L>
void train_one(const Exec& exec, const CountMatrix& counts, const std::string& run, const ModelOptions& options) {
    const std::uint64_t seed = options.seed;
    const auto data = make_dataset<L>(exec, counts);
    Vae<Mlp<Relu>, Prior, L> model(exec, counts.genes(), options);
    model.start_from(exec, data);
    const auto split = split_cells(counts.cells(), {.held_out = 0.2, .seed = seed});
    const auto result =
        train(exec, model, data, split, {.epochs = 3, .minibatch = 64, .clip_norm = 100, .warm_up = 2, .seed = seed});

    const auto print_all = [&](const auto& store) {
        const auto values = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), store.values());
        for (const auto& entry : store.entries())
            print(run + ": " + entry.name,
                  std::span<const float>(values.data() + entry.offset,
                                         static_cast<std::size_t>(entry.rows * entry.columns)));
    };
    print_all(model.parameters());
    print_all(model.state());
    std::vector<double> history;
    for (const auto& epoch : result.history) {
        history.push_back(epoch.beta);
        history.insert(history.end(), epoch.train.begin(), epoch.train.end());
        history.insert(history.end(), epoch.held_out->begin(), epoch.held_out->end());
        history.push_back(epoch.best ? 1 : 0);
    }
    print(run + ": history", std::span<const double>(history));
    Minibatch<float, Exec> batch(exec, data, 64);
    const auto latent = latent_means(exec, model, data, batch);
    print(run + ": latent means", std::span<const float>(latent));
}

}  // namespace

int main(int argc, char* argv[]) {
    Kokkos::ScopeGuard kokkos(argc, argv);
    if (argc != 2) {
        std::fprintf(stderr, "one seed is needed\n");
        return 2;
    }
    const auto seed = std::strtoull(argv[1], nullptr, 10);
    const Exec exec;
    std::printf("threads %d\n", exec.concurrency());
    // five panels of genes, the last of them partial; the last minibatch is partial too
    const auto cells =
        simulate(Kokkos::DefaultHostExecutionSpace(),
                 {.cells = 250, .genes = 4 * genes_per_panel + 37, .types = 3, .seed = 1, .mean_count = 0.5});
    print("counts", std::span<const float>(cells.counts.values));
    ModelOptions options{.latent = 5, .hidden = {48, 24}, .dropout = 0.1, .mixture = {.clusters = 4}, .seed = seed};
    options.normalisation = Normalisation::batch;
    options.scale = MeanScale::library;
    train_one<StandardGaussian, Zinb>(exec, cells.counts, "batch", options);
    options.normalisation = Normalisation::layer;
    options.scale = MeanScale::library_share;
    train_one<StandardGaussian, Zinb>(exec, cells.counts, "layer", options);
    options.scale = MeanScale::library;
    for (const auto kind : {ClusterSumKind::exact, ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax,
                            ClusterSumKind::straight_through}) {
        options.mixture.sum = {.kind = kind, .threshold = 0.2, .all_every = 5};
        train_one<GaussianMixture<>, Poisson>(exec, cells.counts, message("mixture, ", name_of(kind)), options);
    }
#ifdef CELLVAE_WITH_HNSWLIB
    std::vector<float> rows;
    RandomStream random(seed, Purpose::simulation);
    for (int i = 0; i < 20000; ++i) rows.push_back(static_cast<float>(random.normal()));
    const auto neighbours = approximate_neighbours({}, rows, 4000, 5, 14, {.search_width = 15, .seed = seed});
    print("approximate neighbours", std::span<const std::int32_t>(neighbours.index));
#endif
    options.mixture.sum = {};
    options.products = ProductPrecision::bfloat16;
    train_one<GaussianMixture<>, Poisson>(exec, cells.counts, "mixture, bfloat16", options);
    options.scale = MeanScale::library_share;
    train_one<StandardGaussian, Zinb>(exec, cells.counts, "share, bfloat16", options);
    options.scale = MeanScale::library;
    train_one<StandardGaussian, Zinb>(exec, cells.counts, "bfloat16", options);
    options.products = ProductPrecision::float32;
    options.vamp.pseudo_inputs = 45;
    train_one<VampPrior, Poisson>(exec, cells.counts, "vamp", options);
    options.samples = 3;
    options.bound = Bound::importance_weighted;
    train_one<MarginalGaussianMixture, Poisson>(exec, cells.counts, "marginal mixture, importance-weighted", options);
    return 0;
}
