// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "step.hpp"

namespace cellvae_benchmarks {

namespace {

double cells_per_second(const StepMeasurement& step) { return 1000 * static_cast<double>(step.cells) / step.ms.median; }

void print_json(const StepMeasurement& step) {
    std::printf(
        "{\"model\": \"%s\", \"cells\": %ld, \"genes\": %ld, \"hidden\": %ld, \"latent\": %ld, \"shared\": %s, "
        "\"products\": \"%s\", \"threads\": %d, \"ms\": %.2f, \"ms_low\": %.2f, \"ms_high\": %.2f, \"ms_least\": %.2f, "
        "\"cells_per_second\": %.0f, \"rows\": %.1f, \"products_gflop\": %.2f, \"bound\": %.3f",
        step.model.c_str(), step.cells, step.genes, step.hidden, step.latent, step.shared ? "true" : "false",
        step.products.c_str(), step.threads, step.ms.median, step.ms.low, step.ms.high, step.least_ms,
        cells_per_second(step), step.rows, step.work.gflop, step.bound);
    if (step.limit)
        std::printf(
            ", \"limit_ms\": %.2f, \"times_the_limit\": %.3f, \"products_ms\": %.2f, \"products_gflops\": %.1f, "
            "\"onednn_gflops\": %.1f, \"multiply_add_gflops\": %.1f, \"likelihood_ms\": %.2f, "
            "\"likelihood_elements_per_ns\": %.3f, "
            "\"optimiser_ms\": %.2f, \"stream_gb_per_second\": %.1f",
            step.limit->sum(), step.ms.median / step.limit->sum(), step.limit->products, step.limit->product_rate,
            step.limit->onednn_rate, step.limit->multiply_add_rate, step.limit->likelihood, step.limit->likelihood_rate,
            step.limit->optimiser, step.limit->stream_rate);
    std::printf("}\n");
}

}  // namespace

void print(const StepMeasurement& step, bool as_json) {
    if (as_json) return print_json(step);
    std::printf("%s; %ld cells, %ld genes, hidden %ld, latent %ld, products of %s, %d threads\n", step.model.c_str(),
                step.cells, step.genes, step.hidden, step.latent, step.products.c_str(), step.threads);
    std::printf("step        %8.2f ms  (%.2f to %.2f), %.0f cells/s, %.1f rows decoded, bound %.3f\n", step.ms.median,
                step.ms.low, step.ms.high, cells_per_second(step), step.rows, step.bound);
    if (!step.limit) return;
    std::printf("products    %8.2f ms  %.2f GFLOP, %.0f GFLOP/s (multiply-adds on registers: %.0f)\n",
                step.limit->products, step.work.gflop, step.limit->product_rate, step.limit->multiply_add_rate);
    if (step.limit->onednn_rate > 0)
        std::printf("                         oneDNN's products: %.0f GFLOP/s\n", step.limit->onednn_rate);
    std::printf("likelihood  %8.2f ms  %.2f million elements, %.3f a nanosecond\n", step.limit->likelihood,
                1e-6 * step.work.elements, step.limit->likelihood_rate);
    std::printf("optimiser   %8.2f ms  %.0f MB, %.1f GB/s\n", step.limit->optimiser, 1e-6 * step.work.bytes,
                step.limit->stream_rate);
    std::printf("limit       %8.2f ms  the step takes %.2f times that\n", step.limit->sum(),
                step.ms.median / step.limit->sum());
}

}  // namespace cellvae_benchmarks
