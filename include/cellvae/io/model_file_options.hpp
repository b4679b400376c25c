// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "cellvae/models/vae.hpp"
#include "cellvae/training/trainer.hpp"

// Options as named values: each is listed once here, and so written, read and compared alike.

namespace cellvae::io_detail {

using OptionValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string, std::vector<std::int64_t>,
                                 std::vector<std::string>>;

/// In the order of the list; an option that is not set is not there.
using OptionTable = std::vector<std::pair<std::string, OptionValue>>;

template <class Options, class Visit>
void for_each_adam_option(Options& options, const Visit& visit) {
    visit("learning_rate", options.learning_rate);
    visit("first_decay", options.first_decay);
    visit("second_decay", options.second_decay);
    visit("epsilon", options.epsilon);
    visit("weight_decay", options.weight_decay);
}

/// The mask is left out: it is an array of its own.
template <class Visit>
void for_each_option(ModelOptions& options, const Visit& visit) {
    visit("latent", options.latent);
    visit("hidden", options.hidden);
    visit("decoder_hidden", options.decoder_hidden);
    visit("activation", options.activation);
    visit("normalisation", options.normalisation);
    visit("dropout", options.dropout);
    visit("input_noise", options.input_noise);
    visit("scale", options.scale);
    visit("shared", options.shared);
    visit("conditions", options.conditions);
    visit("prior", options.prior);
    visit("clusters", options.mixture.clusters);
    visit("learned_weights", options.mixture.learned_weights);
    visit("sum", options.mixture.sum.kind);
    visit("sum_threshold", options.mixture.sum.threshold);
    visit("sum_all_every", options.mixture.sum.all_every);
    visit("pseudo_inputs", options.vamp.pseudo_inputs);
    visit("samples", options.samples);
    visit("bound", options.bound);
    visit("products", options.products);
    visit("seed", options.seed);
}

template <class Visit>
void for_each_option(TrainingOptions& options, const Visit& visit) {
    visit("epochs", options.epochs);
    visit("minibatch", options.minibatch);
    for_each_adam_option(options.adam, visit);
    visit("clip_norm", options.clip_norm);
    visit("warm_up", options.warm_up);
    visit("patience", options.patience);
    visit("kl_weight", options.kl_weight);
    visit("cluster_kl_weight", options.cluster_kl_weight);
    visit("cluster_warm_up", options.cluster_warm_up);
    visit("balance", options.balance);
    visit("free_nats", options.free_nats);
    visit("cluster_free_nats", options.cluster_free_nats);
    visit("hold_prior", options.hold_prior);
    visit("first_temperature", options.first_temperature);
    visit("last_temperature", options.last_temperature);
    visit("shuffle_chunk", options.shuffle.chunk);
    visit("shuffle_chunks", options.shuffle.chunks);
    visit("shuffle_parts", options.shuffle.parts);
    visit("seed", options.seed);
}

/// What the encoder sees and the likelihood explains.
struct DataOptions {
    Input input = Input::log1p;
    Target target = Target::counts;
};

template <class Visit>
void for_each_option(DataOptions& options, const Visit& visit) {
    visit("input", options.input);
    visit("target", options.target);
}

inline std::initializer_list<ActivationKind> all_of(ActivationKind) {
    static constexpr auto all = {ActivationKind::relu, ActivationKind::silu, ActivationKind::tanh,
                                 ActivationKind::identity};
    return all;
}
inline std::initializer_list<Normalisation> all_of(Normalisation) {
    static constexpr auto all = {Normalisation::none, Normalisation::layer, Normalisation::batch};
    return all;
}
inline std::initializer_list<MeanScale> all_of(MeanScale) {
    static constexpr auto all = {MeanScale::none, MeanScale::library, MeanScale::share, MeanScale::library_share};
    return all;
}
inline std::initializer_list<PriorKind> all_of(PriorKind) {
    static constexpr auto all = {PriorKind::gaussian, PriorKind::mixture, PriorKind::marginal_mixture, PriorKind::vamp};
    return all;
}
inline std::initializer_list<ClusterSumKind> all_of(ClusterSumKind) {
    static constexpr auto all = {ClusterSumKind::exact, ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax,
                                 ClusterSumKind::straight_through};
    return all;
}
inline std::initializer_list<Bound> all_of(Bound) {
    static constexpr auto all = {Bound::elbo, Bound::importance_weighted};
    return all;
}
inline std::initializer_list<ProductPrecision> all_of(ProductPrecision) {
    static constexpr auto all = {ProductPrecision::float32, ProductPrecision::bfloat16, ProductPrecision::fastest};
    return all;
}
inline std::initializer_list<Input> all_of(Input) {
    static constexpr auto all = {Input::raw, Input::log1p, Input::log1p_normalised, Input::target, Input::standardised};
    return all;
}
inline std::initializer_list<Target> all_of(Target) {
    static constexpr auto all = {Target::counts, Target::unit_maximum, Target::log_normalised};
    return all;
}

template <class Value>
struct IsOptional : std::false_type {};
template <class Value>
struct IsOptional<std::optional<Value>> : std::true_type {};

/// Adds an option to a table.
struct PutOption {
    OptionTable* table;

