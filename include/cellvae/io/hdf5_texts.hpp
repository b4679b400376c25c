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

#include "cellvae/io/hdf5.hpp"
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

/// References to texts in chunks, as they are before they are filtered. HDF5 can give the chunk as it lies in the file,
/// or its values, for which it follows references; this is what lies between.
class ReferenceChunks {
public:
    explicit ReferenceChunks(const Dataset& dataset) : dataset_(dataset) {
        const Handle properties(H5Dget_create_plist(dataset.get()));
        for (int k = 0; k < H5Pget_nfilters(properties.get()); ++k) {
            unsigned flags = 0;
            std::size_t count = 0;
            char name[1] = {0};
            filters_.push_back(
                H5Pget_filter2(properties.get(), static_cast<unsigned>(k), &flags, &count, nullptr, 0, name, nullptr));
        }
    }

    /// Whether only filters were used that are undone here: gzip, shuffle and checksums.
    [[nodiscard]] bool readable() const {
        return std::all_of(filters_.begin(), filters_.end(), [](H5Z_filter_t filter) {
            return filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE || filter == H5Z_FILTER_FLETCHER32;
        });
    }

    /// The chunk with the element `start`; empty where it was never written.
    [[nodiscard]] std::string chunk(hsize_t start) const {
        const std::size_t whole = static_cast<std::size_t>(dataset_.chunk(0)) * TextReferences::bytes;
        hsize_t stored = 0;
        if (H5Dget_chunk_storage_size(dataset_.get(), &start, &stored) < 0 || stored == 0) return {};
        if (stored > dataset_.file().bytes) damaged(start);
        std::string bytes(static_cast<std::size_t>(stored), '\0');
        std::uint32_t left_out = 0;
        if (H5Dread_chunk(dataset_.get(), H5P_DEFAULT, &start, &left_out, bytes.data()) < 0) damaged(start);
        for (std::size_t k = filters_.size(); k-- > 0;) {
            if ((left_out >> k & 1U) != 0) continue;
            if (filters_[k] == H5Z_FILTER_DEFLATE)
                bytes = inflated(bytes, whole + 4).value_or(std::string());  // room for a checksum
            else if (filters_[k] == H5Z_FILTER_SHUFFLE)
                bytes = unshuffled(bytes);
            else
                bytes.erase(bytes.size() - std::min<std::size_t>(bytes.size(), 4));
        }
        if (bytes.size() != whole) damaged(start);
        return bytes;
    }

private:
    [[noreturn]] void damaged(hsize_t start) const {
        dataset_.file().fail(dataset_.place(), "the chunk from position ", start,
                             " on cannot be read; expected undamaged data");
    }

    /// The first bytes of all elements, then the second ones, and so on, become elements again.
    [[nodiscard]] std::string unshuffled(const std::string& bytes) const {
        constexpr std::size_t width = TextReferences::bytes;
        const std::size_t count = bytes.size() / width;
        std::string plain = bytes;
        for (std::size_t element = 0; element < count; ++element)
            for (std::size_t k = 0; k < width; ++k) plain[element * width + k] = bytes[k * count + element];
        return plain;
    }

    const Dataset& dataset_;
    std::vector<H5Z_filter_t> filters_;
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
        const ReferenceChunks chunks(dataset);
        for (std::size_t start = 0; chunks.readable() && start < size && !broken; start += chunk) {
            const std::string bytes = chunks.chunk(start);
            const std::size_t count = bytes.empty() ? 0 : std::min(chunk, size - start);
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
