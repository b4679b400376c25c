// SPDX-License-Identifier: Apache-2.0
#include "summary.hpp"

#include "charts.hpp"

namespace cellvae::program {

std::string summary(const nlohmann::ordered_json& scores, const std::function<std::string(const std::string&)>& score) {
    const auto by = scores.value("cluster_by", std::string());
    std::string text = score("clusters") +
                       (scores.value("clusters", 0) == 1 ? " cluster was found" : " clusters were found") + " among " +
                       score("cells") + " cells" +
                       (by.empty()        ? ""
                        : by == "mixture" ? " by the mixture itself"
                                          : " by " + score("cluster_by") + " on the latent");
    if (has_score(scores, "ari"))
        text += "; they agree with " + score("labels") + " by an adjusted Rand index of " + score("ari") +
                " and a normalised mutual information of " + score("nmi") + ". ";
    else
        text += "; there are no known types to hold them against. ";
    text += "The variational autoencoder (prior " + score("prior") + ", likelihood " + score("likelihood") +
            ") was trained on " + score("genes_used") + " of " + score("genes") + " genes for ";
    if (scores.value("start_epochs", 0) > 0) text += score("start_epochs") + " epochs without clusters and ";
    text += score("epochs") + " epochs" + (scores.value("start_epochs", 0) > 0 ? " with them" : "") +
            ", and keeps the parameters of epoch " + score("best_epoch") + ". ";
    if (has_score(scores, "bound_test"))
        text += "Of a held-out cell the bound is " + score("bound_test") + " nats and the log-likelihood about " +
                score("log_likelihood_test");
    else
        text += "Of a training cell the bound is " + score("bound_train") + " nats";
    return text + "; " + score("active_units") + " of " + score("latent") + " latent units are active.";
}

std::string summary(const nlohmann::ordered_json& scores) {
    return summary(scores, [&](const std::string& name) { return brief_score(scores, name); });
}

bool has_score(const nlohmann::ordered_json& scores, const std::string& name) {
    return scores.contains(name) && !scores[name].is_null();
}

std::string brief_score(const nlohmann::ordered_json& scores, const std::string& name) {
    if (!has_score(scores, name)) return "not known";
    const auto& value = scores[name];
    return value.is_number() ? brief(value.get<double>()) : value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace cellvae::program