    template <class Value>
    void operator()(const char* name, const Value& value) const {
        if constexpr (IsOptional<Value>::value) {
            if (value) (*this)(name, *value);
        } else if constexpr (std::is_enum_v<Value>) {
            table->emplace_back(name, std::string(name_of(value)));
        } else {
            table->emplace_back(name, value);
        }
    }
};

/// Takes an option from a table. @throws InputError naming the file and the place
struct TakeOption {
    const OptionTable* table;
    std::string place;  ///< as in "model.h5: options/model"

    template <class Value>
    void operator()(const char* name, Value& value) const {
        if constexpr (IsOptional<Value>::value) {
            if (find(name) == nullptr) {
                value.reset();
            } else {
                value.emplace();
                (*this)(name, *value);
            }
        } else {
            const OptionValue* const found = find(name);
            if (found == nullptr)
                throw InputError(message(place, " has no attribute ", name, "; expected a whole model file"));
            if constexpr (std::is_enum_v<Value>) {
                const auto* const text = std::get_if<std::string>(found);
                for (const Value known : all_of(Value{}))
                    if (text != nullptr && name_of(known) == *text) {
                        value = known;
                        return;
                    }
                throw InputError(message(place, ": the attribute ", name, " is ",
                                         text == nullptr ? "no text" : "'" + *text + "'",
                                         "; expected a choice that this version of cellvae knows"));
            } else {
                const auto* const same = std::get_if<Value>(found);
                if (same == nullptr)
                    throw InputError(message(place, ": the attribute ", name, " has another type than expected"));
                value = *same;
            }
        }
    }

private:
    [[nodiscard]] const OptionValue* find(std::string_view name) const {
        for (const auto& [known, value] : *table)
            if (known == name) return &value;
        return nullptr;
    }
};

template <class Options>
OptionTable table_of(Options options) {
    OptionTable table;
    for_each_option(options, PutOption{&table});
    return table;
}

inline std::string text_of(const OptionValue& value) {
    return std::visit(
        [](const auto& held) -> std::string {
            using Value = std::decay_t<decltype(held)>;
            if constexpr (std::is_same_v<Value, bool>) {
                return held ? "true" : "false";
            } else if constexpr (std::is_same_v<Value, std::vector<std::int64_t>> ||
                                 std::is_same_v<Value, std::vector<std::string>>) {
                std::string text;
                for (const auto& element : held) text += message(text.empty() ? "" : ",", element);
                return text.empty() ? "empty" : text;
            } else {
                return message(held);
            }
        },
        value);
}

/// The first option in which two tables differ, in words: "latent is 10 in FILE and 12 here"; empty where none does.
inline std::string first_difference(const OptionTable& in_file, const OptionTable& here, const std::string& file,
                                    std::initializer_list<std::string_view> but = {}) {
    const auto value_of = [](const OptionTable& table, const std::string& name) -> const OptionValue* {
        for (const auto& [known, value] : table)
            if (known == name) return &value;
        return nullptr;
    };
    for (const auto* table : {&in_file, &here})
        for (const auto& entry : *table) {
            const auto& name = entry.first;
            if (std::find(but.begin(), but.end(), name) != but.end()) continue;
            const OptionValue *const a = value_of(in_file, name), *const b = value_of(here, name);
            if (a != nullptr && b != nullptr && *a == *b) continue;
            return message(name, " is ", a ? text_of(*a) : "not set", " in ", file, " and ",
                           b ? text_of(*b) : "not set", " here");
        }
    return {};
}

}  // namespace cellvae::io_detail
