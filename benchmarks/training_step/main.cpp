// SPDX-License-Identifier: Apache-2.0
// Times one training step (forward, gradient, Adam) of a VAE on made-up counts.
//
//   benchmark_training_step [--prior gaussian|mixture|marginal_mixture|vamp] [--cells 128] [--genes 16791]
//   [--hidden 128] [--latent 10] [--steps 20] [--warm-up 4] [--shared] [--double] [--clusters 10]
//   [--sum exact|threshold|gumbel_softmax|straight_through] [--threshold 0.01] [--pseudo-inputs 100] [--threads N]
//   [--products float32|bfloat16] [--json]
//
// The counts are Poisson with rates uniform in 0 .. 0.1, one in twenty of them not zero, as a single-cell file has.
// Every second step counts, --steps of them. After each the machine's rates are measured, and with them the limit: the
// step's products, its likelihood and the optimiser's pass, each as fast as it is here by itself. Prints the median
// with quartiles, and on the host the limit's parts and how many times the limit the step takes; with --json one line
// of JSON.
#include <cstdio>
#include <string>

#include "../options.hpp"
#include "step.hpp"

namespace {

using namespace cellvae;

int run(int argc, char* argv[]) {
    cellvae_benchmarks::StepSizes sizes;
    Index hidden = 128, latent = 10, clusters = 10, pseudo_inputs = 100;
    bool shared = false, is_double = false;
    std::string sum = "exact", prior = "gaussian", products = "float32";
    ModelOptions model{.scale = MeanScale::library};
    cellvae_benchmarks::Options options;
    options.number("--cells", sizes.cells).number("--genes", sizes.genes).number("--steps", sizes.steps);
    options.number("--warm-up", sizes.warm_up, 0).number("--hidden", hidden).number("--latent", latent);
    options.flag("--shared", shared).flag("--double", is_double).flag("--json", sizes.as_json).word("--prior", prior);
    options.number("--clusters", clusters).number("--pseudo-inputs", pseudo_inputs);
    options.word("--sum", sum).number("--threshold", model.mixture.sum.threshold).word("--products", products);
    if (!options.parse(argc, argv)) return 2;
    for (const auto kind :
         {ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax, ClusterSumKind::straight_through})
        if (name_of(kind) == sum) model.mixture.sum.kind = kind;
    if (name_of(model.mixture.sum.kind) != sum) {
        std::fprintf(stderr, "there is no sum %s\n", sum.c_str());
        return 2;
    }
    if (products == name_of(ProductPrecision::bfloat16)) model.products = ProductPrecision::bfloat16;
    if (name_of(model.products) != products) {
        std::fprintf(stderr, "there are no products of %s\n", products.c_str());
        return 2;
    }
    if (is_double && prior != "gaussian") {
        std::fprintf(stderr, "--double is for --prior gaussian\n");
        return 2;
    }
    model.hidden = {hidden};
    model.latent = latent;
    model.mixture.clusters = clusters;
    model.vamp.pseudo_inputs = pseudo_inputs;
    if (shared) model.shared = {"log_dispersion"};
    if (prior == "gaussian")
        cellvae_benchmarks::time_gaussian(sizes, model, is_double);
    else if (prior == "mixture")
        cellvae_benchmarks::time_mixture(sizes, model);
    else if (prior == "marginal_mixture")
        cellvae_benchmarks::time_marginal_mixture(sizes, model);
    else if (prior == "vamp")
        cellvae_benchmarks::time_vamp(sizes, model);
    else {
        std::fprintf(stderr, "there is no prior %s\n", prior.c_str());
        return 2;
    }
    return 0;
}

}  // namespace

int main(int argc, char* argv[]) { return cellvae_benchmarks::run_benchmark(argc, argv, run); }
