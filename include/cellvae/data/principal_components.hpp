// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"
#include "cellvae/core/random.hpp"
#include "cellvae/core/views.hpp"
#include "cellvae/data/cells.hpp"
#include "cellvae/data/row_blocks.hpp"

namespace cellvae {

/// How principal components are found.
struct PrincipalComponentsOptions {
    int components = 50;
    double counts_per_cell = 1e4;  ///< each cell's counts are scaled to this library size before log1p
    bool scale = false;            ///< divide each gene by its standard deviation (cells - 1)
    double tolerance = 1e-4;       ///< largest residual of a component, as a share of its variance
    std::uint64_t seed = 1;
};

/// Principal components of cells.
struct PrincipalComponents {
    Index cells = 0;
    Index genes = 0;
    int components = 0;
    std::vector<float> scores;  ///< cells x components, row-major: the cells' coordinates
    std::vector<double>
        loadings;  ///< genes x components, row-major: orthonormal columns, the largest entry of each positive
    std::vector<double> variances;  ///< of the scores (cells - 1), descending
    double total_variance = 0;      ///< of all genes together
    std::vector<double> means;      ///< genes: what was subtracted, before any scaling
    int steps = 0;                  ///< of Lanczos' method
};

namespace data_detail {

/// Log-normalised counts of cells x genes, centred and perhaps scaled in what products see, never in memory.
class CentredCounts {
public:
    static constexpr std::size_t blocks = 16;  // of cells, whatever the number of threads

    CentredCounts(const CountMatrix& counts, const PrincipalComponentsOptions& options)
        : counts_(counts),
          cells_(static_cast<std::size_t>(counts.cells())),
          genes_(static_cast<std::size_t>(counts.genes())),
          values_(counts.values.size()),
          means_(genes_, 0.0),
          scales_(genes_, 1.0) {
        require_counts(counts, "counts given to principal components");
        std::vector<double> squares(genes_, 0.0), seen(genes_, 0.0);
        for (std::size_t cell = 0; cell < cells_; ++cell) {
            const double library = counts.library_size(static_cast<Index>(cell));
            const double factor = library > 0 ? options.counts_per_cell / library : 0.0;
            for (std::size_t k = begin(cell); k < begin(cell + 1); ++k) {
                values_[k] = static_cast<float>(std::log1p(static_cast<double>(counts.values[k]) * factor));
                means_[gene(k)] += static_cast<double>(values_[k]);
            }
        }
        for (double& mean : means_) mean /= static_cast<double>(cells_);
        for (std::size_t k = 0; k < values_.size(); ++k) {
            const double deviation = static_cast<double>(values_[k]) - means_[gene(k)];
            squares[gene(k)] += deviation * deviation;
            seen[gene(k)] += 1;
        }
        for (std::size_t g = 0; g < genes_; ++g) {  // the zeros deviate by the mean
            const double variance = (squares[g] + (static_cast<double>(cells_) - seen[g]) * means_[g] * means_[g]) /
                                    static_cast<double>(cells_ - 1);
            if (options.scale && variance > 0) scales_[g] = 1 / std::sqrt(variance);
            total_variance_ += variance * scales_[g] * scales_[g];
        }
    }

    [[nodiscard]] const std::vector<double>& means() const { return means_; }
    [[nodiscard]] double total_variance() const { return total_variance_; }

    [[nodiscard]] std::size_t cells() const { return cells_; }
    [[nodiscard]] std::size_t genes() const { return genes_; }

    /// to = A from: genes to cells.
    void multiply(const Kokkos::DefaultHostExecutionSpace& exec, const std::vector<double>& from,
                  std::vector<double>& to) const {
        std::vector<double> scaled(genes_);
        double offset = 0;
        for (std::size_t g = 0; g < genes_; ++g) {
            scaled[g] = scales_[g] * from[g];
            offset += means_[g] * scaled[g];
        }
        to.resize(cells_);
        const std::size_t block_cells = (cells_ + blocks - 1) / blocks;
        share_out(exec, "cellvae::principal_multiply", [&](std::size_t block) {
            for (std::size_t cell = block * block_cells; cell < std::min(cells_, (block + 1) * block_cells); ++cell) {
                double sum = -offset;
                for (std::size_t k = begin(cell); k < begin(cell + 1); ++k)
                    sum += static_cast<double>(values_[k]) * scaled[gene(k)];
                to[cell] = sum;
            }
        });
    }

