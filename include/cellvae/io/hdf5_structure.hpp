// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cellvae/io/hdf5_bytes.hpp"
#include "cellvae/io/hdf5_heaps.hpp"
#include "cellvae/io/hdf5_messages.hpp"

namespace cellvae::io_detail {

/// Walks through an HDF5 file from its root as HDF5 would, and finds what HDF5 1.10 follows or copies without a look at
/// how much there is: addresses and sizes beyond the file, parts that are longer than what holds them, references of
/// attributes to texts that are not there.
///
/// The structures of HDF5's first format are walked (superblock, object headers, groups' trees and heaps, chunks'
/// trees): h5py and R's packages write them unless told otherwise. The later format's have checksums, which HDF5 holds
/// against them; of these only object headers in one piece or with continuations are walked. Files that begin with a
/// block of the user's, or whose addresses have not 8 bytes, are left to HDF5.
/// Source of the layouts: HDF5 File Format Specification, version 3.0, sections II to IV (The HDF Group).
class StructureWalk {
public:
    StructureWalk(const std::filesystem::path& path, std::uint64_t bytes)
        : file_(path, bytes), references_(path, bytes) {}

    /// The position of the first damage that is found.
    [[nodiscard]] std::optional<std::uint64_t> damage() {
        try {
            superblock();
            while (!groups_.empty() || !objects_.empty()) {
                if (!groups_.empty()) {
                    const Group next = groups_.back();
                    groups_.pop_back();
                    const auto [known, is_new] = heap_of_tree_.try_emplace(next.tree, next.heap);
                    if (known->second != next.heap) throw Hdf5Damage{next.tree};  // whose names would not be looked at
                    if (is_new && first_time(next.tree)) group(next);
                } else {
                    const std::uint64_t address = objects_.back();
                    objects_.pop_back();
                    if (first_time(address)) object(address);
                }
            }
        } catch (const Hdf5Damage& found) {
            return found.position;
        }
        return std::nullopt;
    }

    /// Of one-dimensional datasets whose chunks lie in the file as they are in memory, by their headers' addresses.
    /// HDF5 goes through all chunks for each that it is asked for.
    [[nodiscard]] std::unordered_map<std::uint64_t, ChunkPlaces> plain_chunks() { return std::move(plain_chunks_); }

    /// Where values that are numbers lie, by address and but for small ones, once damage() has found none.
    [[nodiscard]] std::vector<FileRange> numbers() const {
        auto ranges = numbers_;
        std::sort(ranges.begin(), ranges.end(),
                  [](const FileRange& a, const FileRange& b) { return a.address < b.address; });
        return ranges;
    }

private:
    static constexpr std::uint64_t undefined = ~std::uint64_t{0};

    /// Where a group's names and objects are.
    struct Group {
        std::uint64_t tree;
        std::uint64_t heap;
    };
    /// What the messages of one header say together.
    struct Object {
        bool later = false;    // the later format
        bool ordered = false;  // there, messages have a number
        std::vector<FileRange> continuations;
        std::deque<std::string> blocks;  // of all blocks; what follows may lie in them
        std::vector<FileBytes> attributes;
        std::optional<SpaceOnDisk> space;
        std::optional<TypeOnDisk> type;
        std::vector<std::uint64_t> chunk;  // its lengths, and the size of an element
        std::uint64_t chunks = undefined;  // their tree
        ChunkPlaces plain_chunks;
        std::vector<std::uint64_t> filters;
        std::optional<std::uint64_t> bytes_in_piece;  // of values that lie in one piece
        std::optional<std::uint64_t> piece;           // where that is, unless it lies in the header
    };

    bool first_time(std::uint64_t address) { return seen_.insert(address).second; }

    void superblock() {
        if (file_.size() < 96) return;
        const std::string head = file_.read(0, 96);
        FileBytes from(head, 0);
        if (from.text(8) != std::string_view("\x89HDF\r\n\x1a\n", 8)) return;
        const std::uint64_t version = from.number(1);
        if (version >= 2) {
            if (from.number(1) != 8 || from.number(1) != 8) return;
            from.skip(1);
            if (from.number(8) != 0) return;
            from.skip(16);
            objects_.push_back(from.number(8));
            return;
        }
        from.skip(4);
        if (from.number(1) != 8 || from.number(1) != 8) return;
        from.skip(1);
        names_a_leaf_ = 2 * from.number(2);
        children_a_node_ = 2 * from.number(2);
        from.skip(4);
        if (version == 1) {
            chunks_a_node_ = 2 * from.number(2);
            from.skip(2);
        }
        from.require(names_a_leaf_ > 0 && children_a_node_ > 0 && chunks_a_node_ > 0);
        if (from.number(8) != 0) return;
        from.skip(16);
        const std::uint64_t driver = from.number(8);
        from.require(driver == undefined || driver < file_.size());
        // The root, as an entry of a group; the last bytes of version 1 are not needed.
        from.skip(8);
        objects_.push_back(from.number(8));
        if (from.number(4) == 1 && version == 0) {
            from.skip(4);
            const std::uint64_t tree = from.number(8);
            groups_.push_back({tree, from.number(8)});
        }
    }

