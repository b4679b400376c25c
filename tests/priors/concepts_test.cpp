// SPDX-License-Identifier: Apache-2.0
// A table of broken types, one a requirement of a prior's Inference, and of what Vae takes. Each broken Inference is
// the standard prior's but for one member, which is hidden by one of the wrong kind.
#include "cellvae/priors/concepts.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string_view>
#include <type_traits>

#include "cellvae/distributions/poisson.hpp"
#include "cellvae/models/vae.hpp"

using namespace cellvae;

namespace concepts_test {

namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;
using Whole = StandardGaussian::Inference<double, Exec, Mlp<>>;
template <class I>
concept Accepted = PriorInference<I, double, Exec>;
static_assert(Accepted<Whole>);

struct OtherConstructor : Whole {
    OtherConstructor(ParameterStore<double, Exec>& store, const InferenceOptions& options)
        : Whole(store, store, 1, options) {}
};
static_assert(!Accepted<OtherConstructor> && !HasInferenceSetUp<OtherConstructor, double, Exec>);
struct MissingInitialise : Whole {
    using Whole::Whole;
    int initialise;
};
static_assert(!Accepted<MissingInitialise> && !HasInferenceSetUp<MissingInitialise, double, Exec>);
struct MissingReserve : Whole {
    using Whole::Whole;
    int reserve;
};
static_assert(!Accepted<MissingReserve> && !HasInferenceSetUp<MissingReserve, double, Exec>);

struct RowsOfInt : Whole {
    using Whole::Whole;
    [[nodiscard]] int rows_per_cell() const;
};
static_assert(!Accepted<RowsOfInt> && !HasRows<RowsOfInt, double, Exec>);
struct MissingDraws : Whole {
    using Whole::Whole;
    int draws_per_pass;
};
static_assert(!Accepted<MissingDraws> && !HasRows<MissingDraws, double, Exec>);
struct MissingZ : Whole {
    using Whole::Whole;
    int z;
};
static_assert(!Accepted<MissingZ> && !HasRows<MissingZ, double, Exec>);
struct MissingGradientOfZ : Whole {
    using Whole::Whole;
    int d_z;
};
static_assert(!Accepted<MissingGradientOfZ> && !HasRows<MissingGradientOfZ, double, Exec>);
struct MissingLatent : Whole {
    using Whole::Whole;
    int latent;
};
static_assert(!Accepted<MissingLatent> && !HasRows<MissingLatent, double, Exec>);

struct MissingEncode : Whole {
    using Whole::Whole;
    int encode;
};
static_assert(!Accepted<MissingEncode> && !HasForward<MissingEncode, double, Exec>);
struct NoiseWithoutNumber : Whole {
    using Whole::Whole;
    void draw_noise(const Pass<double, Exec>& pass);
};
static_assert(!Accepted<NoiseWithoutNumber> && !HasForward<NoiseWithoutNumber, double, Exec>);
struct MissingSample : Whole {
    using Whole::Whole;
    int sample;
};
static_assert(!Accepted<MissingSample> && !HasForward<MissingSample, double, Exec>);
struct MissingWeights : Whole {
    using Whole::Whole;
    int row_weights;
};
static_assert(!Accepted<MissingWeights> && !HasForward<MissingWeights, double, Exec>);

struct NumberedTerms : Whole {
    using Whole::Whole;
    static constexpr std::array<int, 3> term_names{0, 1, 2};
};
static_assert(!Accepted<NumberedTerms> && !HasTerms<NumberedTerms, double, Exec>);
struct MissingTerms : Whole {
    using Whole::Whole;
    int terms;
};
static_assert(!Accepted<MissingTerms> && !HasTerms<MissingTerms, double, Exec>);
struct MissingLogRatio : Whole {
    using Whole::Whole;
    int log_ratio;
};
static_assert(!Accepted<MissingLogRatio> && !HasTerms<MissingLogRatio, double, Exec>);
struct MissingBackward : Whole {
    using Whole::Whole;
    int backward;
};
static_assert(!Accepted<MissingBackward> && !HasBackward<MissingBackward, double, Exec>);

// What Vae takes, and what is easily given to it instead.
template <class Encoder, class P, class L>
concept Composes = requires {
    typename Vae<Encoder, P, L, double, Exec>;
};
struct Nameless {
    template <class Real, class E, class Encoder>
    using Inference = StandardGaussian::Inference<Real, E, Encoder>;
};
static_assert(Composes<Mlp<>, StandardGaussian, Poisson>);
static_assert(!Composes<Relu, StandardGaussian, Poisson>, "an activation is no network");
static_assert(!Composes<StandardGaussian, Mlp<>, Poisson>, "the encoder comes first");
static_assert(!Composes<Mlp<>, Poisson, StandardGaussian>, "the likelihood comes last");
static_assert(!Composes<Mlp<>, Nameless, Poisson>, "a prior has a name");

}  // namespace

TEST_CASE("a prior that lacks one requirement is refused by the requirement's own concept") {
    STATIC_CHECK(Accepted<Whole>);
    STATIC_CHECK(HasInference<StandardGaussian, double, Exec, Mlp<>>);
}

}  // namespace concepts_test
