// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "cellvae/core/error.hpp"

namespace cellvae {

/// log of the mean of exp(x_1) .. exp(x_n), for log weights added one at a time: nothing overflows, and the samples
/// need not be kept. Of log p(x, z) - log q(z|x) with z from q it is the importance-weighted bound (Burda et al. 2016),
/// which rises with the number of samples in expectation towards log p(x).
class LogMeanExp {
public:
    /// Adds one log weight. Minus infinity is a weight of zero; NaN stays.
    void add(double log_weight) {
        ++count_;
        if (log_weight <= largest_) {
            if (largest_ > -std::numeric_limits<double>::infinity()) sum_ += std::exp(log_weight - largest_);
        } else if (log_weight == std::numeric_limits<double>::infinity()) {
            largest_ = log_weight;
            sum_ = 1;
        } else {  // a new largest, or NaN
            sum_ = sum_ * std::exp(largest_ - log_weight) + 1;
            largest_ = log_weight;
        }
    }

    /// How many weights have been added.
    [[nodiscard]] std::size_t count() const { return count_; }

    /// The logarithm of their mean. @throws ShapeError before the first weight.
    [[nodiscard]] double value() const {
        if (count_ == 0) throw ShapeError("log weights of an importance-weighted bound: found 0, expected at least 1");
        if (std::isinf(largest_)) return largest_;
        return largest_ + std::log(sum_ / static_cast<double>(count_));
    }

private:
    double largest_ = -std::numeric_limits<double>::infinity();
    double sum_ = 0;  // of exp(weight - largest)
    std::size_t count_ = 0;
};

/// log of the mean of the exponentials of `log_weights`. @throws ShapeError if there are none.
[[nodiscard]] inline double log_mean_exp(std::span<const double> log_weights) {
    LogMeanExp accumulated;
    for (const double log_weight : log_weights) accumulated.add(log_weight);
    return accumulated.value();
}

}  // namespace cellvae
