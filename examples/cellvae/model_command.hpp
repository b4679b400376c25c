// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cellvae/io/counts.hpp"
#include "cellvae/io/h5ad_cells.hpp"
#include "cellvae/io/model_cells.hpp"
#include "counts_request.hpp"
#include "loaded_model.hpp"
#include "options.hpp"

// What the commands share that ask a trained model about cells.

namespace cellvae::program {

struct ModelRequest {
    std::string model;
    std::string counts;
    CountsPlace place;
    std::string condition = "auto";
    std::string missing_genes = "refuse";  ///< or zero
    double least_common = 0.5;             ///< of the model's genes, where the others are zero
    bool stream = false;                   ///< the counts stay in their file
    std::uint64_t seed = 1;
};

/// The model file and the cells that it is asked about. @param cells_required else `counts` may stay empty
void add_model_and_cells(CLI::App& command, ModelRequest& request, bool cells_required = true);

/// The option --stream, of commands that can do with it.
void add_stream(CLI::App& command, ModelRequest& request);

/// A model with the cells of a file, brought to its genes.
struct ModelAndCells {
    ModelDescription description;
    CountMatrix counts;               ///< as the file has them; of streamed cells the annotations of its genes alone
    ModelCells cells;                 ///< brought to the model's genes and conditions
    std::shared_ptr<H5adCells> file;  ///< that cells are streamed from, with the model's genes; else null

    /// Names and columns of the cells.
    [[nodiscard]] const CountMatrix& annotated_cells() const { return file ? file->annotations() : counts; }
    [[nodiscard]] Index cell_count() const { return static_cast<Index>(annotated_cells().obs.names.size()); }
    std::unique_ptr<LoadedModel> model;
};

/// @throws Error where the file is no model, or of a likelihood that this program does not have
[[nodiscard]] std::unique_ptr<ModelAndCells> read_model(const ModelRequest& request);

/// Reads both, and says what they are. @throws Error where they do not fit each other
[[nodiscard]] std::unique_ptr<ModelAndCells> read_model_and_cells(const ModelRequest& request);

/// Numbers of the named genes in the model; empty for no names. @throws OptionError for one that it does not have
[[nodiscard]] std::vector<GeneIndex> genes_by_name(const std::vector<std::string>& names,
                                                   const ModelDescription& description, const std::string& file);

}  // namespace cellvae::program
