// SPDX-License-Identifier: Apache-2.0
// Trains one variant of a model on a count file with known types and scores the clusters that it finds, epoch by epoch.
//
//   benchmark_cell_types FILE [--labels cell_type] [--seed S] [--genes 2000] [--KEY VALUE ...]
//
// Prints a line of CSV for each of --at EPOCHS,...: name, seed, epoch, held-out bound, seconds, ARI and NMI of k-means
// on the latent, and ARI/NMI/clusters of fitted mixtures whose overlapping components are merged at several thresholds;
// then the same of mixtures that are trained on for --marginal and --mixture epochs.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "cellvae/data/gene_selection.hpp"
#include "cellvae/data/mixture_fit.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/distributions/zero_inflated.hpp"
#include "cellvae/evaluation/cluster_scores.hpp"
#include "cellvae/evaluation/merge_clusters.hpp"
#include "cellvae/io/counts.hpp"
#include "cellvae/priors/any_prior.hpp"
#include "cellvae/training/mixture_start.hpp"
#include "cellvae/training/trainer.hpp"

namespace {

using namespace cellvae;
using Exec = Kokkos::DefaultExecutionSpace;

/// Options as words: --key value.
class Words {
public:
    Words(int argc, char* argv[]) {
        for (int i = 2; i + 1 < argc; i += 2) values_[std::string(argv[i]).substr(2)] = argv[i + 1];
    }
    [[nodiscard]] std::string text(const std::string& key, const std::string& otherwise) const {
        const auto found = values_.find(key);
        return found == values_.end() ? otherwise : found->second;
    }
    [[nodiscard]] double number(const std::string& key, double otherwise) const {
        const auto found = values_.find(key);
        return found == values_.end() ? otherwise : std::stod(found->second);
    }
    [[nodiscard]] Index whole(const std::string& key, Index otherwise) const {
        return static_cast<Index>(number(key, static_cast<double>(otherwise)));
    }

private:
    std::map<std::string, std::string> values_;
};

std::vector<std::int32_t> codes_of(const CountMatrix& counts, const std::string& name) {
    const auto* column = counts.obs.find(name);
    if (column == nullptr) throw OptionError(message("there is no column ", name));
    return std::get<Categorical>(column->values).codes;
}

struct Score {
    double ari = 0, nmi = 0;
    int clusters = 0;
};

Score score(std::span<const std::int32_t> truth, std::span<const std::int32_t> labels) {
    std::vector<bool> used;
    for (const auto label : labels) {
        if (static_cast<std::size_t>(label) >= used.size()) used.resize(static_cast<std::size_t>(label) + 1);
        used[static_cast<std::size_t>(label)] = true;
    }
    return {adjusted_rand_index(truth, labels), normalised_mutual_information(truth, labels),
            static_cast<int>(std::count(used.begin(), used.end(), true))};
}

template <class L>
void run(const CountMatrix& counts, const std::vector<std::int32_t>& truth, const Words& words) {
    const Exec exec;
    const Kokkos::DefaultHostExecutionSpace host;
    const auto seed = static_cast<std::uint64_t>(words.whole("seed", 1));
    using Model = Vae<Mlp<>, AnyPrior, L>;
    ModelOptions sizes;
    sizes.latent = words.whole("latent", 10);
    sizes.hidden = {words.whole("hidden", 128)};
    sizes.normalisation = words.text("normalisation", "layer") == "layer" ? Normalisation::layer : Normalisation::batch;
    sizes.dropout = words.number("dropout", 0.1);
    sizes.input_noise = words.number("noise", 0);
    sizes.scale = MeanScale::library;
    sizes.shared = {"log_dispersion"};
    sizes.seed = seed;
    DatasetOptions views;
    views.input = words.text("input", "log") == "standardised" ? Input::standardised : Input::log1p_normalised;
    const auto data = make_dataset<L>(exec, counts, views);
    const auto split = split_cells(counts.cells(), {.held_out = words.number("held_out", 0.1), .seed = seed});
    Model model(exec, counts.genes(), sizes);
    model.start_from(exec, data);
    std::vector<Index> at;
    {
        std::string list = words.text("at", "10,20,40");
        std::size_t begin = 0;
        while (begin < list.size()) {
            const auto end = std::min(list.find(',', begin), list.size());
            at.push_back(std::stol(list.substr(begin, end - begin)));
            begin = end + 1;
        }
    }
    TrainingOptions training;
    training.epochs = at.back();
    training.minibatch = words.whole("minibatch", 128);
    training.adam.learning_rate = words.number("learning_rate", 1e-3);
    training.adam.weight_decay = words.number("weight_decay", 1e-6);
    training.warm_up = words.whole("warm_up", 0);
    training.seed = seed;
    int types = 0;
    for (const auto code : truth) types = std::max(types, code + 1);
    const auto components = static_cast<int>(words.whole("components", 15));
    TrainingCallbacks<Model::term_count> callbacks;
    callbacks.epoch = [&](const auto& report) {
        if (std::find(at.begin(), at.end(), report.epoch) == at.end()) return;
        if (words.text("quiet", "no") == "yes") return;
        const auto latent = latent_means(exec, model, data);
        if (const auto dump = words.text("dump", ""); !dump.empty()) {
            std::ofstream file(dump + "." + std::to_string(report.epoch), std::ios::binary);
            file.write(reinterpret_cast<const char*>(latent.data()),
                       static_cast<std::streamsize>(latent.size() * sizeof(float)));
        }
        const auto km =
            score(truth, k_means(host, latent, counts.cells(), sizes.latent, {.clusters = types, .seed = seed}).labels);
        std::printf("%s,%d,%ld,%.2f,%.1f,%.3f,%.3f", words.text("name", "").c_str(), static_cast<int>(seed),
                    static_cast<long>(report.epoch), (*report.held_out)[0], report.seconds, km.ari, km.nmi);
        for (const auto variance : {MixtureVariance::tied, MixtureVariance::own}) {
            const auto fit = fit_mixture(host, latent, counts.cells(), sizes.latent,
                                         {.components = components, .variance = variance, .seed = seed});
            for (const double overlap : {.2, .1, .05, .025}) {
                const auto merged =
                    merge_clusters(fit.responsibilities, counts.cells(), components, {.overlap = overlap});
                const auto s = score(truth, merged.labels);
                std::printf(",%.2f/%.2f/%d", s.ari, s.nmi, s.clusters);
            }
        }
        std::printf("\n");
        std::fflush(stdout);
    };
    train(exec, model, data, split, training, callbacks);
    const auto report = [&](const std::string& what, Index epoch, double bound, double seconds,
                            const std::vector<float>& shares, int clusters, const std::vector<float>& latent) {
        const auto km =
            score(truth, k_means(host, latent, counts.cells(), sizes.latent, {.clusters = types, .seed = seed}).labels);
        double entropy = 0;
        for (const float share : shares)
            if (share > 0) entropy -= static_cast<double>(share) * std::log(static_cast<double>(share));
        std::printf("%s,%d,%s+%ld,%.2f,%.1f,%.3f,%.3f,entropy %.3f", words.text("name", "").c_str(),
                    static_cast<int>(seed), what.c_str(), static_cast<long>(epoch), bound, seconds, km.ari, km.nmi,
                    entropy / static_cast<double>(counts.cells()));
        for (const double overlap : {1., .3, .2, .1, .05, .025}) {
            const auto merged = merge_clusters(shares, counts.cells(), clusters, {.overlap = overlap});
            const auto s = score(truth, merged.labels);
            std::printf(",%.2f/%.2f/%d", s.ari, s.nmi, s.clusters);
        }
        std::printf("\n");
        std::fflush(stdout);
    };
    const auto second = [&](PriorKind prior, Index epochs) {
        if (epochs == 0) return;
        using Mixture = Model;
        const std::string what(name_of(prior));
        auto mixture_sizes = sizes;
        mixture_sizes.prior = prior;
        mixture_sizes.clusters = components;
        Mixture mixture(exec, counts.genes(), mixture_sizes);
        copy_parameters(exec, model.parameters(), mixture.parameters());
        const auto latent = latent_means(exec, model, data);
        const auto fit = fit_mixture(
            host, latent, counts.cells(), sizes.latent,
            {.components = components,
             .variance = words.text("variance", "tied") == "tied" ? MixtureVariance::tied : MixtureVariance::own,
             .seed = seed});
        start_mixture(exec, mixture.parameters(), fit);
        Minibatch<float, Exec> batch(exec, data, 128);
        report(what, 0, 0, 0, fit.responsibilities, components, latent);
        report(what, 0, 1, 0, responsibilities(exec, mixture, data, batch), components, latent);
        TrainingCallbacks<Mixture::term_count> mixture_callbacks;
        mixture_callbacks.epoch = [&](const auto& at_epoch) {
            if (at_epoch.epoch % words.whole("every", 5) != 0) return;
            report(what, at_epoch.epoch, (*at_epoch.held_out)[0], at_epoch.seconds,
                   responsibilities(exec, mixture, data, batch), components, latent_means(exec, mixture, data));
        };
        auto more = training;
        more.epochs = epochs;
        train(exec, mixture, data, split, more, mixture_callbacks);
    };
    second(PriorKind::marginal_mixture, words.whole("marginal", 0));
    second(PriorKind::mixture, words.whole("mixture", 0));
}

}  // namespace

int main(int argc, char* argv[]) {
    const Kokkos::ScopeGuard kokkos(argc, argv);
    try {
        const Words words(argc, argv);
        CountMatrix counts = read_counts(argv[1]);
        const auto truth = codes_of(counts, words.text("labels", "cell_type"));
        const Index genes = words.whole("genes", 2000);
        if (genes > 0) counts = keep_genes(counts, select_variable_genes(counts, {.genes = genes}).genes);
        if (words.text("library", "chosen") == "chosen") counts.library_sizes.clear();
        run<ZeroInflated<NegativeBinomial<MeanDispersion>>>(counts, truth, words);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "benchmark_cell_types: %s\n", error.what());
        return 2;
    }
    return 0;
}
