// SPDX-License-Identifier: Apache-2.0
// What a user's program may do with Kokkos, Eigen and Random123 alone.
#include <Kokkos_Core.hpp>

#include <cmath>
#include <cstdio>

#include "cellvae/core/random.hpp"
#include "cellvae/core/version.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"

int main() {
    const Kokkos::ScopeGuard kokkos(Kokkos::InitializationSettings{}.set_disable_warnings(true));
    using Counts = cellvae::ZeroInflated<cellvae::NegativeBinomial<>>;

    cellvae::RandomStream random(1, cellvae::Purpose::test);
    cellvae::Parameters<double, cellvae::parameter_count<Counts>> parameters{};
    double sum = 0;
    for (int draw = 0; draw < 1000; ++draw) {
        const double count = Counts::sample(random, parameters);
        sum += Counts::log_prob(count, parameters).value + Counts::log_base_measure(count);
    }
    std::printf("cellvae %d.%d.%d: mean log-probability %g\n", cellvae::version_major, cellvae::version_minor,
                cellvae::version_patch, sum / 1000);
    return std::isfinite(sum) && sum < 0 ? 0 : 1;
}
