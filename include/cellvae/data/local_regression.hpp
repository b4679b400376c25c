// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/core/views.hpp"

namespace cellvae {

namespace data_detail {

/// A smooth curve's value and slope at one place.
struct Knot {
    double x = 0;
    double value = 0;
    double slope = 0;
};

/// Fits a parabola around `knot.x` to the `count` nearest of the points (x ascending), by least squares with tricube
/// weights that fall to zero at the farthest of them, and takes its value and slope there. Of parabolas that fit
/// equally well (fewer than three different places have a weight) it is the flattest.
inline void fit_parabola(std::span<const double> x, std::span<const double> y, std::size_t count, Knot& knot) {
    // of a window of so many points, the one whose farther end is nearest
    std::size_t first = 0;
    while (first + count < x.size() && knot.x - x[first] > x[first + count] - knot.x) ++first;
    double radius = std::max(std::abs(x[first] - knot.x), std::abs(x[first + count - 1] - knot.x));
    if (!(radius > 0)) {  // all of them lie at the knot: up to the nearest that does not
        const double before = x.front() < knot.x ? knot.x - *(std::lower_bound(x.begin(), x.end(), knot.x) - 1) : 0;
        const double after = x.back() > knot.x ? *std::upper_bound(x.begin(), x.end(), knot.x) - knot.x : 0;
        radius = before > 0 && after > 0 ? std::min(before, after) : std::max(before, after);
        if (!(radius > 0)) radius = 1;
    }
    Eigen::Matrix3d products = Eigen::Matrix3d::Zero();
    Eigen::Vector3d right = Eigen::Vector3d::Zero();
    for (;; radius *= 2) {
        // every point inside the radius has a weight: of equally distant ones none is left out
        const auto begin = std::lower_bound(x.begin(), x.end(), knot.x - radius) - x.begin();
        for (auto i = static_cast<std::size_t>(begin); i < x.size() && x[i] <= knot.x + radius; ++i) {
            const double distance = (x[i] - knot.x) / radius;
            const double cube = std::min(1.0, std::abs(distance * distance * distance));
            const double weight = (1 - cube) * (1 - cube) * (1 - cube);
            const Eigen::Vector3d powers(1, distance, distance * distance);
            products += weight * powers * powers.transpose();
            right += weight * y[i] * powers;
        }
        if (products(0, 0) > 0) break;  // else the nearest points are all equally far
    }
    const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> eigen(products);
    Eigen::Vector3d parabola = Eigen::Vector3d::Zero();
    for (int i = 0; i < 3; ++i)
        if (eigen.eigenvalues()[i] > 1e-13 * eigen.eigenvalues()[2])
            parabola += eigen.eigenvectors().col(i) * (eigen.eigenvectors().col(i).dot(right) / eigen.eigenvalues()[i]);
    knot.value = parabola[0];
    knot.slope = parabola[1] / radius;
}

/// Adds a knot at the middle point of [first, last] where more than `most` points lie there, and then to both halves.
/// Of equal points in the middle the cut goes where it divides none of them, as near as there is such a place.
inline void cut_cell(std::span<const double> x, std::size_t first, std::size_t last, double lower, double upper,
                     std::size_t most, std::vector<Knot>& knots) {
    if (last - first + 1 <= most) return;
    const auto middle = static_cast<std::ptrdiff_t>((first + last) / 2);
    std::ptrdiff_t cut = middle;
    for (std::ptrdiff_t offset = 0;
         cut < static_cast<std::ptrdiff_t>(last) && cut >= static_cast<std::ptrdiff_t>(first); cut = middle + offset) {
        if (x[static_cast<std::size_t>(cut)] != x[static_cast<std::size_t>(cut) + 1]) break;
        offset = offset > 0 ? -offset : 1 - offset;
    }
    if (cut >= static_cast<std::ptrdiff_t>(last) || cut < static_cast<std::ptrdiff_t>(first)) cut = middle;
    const auto at = static_cast<std::size_t>(cut);
    if (x[at] == lower || x[at] == upper) return;
    knots.push_back({x[at], 0, 0});
    cut_cell(x, first, at, lower, x[at], most, knots);
    cut_cell(x, at + 1, last, x[at], upper, most, knots);
}

}  // namespace data_detail

/// Local quadratic regression of y on x (loess; Cleveland and Devlin 1988): at each x the value of a parabola that is
/// fitted to the nearest `share` of the points with tricube weights.
///
/// Parabolas are fitted at some tens of knots, between which cubics with the same values and slopes go on: that is the
/// k-d tree and blending of Cleveland and Grosse (1991), with their cell size of 0.2, for one variable. So the values
/// are those of R's loess and of scikit-misc, and the time grows with the points, not with their square.
///
/// @param x finite, any order
/// @param y as many, finite
/// @param share of the points that a parabola sees, above 0 and at most 1
/// @return the fitted value of each point
/// @throws OptionError if the share is out of range; ShapeError if the sizes differ
[[nodiscard]] inline std::vector<double> local_regression(std::span<const double> x, std::span<const double> y,
                                                          double share) {
    if (!(share > 0 && share <= 1))
        throw OptionError(
            message("share of the points of a local regression: found ", share, ", expected above 0 and at most 1"));
    require_size(static_cast<Index>(y.size()), static_cast<Index>(x.size()), "values of a local regression");
    if (x.empty()) return {};
    std::vector<std::size_t> order(x.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
        return x[i] != x[j] ? x[i] < x[j] : i < j;  // one order on every machine
    });
    std::vector<double> places, values;
    for (const std::size_t i : order) {
        places.push_back(x[i]);
        values.push_back(y[i]);
    }
    const double points = static_cast<double>(x.size());
    if (places.front() == places.back())
        return std::vector<double>(x.size(), std::accumulate(values.begin(), values.end(), 0.0) / points);
    const auto seen = std::clamp<std::size_t>(static_cast<std::size_t>(share * points + 1e-5), 1, x.size());
    const auto most = std::max<std::size_t>(static_cast<std::size_t>(points * (share * 0.2)), 1);
    const double range = places.back() - places.front();
    const double margin =
        0.005 * std::max(range, 1e-10 * std::max(std::abs(places.front()), std::abs(places.back())) + 1e-30);
    std::vector<data_detail::Knot> knots{{places.front() - margin, 0, 0}, {places.back() + margin, 0, 0}};
    data_detail::cut_cell(places, 0, places.size() - 1, knots[0].x, knots[1].x, most, knots);
    std::sort(knots.begin(), knots.end(), [](const auto& left, const auto& right) { return left.x < right.x; });
    for (auto& knot : knots) data_detail::fit_parabola(places, values, seen, knot);

    std::vector<double> fitted(x.size());
    std::size_t next = 1;  // the knot at or after the point
    for (std::size_t i = 0; i < places.size(); ++i) {
        while (next + 1 < knots.size() && knots[next].x < places[i]) ++next;
        const auto& left = knots[next - 1];
        const auto& right = knots[next];
        const double width = right.x - left.x;
        const double h = width > 0 ? (places[i] - left.x) / width : 0.0;
        fitted[order[i]] = (1 - h) * (1 - h) * (1 + 2 * h) * left.value + h * h * (3 - 2 * h) * right.value +
                           width * (h * (1 - h) * (1 - h) * left.slope + h * h * (h - 1) * right.slope);
    }
    return fitted;
}

}  // namespace cellvae
