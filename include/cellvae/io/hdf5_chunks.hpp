// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "cellvae/core/in_threads.hpp"
#include "cellvae/io/hdf5.hpp"
#include "cellvae/io/hdf5_plain.hpp"
#include "cellvae/io/populate_pages.hpp"

/// Chunks of a dataset without HDF5's filters, which run in one thread and follow what they read.
namespace cellvae::io_detail {

/// The chunks of a one-dimensional dataset as they lie in the file, and their values as bytes.
class FilteredChunks {
public:
    struct Stored {
        std::string bytes;
        std::uint32_t left_out = 0;  ///< a bit for each filter that was not used
    };

    /// @param width bytes of an element in the file, which for references are not those that it has in memory
    FilteredChunks(const Dataset& dataset, std::size_t width)
        : dataset_(dataset), filters_(dataset.filters()), width_(width) {}

    /// Whether the dataset has filters of these kinds and no others. Those that values() undoes are H5Z_FILTER_DEFLATE,
    /// H5Z_FILTER_SHUFFLE and H5Z_FILTER_FLETCHER32, whose checksum it does not look at.
    [[nodiscard]] bool has_only(std::initializer_list<H5Z_filter_t> kinds) const {
        return std::all_of(filters_.begin(), filters_.end(), [&](H5Z_filter_t filter) {
            return std::find(kinds.begin(), kinds.end(), filter) != kinds.end();
        });
    }
    [[nodiscard]] bool has_any() const { return !filters_.empty(); }

    /// The chunk with the element `start` as it lies in the file; empty where it was never written.
    [[nodiscard]] Stored stored(hsize_t start) const {
        Stored chunk;
        hsize_t size = 0;
        if (H5Dget_chunk_storage_size(dataset_.get(), &start, &size) < 0 || size == 0) return chunk;
        if (size > dataset_.file().bytes) damaged(start);
        chunk.bytes.resize(static_cast<std::size_t>(size));
        if (H5Dread_chunk(dataset_.get(), H5P_DEFAULT, &start, &chunk.left_out, chunk.bytes.data()) < 0) damaged(start);
        return chunk;
    }

    /// The values of a whole chunk; nothing where it is damaged. Asks HDF5 nothing, so any thread may call it.
    [[nodiscard]] std::optional<std::string> values(Stored chunk) const {
        const std::size_t whole = static_cast<std::size_t>(dataset_.chunk(0)) * width_;
        for (std::size_t k = filters_.size(); k-- > 0;) {
            if ((chunk.left_out >> k & 1U) != 0) continue;
            if (filters_[k] == H5Z_FILTER_DEFLATE)
                chunk.bytes = inflated(chunk.bytes, whole + 4).value_or(std::string());  // room for a checksum
            else if (filters_[k] == H5Z_FILTER_SHUFFLE)
                chunk.bytes = unshuffled(chunk.bytes);
            else
                chunk.bytes.erase(chunk.bytes.size() - std::min<std::size_t>(chunk.bytes.size(), 4));
        }
        if (chunk.bytes.size() != whole) return std::nullopt;
        return std::move(chunk.bytes);
    }

    [[noreturn]] void damaged(hsize_t start) const {
        dataset_.file().fail(dataset_.place(), "the chunk from position ", start,
                             " on cannot be read; expected undamaged data");
    }

private:
    /// The first bytes of all elements, then the second ones, and so on, become elements again.
    [[nodiscard]] std::string unshuffled(const std::string& bytes) const {
        std::string plain = bytes;
        const std::size_t count = bytes.size() / width_;
        const auto put = [&](auto width) {  // for the usual widths known to the compiler, which vectorises it
            for (std::size_t element = 0; element < count; ++element)
                for (std::size_t k = 0; k < width; ++k) plain[element * width + k] = bytes[k * count + element];
        };
        if (width_ == 4)
            put(std::integral_constant<std::size_t, 4>());
        else if (width_ == 8)
            put(std::integral_constant<std::size_t, 8>());
        else
            put(width_);
        return plain;
    }

