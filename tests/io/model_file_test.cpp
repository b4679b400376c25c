// SPDX-License-Identifier: Apache-2.0
#include "cellvae/io/model_file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <fstream>
#include <map>

#include "../models/small_model.hpp"
#include "cellvae/distributions/negative_binomial.hpp"
#include "cellvae/priors/marginal_gaussian_mixture.hpp"
#include "io_files.hpp"

using namespace cellvae;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

using Exec = cellvae_tests::HostExec;
using L = NegativeBinomial<MeanDispersion>;
using Model = cellvae_tests::SmallVae<L, Mlp<>, MarginalGaussianMixture>;
using State = TrainingState<double, Model::term_count>;

ModelOptions sizes() {
    ModelOptions options;
    options.latent = 3;
    options.hidden = {8};
    options.activation = ActivationKind::silu;
    options.normalisation = Normalisation::batch;
    options.dropout = 0.1;
    options.input_noise = 0.1;
    options.scale = MeanScale::library;
    options.shared = {"log_dispersion"};
    options.mixture.clusters = 4;
    options.conditions = 2;
    options.seed = 0xfedcba9876543210u;
    return options;
}

TrainingOptions schedule() {
    TrainingOptions options;
    options.epochs = 6;
    options.minibatch = 10;
    options.adam.learning_rate = 1e-2;
    options.clip_norm = 50;
    options.warm_up = 2;
    options.patience = 3;
    options.cluster_kl_weight = 0.5;
    options.seed = 9;
    return options;
}

/// 40 cells x 12 genes with standardised inputs and two conditions.
struct Cells {
    Exec exec;
    CountMatrix matrix = cellvae_tests::count_matrix(cellvae_tests::random_counts(40, 12, 0.4));
    std::vector<std::int32_t> conditions;
    Split split = split_cells(40, {.held_out = 0.2, .seed = 3});
    cellvae::Dataset<Exec> data;

    Cells() {
        for (int cell = 0; cell < 40; ++cell) conditions.push_back(cell % 2);
        data = make_dataset<L, Exec>(exec, matrix, {.input = Input::standardised, .conditions = conditions});
    }

    [[nodiscard]] ModelDescription description(const Model& model) const {
        auto result = describe_model(exec, model, data, split, schedule(), matrix.var.names);
        result.condition_names = {"männlich", "weiblich"};
        result.condition_column = "Geschlecht";
        result.program = "{\"seed\": 1}";
        return result;
    }
};

/// Options as they come back from the table that a file holds.
template <class Options>
Options through_table(const Options& options) {
    const auto table = io_detail::table_of(options);
    Options result;
    io_detail::for_each_option(result, io_detail::TakeOption{&table, "a table"});
    return result;
}

std::vector<double> values_of(const Model& model) {
    std::vector<double> all;
    for (const auto* store : {&model.parameters(), &model.state()})
        all.insert(all.end(), store->values().data(), store->values().data() + store->values().extent(0));
    return all;
}

std::string bytes_of(const std::filesystem::path& path) { return io_files::content_of(path); }

/// A trained model's file.
std::filesystem::path trained_file(const Cells& cells, const std::filesystem::path& path) {
    Model model(cells.exec, 12, sizes());
    model.start_from(cells.exec, cells.data);
    const auto description = cells.description(model);
    TrainingCallbacks<Model::term_count, double> callbacks;
    callbacks.checkpoint = [&](const State& state) { save_model(path, description, model, state); };
    train(cells.exec, model, cells.data, cells.split, schedule(), callbacks);
    return path;
}

}  // namespace

