// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cellvae/data/filter.hpp"

namespace cellvae::program {

/// Where in an input the counts are.
struct CountsPlace {
    std::string orientation = "auto";          ///< of text: or cells-in-rows, genes-in-rows
    std::string matrix = "X";                  ///< of h5ad and loom
    std::string genome;                        ///< of 10x HDF5 files of version 2 that hold several
    std::string features = "Gene Expression";  ///< of 10x: the kind that is kept; all
};

/// What is read, and which of it is used: the options of every command that begins with counts.
struct CountsRequest : CountsPlace {
    std::string counts;                  ///< the inputs in words, for messages
    std::vector<std::string> files;      ///< files and folders
    std::string merge_genes = "common";  ///< of several inputs: common or all
    std::string keep_cells, keep_genes;  ///< files with a name a line; empty: all
    FilterOptions filter;
    Index subsample = 0;           ///< cells; 0: all
    Index subsample_by_label = 0;  ///< cells of each label; 0: all
};

/// One input, with all of its cells and genes.
[[nodiscard]] inline CountsRequest one_input(const std::string& file, const CountsPlace& place) {
    CountsRequest request;
    static_cast<CountsPlace&>(request) = place;
    request.counts = file;
    request.files = {file};
    return request;
}

/// An error's words with the inputs before them; what reads cells one by one names the file itself.
[[nodiscard]] inline std::string with_inputs(const std::string& counts, const std::string& what) {
    return what.starts_with(counts) ? what : counts + ": " + what;
}

/// For errors: in brackets, what matrices the inputs have that are h5ad files, and which of them look like counts.
[[nodiscard]] std::string other_matrices(const CountsRequest& request);

}  // namespace cellvae::program
