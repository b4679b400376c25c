// SPDX-License-Identifier: Apache-2.0
// The readers of counts that the project's own programs share: compiled once (thirteen seconds in each of them).
#include "cellvae/io/counts.hpp"

namespace cellvae::io_detail {

// what has its address taken is compiled
[[gnu::used]] CountsRead (*const compiled_reader)(std::span<const std::filesystem::path>,
                                                  const ReadOptions&) = &read_counts_with_notes;

}  // namespace cellvae::io_detail
