// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "step.hpp"

namespace cellvae_benchmarks {

void print(const StepMeasurement& step, bool as_json) {
    const StepParts& limit = step.limit;
    const double cells_per_second = 1000 * static_cast<double>(step.cells) / step.ms.median;
    if (as_json) {
        std::printf(
            "{\"model\": \"%s\", \"cells\": %ld, \"genes\": %ld, \"hidden\": %ld, \"latent\": %ld, \"shared\": %s, "
            "\"products\": \"%s\", \"threads\": %d, \"ms\": %.2f, \"ms_low\": %.2f, \"ms_high\": %.2f, \"ms_least\": "
            "%.2f, \"cells_per_second\": %.0f, \"rows\": %.1f, \"limit_ms\": %.2f, \"times_the_limit\": %.3f, "
            "\"products_ms\": %.2f, \"products_gflop\": %.2f, \"products_gflops\": %.1f, \"multiply_add_gflops\": "
            "%.1f, \"likelihood_ms\": %.2f, \"likelihood_elements_per_ns\": %.3f, \"optimiser_ms\": %.2f, "
            "\"stream_gb_per_second\": %.1f, \"bound\": %.3f}\n",
            step.model.c_str(), step.cells, step.genes, step.hidden, step.latent, step.shared ? "true" : "false",
            step.products.c_str(), step.threads, step.ms.median, step.ms.low, step.ms.high, step.least_ms,
            cells_per_second, step.rows, limit.sum(), step.times_the_limit(), limit.products, step.work.gflop,
            limit.product_rate, limit.multiply_add_rate, limit.likelihood, limit.likelihood_rate, limit.optimiser,
            limit.stream_rate, step.bound);
        return;
    }
    std::printf("%s; %ld cells, %ld genes, hidden %ld, latent %ld, products of %s, %d threads\n", step.model.c_str(),
                step.cells, step.genes, step.hidden, step.latent, step.products.c_str(), step.threads);
    std::printf("step        %8.2f ms  (%.2f to %.2f), %.0f cells/s, %.1f rows decoded, bound %.3f\n", step.ms.median,
                step.ms.low, step.ms.high, cells_per_second, step.rows, step.bound);
    std::printf("products    %8.2f ms  %.2f GFLOP, %.0f GFLOP/s (multiply-adds on registers: %.0f)\n", limit.products,
                step.work.gflop, limit.product_rate, limit.multiply_add_rate);
    std::printf("likelihood  %8.2f ms  %.2f million elements, %.3f a nanosecond\n", limit.likelihood,
                1e-6 * step.work.elements, limit.likelihood_rate);
    std::printf("optimiser   %8.2f ms  %.0f MB, %.1f GB/s\n", limit.optimiser, 1e-6 * step.work.bytes,
                limit.stream_rate);
    std::printf("limit       %8.2f ms  the step takes %.2f times that\n", limit.sum(), step.times_the_limit());
}

}  // namespace cellvae_benchmarks
