// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace cellvae {

/// One thing that a conformance check found wrong.
struct CheckFailure {
    std::string check;  ///< the name of the check
    std::string what;   ///< what was found, where, and what would be right
};

/// What the conformance checks of one type found.
struct CheckReport {
    std::string subject;                 ///< the name of what was checked
    std::vector<std::string> checks;     ///< the names of the checks that were made
    std::vector<CheckFailure> failures;  ///< the first failure of each check that failed

    bool passed() const { return failures.empty() && !checks.empty(); }

    /// A line a check: "poisson: gradient: passed", or what it found.
    std::string text() const {
        std::ostringstream lines;
        for (const auto& check : checks) {
            lines << subject << ": " << check << ": ";
            const CheckFailure* found = nullptr;
            for (const auto& failure : failures)
                if (failure.check == check) found = &failure;
            lines << (found == nullptr ? std::string("passed") : "FAILED, " + found->what) << '\n';
        }
        return lines.str();
    }

    /// Starts a check; the failures that follow are its own.
    void begin(std::string check) { checks.push_back(std::move(check)); }

    /// Records a failure of the check begun last, if it is that check's first. The parts are joined as a stream prints
    /// them.
    template <class... Parts>
    void fail(const Parts&... parts) {
        if (!failures.empty() && failures.back().check == checks.back()) return;
        std::ostringstream what;
        what.precision(10);
        (what << ... << parts);
        failures.push_back({checks.back(), what.str()});
    }
};

}  // namespace cellvae
