// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cellvae/io/hdf5_chunks.hpp"
#include "cellvae/io/hdf5_heaps.hpp"

/// Reads datasets of texts, those of variable length with a look at where their references lead.
namespace cellvae::io_detail {

/// Memory for texts of variable length, as long as the file's allowance lasts. What HDF5 had when reading failed is
/// freed too: it forgets it.
class TextMemory {
public:
    explicit TextMemory(std::uint64_t& allowance) : left_(allowance) {}
    TextMemory(const TextMemory&) = delete;
    TextMemory& operator=(const TextMemory&) = delete;
    ~TextMemory() { clear(); }

    static void* allocate(std::size_t size, void* memory) {
        auto& self = *static_cast<TextMemory*>(memory);
        if (size > self.left_) return nullptr;
        auto* const made = static_cast<Piece*>(std::malloc(sizeof(Piece) + size));
        if (made == nullptr) return nullptr;
        self.left_ -= size;
        made->next = std::exchange(self.first_, made);
        return made + 1;
    }
    static void release(void*, void*) {}  // all together

    void clear() {
        while (first_ != nullptr) std::free(std::exchange(first_, first_->next));
    }

private:
    struct Piece {
        Piece* next;
    };
    std::uint64_t& left_;
    Piece* first_ = nullptr;
};

/// Refuses references to texts that lead nowhere: HDF5 1.10 follows them unchecked. In chunks with other filters than
/// the usual ones they are not seen.
inline void check_references(const Dataset& dataset) {
    const Handle properties(H5Fget_create_plist(dataset.file().handle.get()));
    hsize_t user_block = 0;
    std::size_t address_size = 0;
    std::size_t length_size = 0;
    H5Pget_userblock(properties.get(), &user_block);
    H5Pget_sizes(properties.get(), &address_size, &length_size);
    if (user_block != 0 || address_size != 8 || length_size != 8) return;
    TextReferences references(dataset.file().name, dataset.file().bytes);
    const std::size_t size = dataset.length();
    std::optional<std::size_t> broken;
    if (const auto chunk = static_cast<std::size_t>(dataset.chunk(0)); chunk > 0) {
        const FilteredChunks chunks(dataset, TextReferences::bytes);
        const bool readable = chunks.has_only({H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32});
        for (std::size_t start = 0; readable && start < size && !broken; start += chunk) {
            auto stored = chunks.stored(start);
            if (stored.bytes.empty()) continue;
            const auto values = chunks.values(std::move(stored));
            if (!values) chunks.damaged(start);
            const std::string& bytes = *values;
            const std::size_t count = std::min(chunk, size - start);
            for (std::size_t k = 0; k < count && !broken; ++k)
                if (!references.leads_to_text(bytes.data() + TextReferences::bytes * k)) broken = start + k;
        }
    } else if (const haddr_t start = H5Dget_offset(dataset.get()); start != HADDR_UNDEF) {
        broken = references.broken(start, size);
    }
    if (broken)
        dataset.file().fail(dataset.place(), "the text at position ", *broken,
                            " lies nowhere in the file; expected undamaged data");
}

/// Reads texts, of fixed or variable length, of a one-dimensional dataset.
inline std::vector<std::string> read_texts(const Dataset& dataset) {
    if (dataset.kind() != ElementKind::text) dataset.file().fail(dataset.place(), "holds no text; expected strings");
    const std::size_t size = dataset.length();
    std::vector<std::string> texts;
    texts.reserve(size);
    const bool variable = H5Tis_variable_str(dataset.type()) > 0;
    const std::size_t width = variable ? sizeof(char*) : dataset.element_size();
    const Handle type(variable ? H5Tcopy(H5T_C_S1) : H5Tcopy(dataset.type()));
    const Handle transfer(H5Pcreate(H5P_DATASET_XFER));
    TextMemory memory(dataset.file().text_bytes);
    if (variable) {
        check_references(dataset);
        dataset.file().text_bytes += size;  // HDF5 ends each with a zero
        H5Tset_size(type.get(), H5T_VARIABLE);
        H5Tset_cset(type.get(), H5Tget_cset(dataset.type()));
        H5Pset_vlen_mem_manager(transfer.get(), TextMemory::allocate, &memory, TextMemory::release, nullptr);
    }
    const std::size_t block =
        dataset.block_length(std::max<std::size_t>(1, (std::size_t{1} << 18) / std::max<std::size_t>(width, 1)));
    std::vector<char> buffer;
    for (std::size_t start = 0; start < size; start += block) {
        const std::size_t count = std::min(block, size - start);
        buffer.assign(count * width, '\0');
        dataset.read({start}, {count}, type.get(), buffer.data(), transfer.get());
        if (variable) {
            auto** const pointers = reinterpret_cast<char**>(buffer.data());
            for (std::size_t k = 0; k < count; ++k) texts.emplace_back(pointers[k] == nullptr ? "" : pointers[k]);
            memory.clear();
        } else {
            const char padding = H5Tget_strpad(dataset.type()) == H5T_STR_SPACEPAD ? ' ' : '\0';
            for (std::size_t k = 0; k < count; ++k) {
                std::string_view text(buffer.data() + k * width, width);
                if (padding == '\0') text = text.substr(0, text.find('\0'));
                while (!text.empty() && text.back() == padding) text.remove_suffix(1);
                texts.emplace_back(text);
            }
        }
    }
    return texts;
}

}  // namespace cellvae::io_detail
