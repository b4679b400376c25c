// SPDX-License-Identifier: Apache-2.0
#include "train_plan.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "cellvae/training/epochs.hpp"
#include "report.hpp"

namespace cellvae::program {

namespace {

/// The element of an enumeration whose name_of is `name`. @throws OptionError listing the names
template <class Enum>
Enum by_name(const std::string& option, const std::string& name, std::initializer_list<Enum> all) {
    std::string names;
    for (const Enum value : all) {
        if (name_of(value) == name) return value;
        names += (names.empty() ? "" : ", ") + std::string(name_of(value));
    }
    throw OptionError(message(option, " is one of ", names, "; found ", name));
}

/// What `auto` shares is how much a gene varies around its mean.
std::vector<std::string> shared_parameters(const std::vector<std::string>& asked,
                                           const LikelihoodDefaults& likelihood) {
    if (asked == std::vector<std::string>{"none"}) return {};
    if (asked != std::vector<std::string>{"auto"}) return asked;
    return likelihood.shared;
}

/// Where the user names none. A plain model makes enough passes over few cells, fewer over many (scvi-tools' rule:
/// 20,000 / cells x 400, at most 400).
Index default_epochs(const TrainRequest& request, Index cells) {
    if (request.prior == "gaussian" || request.prior == "vamp")
        return std::clamp<Index>(static_cast<Index>(20000.0 * 400 / static_cast<double>(cells)), 20, 400);
    return epochs_by(request.start == "random" ? mixture_alone : mixture_after_plain, cells, request.held_out,
                     request.minibatch);
}

DatasetOptions data_options(const TrainRequest& request, const Annotated& annotated) {
    DatasetOptions data;
    data.labels = annotated.known;
    data.conditions = annotated.condition;
    data.input = by_name("--input", request.input,
                         {Input::raw, Input::log1p, Input::log1p_normalised, Input::standardised, Input::target});
    if (request.target != "auto")
        data.target =
            by_name("--target", request.target, {Target::counts, Target::unit_maximum, Target::log_normalised});
    return data;
}

/// @param target of the likelihood
ModelOptions model_options(const TrainRequest& request, const LikelihoodDefaults& likelihood, Target target,
                           const Annotated& annotated) {
    ModelOptions model;
    model.latent = request.latent;
    model.hidden = request.hidden;
    model.activation =
        by_name("--activation", request.activation,
                {ActivationKind::relu, ActivationKind::silu, ActivationKind::tanh, ActivationKind::identity});
    model.normalisation = by_name("--normalisation", request.normalisation,
                                  {Normalisation::none, Normalisation::layer, Normalisation::batch});
    model.dropout = request.dropout;
    model.input_noise = request.input_noise;
    model.shared = shared_parameters(request.shared, likelihood);
    model.seed = request.seed;
    model.prior = by_name("--prior", request.prior,
                          {PriorKind::gaussian, PriorKind::mixture, PriorKind::marginal_mixture, PriorKind::vamp});
    model.mixture.sum.kind = by_name("--sum", request.sum,
                                     {ClusterSumKind::exact, ClusterSumKind::threshold, ClusterSumKind::gumbel_softmax,
                                      ClusterSumKind::straight_through});
    model.mixture.sum.threshold = request.threshold;
    model.mixture.learned_weights = request.weights != "uniform";
    model.mixture.clusters =
        annotated.label_names.empty() ? placed_components(request) : static_cast<Index>(annotated.label_names.size());
    model.vamp.pseudo_inputs = request.pseudo_inputs;
    model.bound = by_name("--bound", request.bound, {Bound::elbo, Bound::importance_weighted});
    model.samples = request.training_samples;
    model.products = by_name("--products", request.products,
                             {ProductPrecision::fastest, ProductPrecision::float32, ProductPrecision::bfloat16});
    if (request.decoder != "mlp") model.decoder_hidden = std::vector<Index>{};
    if (request.decoder == "masked") {
        model.mask = annotated.mask;
        model.latent = annotated.sets;
    }
    for (const auto condition : annotated.condition)
        model.conditions = std::max<Index>(model.conditions, condition + 1);
    if (request.scale == "auto")
        model.scale = likelihood.has_log_mean && target == Target::counts ? MeanScale::library : MeanScale::none;
    else
        model.scale = by_name("--scale", request.scale,
                              {MeanScale::none, MeanScale::library, MeanScale::share, MeanScale::library_share});
    return model;
}

TrainingOptions training_options(const TrainRequest& request, Index cells) {
    TrainingOptions training;
    training.epochs = request.epochs > 0 ? request.epochs : default_epochs(request, cells);
    training.minibatch = request.minibatch;
    training.adam.learning_rate = request.learning_rate;
    training.adam.weight_decay = request.weight_decay;
    training.clip_norm = request.clip_norm;
    training.warm_up = request.warm_up;
    training.patience = request.patience;
    training.kl_weight = request.kl_weight;
    training.cluster_kl_weight = request.cluster_kl_weight;
    training.cluster_warm_up = request.cluster_warm_up;
    training.balance = request.balance;
    training.free_nats = request.free_nats;
    training.cluster_free_nats = request.cluster_free_nats;
    training.hold_prior = request.hold_prior;
    training.first_temperature = request.temperature.front();
    training.last_temperature = request.temperature.back();
    training.shuffle = {.chunk = request.shuffle_chunk, .chunks = request.shuffle_chunks};
    training.seed = request.seed;
    return training;
}

}  // namespace

Plan plan_of(const LikelihoodDefaults& likelihood, const TrainCells& cells, const TrainRequest& request,
             const Annotated& annotated) {
    Plan plan;
    plan.data = data_options(request, annotated);
    const Target target = plan.data.target.value_or(likelihood.target);
    if (target != Target::counts) warn_of_normalised(cells.counts, request);
    plan.model = model_options(request, likelihood, target, annotated);
    plan.training = training_options(request, cells.cells());
    if (request.has_clusters() && request.start != "random")
        plan.start_epochs = request.start_epochs > 0
                                ? request.start_epochs
                                : epochs_by(plain_before_mixture, cells.cells(), request.held_out, request.minibatch);
    return plan;
}

Plan plain_plan(Plan mixture) {
    Plan plan = std::move(mixture);
    plan.model.prior = PriorKind::gaussian;
    plan.model.bound = Bound::elbo;
    plan.model.samples = 1;
    plan.model.mixture.sum = {};
    plan.training.epochs = plan.start_epochs;
    plan.training.patience = 0;
    plan.training.hold_prior = 0;
    plan.training.balance = plan.training.cluster_free_nats = 0;  // what is of clusters waits for them
    plan.training.cluster_kl_weight.reset();
    plan.training.cluster_warm_up.reset();
    plan.start_epochs = 0;
    return plan;
}

}  // namespace cellvae::program