TEST_CASE("training resumed from a file between any two steps equals training that never stopped, bit for bit") {
    const Cells cells;
    const io_files::Folder folder;
    const auto end = folder.path("end.h5");
    std::map<std::int64_t, std::filesystem::path> checkpoints;
    Model model(cells.exec, 12, sizes());
    model.start_from(cells.exec, cells.data);
    const auto description = cells.description(model);
    TrainingCallbacks<Model::term_count, double> callbacks;
    callbacks.checkpoint_due = [] { return true; };
    callbacks.checkpoint = [&](const State& state) {
        const auto path = folder.path(message(state.steps, ".h5"));
        save_model(path, description, model, state);
        checkpoints[state.steps] = path;
    };
    const auto all = train(cells.exec, model, cells.data, cells.split, schedule(), callbacks);
    const auto values = values_of(model);
    REQUIRE(checkpoints.size() > 12);
    const auto last = checkpoints.rbegin()->second;
    const auto steps_per_epoch = 4;
    REQUIRE(checkpoints.rbegin()->first == steps_per_epoch * static_cast<std::int64_t>(all.history.size()));

    for (const auto& [step, path] : checkpoints) {
        if (step % 3 != 0 && path != last) continue;  // in the first epochs, within epochs and between, and at the end
        CAPTURE(step);
        Model again(cells.exec, 12, sizes());  // not started from the data: all comes from the file
        const State state = load_training_state(path, again, schedule());
        CHECK(state.steps == step);
        callbacks.checkpoint_due = {};
        callbacks.checkpoint = [&](const State& reached) { save_model(end, description, again, reached); };
        const auto rest = train(cells.exec, again, cells.data, cells.split, schedule(), callbacks, &state);
        CHECK(values_of(again) == values);
        CHECK(bytes_of(end) == bytes_of(last));
        CHECK(rest.best_epoch == all.best_epoch);
        CHECK(rest.stopped_early == all.stopped_early);
        REQUIRE(rest.history.size() == all.history.size());
        for (std::size_t row = 0; row < rest.history.size(); ++row) {
            CHECK(rest.history[row].train == all.history[row].train);
            CHECK(rest.history[row].held_out == all.history[row].held_out);
        }
    }
}

TEST_CASE("a loaded model is the one of the best epoch, and its file says all that makes it") {
    const Cells cells;
    const io_files::Folder folder;
    const auto path = folder.path("model.h5");
    Model model(cells.exec, 12, sizes());
    model.start_from(cells.exec, cells.data);
    auto described = cells.description(model);
    described.cluster_of.assign(static_cast<std::size_t>(described.options.mixture.clusters), 0);
    TrainingCallbacks<Model::term_count, double> callbacks;
    callbacks.checkpoint = [&](const State& state) { save_model(path, described, model, state); };
    const auto result = train(cells.exec, model, cells.data, cells.split, schedule(), callbacks);

    const auto description = read_model_description(path);
    CHECK(description.type == Model::composition());
    CHECK(description.likelihood == L::name);
    CHECK(description.genes == cells.matrix.var.names);
    CHECK(description.condition_names == described.condition_names);
    CHECK(description.condition_column == "Geschlecht");
    CHECK(description.cells_digest == described.cells_digest);
    CHECK(description.cluster_of == described.cluster_of);
    CHECK(description.label_names.empty());
    CHECK(description.held_out == cells.split.held_out);
    CHECK(description.program == described.program);
    CHECK(description.cells == 40);
    CHECK(description.nonzeros == cells.matrix.nonzeros());
    CHECK(description.mean_library == description.total_count / 40);  // all genes are the model's
    CHECK(description.best_epoch == result.best_epoch);
    CHECK(description.can_be_resumed);
    CHECK(description.options.seed == sizes().seed);
    CHECK_FALSE(description.options.decoder_hidden.has_value());
    CHECK(description.training.cluster_kl_weight == 0.5);
    CHECK_FALSE(description.training.cluster_warm_up.has_value());
    CHECK(description.input == Input::standardised);
    CHECK_NOTHROW(require_genes(description, "model.h5", cells.matrix.var.names, "cells"));

    Model loaded(cells.exec, static_cast<Index>(description.genes.size()), description.options);
    load_model(cells.exec, path, loaded);
    CHECK(values_of(loaded) == values_of(model));

    // five of the cells alone are encoded as they were among all: by the file's statistics
    const auto few = cellvae_tests::count_matrix([] {
        auto dense = cellvae_tests::random_counts(40, 12, 0.4);
        dense.resize(5);
        return dense;
    }());
    auto views = description.dataset_options();
    views.conditions = std::span(cells.conditions).first(5);
    const auto new_cells = make_dataset<L, Exec>(cells.exec, few, views);
    const auto latent = latent_means(cells.exec, loaded, new_cells);
    auto expected = latent_means(cells.exec, model, cells.data);
    expected.resize(15);
    CHECK(latent == expected);
    views.input_shift = {};
    views.input_scale = {};
    CHECK(latent_means(cells.exec, loaded, make_dataset<L, Exec>(cells.exec, few, views)) != expected);

    // a model without its training
    save_model(cells.exec, path, described, loaded);
    CHECK_FALSE(read_model_description(path).can_be_resumed);
    Model again(cells.exec, 12, sizes());
    load_model(cells.exec, path, again);
    CHECK(values_of(again) == values_of(model));
    CHECK_THROWS_MATCHES(load_training_state(path, again, schedule()), InputError,
                         MessageMatches(ContainsSubstring("without the state of its training")));
}

