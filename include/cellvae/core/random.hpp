// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Kokkos_Core.hpp>
#include <Random123/philox.h>

#include <cstdint>

namespace cellvae {

/// What a random number is drawn for. It is part of the generator's counter, so that no two purposes share numbers.
enum class Purpose : std::uint32_t {
    initial_values = 1,
    latent_noise = 2,
    dropout = 3,
    shuffle = 4,
    split = 5,
    simulation = 6,
    clustering = 7,
    evaluation = 8,
    test = 9,
    cluster_noise = 10,
    input_noise = 11,
    posterior_predictive = 12,
    pairs = 13,
    prior = 14,
};

/// Random numbers from a counter (Philox 4x32-10; Salmon et al., SC 2011): the numbers depend on the key alone, never
/// on who draws them or in which order the streams are opened. It satisfies std::uniform_random_bit_generator.
///
/// One stream holds 2^34 words. Streams differ when any of seed, purpose, first, second or third differs; `third` has
/// 24 bits.
class RandomStream {
public:
    using result_type = std::uint32_t;

    KOKKOS_INLINE_FUNCTION RandomStream(std::uint64_t seed, Purpose purpose, std::uint32_t first = 0,
                                        std::uint32_t second = 0, std::uint32_t third = 0)
        : counter_{{0, first, second, (static_cast<std::uint32_t>(purpose) << 24) ^ third}},
          key_{{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}} {}

    /// Leaves out the first `count` of numbers that are all made by uniform<Real>(), or all by normal<Real>(): a
    /// multiple of four, before any is drawn. So that several threads share a stream, at the same numbers.
    template <class Real>
    KOKKOS_INLINE_FUNCTION void skip(std::int64_t count) {
        counter_[0] += static_cast<std::uint32_t>(count / 4) * (sizeof(Real) == sizeof(double) ? 2 : 1);
    }

    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return 0xffffffffu; }

    /// 32 random bits.
    KOKKOS_INLINE_FUNCTION result_type operator()() {
        if (used_ == 4) {
            block_ = r123::Philox4x32{}(counter_, key_);
            ++counter_[0];
            used_ = 0;
        }
        return block_[static_cast<std::size_t>(used_++)];
    }

    /// Uniform in the open interval (0, 1): never 0, never 1, so that its logarithm is finite on both sides.
    template <class Real = double>
    KOKKOS_INLINE_FUNCTION Real uniform() {
        if constexpr (sizeof(Real) == sizeof(double)) {
            const std::uint64_t high = (*this)();
            const std::uint64_t low = (*this)();
            const std::uint64_t bits = ((high << 32) | low) >> 12;  // 52 bits: plus a half is exact
            return static_cast<Real>((static_cast<double>(bits) + 0.5) * 0x1p-52);
        } else {
            return static_cast<Real>((static_cast<float>((*this)() >> 9) + 0.5f) * 0x1p-23f);
        }
    }

    /// A standard normal number (Box and Muller 1958); its partner is kept for the next call.
    template <class Real = double>
    KOKKOS_INLINE_FUNCTION Real normal() {
        if (has_spare_) {
            has_spare_ = false;
            return static_cast<Real>(spare_);
        }
        const Real radius = Kokkos::sqrt(Real(-2) * Kokkos::log(uniform<Real>()));
        const Real angle = Real(6.283185307179586476925286766559) * uniform<Real>();
        spare_ = static_cast<double>(radius * Kokkos::sin(angle));
        has_spare_ = true;
        return radius * Kokkos::cos(angle);
    }

    /// Uniform in 0 .. bound - 1, without bias (Lemire 2019). bound > 0.
    KOKKOS_INLINE_FUNCTION std::uint32_t below(std::uint32_t bound) {
        std::uint64_t product = static_cast<std::uint64_t>((*this)()) * bound;
        auto low = static_cast<std::uint32_t>(product);
        if (low < bound) {
            const std::uint32_t threshold = (0u - bound) % bound;
            while (low < threshold) {
                product = static_cast<std::uint64_t>((*this)()) * bound;
                low = static_cast<std::uint32_t>(product);
            }
        }
        return static_cast<std::uint32_t>(product >> 32);
    }

private:
    r123::Philox4x32::ctr_type counter_;
    r123::Philox4x32::key_type key_;
    r123::Philox4x32::ctr_type block_{};
    int used_ = 4;
    bool has_spare_ = false;
    double spare_ = 0;
};

}  // namespace cellvae
