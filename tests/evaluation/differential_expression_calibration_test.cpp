// SPDX-License-Identifier: Apache-2.0
// Differential expression on cells whose changes are known: how many of the calls are false, and how many of the
// changes are found, beside a Wilcoxon test of the same cells and the share of pairs of Lopez et al. (2018).
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "cellvae/data/simulator.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/evaluation/differential_expression.hpp"
#include "cellvae/evaluation/marker_genes.hpp"
#include "cellvae/training/trainer.hpp"

using namespace cellvae;

namespace differential_expression_calibration_test {

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;
constexpr Index cells = 500, genes = 400;
constexpr double fdr = 0.05;

struct Calls {
    double right = 0, wrong = 0;

    void add(bool is_right) { (is_right ? right : wrong) += 1; }
    [[nodiscard]] bool few_are_wrong() const {
        const double all = right + wrong;
        return wrong <= fdr * all + 2 * std::sqrt(fdr * (1 - fdr) * all);
    }
};

struct Found {
    double changed = 0;
    Calls model, share_of_pairs, wilcoxon;
};

/// Two types of equal size, a few genes of which differ much, by a model that was trained for some epochs.
void compare(const Exec& exec, std::uint64_t seed, Index epochs, Found& found) {
    const auto simulated = simulate(exec, {.cells = cells,
                                           .genes = genes,
                                           .types = 2,
                                           .seed = seed,
                                           .mean_count = 2,
                                           .abundance_log_deviation = 1,
                                           .abundant_genes = 0,
                                           .type_size_log_deviation = 0,
                                           .changed_genes = 0.15});
    const auto& truth = simulated.truth;
    const DifferentialExpressionOptions options{.pairs = 1000, .fdr = fdr, .seed = seed};
    const auto is_changed = [&](GeneIndex gene) {
        const auto g = static_cast<std::size_t>(gene);
        return std::abs(std::log2(truth.gene_shares[g] / truth.gene_shares[static_cast<std::size_t>(genes) + g])) >
               options.delta;
    };
    for (GeneIndex gene = 0; gene < genes; ++gene) found.changed += is_changed(gene) ? 1 : 0;
    std::vector<Index> group, reference;
    for (std::size_t cell = 0; cell < truth.labels.size(); ++cell)
        (truth.labels[cell] == 0 ? group : reference).push_back(static_cast<Index>(cell));

    const auto data = make_dataset<NegativeBinomial<>>(exec, simulated.counts, {.input = Input::standardised});
    Vae<Mlp<Relu>, StandardGaussian, NegativeBinomial<>, float, Exec> model(exec, genes,
                                                                            {.latent = 5,
                                                                             .hidden = {32},
                                                                             .normalisation = Normalisation::layer,
                                                                             .scale = MeanScale::library,
                                                                             .shared = {"log_dispersion"},
                                                                             .seed = seed});
    model.start_from(exec, data);
    (void)train(exec, model, data, split_cells(cells, {.held_out = 0.1, .seed = seed}),
                {.epochs = epochs, .seed = seed});
    Minibatch<float, Exec> batch(exec, data, 128);
    auto differences = differential_expression(exec, model, data, batch, group, reference, options);
    for (const auto& gene : differences.genes)
        if (gene.called) found.model.add(is_changed(gene.gene));
    for (auto& gene : differences.genes) gene.probability = gene.share_of_pairs;
    evaluation_detail::rank_and_call(differences.genes, fdr);
    for (const auto& gene : differences.genes)
        if (gene.called) found.share_of_pairs.add(is_changed(gene.gene));
    const auto markers = marker_genes(exec, simulated.counts, truth.labels, 2, {.genes = 0});
    for (const auto& gene : markers.front())
        if (gene.adjusted_p_value <= fdr) found.wilcoxon.add(is_changed(gene.gene));
}

}  // namespace

TEST_CASE("of genes whose changes are known few calls are false, and more are found than by a Wilcoxon test",
          "[differential_expression]") {
    const Exec exec;
    Found found;
    for (const std::uint64_t seed : {1, 2}) compare(exec, seed, 60, found);
    std::printf(
        "of %.0f changed genes cellvae calls %.0f and %.0f false ones, the share of pairs %.0f and %.0f, "
        "Wilcoxon %.0f and %.0f\n",
        found.changed, found.model.right, found.model.wrong, found.share_of_pairs.right, found.share_of_pairs.wrong,
        found.wilcoxon.right, found.wilcoxon.wrong);
    CAPTURE(found.changed, found.model.right, found.model.wrong, found.wilcoxon.right, found.wilcoxon.wrong);
    CHECK(found.model.few_are_wrong());
    CHECK(found.model.right >= found.wilcoxon.right);
    CHECK_FALSE(found.share_of_pairs.few_are_wrong());  // what the estimate of errors is for
}

}  // namespace differential_expression_calibration_test
