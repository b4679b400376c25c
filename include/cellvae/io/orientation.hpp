// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace cellvae {

/// Which side of a table the cells are on.
enum class Orientation { automatic, cells_by_genes, genes_by_cells };

}  // namespace cellvae