TEST_CASE("equal training gives equal bytes, and what the file holds is plain") {
    const Cells cells;
    const io_files::Folder folder;
    const auto first = trained_file(cells, folder.path("first.h5"));
    const auto second = trained_file(cells, folder.path("second.h5"));
    CHECK(bytes_of(first) == bytes_of(second));

    // which components are one cluster is known after training
    CHECK(read_model_description(first).cluster_of.empty());
    Model before(cells.exec, 12, sizes()), after(cells.exec, 12, sizes());
    load_model(cells.exec, first, before);
    const std::vector<std::int32_t> cluster_of{1, -1, 0, 1};
    add_clusters(first, cluster_of);
    CHECK(read_model_description(first).cluster_of == cluster_of);
    load_model(cells.exec, first, after);
    CHECK(values_of(after) == values_of(before));
    CHECK_NOTHROW((void)load_training_state(first, after, schedule()));
    for (const auto& wrong : {std::vector<std::int32_t>{0, 1, 2}, {0, 1, 2, 4}, {0, 1, 2, -2}}) {
        const auto third = folder.path("third.h5");
        std::filesystem::copy_file(second, third, std::filesystem::copy_options::overwrite_existing);
        add_clusters(third, wrong);
        CHECK_THROWS_MATCHES(read_model_description(third), InputError,
                             MessageMatches(ContainsSubstring("third.h5: clusters: has ")));
    }
    add_clusters(second, cluster_of);
    CHECK(bytes_of(first) == bytes_of(second));

    const io_detail::QuietHdf5 quiet;
    const io_detail::ModelFileReader reader(first);
    CHECK(reader.shape("parameters/encoder/mean/weight") == std::vector<hsize_t>{3, 8});
    CHECK(reader.shape("parameters/prior/mean") == std::vector<hsize_t>{4, 3});
    CHECK(reader.list<double>("training/history/bound_train").size() ==
          reader.list<double>("training/history/epoch").size());
}

