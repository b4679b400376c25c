// SPDX-License-Identifier: Apache-2.0
// Clusters of cells by a mixture, their number unknown: fit_clusters [COUNTS OUT.h5ad]; without files, planted types.
#include <cstdio>

#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/simulator.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/io/counts.hpp"
#include "cellvae/io/h5ad.hpp"
#include "cellvae/training/fit_clusters.hpp"

int main(int argc, char* argv[]) {
    using namespace cellvae;
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    const Kokkos::DefaultExecutionSpace exec;

    const auto planted = simulate(Kokkos::DefaultHostExecutionSpace(),
                                  {.cells = 600, .genes = 500, .types = 3, .mean_count = 2, .separation = 2});
    CountMatrix counts = argc > 1 ? read_counts(argv[1]) : planted.counts;
    const auto chosen = keep_genes(counts, select_variable_genes(counts, {.genes = 2000}).genes);
    const auto data = make_dataset<NegativeBinomial<>>(exec, chosen, {.input = Input::standardised});
    const auto found = fit_clusters<NegativeBinomial<>>(exec, data);

    std::printf("%d clusters of %lld cells\n", found.clusters.clusters, static_cast<long long>(counts.cells()));
    if (argc < 2)
        std::printf("adjusted Rand index with the planted types: %.3f\n",
                    adjusted_rand_index(planted.truth.labels, found.clusters.labels));
    if (argc < 3) return 0;
    const auto& labels = found.clusters.labels;
    counts.obs.set({"cellvae_cluster", std::vector<std::int64_t>(labels.begin(), labels.end())});
    write_h5ad(argv[2], counts);
}
