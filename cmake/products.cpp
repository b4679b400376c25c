// SPDX-License-Identifier: Apache-2.0
// The products that the project's own programs share: compiled once, and not again in each of them (nine seconds each).
#include "cellvae/core/product.hpp"

namespace cellvae {

CELLVAE_INSTANTIATE_PRODUCTS(, float)
CELLVAE_INSTANTIATE_PRODUCTS(, double)

}  // namespace cellvae
