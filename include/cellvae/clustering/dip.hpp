// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "cellvae/clustering/dip_quantiles.hpp"
#include "cellvae/core/error.hpp"

namespace cellvae {

namespace clustering_detail {

/// The dip of sorted values by taut strings: inside an interval [low, high] the empirical distribution is held against
/// its greatest convex minorant, outside against the parts of the unimodal function found already; the interval shrinks
/// around where minorant and majorant are furthest apart, until that is no more than what was found outside.
/// Hartigan, P. M. (1985), Applied Statistics 34, 320 (AS 217). Distances are in units of 1 / (2 n).
class DipSearch {
public:
    explicit DipSearch(std::span<const double> sorted) : x_(sorted), n_(sorted.size()), minorant_(n_), majorant_(n_) {
        follow_minorant();
        follow_majorant();
    }

    [[nodiscard]] double dip() {
        std::size_t low = 0, high = n_ - 1;
        double found = 1;
        while (true) {
            // knots of the minorant from high down to low, and of the majorant from low up to high
            below_.assign(1, high);
            while (below_.back() > low) below_.push_back(minorant_[below_.back()]);
            above_.assign(1, low);
            while (above_.back() < high) above_.push_back(majorant_[above_.back()]);
            const auto [distance, from, to] = furthest_apart();
            if (distance < found) break;
            double outside = 0;
            for (std::size_t k = from; k + 1 < below_.size(); ++k)
                outside = std::max(outside, under_chord(below_[k + 1], below_[k]));
            for (std::size_t k = to; k + 1 < above_.size(); ++k)
                outside = std::max(outside, over_chord(above_[k], above_[k + 1]));
            found = std::max(found, outside);
            if (low == below_[from] && high == above_[to]) break;
            low = below_[from];
            high = above_[to];
        }
        return found / (2 * static_cast<double>(n_));
    }

private:
    struct Gap {
        double distance;
        std::size_t from, to;  // the knots of minorant and majorant on either side
    };

    static double steps(std::size_t from, std::size_t to) {
        return static_cast<double>(to) - static_cast<double>(from);
    }

    /// minorant_[j]: the knot to the left of j of the greatest convex minorant of points 0 .. j.
    void follow_minorant() {
        minorant_[0] = 0;
        for (std::size_t j = 1; j < n_; ++j) {
            std::size_t left = j - 1;
            while (left != 0 && (x_[j] - x_[left]) * steps(minorant_[left], left) >=
                                    (x_[left] - x_[minorant_[left]]) * steps(left, j))
                left = minorant_[left];
            minorant_[j] = left;
        }
    }

    /// majorant_[j]: the knot to the right of j of the least concave majorant of points j .. n - 1.
    void follow_majorant() {
        majorant_[n_ - 1] = n_ - 1;
        for (std::size_t j = n_ - 1; j-- > 0;) {
            std::size_t right = j + 1;
            while (right != n_ - 1 && (x_[right] - x_[j]) * steps(right, majorant_[right]) >=
                                          (x_[majorant_[right]] - x_[right]) * steps(j, right))
                right = majorant_[right];
            majorant_[j] = right;
        }
    }

    /// Where minorant and majorant are furthest apart, at knots of either.
    [[nodiscard]] Gap furthest_apart() const {
        Gap gap{0, below_.size() - 1, above_.size() - 1};
        if (below_.size() == 2 && above_.size() == 2) {  // both are the chord
            gap.distance = 1;
            return gap;
        }
        std::size_t i = below_.size() - 2, j = 1;
        do {
            const std::size_t lower = below_[i], upper = above_[j];
            if (lower > upper) {  // the next knot is the majorant's
                const std::size_t before = below_[i + 1];
                const double distance = steps(before, upper) + 1 -
                                        (x_[upper] - x_[before]) * steps(before, lower) / (x_[lower] - x_[before]);
                ++j;
                if (distance >= gap.distance) gap = {distance, i + 1, j - 1};
            } else {
                const std::size_t before = above_[j - 1];
                const double distance = (x_[lower] - x_[before]) * steps(before, upper) / (x_[upper] - x_[before]) -
                                        (steps(before, lower) - 1);
                if (distance >= gap.distance) gap = {distance, i, j};
                if (i > 0) --i;
            }
            j = std::min(j, above_.size() - 1);
        } while (below_[i] != above_[j]);
        return gap;
    }

    /// How far points lie above a chord of the minorant.
    [[nodiscard]] double under_chord(std::size_t begin, std::size_t end) const {
        double most = 1;
        if (end - begin <= 1 || x_[end] == x_[begin]) return most;
        const double slope = steps(begin, end) / (x_[end] - x_[begin]);
        for (std::size_t k = begin; k <= end; ++k)
            most = std::max(most, steps(begin, k) + 1 - (x_[k] - x_[begin]) * slope);
        return most;
    }

    /// How far points lie below a chord of the majorant.
    [[nodiscard]] double over_chord(std::size_t begin, std::size_t end) const {
        double most = 1;
        if (end - begin <= 1 || x_[end] == x_[begin]) return most;
        const double slope = steps(begin, end) / (x_[end] - x_[begin]);
        for (std::size_t k = begin; k <= end; ++k)
            most = std::max(most, (x_[k] - x_[begin]) * slope - (steps(begin, k) - 1));
        return most;
    }

    std::span<const double> x_;
    std::size_t n_;
    std::vector<std::size_t> minorant_, majorant_;
    std::vector<std::size_t> below_, above_;
};

}  // namespace clustering_detail

/// The dip of a sample (Hartigan and Hartigan 1985, Annals of Statistics 13, 70): the largest difference between its
/// empirical distribution and the unimodal distribution that is nearest to it. At least 1 / (2 n).
/// @throws ShapeError for no values
[[nodiscard]] inline double dip(std::vector<double> values) {
    if (values.empty()) throw ShapeError("the dip of a sample without values is not defined");
    std::sort(values.begin(), values.end());
    if (values.front() == values.back()) return 1 / (2 * static_cast<double>(values.size()));
    return clustering_detail::DipSearch(values).dip();
}

/// How probable a dip of this size or a larger one is for a sample of a uniform distribution, the unimodal one whose
/// samples dip most (dip_quantiles.hpp): small where the sample is not unimodal.
[[nodiscard]] inline double dip_p_value(double dip, std::size_t sample) {
    return clustering_detail::upper_probability_of_dip(dip, sample);
}

}  // namespace cellvae
