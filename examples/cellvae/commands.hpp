// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cellvae/core/views.hpp"
#include "clustering.hpp"
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

/// What the user asked of `cellvae baseline`; the values are the defaults that --help shows.
struct BaselineRequest {
    std::string counts;
    std::string out;
    std::string labels = "auto";  ///< column of obs; auto: a well-known name; none: no labels
    std::string orientation = "auto";
    Index genes = 2000;  ///< 0: all
    int components = 50;
    ClusteringRequest clustering;
    int threads = 0;  ///< 0: all cores
};

/// `cellvae train`: reads, trains, clusters, scores and writes DIR/cells.h5ad, history.csv and scores.json.
void run_train(const TrainRequest& request);

/// `cellvae baseline`: principal components of the log-normalised variable genes and their clusters; writes
/// DIR/cells.h5ad and scores.json.
void run_baseline(const BaselineRequest& request);

/// `cellvae simulate`: writes an h5ad of simulated cells with obs/cell_type.
void run_simulate(const SimulateRequest& request);

}  // namespace cellvae::program
