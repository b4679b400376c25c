// SPDX-License-Identifier: Apache-2.0
#include "leiden.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "cellvae/core/error.hpp"
#include "terminal.hpp"
#ifdef CELLVAE_HAS_IGRAPH
#include <igraph/igraph.h>
#endif

namespace cellvae::program {

#ifdef CELLVAE_HAS_IGRAPH

namespace {

using Edge = NeighbourGraph::Edge;

/// UMAP's weights of a neighbour graph: of each row exp(-(distance - nearest) / sigma), where sigma is such that they
/// add up to log2 of the number of neighbours; and a + b - a b for both directions of an edge. Each edge once, by its
/// ends, the lower row first.
std::vector<Edge> fuzzy_weights(const Neighbours& neighbours) {
    const auto count = static_cast<std::size_t>(neighbours.count);
    const auto rows = static_cast<std::size_t>(neighbours.rows);
    double mean_all = 0;
    for (const float d : neighbours.distance) mean_all += static_cast<double>(d);
    mean_all /= static_cast<double>(neighbours.distance.size() + rows);
    const double target = std::log2(static_cast<double>(neighbours.count) + 1);  // the row itself counts
    std::vector<Edge> edges;                                                     // of both directions, then of one
    edges.reserve(rows * count);
    for (std::size_t row = 0; row < rows; ++row) {
        const float* distance = neighbours.distance.data() + row * count;
        double nearest = 0, mean = 0;
        for (std::size_t n = 0; n < count; ++n) {
            mean += static_cast<double>(distance[n]) / static_cast<double>(count + 1);
            if (nearest == 0) nearest = static_cast<double>(distance[n]);
        }
        const auto sum_at = [&](double sigma) {
            double sum = 0;
            for (std::size_t n = 0; n < count; ++n) {
                const double beyond = static_cast<double>(distance[n]) - nearest;
                sum += beyond > 0 ? std::exp(-beyond / sigma) : 1.0;
            }
            return sum;
        };
        double low = 0, high = INFINITY, sigma = 1;
        for (int pass = 0; pass < 64; ++pass) {
            const double sum = sum_at(sigma);
            if (std::abs(sum - target) < 1e-5) break;
            (sum > target ? high : low) = sigma;
            sigma = std::isinf(high) ? 2 * sigma : (low + high) / 2;
        }
        sigma = std::max(sigma, 1e-3 * (nearest > 0 ? mean : mean_all));
        for (std::size_t n = 0; n < count; ++n) {
            const auto from = static_cast<std::int32_t>(row);
            const std::int32_t to = neighbours.index[row * count + n];
            const double beyond = static_cast<double>(distance[n]) - nearest;
            const double weight = beyond > 0 && sigma > 0 ? std::exp(-beyond / sigma) : 1.0;
            edges.push_back({std::min(from, to), std::max(from, to), weight});
        }
    }
    std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
        return a.from != b.from ? a.from < b.from : a.to != b.to ? a.to < b.to : a.weight < b.weight;
    });
    std::size_t last = 0;
    for (std::size_t e = 1; e < edges.size(); ++e) {
        auto& before = edges[last];
        if (edges[e].from == before.from && edges[e].to == before.to)
            before.weight = before.weight + edges[e].weight - before.weight * edges[e].weight;
        else
            edges[++last] = edges[e];
    }
    if (!edges.empty()) edges.resize(last + 1);
    return edges;
}

/// igraph's vectors, freed at the end of the scope.
struct RealVector {
    explicit RealVector(igraph_integer_t size) { igraph_vector_init(&values, size); }
    ~RealVector() { igraph_vector_destroy(&values); }
    RealVector(const RealVector&) = delete;
    RealVector& operator=(const RealVector&) = delete;
    igraph_vector_t values;
};
struct WholeVector {
    explicit WholeVector(igraph_integer_t size) { igraph_vector_int_init(&values, size); }
    ~WholeVector() { igraph_vector_int_destroy(&values); }
    WholeVector(const WholeVector&) = delete;
    WholeVector& operator=(const WholeVector&) = delete;
    igraph_vector_int_t values;
};

}  // namespace

bool leiden_is_there() { return true; }

NeighbourGraph::NeighbourGraph(const Neighbours& neighbours)
    : cells_(neighbours.rows), edges_(fuzzy_weights(neighbours)) {}

