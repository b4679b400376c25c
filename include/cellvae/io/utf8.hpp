// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cellvae/core/count_matrix.hpp"
#include "cellvae/core/error.hpp"

namespace cellvae::io_detail {

/// Whether a text is UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF.
[[nodiscard]] inline bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
        const unsigned lead = byte(i);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (length == 0 || lead > 0xf4 || i + length > text.size()) return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((byte(i + k) & 0xc0) != 0x80) return false;
        const unsigned second = length > 2 ? byte(i + 1) : 0;
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
            (lead == 0xf4 && second > 0x8f))
            return false;
        i += length;
    }
    return true;
}

/// A text of Latin-1 (ISO 8859-1), in which a byte is a character, as UTF-8.
[[nodiscard]] inline std::string from_latin1(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x80) result += static_cast<char>(0xc0 | (byte >> 6));
        result += byte < 0x80 ? c : static_cast<char>(0x80 | (byte & 0x3f));
    }
    return result;
}

/// Takes the names and texts that are not UTF-8 as Latin-1: h5ad files and JSON have nothing but UTF-8.
/// @param what they are of, in words for the note
inline void make_utf8(Annotations& annotations, std::string_view what, std::vector<std::string>& notes) {
    std::size_t changed = 0;
    std::string first;
    const auto make = [&](std::string& text) {
        if (is_utf8(text)) return;
        text = from_latin1(text);
        if (changed++ == 0) first = text;
    };
    for (auto& name : annotations.names) make(name);
    for (auto& column : annotations.columns) {
        make(column.name);
        if (auto* texts = std::get_if<std::vector<std::string>>(&column.values)) {
            for (auto& text : *texts) make(text);
        } else if (auto* labels = std::get_if<Categorical>(&column.values)) {
            for (auto& text : labels->categories) make(text);
        }
    }
    if (changed > 0)
        notes.push_back(message(counted(changed, "text"), " of the ", what,
                                " are not UTF-8 and were taken as Latin-1: ", first, changed > 1 ? ", ..." : ""));
}

}  // namespace cellvae::io_detail