    const Dataset& dataset_;
    const std::vector<H5Z_filter_t>& filters_;
    std::size_t width_;
};

/// Writes the values of a one-dimensional dataset whose filters are shuffle and deflate, and whose type in the file is
/// that in memory. Chunks are packed by several threads, to the bytes that HDF5 would make of them. tell(count) is
/// called for every few chunks with their values.
/// @returns false where HDF5 refused a chunk or memory ran out
template <class Value, class Tell>
[[nodiscard]] bool write_chunks(hid_t dataset, const Value* values, std::size_t size, std::size_t chunk, int level,
                                const Tell& tell) {
    const std::size_t threads = core_detail::reading_threads(), at_once = 8 * threads;
    const std::size_t bytes = chunk * sizeof(Value);
    std::vector<std::string> packed(at_once);
    for (std::size_t start = 0; start < size; start += at_once * chunk) {
        const std::size_t count = std::min(at_once, (size - start + chunk - 1) / chunk);
        core_detail::in_threads(threads, count, [&](std::size_t k) {
            packed[k].clear();
            const std::size_t first = start + k * chunk, whole = std::min(chunk, size - first);
            std::string shuffled(bytes, '\0');  // the last chunk is filled up with zeros
            const auto* const from = reinterpret_cast<const char*>(values + first);
            for (std::size_t at = 0; at < sizeof(Value); ++at)
                for (std::size_t element = 0; element < whole; ++element)
                    shuffled[at * chunk + element] = from[element * sizeof(Value) + at];
            std::string deflated(compressBound(static_cast<uLong>(bytes)), '\0');
            auto length = static_cast<uLongf>(deflated.size());
            if (compress2(reinterpret_cast<Bytef*>(deflated.data()), &length,
                          reinterpret_cast<const Bytef*>(shuffled.data()), static_cast<uLong>(bytes), level) != Z_OK)
                return;
            deflated.resize(length);
            packed[k] = std::move(deflated);
        });
        for (std::size_t k = 0; k < count; ++k) {
            const hsize_t offset = start + k * chunk;
            if (packed[k].empty() ||
                H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &offset, packed[k].size(), packed[k].data()) < 0)
                return false;
        }
        tell(std::min(count * chunk, size - start));
    }
    return true;
}

/// Reads consecutive blocks of a one-dimensional dataset to where they belong, by several threads where their values
/// are of the type in memory and lie in one piece or in chunks of gzip.
template <class Value>
class BlockReader {
public:
    explicit BlockReader(const Dataset& dataset)
        : dataset_(dataset),
          chunks_(dataset, sizeof(Value)),
          plain_(dataset, native_type<Value>()),
          threads_(core_detail::reading_threads()),
          chunk_(static_cast<std::size_t>(dataset.chunk(0))) {
        constexpr std::size_t most_bytes = std::size_t{1} << 20;  // of a chunk; each thread holds two or three
        constexpr std::size_t bytes_at_once = std::size_t{1} << 22;
        unpacks_ = threads_ > 1 && chunk_ > 0 && chunk_ * sizeof(Value) <= most_bytes && dataset.length() > chunk_ &&
                   chunks_.has_any() && chunks_.has_only({H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE}) &&
                   H5Tequal(dataset.type(), native_type<Value>()) > 0;
        block_ = unpacks_ ? chunk_ * std::clamp<std::size_t>(bytes_at_once / (chunk_ * sizeof(Value)), threads_, 1024)
                          : dataset.block_length(bytes_at_once / sizeof(Value));
    }

    /// Elements that are read at once.
    [[nodiscard]] std::size_t block() const { return block_; }

