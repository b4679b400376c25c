// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace cellvae::clustering_detail {

/// Probabilities that the dip of a uniform sample is above a quantile.
inline constexpr std::array<double, 20> dip_probabilities{.99, .95, .9,  .8,  .7,   .6,   .5,   .4,    .3,    .2,
                                                          .1,  .05, .02, .01, .005, .002, .001, .0005, .0002, .0001};

inline constexpr std::array<std::size_t, 18> dip_sizes{4,  5,  6,   7,   8,   9,    10,   15,   20,
                                                       30, 50, 100, 200, 500, 1000, 2000, 5000, 20000};

/// Quantiles of sqrt(n) x dip, a row for each of dip_sizes, a column for each of dip_probabilities: of a million
/// uniform samples each, drawn as exponential spacings; of more than 2,000 values so many samples that they have 2e9
/// values in all. Simulated with dip.hpp.
inline constexpr double dip_quantiles[dip_sizes.size()][dip_probabilities.size()] = {
    // clang-format off
    {.2500, .2500, .2500, .2500, .2500, .2500, .2500, .2500, .2652, .3151, .3751, .4146, .4477, .4635, .4746, .4840, .4886, .4919, .4951, .4965},  // 4
    {.2236, .2236, .2236, .2236, .2236, .2432, .2719, .3004, .3295, .3603, .3955, .4170, .4331, .4396, .4432, .4455, .4464, .4468, .4470, .4471},  // 5
    {.2041, .2041, .2041, .2261, .2543, .2791, .3016, .3232, .3443, .3661, .3898, .4035, .4385, .4703, .4952, .5215, .5378, .5507, .5650, .5728},  // 6
    {.1890, .1924, .2166, .2492, .2734, .2938, .3119, .3288, .3452, .3616, .3823, .4236, .4641, .4871, .5053, .5243, .5343, .5427, .5510, .5553},  // 7
    {.1768, .2087, .2317, .2609, .2817, .2988, .3138, .3277, .3409, .3549, .4012, .4356, .4695, .4889, .5056, .5251, .5483, .5683, .5918, .6063},  // 8
    {.1842, .2201, .2412, .2671, .2853, .2998, .3125, .3241, .3376, .3686, .4092, .4394, .4711, .4924, .5173, .5459, .5638, .5792, .5957, .6078},  // 9
    {.1929, .2272, .2465, .2696, .2855, .2981, .3092, .3232, .3476, .3756, .4127, .4415, .4766, .5039, .5273, .5531, .5710, .5866, .6046, .6189},  // 10
    {.2117, .2364, .2489, .2682, .2887, .3066, .3238, .3412, .3607, .3857, .4260, .4593, .4989, .5265, .5513, .5812, .6015, .6228, .6475, .6663},  // 15
    {.2122, .2358, .2540, .2774, .2952, .3114, .3280, .3473, .3688, .3951, .4348, .4700, .5109, .5390, .5657, .5979, .6181, .6407, .6668, .6842},  // 20
    {.2166, .2435, .2597, .2831, .3019, .3193, .3368, .3557, .3777, .4053, .4465, .4830, .5263, .5559, .5832, .6178, .6405, .6633, .6915, .7143},  // 30
    {.2221, .2496, .2667, .2904, .3096, .3275, .3455, .3650, .3876, .4160, .4587, .4970, .5419, .5730, .6028, .6380, .6622, .6872, .7139, .7349},  // 50
    {.2283, .2565, .2740, .2981, .3178, .3362, .3547, .3748, .3980, .4274, .4713, .5108, .5577, .5907, .6214, .6585, .6870, .7124, .7435, .7685},  // 100
    {.2333, .2618, .2797, .3042, .3240, .3427, .3617, .3822, .4058, .4357, .4809, .5213, .5698, .6037, .6354, .6749, .7017, .7273, .7576, .7840},  // 200
    {.2378, .2668, .2849, .3098, .3300, .3490, .3682, .3889, .4128, .4431, .4890, .5301, .5792, .6140, .6462, .6856, .7147, .7413, .7782, .8035},  // 500
    {.2405, .2696, .2878, .3127, .3329, .3519, .3712, .3921, .4162, .4467, .4932, .5348, .5846, .6192, .6523, .6921, .7203, .7504, .7886, .8108},  // 1000
    {.2422, .2715, .2898, .3149, .3352, .3543, .3737, .3946, .4191, .4497, .4962, .5382, .5888, .6243, .6572, .7008, .7298, .7590, .7959, .8218},  // 2000
    {.2442, .2731, .2914, .3167, .3371, .3563, .3759, .3969, .4212, .4520, .4988, .5411, .5916, .6263, .6594, .7009, .7316, .7580, .7892, .8175},  // 5000
    {.2451, .2749, .2930, .3184, .3386, .3581, .3778, .3989, .4234, .4542, .5015, .5433, .5947, .6325, .6642, .7033, .7308, .7583, .7917, .8058},  // 20000
    // clang-format on
};

/// The probability of a scaled dip in one row of the table: its logarithm is interpolated between quantiles, and beyond
/// the last goes on as between the last two.
[[nodiscard]] inline double upper_probability_in_row(const double (&quantiles)[dip_probabilities.size()],
                                                     double scaled) {
    if (scaled <= quantiles[0]) return 1;
    const auto above = static_cast<std::size_t>(std::upper_bound(std::begin(quantiles), std::end(quantiles), scaled) -
                                                std::begin(quantiles));
    const std::size_t right = std::min(above, dip_probabilities.size() - 1);
    std::size_t left = right - 1;
    while (left > 0 && !(quantiles[left] < quantiles[right])) --left;  // small samples have few different dips
    if (!(quantiles[left] < quantiles[right])) return dip_probabilities[right];
    const double share = (scaled - quantiles[left]) / (quantiles[right] - quantiles[left]);
    const double from = std::log(dip_probabilities[left]), to = std::log(dip_probabilities[right]);
    return std::exp(from + share * (to - from));
}

/// The probability that a uniform sample of n values dips as much as this or more. Between the sizes of the table it is
/// interpolated in the logarithm of n; beyond the last, sqrt(n) x dip has the distribution of the last. One where every
/// sample dips as much: for fewer than four values, for the smallest dip that n values can have, and up to the smallest
/// quantile.
[[nodiscard]] inline double upper_probability_of_dip(double dip, std::size_t n) {
    const auto size = static_cast<double>(n);
    if (n < dip_sizes.front() || dip <= (1 + 1e-9) / (2 * size)) return 1;
    const double scaled = dip * std::sqrt(size);
    const auto above =
        static_cast<std::size_t>(std::upper_bound(dip_sizes.begin(), dip_sizes.end(), n) - dip_sizes.begin());
    const double below = upper_probability_in_row(dip_quantiles[above - 1], scaled);
    if (above == dip_sizes.size() || n == dip_sizes[above - 1]) return below;
    const double beyond = upper_probability_in_row(dip_quantiles[above], scaled);
    const auto position = [](std::size_t count) { return std::log(static_cast<double>(count)); };
    const double share =
        (position(n) - position(dip_sizes[above - 1])) / (position(dip_sizes[above]) - position(dip_sizes[above - 1]));
    return below + share * (beyond - below);
}

}  // namespace cellvae::clustering_detail