    void object(std::uint64_t address) {
        const std::string head = file_.read(address, 16);
        Object object;
        FileBytes from(head, address);
        if (std::string_view(head).substr(0, 4) == "OHDR") {
            object.later = true;
            from.skip(5);
            const std::uint64_t flags = from.number(1);
            object.ordered = (flags & 4) != 0;
            const std::uint64_t before = 6 + ((flags & 32) != 0 ? 16 : 0) + ((flags & 16) != 0 ? 4 : 0);
            const std::size_t width = std::size_t{1} << (flags & 3);
            const std::string size = file_.read(address + before, width);
            messages({address + before + width, FileBytes(size, address).number(width)}, object);
        } else {
            from.require(from.number(1) == 1);
            from.skip(7);
            messages({address + 16, from.number(4)}, object);
        }
        while (!object.continuations.empty()) {
            FileRange next = object.continuations.back();
            object.continuations.pop_back();
            if (!first_time(next.address)) continue;
            if (object.later) {  // a signature before and a checksum behind
                FileBytes({}, next.address).require(next.size >= 8);
                next = {next.address + 4, next.size - 8};
            }
            messages(next, object);
        }
        for (const FileBytes& attribute : object.attributes) check_attribute(attribute);
        if (!object.space || !object.type) return;
        FileBytes({}, address)
            .require(!object.bytes_in_piece || object.space->elements * static_cast<double>(object.type->size) <=
                                                   static_cast<double>(*object.bytes_in_piece));
        if (object.piece) keep_numbers(object, {*object.piece, object.bytes_in_piece.value_or(0)});
        if (object.chunk.empty()) return;
        FileBytes({}, address)
            .require(object.chunk.size() == object.space->shape.size() + 1 && object.chunk.back() == object.type->size);
        if (object.chunks != undefined) chunk_tree(object.chunks, object, std::nullopt);
        if (!object.plain_chunks.empty()) plain_chunks_.emplace(address, std::move(object.plain_chunks));
    }

    void messages(const FileRange& block, Object& object) {
        object.blocks.push_back(file_.read(block.address, block.size));
        FileBytes from(object.blocks.back(), block.address);
        const std::size_t head = object.later ? (object.ordered ? 6 : 4) : 8;
        while (from.left() >= head) {
            const std::uint64_t type = from.number(object.later ? 1 : 2);
            const std::uint64_t size = from.number(2);
            const std::uint64_t flags = from.number(1);
            from.skip(head - (object.later ? 4 : 5));
            const FileBytes message = from.part(size);
            if ((flags & 2) == 0) message_of(type, message, object);  // 2: shared, the message is elsewhere
        }
    }

    void message_of(std::uint64_t type, FileBytes message, Object& object) {
        switch (type) {
            case 0x01:
                object.space = read_space(message);
                break;
            case 0x03:
                object.type = read_type(message);
                break;
            case 0x04: {  // a fill value of the first kind
                const std::uint64_t size = message.number(4);
                message.skip(size);
                break;
            }
            case 0x05:
                check_fill_value(message);
                break;
            case 0x06:
                link(message);
                break;
            case 0x08:
                layout(message, object);
                break;
            case 0x0b:
                object.filters = read_filters(message);
                break;
            case 0x0c:
                object.attributes.push_back(message);
                break;
            case 0x0d:
                (void)message.terminated(false);
                break;
            case 0x0e:
                message.skip(14);
                break;
            case 0x10: {
                const std::uint64_t address = message.number(8);
                object.continuations.push_back({address, message.number(8)});
                break;
            }
            case 0x11: {
                const std::uint64_t tree = message.number(8);
                groups_.push_back({tree, message.number(8)});
                break;
            }
            case 0x12:
                message.skip(8);
                break;
            default:
                break;
        }
    }

    /// A name in a group of the later format.
    void link(FileBytes message) {
        message.skip(1);
        const std::uint64_t flags = message.number(1);
        const std::uint64_t kind = (flags & 8) != 0 ? message.number(1) : 0;
        message.skip(((flags & 4) != 0 ? 8 : 0) + ((flags & 16) != 0 ? 1 : 0));
        message.skip(message.number(std::size_t{1} << (flags & 3)));
        if (kind == 0)
            objects_.push_back(message.number(8));
        else
            message.skip(message.number(2));
    }

