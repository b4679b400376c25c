// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "cellvae/data/dataset.hpp"
#include "cellvae/models/vae.hpp"
#include "cellvae/training/trainer.hpp"

namespace cellvae {

/// What a model file says beside the arrays: enough to make the model, and the data set of new cells for it.
struct ModelDescription {
    std::string type;                ///< the composed type in words, Vae::composition()
    std::string likelihood;          ///< its likelihood's name
    std::vector<std::string> genes;  ///< names, in the model's order
    ModelOptions options;
    TrainingOptions training;
    Input input = Input::log1p;
    Target target = Target::counts;
    std::vector<double> input_shift, input_scale;  ///< of each gene, for standardised inputs; else empty
    Index cells = 0;                               ///< of the data that it was trained on, held-out ones included,
    Index nonzeros = 0;                            ///< whose counts above zero are so many
    double total_count = 0;                        ///< and add up to this
    std::optional<double> mean_library{};          ///< mean library size of a cell, over all genes; files of earlier
                                                   ///< versions do not have it
    std::vector<Index> held_out;                   ///< the cells that were not trained on
    std::vector<std::string> label_names;          ///< of a mixture's clusters, where labels were known
    std::vector<std::int32_t> cluster_of;  ///< of each component of a mixture the number of the cluster that it is part
                                           ///< of, -1: of none; empty: each component is its own cluster
    std::vector<std::string> condition_names;
    std::string condition_column;  ///< of the cells' annotations that the conditions were; empty: not known
    std::optional<std::uint64_t> cells_digest{};  ///< cells_digest() of the data, cells in their order; files of
                                                  ///< earlier versions do not have it
    std::vector<std::string> latent_names;        ///< as of gene sets; empty: they have none
    std::string program;                          ///< what the program that trained it keeps for itself

    // only in a description that was read
    std::int64_t steps = 0;       ///< of the optimiser
    Index epochs_trained = 0;     ///< that were finished
    Index best_epoch = 0;         ///< whose parameters the file has; 0: those of the last step
    bool can_be_resumed = false;  ///< the file has the state of training

    /// How new cells are to be read; add labels and conditions. Valid while the description lives.
    [[nodiscard]] DatasetOptions dataset_options() const {
        DatasetOptions result;
        result.input = input;
        result.target = target;
        result.input_shift = input_shift;
        result.input_scale = input_scale;
        return result;
    }
};

/// A number that other cells, the same ones in another order, or with other known labels or conditions hardly have: of
/// each cell's total counts, its number of counts above zero, its label and its condition.
template <class Exec>
[[nodiscard]] std::uint64_t cells_digest(const Exec& exec, const CellStatistics<Exec>& data) {
    std::uint64_t digest = 0;
    const auto add = [&digest](std::uint64_t value) {  // the mixing function of SplitMix64, public domain
        digest += value + 0x9e3779b97f4a7c15;
        digest = (digest ^ (digest >> 30)) * 0xbf58476d1ce4e5b9;
        digest = (digest ^ (digest >> 27)) * 0x94d049bb133111eb;
        digest ^= digest >> 31;
    };
    const KernelLabel kernel("cellvae::cells_digest");
    const auto label = to_host(exec, kernel, data.label), condition = to_host(exec, kernel, data.condition);
    for (std::size_t cell = 0; cell < static_cast<std::size_t>(data.cells()); ++cell) {
        add(std::bit_cast<std::uint64_t>(data.host_total[cell]));
        add(std::bit_cast<std::uint64_t>(data.host_library[cell]));
        add(static_cast<std::uint64_t>(data.host_offsets[cell + 1]));
        if (cell < label.extent(0)) add(static_cast<std::uint64_t>(label(cell)));
        if (cell < condition.extent(0)) add(static_cast<std::uint64_t>(condition(cell)));
    }
    return digest;
}

/// Describes a model and the data that it is trained on; names of labels, conditions and latent dimensions, and what
/// the program wants to keep, are the caller's to add.
/// @param genes names, as many as the model has
template <class Model, class Exec>
[[nodiscard]] ModelDescription describe_model(const Exec& exec, const Model& model, const CellStatistics<Exec>& data,
                                              const Split& split, const TrainingOptions& training,
                                              std::vector<std::string> genes) {
    require_size(static_cast<Index>(genes.size()), model.genes(), "names of the model's genes");
    ModelDescription description;
    description.type = Model::composition();
    description.likelihood = std::string(Model::likelihood_type::name);
    description.genes = std::move(genes);
    description.options = model.options();
    description.training = training;
    description.input = data.input;
    description.target = data.target;
    const auto copied = [&](const auto& array) {
        const auto host = to_host(exec, KernelLabel("cellvae::describe_model"), array);
        return std::vector<double>(host.data(), host.data() + host.extent(0));
    };
    description.input_shift = copied(data.input_shift);
    description.input_scale = copied(data.input_scale);
    description.cells = data.cells();
    description.nonzeros = data.host_offsets.back();
    for (const double total : data.host_total) description.total_count += total;
    description.mean_library =
        std::accumulate(data.host_library.begin(), data.host_library.end(), 0.0) / static_cast<double>(data.cells());
    description.held_out = split.held_out;
    description.cells_digest = cells_digest(exec, data);
    return description;
}

/// @param file the model's, for errors @param genes names of the data's genes @param data what they are from
/// @throws InputError unless they are the model's, in its order; both sides are named
inline void require_genes(const ModelDescription& description, const std::string& file,
                          const std::vector<std::string>& genes, const std::string& data) {
    if (genes.size() != description.genes.size())
        throw InputError(message(file, ": the model is of ", description.genes.size(), " genes, and ", data, " has ",
                                 genes.size(), "; expected the same genes"));
    for (std::size_t gene = 0; gene < genes.size(); ++gene)
        if (genes[gene] != description.genes[gene])
            throw InputError(message(file, ": gene ", gene, " of the model is ", description.genes[gene],
                                     ", and that of ", data, " is ", genes[gene],
                                     "; expected the same genes in the same order"));
}

/// The same of the cells, as training that is resumed needs them: their number, that of their counts above zero, those
/// counts' sum, and their digest. @throws InputError
inline void require_cells(const ModelDescription& description, const std::string& file, const ModelDescription& found,
                          const std::string& data) {
    if (description.cells != found.cells || description.nonzeros != found.nonzeros ||
        description.total_count != found.total_count || description.held_out != found.held_out)
        throw InputError(message(
            file, ": the model was trained on ", description.cells, " cells (", description.held_out.size(),
            " held out) with ", description.nonzeros, " counts above zero that add up to ", description.total_count,
            ", and ", data, " has ", found.cells, " (", found.held_out.size(), " held out) with ", found.nonzeros,
            " that add up to ", found.total_count, "; expected the same cells and the same split"));
    if (description.cells_digest && found.cells_digest && *description.cells_digest != *found.cells_digest)
        throw InputError(message(file, ": the cells of ", data,
                                 " are not those that the model was trained on, or are in another order, or have other "
                                 "known labels or conditions; expected the same cells"));
}

}  // namespace cellvae
