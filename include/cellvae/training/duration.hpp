// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <iomanip>
#include <sstream>
#include <string>

namespace cellvae {

/// "1h02m", "3m20s", "45s"
[[nodiscard]] inline std::string duration_text(double seconds) {
    const long total = std::lround(seconds);
    std::ostringstream text;
    text << std::setfill('0');
    if (total >= 3600)
        text << total / 3600 << 'h' << std::setw(2) << total / 60 % 60 << 'm';
    else if (total >= 60)
        text << total / 60 << 'm' << std::setw(2) << total % 60 << 's';
    else
        text << total << 's';
    return text.str();
}

}  // namespace cellvae
