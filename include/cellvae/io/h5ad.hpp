// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reading and writing of anndata's h5ad files.
#include "cellvae/io/h5ad_layer.hpp"
#include "cellvae/io/h5ad_read.hpp"
#include "cellvae/io/h5ad_write.hpp"
