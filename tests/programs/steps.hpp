// SPDX-License-Identifier: Apache-2.0
// Training steps as the trainer makes them, one at a time, for programs that watch what a step does.
#pragma once

#include <Kokkos_Core.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace cellvae_tests {

using Exec = Kokkos::DefaultExecutionSpace;

/// A model of one likelihood and prior, and what it is trained with.
class Steps {
public:
    Steps() = default;
    Steps(const Steps&) = delete;
    Steps& operator=(const Steps&) = delete;
    virtual ~Steps() = default;

    /// Steps 0, 3, 6, ... take the first 40 cells, the next ones another 40, the last ones the remaining 20.
    virtual void step(std::uint32_t number) = 0;

    /// The bound of the minibatch as it stands.
    virtual double bound() = 0;

    /// All that is computed of cells once a model is trained: bound, log-likelihood, latent coordinates,
    /// responsibilities.
    virtual void evaluate() = 0;
};

/// Calls visit(steps, name) for several likelihoods, priors, sizes, precisions and kinds of hidden layers.
void for_each_model(const Exec& exec, const std::function<void(Steps&, const std::string&)>& visit);

}  // namespace cellvae_tests
