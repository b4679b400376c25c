// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cellvae/io/hdf5_bytes.hpp"

// The parts of HDF5's object headers whose sizes HDF5 1.10 believes, read here with every length held against the bytes
// that are there. Source of the layouts: HDF5 File Format Specification, version 3.0, section IV.A.2 (The HDF Group).
namespace cellvae::io_detail {

/// What a datatype message says, as far as it matters to whoever reads values of the type.
struct TypeOnDisk {
    unsigned kind = 0;  // the specification's class
    std::uint64_t size = 0;
    bool reference_to_text = false;  // of variable length

    [[nodiscard]] bool is_number() const { return kind <= 1; }  // whole or not
};

/// A dataspace message: `elements` is a double, since no integer holds what a damaged one may say.
struct SpaceOnDisk {
    std::vector<std::uint64_t> shape;
    double elements = 1;
};

inline constexpr unsigned deepest_type = 16;  // types within types; honest ones have two

inline TypeOnDisk read_type(FileBytes& from, unsigned depth = 0);

namespace datatype {

/// Members of a compound type: a name, an offset and a type each.
inline void members(FileBytes& from, unsigned version, std::uint64_t count, std::uint64_t size, unsigned depth) {
    const auto offset_width = static_cast<std::size_t>(version < 3 ? 4 : (std::bit_width(size) - 1) / 8 + 1);
    for (std::uint64_t k = 0; k < count; ++k) {
        (void)from.terminated(version < 3);
        const std::uint64_t offset = from.number(offset_width);
        std::uint64_t copies = 1;
        if (version == 1) {  // dimensions of its own: their number, a permutation, four sizes
            const std::uint64_t rank = from.number(1);
            from.require(rank <= 4);
            from.skip(3 + 4 + 4);
            for (std::uint64_t dimension = 0; dimension < 4; ++dimension) {
                const std::uint64_t length = from.number(4);
                if (dimension < rank) copies *= length;
                from.require(copies <= size);
            }
        }
        const TypeOnDisk member = read_type(from, depth + 1);
        from.require(member.size <= size && offset <= size && copies * member.size <= size - offset);
    }
}

/// An array's lengths and the type of its elements.
inline void array(FileBytes& from, unsigned version, std::uint64_t size, unsigned depth) {
    const std::uint64_t rank = from.number(1);
    from.require(rank >= 1 && rank <= 32);
    if (version < 3) from.skip(3);
    std::uint64_t elements = 1;
    for (std::uint64_t k = 0; k < rank; ++k) {
        elements *= from.number(4);
        from.require(elements >= 1 && elements <= size);
    }
    if (version < 3) from.skip(4 * rank);
    from.require(elements * read_type(from, depth + 1).size == size);
}

/// Where the bits of a number lie.
inline void bits(FileBytes& from, unsigned kind, std::uint64_t size, std::uint64_t sign) {
    const std::uint64_t offset = from.number(2);
    const std::uint64_t precision = from.number(2);
    from.require(precision >= 1 && offset + precision <= 8 * size);
    if (kind != 1) return;
    const std::uint64_t exponent = from.number(1);
    const std::uint64_t exponent_size = from.number(1);
    const std::uint64_t mantissa = from.number(1);
    const std::uint64_t mantissa_size = from.number(1);
    from.skip(4);
    from.require(exponent_size >= 1 && mantissa_size >= 1 && exponent + exponent_size <= precision &&
                 mantissa + mantissa_size <= precision && sign < precision);
}

}  // namespace datatype

inline TypeOnDisk read_type(FileBytes& from, unsigned depth) {
    from.require(depth < deepest_type);
    const std::uint64_t first = from.number(1);
    const std::uint64_t flags = from.number(3);
    TypeOnDisk type{static_cast<unsigned>(first & 15), from.number(4)};
    const auto version = static_cast<unsigned>(first >> 4);
    from.require(version >= 1 && version <= 4 && type.size >= 1);
    switch (type.kind) {
        case 0:  // integers
        case 1:  // floating point
        case 4:  // bits
            datatype::bits(from, type.kind, type.size, flags >> 8 & 255);
            break;
        case 2:  // time
            from.skip(2);
            break;
        case 5:  // opaque
            from.skip(flags & 255);
            break;
        case 6:
            datatype::members(from, version, flags & 0xffff, type.size, depth);
            break;
        case 8: {  // names of numbers
            const TypeOnDisk base = read_type(from, depth + 1);
            from.require(base.kind == 0 && base.size == type.size);
            for (std::uint64_t k = 0; k < (flags & 0xffff); ++k) (void)from.terminated(version < 3);
            from.skip((flags & 0xffff) * base.size);
            break;
        }
        case 9:  // variable length: in the file a length, a heap's place and a number in it
            from.require(type.size == 16);
            type.reference_to_text = (flags & 15) == 1;
            from.require(read_type(from, depth + 1).size == 1 || !type.reference_to_text);
            break;
        case 10:
            datatype::array(from, version, type.size, depth);
            break;
        default:  // texts of fixed length and references have nothing more
            break;
    }
    return type;
}

inline SpaceOnDisk read_space(FileBytes& from) {
    const std::uint64_t version = from.number(1);
    const std::uint64_t rank = from.number(1);
    const std::uint64_t flags = from.number(1);
    from.require((version == 1 || version == 2) && rank <= 32);
    const std::uint64_t kind = version == 2 ? from.number(1) : 0;
    if (version == 1) from.skip(5);
    SpaceOnDisk space;
    for (std::uint64_t k = 0; k < rank; ++k) {
        space.shape.push_back(from.number(8));
        space.elements *= static_cast<double>(space.shape.back());
    }
    if ((flags & 1) != 0) from.skip(8 * rank);
    if (kind == 2) space.elements = 0;  // no space at all
    return space;
}

/// The numbers of the filters of chunks, in the order in which they were applied.
inline std::vector<std::uint64_t> read_filters(FileBytes from) {
    const std::uint64_t version = from.number(1);
    const std::uint64_t count = from.number(1);
    from.require((version == 1 || version == 2) && count <= 32);
    if (version == 1) from.skip(6);
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t k = 0; k < count; ++k) {
        const std::uint64_t number = from.number(2);
        numbers.push_back(number);
        const std::uint64_t name = version == 1 || number >= 256 ? from.number(2) : 0;
        from.skip(2);
        const std::uint64_t parameters = from.number(2);
        FileBytes text = from.part(version == 1 ? (name + 7) / 8 * 8 : name);
        if (name > 0) (void)text.terminated(false);
        from.skip(4 * parameters);
        if (version == 1 && parameters % 2 == 1) from.skip(4);
    }
    return numbers;
}

/// A value for what was never written.
inline void check_fill_value(FileBytes from) {
    const std::uint64_t version = from.number(1);
    from.require(version >= 1 && version <= 3);
    bool given = true;
    if (version == 3) {
        given = (from.number(1) & 0x20) != 0;
    } else {
        from.skip(2);
        const std::uint64_t defined = from.number(1);
        given = version == 1 || defined != 0;
    }
    if (!given) return;
    const std::uint64_t size = from.number(4);
    if (size < 0x80000000U) from.skip(size);  // signed: below zero means none
}

}  // namespace cellvae::io_detail
