// SPDX-License-Identifier: Apache-2.0
#include "cellvae/data/target.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cmath>

#include "../distributions/shipped.hpp"

using namespace cellvae;
using namespace cellvae_tests;

namespace {

// likelihoods of a user's own, as far as the question goes
struct EvenCounts {
    static bool supports(double x) { return x >= 0 && std::fmod(x, 2) == 0; }
};
struct PositiveLine {
    static bool supports(double x) { return x >= 0; }
};
struct Share {
    static bool supports(double x) { return x >= 0 && x <= 1; }
};

}  // namespace

TEST_CASE("each likelihood has the target that lies in its support") {
    CHECK(default_target<Poisson>() == Target::counts);
    CHECK(default_target<NegativeBinomialMean>() == Target::counts);
    CHECK(default_target<NegativeBinomialTotal>() == Target::counts);
    CHECK(default_target<ZeroInflated<Poisson>>() == Target::counts);
    CHECK(default_target<ZeroInflated<NegativeBinomialMean>>() == Target::counts);
    CHECK(default_target<ZeroInflated<NegativeBinomialTotal>>() == Target::counts);
    CHECK(default_target<Bernoulli>() == Target::unit_maximum);
    CHECK(default_target<ContinuousBernoulli>() == Target::unit_maximum);
    CHECK(default_target<Gaussian>() == Target::log_normalised);
    CHECK(default_target<EvenCounts>() == Target::counts);
    CHECK(default_target<PositiveLine>() == Target::log_normalised);
    CHECK(default_target<Share>() == Target::unit_maximum);
}

TEST_CASE("targets and inputs of a count are what their names say") {
    const double count = 3, library = 2000, maximum = 40;
    CHECK(target_value(Target::counts, count, library, maximum) == 3);
    CHECK(target_value(Target::unit_maximum, count, library, maximum) == std::log1p(3.0) / std::log1p(40.0));
    CHECK(target_value(Target::unit_maximum, maximum, library, maximum) == 1);
    CHECK(std::abs(target_value(Target::log_normalised, count, library, maximum) - std::log(16.0)) < 1e-14);
    CHECK(input_value(Input::raw, Target::counts, count, library, maximum) == 3);
    CHECK(std::abs(input_value(Input::log1p, Target::counts, count, library, maximum) - std::log(4.0)) < 1e-14);
    CHECK(std::abs(input_value(Input::log1p_normalised, Target::counts, count, library, maximum) - std::log(16.0)) <
          1e-14);
    for (const auto target : {Target::counts, Target::unit_maximum, Target::log_normalised}) {
        CHECK(input_value(Input::target, target, count, library, maximum) ==
              target_value(target, count, library, maximum));
        CHECK(target_value(target, 0.0, library, maximum) == 0);
    }
}

TEST_CASE("targets and inputs are called by their own names") {
    CHECK(name_of(Input::raw) == "raw");
    CHECK(name_of(Input::log1p) == "log1p");
    CHECK(name_of(Input::log1p_normalised) == "log1p_normalised");
    CHECK(name_of(Input::target) == "target");
    CHECK(name_of(Target::counts) == "counts");
    CHECK(name_of(Target::unit_maximum) == "unit_maximum");
    CHECK(name_of(Target::log_normalised) == "log_normalised");
}