    /// How a dataset's values lie in the file.
    void layout(FileBytes message, Object& object) {
        const std::uint64_t version = message.number(1);
        std::uint64_t rank = version < 3 ? message.number(1) : 0;
        const std::uint64_t kind = message.number(1);
        if (version < 3) message.skip(5);
        message.require(version >= 1 && version <= 4);
        const auto chunked = [&](std::uint64_t tree) {
            message.require(rank >= 2 && rank <= 33);
            object.chunks = tree;
            for (std::uint64_t k = 0; k < rank; ++k) {
                object.chunk.push_back(message.number(4));
                message.require(object.chunk.back() > 0);
            }
        };
        if (kind == 0) {
            if (version < 3) message.skip(4 * rank);
            object.bytes_in_piece = message.number(version < 3 ? 4 : 2);
            message.skip(*object.bytes_in_piece);
        } else if (kind == 1) {
            const std::uint64_t address = message.number(8);
            if (version < 3) message.skip(4 * rank);
            if (address == undefined) return;
            if (version >= 3) object.bytes_in_piece = message.number(8);
            file_.require_inside(address, object.bytes_in_piece.value_or(0));
            object.piece = address;
        } else if (kind == 2 && version < 4) {
            if (version == 3) rank = message.number(1);
            chunked(message.number(8));
        }
    }

    void check_attribute(FileBytes message) {
        const std::uint64_t version = message.number(1);
        const std::uint64_t flags = message.number(1);
        message.require(version >= 1 && version <= 3);
        const std::uint64_t name_size = message.number(2);
        const std::uint64_t type_size = message.number(2);
        const std::uint64_t space_size = message.number(2);
        if (version == 3) message.skip(1);
        const auto part = [&](std::uint64_t size) { return message.part(version == 1 ? (size + 7) / 8 * 8 : size); };
        FileBytes name = part(name_size);
        (void)name.terminated(false);
        FileBytes type_bytes = part(type_size);
        FileBytes space_bytes = part(space_size);
        if (version > 1 && (flags & 3) != 0) return;  // its type or its space is elsewhere
        const TypeOnDisk type = read_type(type_bytes);
        const SpaceOnDisk space = read_space(space_bytes);
        message.require(space.elements * static_cast<double>(type.size) <= static_cast<double>(message.left()));
        if (!type.reference_to_text) return;
        for (double k = 0; k < space.elements; ++k) {
            const FileBytes here = message;
            here.require(references_.leads_to_text(message.text(16).data()));
        }
    }

    /// The head of a tree's node. @returns level and number of children
    struct Node {
        std::uint64_t level;
        std::uint64_t children;
    };
    static Node node_head(FileBytes& from, std::uint64_t kind, std::uint64_t most, std::optional<std::uint64_t> level) {
        from.require(from.text(4) == "TREE");
        from.require(from.number(1) == kind);
        Node node{from.number(1), 0};
        from.require(level ? node.level == *level : node.level <= 32);
        node.children = from.number(2);
        from.require(node.children <= most);
        from.skip(16);
        return node;
    }

    void group(const Group& place) {
        FileBytes({}, place.tree).require(place.tree != undefined);
        const std::string head = file_.read(place.heap, 32);
        FileBytes from(head, place.heap);
        from.require(from.text(4) == "HEAP");
        from.skip(4);
        const std::uint64_t size = from.number(8);
        std::uint64_t room = from.number(8);
        const std::uint64_t start = from.number(8);
        from.require(size > 0);  // HDF5 copies from where nothing is
        const std::string names = file_.read(start, size);
        for (std::uint64_t steps = 0; room != 1; ++steps) {  // places that are free, each with where the next is
            FileBytes free(names, start);
            free.require(steps <= size / 16);
            free.skip(room);
            const std::uint64_t next = free.number(8);
            const std::uint64_t length = free.number(8);
            free.require(length <= size - room);
            room = next;
        }
        group_tree(place.tree, FileBytes(names, start), std::nullopt);
    }

    void group_tree(std::uint64_t address, const FileBytes& names, std::optional<std::uint64_t> level) {
        const std::string bytes = file_.read(address, 24 + 8 * children_a_node_ + 8 * (children_a_node_ + 1));
        FileBytes from(bytes, address);
        const Node node = node_head(from, 0, children_a_node_, level);
        for (std::uint64_t k = 0; k < node.children; ++k) {
            FileBytes key = names;
            key.skip(from.number(8));
            (void)key.terminated(false);
            const std::uint64_t child = from.number(8);
            if (!first_time(child)) continue;
            if (node.level > 0)
                group_tree(child, names, node.level - 1);
            else
                leaf(child, names);
        }
    }

