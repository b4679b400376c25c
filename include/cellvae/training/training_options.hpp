// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "cellvae/core/error.hpp"
#include "cellvae/data/shuffle.hpp"
#include "cellvae/training/adam.hpp"

namespace cellvae {

struct TrainingOptions {
    Index epochs = 200;
    Index minibatch = 128;  ///< cells a step
    AdamOptions adam{};
    double clip_norm = 0;  ///< longer gradients are scaled down to this norm; 0: never
    Index warm_up =
        0;  ///< epochs over which the weight of the KL rises from 0 to 1; more than there are become all of them
    Index patience = 0;    ///< epochs without a better held-out bound after which training stops; 0: never
    double kl_weight = 1;  ///< of the KL after the warm-up; held-out bounds have it at 1
    std::optional<double> cluster_kl_weight{};  ///< of a mixture's KL of y; empty: as kl_weight
    std::optional<Index> cluster_warm_up{};     ///< epochs, of that weight; empty: as warm_up
    double balance = 0;  ///< weight of the balance of clusters at first (priors/cluster_balance.hpp); by half a cosine
                         ///< it is let go over all epochs
    // A minibatch's mean KL that is not above its free nats has no gradient and is left out of the training bound that
    // is reported; bounds of held-out cells have all of it.
    double free_nats = 0;           ///< of the KL of z
    double cluster_free_nats = 0;   ///< of that of y
    Index hold_prior = 0;           ///< epochs at first in which the prior's own parameters stay as they are
    double first_temperature = 1;   ///< of relaxed sums over clusters, at the first step,
    double last_temperature = 0.1;  ///< and at the last one of all epochs; between them it falls geometrically
    ShuffleOptions shuffle{};       ///< how the order of the cells is drawn
    std::uint64_t seed = 0;         ///< of the order of the cells and of all noise
};

namespace training_detail {

/// @throws OptionError
inline void check_options(const TrainingOptions& options) {
    const auto at_least = [](const char* what, double value, double least) {
        if (!(value >= least)) throw OptionError(message(what, " must be ", least, " or more, found ", value));
    };
    if (options.epochs < 1) throw OptionError(message("at least one epoch is needed, found ", options.epochs));
    if (options.minibatch < 1)
        throw OptionError(message("a minibatch has at least one cell, found ", options.minibatch));
    at_least("the warm-up", static_cast<double>(options.warm_up), 0);
    at_least("the warm-up of the clusters' KL", static_cast<double>(options.cluster_warm_up.value_or(0)), 0);
    at_least("the patience", static_cast<double>(options.patience), 0);
    at_least("the epochs in which the prior is held", static_cast<double>(options.hold_prior), 0);
    at_least("the norm to clip at", options.clip_norm, 0);
    at_least("the weight of the KL", options.kl_weight, 0);
    at_least("the weight of the clusters' KL", options.cluster_kl_weight.value_or(0), 0);
    at_least("the weight of the clusters' balance", options.balance, 0);
    at_least("the free nats", options.free_nats, 0);
    at_least("the clusters' free nats", options.cluster_free_nats, 0);
    if (!(options.first_temperature > 0 && options.last_temperature > 0))
        throw OptionError("temperatures of a relaxed sum over clusters are above 0");
}

/// The epochs of a warm-up, no more than there are.
inline Index warm_up_epochs(const TrainingOptions& options) { return std::min(options.warm_up, options.epochs); }
inline Index cluster_warm_up_epochs(const TrainingOptions& options) {
    return std::min(options.cluster_warm_up.value_or(options.warm_up), options.epochs);
}

}  // namespace training_detail

/// What another number of epochs changes beside itself, in words; empty where nothing depends on it. Training that goes
/// on to more epochs than it was planned for follows the longer plan from there.
/// @param relaxed the model has a mixture whose sum over clusters is relaxed
[[nodiscard]] inline std::string what_epochs_change(const TrainingOptions& before, const TrainingOptions& after,
                                                    bool relaxed = false) {
    if (before.epochs == after.epochs) return {};
    std::string text;
    const auto add = [&](const std::string& more) { text += (text.empty() ? "" : "; ") + more; };
    if (training_detail::warm_up_epochs(before) != training_detail::warm_up_epochs(after) ||
        training_detail::cluster_warm_up_epochs(before) != training_detail::cluster_warm_up_epochs(after))
        add(message("the warm-up takes ", training_detail::warm_up_epochs(after), " epochs and of the clusters' KL ",
                    training_detail::cluster_warm_up_epochs(after), " in place of ",
                    training_detail::warm_up_epochs(before), " and ", training_detail::cluster_warm_up_epochs(before)));
    if (relaxed && after.first_temperature != after.last_temperature)
        add(message("temperatures of relaxed sums fall until epoch ", after.epochs, " in place of ", before.epochs));
    if (after.balance > 0)
        add(message("the clusters' balance is let go until epoch ", after.epochs, " in place of ", before.epochs));
    return text;
}

}  // namespace cellvae