TEST_CASE("another type, other options, other genes and a newer schema are refused with both sides named") {
    const Cells cells;
    const io_files::Folder folder;
    const auto path = trained_file(cells, folder.path("model.h5"));
    const auto description = read_model_description(path);
    const auto load_into = [&](const ModelOptions& options) {
        Model other(cells.exec, 12, options);
        load_model(cells.exec, path, other);
    };
    auto other = sizes();
    other.latent = 2;
    CHECK_THROWS_MATCHES(load_into(other), OptionError,
                         MessageMatches(ContainsSubstring("latent is 3 in ") && ContainsSubstring("and 2 here")));
    other = sizes();
    other.activation = ActivationKind::relu;
    CHECK_THROWS_MATCHES(
        load_into(other), OptionError,
        MessageMatches(ContainsSubstring("activation is silu in ") && ContainsSubstring("and relu here")));
    other = sizes();
    other.dropout = 0.5;  // of training alone
    CHECK_NOTHROW(load_into(other));

    Model model(cells.exec, 12, sizes());
    auto options = schedule();
    options.cluster_kl_weight.reset();
    CHECK_THROWS_MATCHES(
        load_training_state(path, model, options), OptionError,
        MessageMatches(ContainsSubstring("cluster_kl_weight is 0.5 in ") && ContainsSubstring("and not set here")));
    Model wider(cells.exec, 13, sizes());
    CHECK_THROWS_MATCHES(load_model(cells.exec, path, wider), InputError,
                         MessageMatches(ContainsSubstring("is of 12 genes; expected 13")));

    auto genes = cells.matrix.var.names;
    genes[4] = "Ins1";
    CHECK_THROWS_MATCHES(
        require_genes(description, "model.h5", genes, "cells.h5ad"), InputError,
        MessageMatches(ContainsSubstring("gene 4 of the model is g4, and that of cells.h5ad is Ins1")));
    genes.pop_back();
    CHECK_THROWS_MATCHES(require_genes(description, "model.h5", genes, "cells.h5ad"), InputError,
                         MessageMatches(ContainsSubstring("of 12 genes, and cells.h5ad has 11")));
    auto fewer = description;
    fewer.nonzeros -= 1;
    CHECK_THROWS_MATCHES(require_cells(description, "model.h5", fewer, "cells.h5ad"), InputError,
                         MessageMatches(ContainsSubstring("was trained on 40 cells")));
    auto others = cells.conditions;
    std::swap(others[0], others[1]);  // alike in number and in sum
    const auto data =
        make_dataset<L, Exec>(cells.exec, cells.matrix, {.input = Input::standardised, .conditions = others});
    const auto swapped = describe_model(cells.exec, model, data, cells.split, schedule(), cells.matrix.var.names);
    CHECK_THROWS_MATCHES(require_cells(description, "model.h5", swapped, "cells.h5ad"), InputError,
                         MessageMatches(ContainsSubstring("or have other known labels or conditions")));
    CountMatrix backwards = cells.matrix;
    backwards.row_offsets = {0};
    backwards.columns.clear();
    backwards.values.clear();
    for (Index cell = 39; cell >= 0; --cell) {
        for (auto k = cells.matrix.row_offsets[static_cast<std::size_t>(cell)];
             k < cells.matrix.row_offsets[static_cast<std::size_t>(cell) + 1]; ++k) {
            backwards.columns.push_back(cells.matrix.columns[static_cast<std::size_t>(k)]);
            backwards.values.push_back(cells.matrix.values[static_cast<std::size_t>(k)]);
        }
        backwards.row_offsets.push_back(static_cast<std::int64_t>(backwards.values.size()));
    }
    const auto turned =
        make_dataset<L, Exec>(cells.exec, backwards, {.input = Input::standardised, .conditions = cells.conditions});
    CHECK(cells_digest(cells.exec, turned) != cells_digest(cells.exec, cells.data));
    CHECK_NOTHROW(require_cells(description, "model.h5", cells.description(model), "cells.h5ad"));

    const auto changed = [&](const char* name, const io_detail::OptionValue& value) {
        auto copy = folder.path("changed.h5");
        std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
        const io_detail::QuietHdf5 quiet;
        const io_detail::Handle file(H5Fopen(copy.c_str(), H5F_ACC_RDWR, H5P_DEFAULT));
        const io_detail::Handle root(H5Gopen2(file.get(), "/", H5P_DEFAULT));
        H5Adelete(root.get(), name);
        io_detail::ModelFileWriter(copy, file.get()).attribute(root.get(), name, value);
        return copy;
    };
    CHECK_THROWS_MATCHES(read_model_description(changed("schema", model_file_schema + 1)), InputError,
                         MessageMatches(ContainsSubstring("is of the schema 2, and this cellvae") &&
                                        ContainsSubstring("reads up to 1; a newer cellvae is needed")));
    CHECK_THROWS_MATCHES(load_model(cells.exec, changed("type", std::string("vae of another kind")), model), InputError,
                         MessageMatches(ContainsSubstring("holds the model 'vae of another kind'; expected 'vae, prior "
                                                          "marginal_mixture, likelihood negative_binomial")));
    CHECK_THROWS_MATCHES(read_model_description(changed("format", std::string("table"))), InputError,
                         MessageMatches(ContainsSubstring("is 'table'; expected 'cellvae model'")));
    const auto counts = io_files::H5adParts().write(folder.path("counts.h5ad"), [](hid_t file, hid_t) {
        io_files::text_attribute(file, "encoding-type", "anndata");
    });
    CHECK_THROWS_MATCHES(read_model_description(counts), InputError,
                         MessageMatches(ContainsSubstring("counts.h5ad: is no model file")));
    CHECK_THROWS_AS(read_model_description(folder.path("absent.h5")), InputError);
}

