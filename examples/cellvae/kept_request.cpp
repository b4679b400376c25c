// SPDX-License-Identifier: Apache-2.0
#include "kept_request.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "cellvae/core/error.hpp"
#include "cellvae/io/model_file.hpp"
#include "terminal.hpp"

namespace cellvae::program {

namespace {

using Json = nlohmann::ordered_json;

template <class Value>
Json or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json();
}

Json options_of(const TrainRequest& request) {
    return {{"likelihood", request.likelihood},
            {"genes", request.genes},
            {"prior", request.prior},
            {"sum", request.sum},
            {"threshold", request.threshold},
            {"temperature", request.temperature},
            {"weights", request.weights},
            {"start", request.start},
            {"start-resolution", request.start_resolution},
            {"start-epochs", request.start_epochs},
            {"components", request.components},
            {"clusters", request.clusters},
            {"pseudo-inputs", request.pseudo_inputs},
            {"bound", request.bound},
            {"training-samples", request.training_samples},
            {"decoder", request.decoder},
            {"gene-sets", request.gene_sets},
            {"least-genes", request.least_genes},
            {"known-labels", request.known_labels},
            {"condition", request.condition},
            {"input", request.input},
            {"input-noise", request.input_noise},
            {"target", request.target},
            {"scale", request.scale},
            {"shared", request.shared},
            {"latent", request.latent},
            {"hidden", request.hidden},
            {"activation", request.activation},
            {"normalisation", request.normalisation},
            {"dropout", request.dropout},
            {"products", request.products},
            {"epochs", request.epochs},
            {"minibatch", request.minibatch},
            {"learning-rate", request.learning_rate},
            {"weight-decay", request.weight_decay},
            {"clip-norm", request.clip_norm},
            {"warm-up", request.warm_up},
            {"kl-weight", request.kl_weight},
            {"cluster-warm-up", or_null(request.cluster_warm_up)},
            {"cluster-kl-weight", or_null(request.cluster_kl_weight)},
            {"balance", request.balance},
            {"free-nats", request.free_nats},
            {"cluster-free-nats", request.cluster_free_nats},
            {"hold-prior", request.hold_prior},
            {"patience", request.patience},
            {"held-out", request.held_out},
            {"shuffle-chunk", request.shuffle_chunk},
            {"shuffle-chunks", request.shuffle_chunks},
            {"seed", request.seed}};
}

/// @param kept what kept_request() gave; its options are those of the request
Json require_same_request(const std::string& kept, const TrainRequest& request, const std::string& file) {
    const auto parsed = Json::parse(kept, nullptr, false);
    if (!parsed.is_object() || !parsed.contains("options") || !parsed.contains("stage"))
        throw InputError(message(file, ": does not have the options of cellvae train; expected a file that it wrote"));
    const auto here = options_of(request);
    const auto defaults = options_of({});  // of options that the file is too old to have
    const auto& there = parsed["options"];
    for (const auto& [name, value] : here.items()) {
        if (name == "epochs") continue;    // there may be more: the library compares what they come to
        if (name == "products") continue;  // the machine may be another
        const Json found = there.contains(name) ? there[name] : defaults[name];
        if (found != value)
            throw OptionError(message("--resume: --", name, " is ", json_text(found), " in ", file, " and ",
                                      json_text(value), " here; expected the same options"));
    }
    return parsed;
}

}  // namespace

std::string kept_request(const TrainRequest& request, Stage stage, const std::string& started_from) {
    return json_text({{"stage", stage == Stage::start ? "start" : "model"},
                      {"started_from", started_from},
                      {"options", options_of(request)}});
}

std::optional<KeptModel> kept_model(const TrainRequest& request, const CountMatrix& counts) {
    if (request.resume.empty()) return std::nullopt;
    std::filesystem::path file = request.resume;
    if (std::filesystem::is_directory(file)) file /= "model.h5";
    if (!std::filesystem::exists(file))
        throw OptionError(
            message("--resume: there is no ", file.string(), " to go on from; leave --resume out to begin"));
    ModelDescription description = read_model_description(file);
    const auto same = require_same_request(description.program, request, file.string());
    const auto from = same.find("started_from");
    KeptModel kept{.file = file,
                   .description = std::move(description),
                   .stage = same["stage"] == "start" ? Stage::start : Stage::model,
                   .started_from = from != same.end() && from->is_string() ? from->get<std::string>() : ""};
    require_genes(kept.description, file.string(), counts.var.names, request.counts);
    return kept;
}

}  // namespace cellvae::program