std::vector<std::int32_t> NeighbourGraph::leiden(double resolution, std::uint64_t seed) const {
    if (!(resolution >= 0) || std::isinf(resolution))  // with what is no number igraph would look for ever
        throw OptionError(message("Leiden's resolution must be a finite number from 0 on, found ", resolution));
    igraph_set_error_handler(igraph_error_handler_ignore);  // by default it ends the program: its errors are read below
    const auto edge_count = static_cast<igraph_integer_t>(edges_.size());
    WholeVector ends(2 * edge_count), membership(0);
    RealVector weights(edge_count), strength(static_cast<igraph_integer_t>(cells_));
    double total = 0;
    for (igraph_integer_t e = 0; e < edge_count; ++e) {
        const auto& edge = edges_[static_cast<std::size_t>(e)];
        VECTOR(ends.values)[2 * e] = edge.from;
        VECTOR(ends.values)[2 * e + 1] = edge.to;
        VECTOR(weights.values)[e] = edge.weight;
        VECTOR(strength.values)[edge.from] += edge.weight;
        VECTOR(strength.values)[edge.to] += edge.weight;
        total += 2 * edge.weight;
    }
    igraph_t graph;
    if (igraph_create(&graph, &ends.values, static_cast<igraph_integer_t>(cells_), IGRAPH_UNDIRECTED) != IGRAPH_SUCCESS)
        throw Error("igraph could not make the neighbour graph");
    igraph_rng_seed(igraph_rng_default(), static_cast<igraph_uint_t>(seed));
    igraph_integer_t clusters = 0;
    const WaitingLine line(message("Leiden at resolution ", resolution));
    // igraph goes on until an iteration changes nothing, which for ever may not be where most cells would be groups of
    // their own: cells then change places in turns. There it is asked for one iteration after another.
    const bool may_not_end = 20 * resolution > static_cast<double>(cells_);
    const int most_calls = may_not_end ? 100 : 1;
    auto status = IGRAPH_SUCCESS;
    std::vector<igraph_integer_t> before;
    for (int call = 0; call < most_calls && status == IGRAPH_SUCCESS; ++call) {
        const igraph_integer_t iterations = may_not_end ? 1 : -1;
#if IGRAPH_VERSION_MAJOR >= 1  // which has weights of both directions' ends
        status = igraph_community_leiden(&graph, &weights.values, &strength.values, nullptr, resolution / total, 0.01,
                                         call > 0, iterations, &membership.values, &clusters, nullptr);
#else
        status = igraph_community_leiden(&graph, &weights.values, &strength.values, resolution / total, 0.01, call > 0,
                                         iterations, &membership.values, &clusters, nullptr);
#endif
        if (!may_not_end) break;
        const auto* first = VECTOR(membership.values);
        std::vector<igraph_integer_t> now(first, first + igraph_vector_int_size(&membership.values));
        if (now == before) break;
        before = std::move(now);
    }
    igraph_destroy(&graph);
    if (status != IGRAPH_SUCCESS) throw Error(message("igraph's Leiden failed: ", igraph_strerror(status)));
    std::vector<std::pair<Index, std::int32_t>> sizes(static_cast<std::size_t>(clusters));
    for (std::size_t k = 0; k < sizes.size(); ++k) sizes[k] = {0, static_cast<std::int32_t>(k)};
    for (Index cell = 0; cell < cells_; ++cell)
        --sizes[static_cast<std::size_t>(VECTOR(membership.values)[cell])].first;
    std::sort(sizes.begin(), sizes.end());
    std::vector<std::int32_t> number(sizes.size());
    for (std::size_t k = 0; k < sizes.size(); ++k)
        number[static_cast<std::size_t>(sizes[k].second)] = static_cast<std::int32_t>(k);
    std::vector<std::int32_t> labels;
    for (Index cell = 0; cell < cells_; ++cell)
        labels.push_back(number[static_cast<std::size_t>(VECTOR(membership.values)[cell])]);
    return labels;
}

#else

bool leiden_is_there() { return false; }

NeighbourGraph::NeighbourGraph(const Neighbours& neighbours) : cells_(neighbours.rows) {
    throw OptionError(without_leiden("Leiden"));
}

std::vector<std::int32_t> NeighbourGraph::leiden(double, std::uint64_t) const { return {}; }

#endif

std::string without_leiden(const std::string& asked) {
    return asked +
           ": this cellvae was built without igraph (it is GPL, and optional), and so without Leiden. What is lost is "
           "--cluster-by leiden, --start leiden and the Leiden rows of --compare; a mixture starts from k-means, and "
           "its own clusters and kmeans are there. To have it, install libigraph-dev and build again";
}

}  // namespace cellvae::program