TEST_CASE("a model file with a damaged byte or a missing end is refused or read right") {
    const Cells cells;
    const io_files::Folder folder;
    const auto path = trained_file(cells, folder.path("model.h5"));
    add_clusters(path, std::vector<std::int32_t>(static_cast<std::size_t>(sizes().mixture.clusters), 0));
    const std::string whole = bytes_of(path);
    Model model(cells.exec, 12, sizes());
    load_model(cells.exec, path, model);
    const auto expected = values_of(model);
    const auto description = read_model_description(path);
    RandomStream random(1, Purpose::test);
    const auto damaged = folder.path("damaged.h5");
    int refused = 0;
    for (int trial = 0; trial < 600; ++trial) {
        CAPTURE(trial);
        std::string bytes = whole;
        if (trial % 6 == 0)
            bytes.resize(random.below(static_cast<std::uint32_t>(whole.size())));
        else
            bytes[random.below(static_cast<std::uint32_t>(whole.size()))] ^= static_cast<char>(1 + random.below(255));
        std::ofstream(damaged, std::ios::binary) << bytes;
        Model other(cells.exec, 12, sizes());
        try {
            load_model(cells.exec, damaged, other);
            const auto state = load_training_state(damaged, other, schedule());
            const auto read = read_model_description(damaged);
            CHECK(values_of(other) == expected);
            CHECK(read.genes == description.genes);
            CHECK(read.input_scale == description.input_scale);
            CHECK(read.held_out == description.held_out);
        } catch (const Error&) {
            ++refused;
        }
    }
    CHECK(refused > 300);

    // An object whose header is damaged is not one that is missing, which some may be.
    int headers = 0;
    for (std::size_t at = whole.find("OHDR"); at != std::string::npos; at = whole.find("OHDR", at + 1)) {
        CAPTURE(at);
        std::string bytes = whole;
        bytes[at + 8] ^= 1;
        std::ofstream(damaged, std::ios::binary) << bytes;
        Model other(cells.exec, 12, sizes());
        try {
            load_model(cells.exec, damaged, other);
            (void)load_training_state(damaged, other, schedule());
            const auto read = read_model_description(damaged);
            CHECK(read.cluster_of == description.cluster_of);
            CHECK(read.can_be_resumed);
            CHECK(read.condition_names == description.condition_names);
        } catch (const Error&) {
            ++headers;
        }
    }
    CHECK(headers > 20);
}

TEST_CASE("the precision of products is among the options that a file holds") {
    // the models of these tests are of double, which have float32 alone
    const auto precision = GENERATE(ProductPrecision::float32, ProductPrecision::bfloat16, ProductPrecision::fastest);
    CHECK(through_table(ModelOptions{.products = precision}).products == precision);
}

