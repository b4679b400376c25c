// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <iomanip>
#include <sstream>
#include <string>
#include <string_view>

#include "cellvae/training/duration.hpp"
#include "cellvae/training/trainer.hpp"

namespace cellvae {

/// The history as CSV: a header, then a line an epoch. Columns: epoch, beta, each term of the training cells, each of
/// the held-out cells (empty where there are none), best (1 or 0), seconds, cells_per_second.
template <std::size_t TermCount>
[[nodiscard]] std::string history_csv(const std::vector<EpochReport<TermCount>>& history,
                                      const std::array<std::string_view, TermCount>& names) {
    std::ostringstream text;
    text << "epoch,beta";
    for (const auto& name : names) text << ',' << name << "_train";
    for (const auto& name : names) text << ',' << name << "_held_out";
    text << ",best,seconds,cells_per_second\n" << std::setprecision(10);
    for (const auto& report : history) {
        text << report.epoch << ',' << report.beta;
        for (const double term : report.train) text << ',' << term;
        for (std::size_t i = 0; i < TermCount; ++i) {
            text << ',';
            if (report.held_out) text << (*report.held_out)[i];
        }
        text << ',' << (report.best ? 1 : 0) << ',' << report.seconds << ',' << report.cells_per_second << '\n';
    }
    return text.str();
}

/// One line of progress: epoch, bound and terms, held-out bound, cells/s, time left.
template <std::size_t TermCount>
[[nodiscard]] std::string progress_line(const EpochReport<TermCount>& report,
                                        const std::array<std::string_view, TermCount>& names) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << "epoch " << report.epoch << '/' << report.epochs;
    for (std::size_t i = 0; i < TermCount; ++i) text << "  " << names[i] << ' ' << report.train[i];
    if (report.held_out) text << "  held-out " << (*report.held_out)[0];
    if (report.beta < 1) text << std::setprecision(2) << "  KL weight " << report.beta;
    text << "  " << static_cast<long>(report.cells_per_second) << " cells/s";
    if (report.epoch < report.epochs) text << "  " << duration_text(report.seconds_left) << " left";
    return text.str();
}

}  // namespace cellvae