    /// Names and objects of a group.
    void leaf(std::uint64_t address, const FileBytes& names) {
        const std::string bytes = file_.read(address, 8 + 40 * names_a_leaf_);
        FileBytes from(bytes, address);
        from.require(from.text(4) == "SNOD");
        from.skip(2);
        const std::uint64_t count = from.number(2);
        from.require(count <= names_a_leaf_);
        for (std::uint64_t k = 0; k < count; ++k) {
            FileBytes name = names;
            name.skip(from.number(8));
            (void)name.terminated(false);
            const std::uint64_t header = from.number(8);
            const std::uint64_t kept = from.number(4);
            from.skip(4);
            FileBytes beside = from.part(16);
            from.require(kept <= 2);
            if (kept == 2) {  // a soft link's target
                FileBytes target = names;
                target.skip(beside.number(4));
                (void)target.terminated(false);
                continue;
            }
            objects_.push_back(header);
            if (kept == 1) {
                const std::uint64_t tree = beside.number(8);
                groups_.push_back({tree, beside.number(8)});
            }
        }
    }

    void chunk_tree(std::uint64_t address, Object& object, std::optional<std::uint64_t> level) {
        const std::uint64_t key = 8 + 8 * object.chunk.size();
        const std::string bytes = file_.read(address, 24 + 8 * chunks_a_node_ + key * (chunks_a_node_ + 1));
        FileBytes from(bytes, address);
        const Node node = node_head(from, 1, chunks_a_node_, level);
        double whole = 1;
        for (const std::uint64_t length : object.chunk) whole *= static_cast<double>(length);
        for (std::uint64_t k = 0; k < node.children; ++k) {
            const std::uint64_t size = from.number(4);
            const std::uint64_t left_out = from.number(4);
            const std::uint64_t first = from.number(8);
            from.skip(key - 16);
            const std::uint64_t child = from.number(8);
            if (node.level > 0) {
                if (first_time(child)) chunk_tree(child, object, node.level - 1);
                continue;
            }
            file_.require_inside(child, size);
            from.require(chunk_is_whole(child, size, left_out, whole, object.filters, k == 0));
            keep_numbers(object, {child, size});
            if (object.filters.empty() && object.chunk.size() == 2)
                object.plain_chunks.try_emplace(first, FileRange{child, size});
        }
    }

    void keep_numbers(const Object& object, const FileRange& range) {
        constexpr std::uint64_t large = 4096;  // what is smaller is not worth its place here
        if (range.size >= large && object.type->is_number()) numbers_.push_back(range);
    }

    /// Whether a chunk has as many bytes as its lengths say, without its filters. HDF5 does not look, and reads on
    /// behind it. @param left_out a bit for each filter that was not used @param look whether to undo them
    bool chunk_is_whole(std::uint64_t address, std::uint64_t size, std::uint64_t left_out, double whole,
                        const std::vector<std::uint64_t>& filters, bool look) {
        constexpr std::uint64_t gzip = 1, shuffle = 2, checksum = 3;
        std::uint64_t behind = 0;
        bool compressed = false;
        for (std::size_t k = 0; k < filters.size(); ++k) {
            if ((left_out >> k & 1) != 0 || filters[k] == shuffle) continue;
            if (filters[k] == checksum)
                behind += 4;
            else if (filters[k] == gzip && !compressed)
                compressed = true;
            else
                return true;  // of a filter that is not known here
        }
        if (!compressed) return static_cast<double>(size) == whole + static_cast<double>(behind);
        if (!look) return true;
        if (!(whole <= 1040.0 * static_cast<double>(size))) return false;  // gzip's best
        std::string bytes = file_.read(address, size);
        bytes.erase(bytes.size() - std::min<std::size_t>(bytes.size(), behind));
        const auto plain = inflated(bytes, static_cast<std::size_t>(whole) + 4);
        // a checksum before it was compressed is among the bytes
        return !plain || static_cast<double>(plain->size()) == whole || static_cast<double>(plain->size()) == whole + 4;
    }

    FileParts file_;
    TextReferences references_;
    std::uint64_t names_a_leaf_ = 8;
    std::uint64_t children_a_node_ = 32;
    std::uint64_t chunks_a_node_ = 64;
    std::unordered_set<std::uint64_t> seen_;
    std::unordered_map<std::uint64_t, std::uint64_t> heap_of_tree_;  // of a group
    std::vector<Group> groups_;
    std::vector<std::uint64_t> objects_;
    std::vector<FileRange> numbers_;
    std::unordered_map<std::uint64_t, ChunkPlaces> plain_chunks_;
};

}  // namespace cellvae::io_detail