TEST_CASE("a model file's sizes are held against its arrays before memory is taken for them") {
    const io_files::Folder folder;
    const auto says = [&](const auto& lie) {
        ModelDescription description;
        description.type = "type";
        description.likelihood = "Poisson";
        description.genes = {"a", "b"};
        description.options.latent = 3;
        description.options.hidden = {4};
        description.options.mask.assign(6, 1);
        lie(description.options);
        io_detail::write_file(folder.path("model.h5"), [&](const io_detail::ModelFileWriter& writer) {
            io_detail::write_description(writer, description);
        });
        return io_files::refusal(folder.path("model.h5"),
                                 [](const auto& path) { return read_model_description(path); });
    };
    CHECK(says([](ModelOptions&) {}) == "(accepted)");
    CHECK(says([](ModelOptions& options) { options.latent = 4; }) ==
          "model.h5: options/mask: is of 2 x 3 values; the model wants 2 x 4 values");
    const auto too_large = ContainsSubstring("parameters, but the file has");
    CHECK_THAT(says([](ModelOptions& options) { options.latent = Index{1} << 61; }), too_large);
    CHECK_THAT(says([](ModelOptions& options) { options.hidden = {Index{1} << 40}; }), too_large);
    CHECK_THAT(says([](ModelOptions& options) { options.hidden = {1 << 20, 1 << 20}; }), too_large);
    CHECK_THAT(says([](ModelOptions& options) { options.decoder_hidden = std::vector<Index>{1 << 20}; }), too_large);
    CHECK_THAT(says([](ModelOptions& options) { options.conditions = 1 << 30; }), too_large);
    CHECK_THAT(says([](ModelOptions& options) {
                   options.prior = PriorKind::mixture;
                   options.mixture.clusters = 1 << 20;
               }),
               too_large);
    CHECK_THAT(says([](ModelOptions& options) {
                   options.prior = PriorKind::vamp;
                   options.vamp.pseudo_inputs = 1 << 20;
               }),
               too_large);
}

namespace {

const std::string kept_model = CELLVAE_TESTS_DIR "/io/files/model_schema_1.h5";
const std::string kept_latent = CELLVAE_TESTS_DIR "/io/files/model_schema_1_latent.csv";

}  // namespace

// ctest does not run it: it made what the next test reads, with the version that first had the schema.
TEST_CASE("writes the model file that every later version must read", "[.schema]") {
    const Cells cells;
    (void)trained_file(cells, kept_model);
    Model model(cells.exec, 12, read_model_description(kept_model).options);
    load_model(cells.exec, kept_model, model);
    std::ofstream file(kept_latent);
    for (const float value : latent_means(cells.exec, model, cells.data)) file << message(value) << '\n';
}

TEST_CASE("the model file that the first version of the schema wrote is read, and its training goes on") {
    const Cells cells;
    const auto description = read_model_description(kept_model);
    CHECK(description.type == "vae, prior marginal_mixture, likelihood negative_binomial_mean, double");
    CHECK(description.genes == cells.matrix.var.names);
    CHECK(description.condition_names == std::vector<std::string>{"männlich", "weiblich"});
    CHECK(description.can_be_resumed);
    CHECK_FALSE(description.mean_library.has_value());  // which it did not say yet
    Model model(cells.exec, 12, description.options);
    load_model(cells.exec, kept_model, model);
    const auto found = latent_means(cells.exec, model, cells.data);
    std::ifstream file(kept_latent);
    for (const float value : found) {
        double expected = 0;
        REQUIRE(file >> expected);
        CHECK(std::abs(static_cast<double>(value) - expected) < 1e-5);
    }
    auto longer = description.training;
    longer.epochs += 2;
    const auto state = load_training_state(kept_model, model, longer);
    const auto result = train(cells.exec, model, cells.data, cells.split, longer, {}, &state);
    CHECK(result.history.size() > state.history.size());
    for (std::size_t epoch = 0; epoch < state.history.size(); ++epoch)
        CHECK(result.history[epoch].train == state.history[epoch].train);
}