    /// Reads `count` values from `start`, where a block begins, on. Calls look(position, values, count) for each part
    /// of them once it is there, from several threads and in any order.
    template <class Look>
    void read(std::size_t start, std::size_t count, Value* to, const Look& look) {
        if (plain_.readable()) return read_plain(start, count, to, look);
        if (!unpacks_) {
            dataset_.read({start}, {count}, native_type<Value>(), to);
            const std::size_t part = (count + threads_ - 1) / threads_;
            return core_detail::in_threads(threads_, threads_, [&](std::size_t k) {
                const std::size_t first = std::min(count, k * part), last = std::min(count, first + part);
                look(start + first, to + first, last - first);
            });
        }
        stored_.clear();
        for (std::size_t at = 0; at < count; at += chunk_) {
            stored_.push_back(chunks_.stored(start + at));
            if (stored_.back().bytes.empty())  // HDF5 knows what stands for values that were never written
                dataset_.read({start + at}, {std::min(chunk_, count - at)}, native_type<Value>(), to + at);
        }
        whole_.assign(stored_.size(), 1);
        core_detail::in_threads(threads_, stored_.size(), [&](std::size_t k) {
            const std::size_t first = k * chunk_, length = std::min(chunk_, count - first);
            if (!stored_[k].bytes.empty()) {
                const auto values = chunks_.values(std::move(stored_[k]));
                whole_[k] = values ? 1 : 0;
                if (!values) return;
                std::memcpy(to + first, values->data(), length * sizeof(Value));
            }
            look(start + first, to + first, length);
        });
        for (std::size_t k = 0; k < whole_.size(); ++k)
            if (whole_[k] == 0) chunks_.damaged(start + k * chunk_);
    }

private:
    /// Values are looked at while they are in the processor's cache.
    template <class Look>
    void read_plain(std::size_t start, std::size_t count, Value* to, const Look& look) {
        const auto pieces = plain_.pieces(start, count);
        for (const auto& piece : pieces)
            if (piece.address == PlainValues::nowhere)
                dataset_.read({piece.first}, {piece.count}, native_type<Value>(), to + (piece.first - start));
        whole_.assign(pieces.size(), 1);
        core_detail::in_threads(threads_, pieces.size(), [&](std::size_t k) {
            Value* const values = to + (pieces[k].first - start);
            whole_[k] = pieces[k].address == PlainValues::nowhere || plain_.read(pieces[k], values) ? 1 : 0;
            if (whole_[k] != 0) look(pieces[k].first, values, pieces[k].count);
        });
        for (std::size_t k = 0; k < whole_.size(); ++k)
            if (whole_[k] == 0) plain_.damaged(pieces[k].first);
    }

    const Dataset& dataset_;
    FilteredChunks chunks_;
    PlainValues plain_;
    std::size_t threads_, chunk_, block_ = 0;
    bool unpacks_ = false;
    std::vector<FilteredChunks::Stored> stored_;
    std::vector<char> whole_;
};

/// As Dataset::for_each_block, by BlockReader.
template <class Value, class Use>
void for_each_block(const Dataset& dataset, std::vector<Value>& buffer, const Use& use) {
    BlockReader<Value> reader(dataset);
    for (std::size_t start = 0, size = dataset.length(); start < size; start += reader.block()) {
        const std::size_t count = std::min(reader.block(), size - start);
        buffer.resize(count);
        reader.read(start, count, buffer.data(), [](std::size_t, const Value*, std::size_t) {});
        use(start, buffer.data(), count);
    }
}

/// Puts all values of a dataset into `into`, which grows only as they come, and looks at each by good(value), which
/// threads call, as they do watch(position, values, count) for every piece. refuse(position) is called for the first
/// that is not good, tell(count) after each block.
template <class Value, class Good, class Watch, class Refuse, class Tell>
void read_values(const Dataset& dataset, std::vector<Value>& into, const Good& good, Watch& watch, const Refuse& refuse,
                 const Tell& tell) {
    BlockReader<Value> reader(dataset);
    const std::size_t size = dataset.length();
    into.clear();
    into.reserve(size);
    for (std::size_t start = 0; start < size; start += reader.block()) {
        const std::size_t count = std::min(reader.block(), size - start);
        populate_pages(into.data() + start, count, core_detail::reading_threads());
        into.resize(start + count);
        std::atomic<bool> all_good{true};
        reader.read(start, count, into.data() + start,
                    [&](std::size_t position, const Value* values, std::size_t length) {
                        std::size_t wrong = 0;  // without branches: nearly always there is none
                        for (std::size_t k = 0; k < length; ++k) wrong += good(values[k]) ? 0 : 1;
                        if (wrong > 0) all_good = false;
                        watch(position, values, length);
                    });
        for (std::size_t k = start; k < start + count && !all_good; ++k)
            if (!good(into[k])) refuse(k);
        tell(count);
    }
}

}  // namespace cellvae::io_detail
