// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"

namespace cellvae {

/// Coordinates of the cells, for obsm: cells x columns, row-major.
struct CellCoordinates {
    std::string name;  ///< as in "X_cellvae"
    Index columns = 0;
    std::vector<float> values;
};

/// What a reader made of a file.
struct CountsRead {
    CountMatrix counts;
    std::vector<CellCoordinates> obsm;  ///< coordinates of the cells that the file has
    std::string form;                   ///< in words, as in "h5ad, X as csr_matrix" or "comma-separated, cells in rows"
    std::vector<std::string> notes;     ///< decisions and columns that could not be kept, one sentence each
};

namespace io_detail {

/// @param expected what it should be, in words for the error
/// @throws InputError unless `path` is a regular file with at least one byte.
inline void require_regular_file(const std::filesystem::path& path, std::string_view expected = "a file of counts") {
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    if (!std::filesystem::exists(status))
        throw InputError(message(path.string(), ": no such file; expected ", expected));
    if (std::filesystem::is_directory(status))
        throw InputError(message(path.string(), ": is a folder; expected ", expected));
    if (!std::filesystem::is_regular_file(status))
        throw InputError(
            message(path.string(), ": is a pipe or a device; expected a regular file, which can be read twice"));
    if (std::filesystem::file_size(path, code) == 0 && !code)
        throw InputError(message(path.string(), ": the file is empty (0 bytes); expected ", expected));
}

/// A list that grows by blocks, so that growing never holds the old and the new copy at once.
template <class Value>
class Pile {
public:
    void push(Value value) {
        if (blocks_.empty() || blocks_.back().size() == block_size) {
            blocks_.emplace_back();
            // The first block grows by itself: small files stay small.
            if (blocks_.size() > 1) blocks_.back().reserve(block_size);
        }
        blocks_.back().push_back(value);
        ++size_;
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t blocks() const { return blocks_.size(); }
    [[nodiscard]] const std::vector<Value>& block(std::size_t number) const { return blocks_[number]; }
    void release(std::size_t number) { std::vector<Value>().swap(blocks_[number]); }

    /// Everything in one vector; each block is freed once it is copied.
    [[nodiscard]] std::vector<Value> take() {
        if (blocks_.size() == 1) return std::move(blocks_.front());
        std::vector<Value> all;
        all.reserve(size_);
        for (std::size_t number = 0; number < blocks_.size(); ++number) {
            all.insert(all.end(), blocks_[number].begin(), blocks_[number].end());
            release(number);
        }
        return all;
    }

private:
    static constexpr std::size_t block_size = std::size_t{1} << 18;
    std::vector<std::vector<Value>> blocks_;
    std::size_t size_ = 0;
};

}  // namespace io_detail
}  // namespace cellvae