    /// to = A' from: cells to genes. Each block of cells has a sum of its own; they are added in order.
    void multiply_transposed(const Kokkos::DefaultHostExecutionSpace& exec, const std::vector<double>& from,
                             std::vector<double>& to) const {
        std::vector<double> sums(blocks * genes_, 0.0);
        const std::size_t block_cells = (cells_ + blocks - 1) / blocks;
        share_out(exec, "cellvae::principal_multiply_transposed", [&](std::size_t block) {
            double* target = sums.data() + block * genes_;
            for (std::size_t cell = block * block_cells; cell < std::min(cells_, (block + 1) * block_cells); ++cell)
                for (std::size_t k = begin(cell); k < begin(cell + 1); ++k)
                    target[gene(k)] += static_cast<double>(values_[k]) * from[cell];
        });
        double total = 0;
        for (const double value : from) total += value;
        to.assign(genes_, 0.0);
        for (std::size_t block = 0; block < blocks; ++block)
            for (std::size_t g = 0; g < genes_; ++g) to[g] += sums[block * genes_ + g];
        for (std::size_t g = 0; g < genes_; ++g) to[g] = scales_[g] * (to[g] - means_[g] * total);
    }

    /// scores = A loadings, cells x width.
    void project(const Kokkos::DefaultHostExecutionSpace& exec, const std::vector<double>& loadings, std::size_t width,
                 std::vector<float>& scores) const {
        std::vector<double> offset(width, 0.0), scaled(loadings);
        for (std::size_t g = 0; g < genes_; ++g)
            for (std::size_t j = 0; j < width; ++j) {
                scaled[g * width + j] *= scales_[g];
                offset[j] += means_[g] * scaled[g * width + j];
            }
        constexpr std::size_t block_cells = 64;
        for_each_block(exec, "cellvae::principal_scores", (cells_ + block_cells - 1) / block_cells,
                       [&](std::size_t block) {
                           std::vector<double> row(width);
                           for (std::size_t cell = block * block_cells;
                                cell < std::min(cells_, (block + 1) * block_cells); ++cell) {
                               for (std::size_t j = 0; j < width; ++j) row[j] = -offset[j];
                               for (std::size_t k = begin(cell); k < begin(cell + 1); ++k)
                                   for (std::size_t j = 0; j < width; ++j)
                                       row[j] += static_cast<double>(values_[k]) * scaled[gene(k) * width + j];
                               for (std::size_t j = 0; j < width; ++j)
                                   scores[cell * width + j] = static_cast<float>(row[j]);
                           }
                       });
    }

private:
    /// In parallel where there is enough to do; the sums are the same either way.
    template <class Work>
    void share_out(const Kokkos::DefaultHostExecutionSpace& exec, const char* name, const Work& work) const {
        if (values_.size() > 200000)
            for_each_block(exec, name, blocks, work);
        else
            for (std::size_t block = 0; block < blocks; ++block) work(block);
    }

    [[nodiscard]] std::size_t begin(std::size_t cell) const {
        return static_cast<std::size_t>(counts_.row_offsets[cell]);
    }
    [[nodiscard]] std::size_t gene(std::size_t k) const { return static_cast<std::size_t>(counts_.columns[k]); }

    const CountMatrix& counts_;
    std::size_t cells_, genes_;
    std::vector<float> values_;
    std::vector<double> means_, scales_;
    double total_variance_ = 0;
};

}  // namespace data_detail

namespace data_detail {

/// Vectors of one length, and what Lanczos' method does with them; every sum has a fixed order.
class Orthonormal {
public:
    Orthonormal(const Kokkos::DefaultHostExecutionSpace& exec, std::size_t length) : exec_(exec), length_(length) {}

    [[nodiscard]] std::size_t count() const { return vectors_.size(); }
    [[nodiscard]] const std::vector<double>& operator[](std::size_t i) const { return vectors_[i]; }

