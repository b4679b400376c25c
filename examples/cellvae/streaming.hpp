// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cellvae/data/shuffle.hpp"
#include "request.hpp"

namespace cellvae {
class H5adCells;
}

namespace cellvae::program {

/// Opens the one file of a request for cells that stay in it.
/// @throws OptionError, InputError where that is not one h5ad file whose cells can be read one by one
[[nodiscard]] std::shared_ptr<H5adCells> open_streamed(const CountsRequest& request);

/// How the cells of an epoch are shuffled so that no more memory is taken than the request says, or as it says.
/// @param parameters numbers of the model @throws OptionError where that cannot be, with what is needed
[[nodiscard]] ShuffleOptions streamed_shuffle(const TrainRequest& request, const TrainCells& cells, Index genes,
                                              Index parameters);

}  // namespace cellvae::program
