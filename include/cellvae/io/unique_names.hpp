// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cellvae/core/error.hpp"

namespace cellvae::io_detail {

/// Gives names that came before a number, as anndata's var_names_make_unique does: A, A, A become A, A-1, A-2, numbers
/// that would meet another name passed over. Returns how many were changed.
inline std::size_t make_unique(std::vector<std::string>& names) {
    std::unordered_set<std::string_view> seen;
    seen.reserve(names.size());
    std::vector<std::size_t> repeated;
    for (std::size_t k = 0; k < names.size(); ++k)
        if (!seen.insert(names[k]).second) repeated.push_back(k);
    if (repeated.empty()) return 0;
    std::unordered_set<std::string> taken(names.begin(), names.end());
    std::unordered_map<std::string, std::size_t> last;
    for (const std::size_t k : repeated) {
        std::size_t& number = last[names[k]];
        std::string name;
        do {
            name = message(names[k], '-', ++number);
        } while (!taken.insert(name).second);
        names[k] = std::move(name);
    }
    return repeated.size();
}

/// The same, with a note that says so. @param kind "cell" or "gene"
inline void make_unique(std::vector<std::string>& names, std::string_view kind, std::vector<std::string>& notes) {
    if (const std::size_t changed = make_unique(names); changed > 0)
        notes.push_back(message(changed, ' ', kind,
                                changed == 1 ? " name that came before has" : " names that came before have",
                                " a number now (A, A became A, A-1)"));
}

}  // namespace cellvae::io_detail
