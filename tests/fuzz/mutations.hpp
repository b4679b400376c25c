// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

/// Damage to files, the same for the same number on every machine.
namespace fuzz {

/// splitmix64 (Steele, Lea and Flood 2014): each number is a function of where it started.
class Numbers {
public:
    explicit Numbers(std::uint64_t start) : state_(start) {}
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    /// 0 to limit - 1; 0 where the limit is 0.
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(next() % limit); }

private:
    std::uint64_t state_;
};

/// Writes a number of `width` bytes, least significant first, over what is there.
inline void put_word(std::string& bytes, std::size_t at, std::uint64_t word, std::size_t width) {
    for (std::size_t k = 0; k < width && at + k < bytes.size(); ++k) bytes[at + k] = static_cast<char>(word >> (8 * k));
}

/// A place where the file has something: HDF5 files are zeros for the most part.
inline std::size_t interesting_place(const std::string& bytes, Numbers& numbers) {
    std::size_t at = numbers.below(bytes.size());
    for (int tries = 0; tries < 8 && bytes[at] == 0; ++tries) at = numbers.below(bytes.size());
    return at;
}

/// A number of the file's structure becomes one that a reader must not trust.
inline void extreme_word(std::string& bytes, Numbers& numbers) {
    static constexpr std::array<std::size_t, 4> widths{1, 2, 4, 8};
    const std::size_t width = widths[numbers.below(widths.size())];
    std::size_t at = interesting_place(bytes, numbers);
    if (numbers.below(2) == 0) {
        // Just behind one of the signatures of HDF5's structures.
        using namespace std::string_view_literals;
        static constexpr std::array<std::string_view, 12> signatures{
            "TREE"sv, "SNOD"sv, "HEAP"sv,    "GCOL"sv, "OHDR"sv,         "FRHP"sv,
            "FHDB"sv, "BTHD"sv, "\x89HDF"sv, "OCHK"sv, "\x10\0\x10\0"sv, "\3\0\x18\0"sv};
        const auto signature = signatures[numbers.below(signatures.size())];
        std::vector<std::size_t> places;
        for (auto found = bytes.find(signature); found != std::string::npos; found = bytes.find(signature, found + 1))
            places.push_back(found);
        if (!places.empty()) at = places[numbers.below(places.size())] + 4 + numbers.below(60);
    }
    if (numbers.below(2) == 0) at = at / width * width;
    std::uint64_t word = numbers.next();
    switch (numbers.below(10)) {
        case 0:
            word = 0;
            break;
        case 1:
            word = 1;
            break;
        case 2:
            word = ~std::uint64_t{0};
            break;
        case 3:
            word = ~std::uint64_t{0} >> (64 - 8 * width + 1);
            break;
        case 4:
            word = std::uint64_t{1} << (8 * width - 1);
            break;
        case 5:
            word = bytes.size() + 8 - numbers.below(17);
            break;
        case 6:
            word = numbers.below(bytes.size()) / 8 * 8;
            break;
        case 7:
            word = numbers.below(64);
            break;
        case 8:
            word = std::uint64_t{1} << numbers.below(64);
            break;
        default:
            break;
    }
    put_word(bytes, at, word, width);
}

/// A field of a text becomes something else.
inline void extreme_field(std::string& bytes, Numbers& numbers) {
    using namespace std::string_view_literals;
    static constexpr std::array<std::string_view, 32> fields{"-1"sv,
                                                             "0"sv,
                                                             "1"sv,
                                                             "2147483647"sv,
                                                             "2147483648"sv,
                                                             "4294967295"sv,
                                                             "4294967296"sv,
                                                             "9223372036854775807"sv,
                                                             "9223372036854775808"sv,
                                                             "18446744073709551616"sv,
                                                             "-9223372036854775809"sv,
                                                             "1e38"sv,
                                                             "1e39"sv,
                                                             "1e400"sv,
                                                             "1e-400"sv,
                                                             "-0"sv,
                                                             "+"sv,
                                                             "nan"sv,
                                                             "inf"sv,
                                                             "-inf"sv,
                                                             "0x10"sv,
                                                             ""sv,
                                                             "\""sv,
                                                             "\"\""sv,
                                                             "\t"sv,
                                                             ","sv,
                                                             "\n"sv,
                                                             "\r"sv,
                                                             "\r\n\r\n"sv,
                                                             "\xff\xfe"sv,
                                                             "\0"sv,
                                                             "99999999999999999999999999999999999999999999999999999"sv};
    const auto separates = [](char character) {
        return character == ',' || character == '\t' || character == '\n' || character == ' ' || character == ';';
    };
    std::size_t begin = numbers.below(bytes.size());
    while (begin > 0 && !separates(bytes[begin - 1])) --begin;
    std::size_t end = begin;
    while (end < bytes.size() && !separates(bytes[end])) ++end;
    bytes.replace(begin, end - begin, fields[numbers.below(fields.size())]);
}

/// One damage of a kind that the numbers choose. `other` is what splices are taken from.
inline void damage_once(std::string& bytes, const std::string& other, bool text, Numbers& numbers) {
    if (bytes.empty()) return;
    const std::size_t at = interesting_place(bytes, numbers);
    const std::size_t most =
        std::min<std::size_t>(bytes.size() - at, 1 + numbers.below(numbers.below(4) == 0 ? 4096 : 64));
    switch (numbers.below(12)) {
        case 0:  // one bit
        case 1:
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << numbers.below(8)));
            break;
        case 2:  // one byte
            bytes[at] = static_cast<char>(numbers.next());
            break;
        case 3:  // the end is missing
            bytes.resize(numbers.below(4) == 0 ? at : bytes.size() - most);
            break;
        case 4:  // a block twice
            bytes.insert(at, bytes.substr(at, most));
            break;
        case 5:  // a block less
            bytes.erase(at, most);
            break;
        case 6:  // a block of zeros, or of ones
            std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), most, numbers.below(2) == 0 ? '\0' : '\xff');
            break;
        case 7: {  // a block of another file, or from elsewhere
            const std::string& from = numbers.below(2) == 0 ? other : bytes;
            const std::string block = from.substr(numbers.below(from.size()), most);
            bytes.replace(at, std::min(block.size(), bytes.size() - at), block);
            break;
        }
        case 8:
            if (text) {  // the same over and over
                const std::string block = bytes.substr(at, std::min<std::size_t>(most, 64));
                for (std::size_t k = numbers.below(200); k > 0; --k) bytes.insert(at, block);
                break;
            }
            [[fallthrough]];
        default:
            if (text)
                extreme_field(bytes, numbers);
            else
                extreme_word(bytes, numbers);
    }
}

/// One to four damages.
inline void damage(std::string& bytes, const std::string& other, bool text, Numbers& numbers) {
    for (std::size_t count = 1 + numbers.below(numbers.below(2) == 0 ? 1 : 4); count > 0; --count)
        damage_once(bytes, other, text, numbers);
}

}  // namespace fuzz