    static double dot(const std::vector<double>& left, const std::vector<double>& right) {
        constexpr std::size_t lanes = 16;  // as many sums, so that the loop can be vectorised
        double sums[lanes] = {};
        std::size_t i = 0;
        for (; i + lanes <= left.size(); i += lanes)
            for (std::size_t j = 0; j < lanes; ++j) sums[j] += left[i + j] * right[i + j];
        double sum = 0;
        for (; i < left.size(); ++i) sum += left[i] * right[i];
        for (const double lane : sums) sum += lane;
        return sum;
    }

    /// Subtracts from `vector` its part in the space so far, twice ("twice is enough", Kahan and Parlett), and returns
    /// its length.
    double orthogonalise(std::vector<double>& vector) const {
        std::vector<double> parts(vectors_.size());
        for (int pass = 0; pass < 2; ++pass) {
            constexpr std::size_t group = 8, rows = 512;
            share_out("cellvae::principal_parts", (vectors_.size() + group - 1) / group, [&](std::size_t block) {
                for (std::size_t i = block * group; i < std::min(vectors_.size(), (block + 1) * group); ++i)
                    parts[i] = dot(vectors_[i], vector);
            });
            share_out("cellvae::principal_orthogonalise", (length_ + rows - 1) / rows, [&](std::size_t block) {
                const std::size_t last = std::min(length_, (block + 1) * rows);
                for (std::size_t i = 0; i < vectors_.size(); ++i)
                    for (std::size_t r = block * rows; r < last; ++r) vector[r] -= parts[i] * vectors_[i][r];
            });
        }
        return std::sqrt(dot(vector, vector));
    }

    /// Adds vector / length.
    void add(std::vector<double> vector, double length) {
        for (double& value : vector) value /= length;
        vectors_.push_back(std::move(vector));
    }

    /// The sum of the vectors, each times its weight.
    template <class Weights>
    [[nodiscard]] std::vector<double> combine(const Weights& weights) const {
        std::vector<double> sum(length_, 0.0);
        for (std::size_t i = 0; i < vectors_.size(); ++i)
            for (std::size_t r = 0; r < length_; ++r) sum[r] += weights[static_cast<Eigen::Index>(i)] * vectors_[i][r];
        return sum;
    }

private:
    /// In parallel where there is enough to do; the sums are the same either way.
    template <class Work>
    void share_out(const char* name, std::size_t blocks, const Work& work) const {
        if (vectors_.size() * length_ > 1000000)
            for_each_block(exec_, name, blocks, work);
        else
            for (std::size_t block = 0; block < blocks; ++block) work(block);
    }

