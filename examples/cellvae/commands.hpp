// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cellvae/core/views.hpp"
#include "request.hpp"

namespace cellvae::program {

struct SimulateRequest {
    Index cells = 2000;
    Index genes = 5000;
    int types = 8;
    std::uint64_t seed = 1;
    double separation = 1;
    double zero_inflation = 0;
    std::string out;
};

/// `cellvae train`: reads, trains, clusters, scores and writes DIR/cells.h5ad, history.csv and scores.json.
void run_train(const TrainRequest& request);

/// `cellvae simulate`: writes an h5ad of simulated cells with obs/cell_type.
void run_simulate(const SimulateRequest& request);

}  // namespace cellvae::program