    const Kokkos::DefaultHostExecutionSpace& exec_;
    std::size_t length_;
    std::vector<std::vector<double>> vectors_;
};

}  // namespace data_detail

/// The first principal components of log-normalised counts: log1p of the counts scaled to one library size (that of all
/// genes of the file), centred by gene.
///
/// Lanczos' method with full reorthogonalisation on A'A or AA', whichever is smaller, A the centred matrix: from one
/// random vector it goes on until the components' residuals are small. The counts stay sparse: memory is one float a
/// nonzero and one vector, of the cells or the genes, a step. The result does not depend on
/// the number of threads.
///
/// @throws OptionError if components is not in 1 .. min(cells - 1, genes), or another option is out of range.
/// @throws InputError if a count is negative or not finite.
[[nodiscard]] inline PrincipalComponents principal_components(const Kokkos::DefaultHostExecutionSpace& exec,
                                                              const CountMatrix& counts,
                                                              const PrincipalComponentsOptions& options = {}) {
    const Index most = std::min(counts.cells() - 1, counts.genes());
    if (options.components < 1 || options.components > most)
        throw OptionError(message("principal components: found ", options.components, ", expected 1 to ", most, " for ",
                                  counts.cells(), " cells x ", counts.genes(), " genes"));
    if (!(options.tolerance > 0) || !(options.counts_per_cell > 0))
        throw OptionError(message("options of principal components: tolerance ", options.tolerance,
                                  ", counts per cell ", options.counts_per_cell, ", expected both more than 0"));
    const auto kept = static_cast<std::size_t>(options.components);
    const data_detail::CentredCounts centred(counts, options);
    const std::size_t cells = centred.cells(), genes = centred.genes(), length = std::min(cells, genes);
    const bool by_cells = cells < genes;

    data_detail::Orthonormal basis(exec, length);
    RandomStream random(options.seed, Purpose::initial_values);
    // a step that leaves nothing new means that the space is closed: go on from another random vector
    const auto add_random = [&] {
        std::vector<double> vector(length);
        for (double& value : vector) value = random.normal();
        const double norm = basis.orthogonalise(vector);
        basis.add(std::move(vector), norm);
    };
    add_random();
    std::vector<double> diagonal, beside, next, between;
    Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen;
    double scale = 0;
    bool closed = false;
    std::size_t next_check = 2 * kept + 10;
    while (true) {
        const std::size_t step = basis.count() - 1;
        if (by_cells) {
            centred.multiply_transposed(exec, basis[step], between);
            centred.multiply(exec, between, next);
        } else {
            centred.multiply(exec, basis[step], between);
            centred.multiply_transposed(exec, between, next);
        }
        diagonal.push_back(data_detail::Orthonormal::dot(basis[step], next));
        scale = std::max(scale, diagonal.back());
        double length_left = basis.orthogonalise(next);
        const bool began_anew = closed;
        closed = length_left <= 1e-12 * scale;
        if (closed) length_left = 0;
        const std::size_t steps = diagonal.size();
        // what a random vector holds of all that is left is nothing: the matrix has no more components
        const bool exhausted = began_anew && closed && diagonal.back() <= 1e-12 * scale && steps >= kept;
        const bool last = steps == length || exhausted;
        if (last || steps >= next_check) {
            next_check = steps + steps / 5 + 1;
            const Eigen::VectorXd main =
                Eigen::Map<const Eigen::VectorXd>(diagonal.data(), static_cast<Eigen::Index>(steps));
            const Eigen::VectorXd off =
                Eigen::Map<const Eigen::VectorXd>(beside.data(), static_cast<Eigen::Index>(steps) - 1);
            // inside a parallel region Eigen does not open threads of its own, which would change the order of its sums
            data_detail::for_each_block(exec, "cellvae::principal_eigenvalues", 1,
                                        [&](std::size_t) { eigen.computeFromTridiagonal(main, off); });
            double residual = 0;
            for (std::size_t j = 0; j < kept; ++j) {
                const auto column = static_cast<Eigen::Index>(steps - 1 - j);
                const double value = eigen.eigenvalues()[column];
                if (value > 1e-12 * scale)
                    residual = std::max(
                        residual, length_left *
                                      std::abs(eigen.eigenvectors()(static_cast<Eigen::Index>(steps) - 1, column)) /
                                      value);
            }
            if (last || (residual <= options.tolerance && !closed)) break;
        }
        beside.push_back(length_left);
        if (closed)
            add_random();
        else
            basis.add(next, length_left);
    }

    PrincipalComponents result;
    result.cells = counts.cells();
    result.genes = counts.genes();
    result.components = options.components;
    result.steps = static_cast<int>(diagonal.size());
    result.total_variance = centred.total_variance();
    result.means = centred.means();
    result.loadings.assign(genes * kept, 0.0);
    const auto count = static_cast<Eigen::Index>(diagonal.size());
    data_detail::Orthonormal found(exec, genes);
    for (std::size_t j = 0; j < kept; ++j) {
        const auto column = count - 1 - static_cast<Eigen::Index>(j);
        std::vector<double> loading = basis.combine(eigen.eigenvectors().col(column));
        if (by_cells) {  // from the cells' side to the genes'
            between = loading;
            centred.multiply_transposed(exec, between, loading);
        }
        // where nothing is left to explain, any direction beside the others will do
        double norm = found.orthogonalise(loading);
        while (!(norm > 1e-9 * std::sqrt(scale)) && found.count() < genes) {
            for (double& value : loading) value = random.normal();
            norm = found.orthogonalise(loading);
        }
        const auto largest = std::max_element(loading.begin(), loading.end(),
                                              [](double x, double y) { return std::abs(x) < std::abs(y); });
        found.add(loading, *largest < 0 ? -norm : norm);
        for (std::size_t g = 0; g < genes; ++g) result.loadings[g * kept + j] = found[j][g];
        result.variances.push_back(std::max(0.0, eigen.eigenvalues()[column]) /
                                   static_cast<double>(counts.cells() - 1));
    }
    result.scores.resize(cells * kept);
    centred.project(exec, result.loadings, kept, result.scores);
    return result;
}

}  // namespace cellvae
