// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cellvae/core/version.hpp"
#include "cellvae/io/atomic_file.hpp"
#include "cellvae/io/hdf5_stream.hpp"
#include "cellvae/io/model_file_description.hpp"
#include "cellvae/io/model_file_hdf5.hpp"

namespace cellvae {

/// The model file's layout is this one. Files of a higher number are refused.
///
///     /                   attributes format, schema, version (of cellvae), type, likelihood, cells, nonzeros, ...
///     /genes              names; likewise /names/labels, /names/conditions, /names/latent
///     /options/model      attributes: every member of ModelOptions; likewise /options/data and /options/training
///     /options/mask       genes x latent, where there is one
///     /input/shift, scale of each gene, for standardised inputs
///     /parameters/...     every array under its name, rows x columns: those of the best epoch so far
///     /statistics/...     likewise running statistics
///     /training           attributes: where training stands, TrainingState; only in a file that can be resumed
///     /training/first_moment/..., second_moment/...   Adam's
///     /training/parameters/..., statistics/...        after the last step, where they are not the best epoch's
///     /training/sums, history/...                     a list an epoch of each column
///     /held_out           numbers of the held-out cells
///     /clusters           of each component of a mixture, the cluster that it is part of, or -1; where it is known
///     /program            text that the program keeps for itself
inline constexpr std::int64_t model_file_schema = 1;

namespace io_detail {

inline constexpr const char* model_format = "cellvae model";

inline void write_clusters(const ModelFileWriter& writer, const std::vector<std::int32_t>& cluster_of) {
    writer.array("clusters", H5T_STD_I32LE, cluster_of.data(), {cluster_of.size()});
}

/// Writes what is known without the arrays.
inline void write_description(const ModelFileWriter& writer, const ModelDescription& description) {
    OptionTable table{{"format", std::string(model_format)},
                      {"schema", model_file_schema},
                      {"version", message(version_major, '.', version_minor, '.', version_patch)},
                      {"type", description.type},
                      {"likelihood", description.likelihood},
                      {"cells", description.cells},
                      {"nonzeros", description.nonzeros},
                      {"total_count", description.total_count}};
    PutOption{&table}("mean_library", description.mean_library);
    PutOption{&table}("cells_digest", description.cells_digest);
    if (!description.condition_column.empty()) table.emplace_back("condition_column", description.condition_column);
    writer.options("", table);
    writer.texts("genes", description.genes);
    writer.texts("names/labels", description.label_names);
    writer.texts("names/conditions", description.condition_names);
    writer.texts("names/latent", description.latent_names);
    writer.options("options/model", table_of(description.options));
    writer.options("options/training", table_of(description.training));
    writer.options("options/data", table_of(DataOptions{description.input, description.target}));
    const auto genes = description.genes.size();
    const auto& mask = description.options.mask;
    if (!mask.empty()) {
        const std::vector<std::int8_t> flags(mask.begin(), mask.end());
        writer.array("options/mask", H5T_STD_I8LE, flags.data(),
                     {genes, mask.size() / std::max<std::size_t>(genes, 1)});
    }
    if (!description.input_shift.empty()) {
        writer.array("input/shift", H5T_IEEE_F64LE, description.input_shift.data(), {genes});
        writer.array("input/scale", H5T_IEEE_F64LE, description.input_scale.data(), {genes});
    }
    writer.array("held_out", H5T_STD_I64LE, description.held_out.data(), {description.held_out.size()});
    if (!description.cluster_of.empty()) write_clusters(writer, description.cluster_of);
    writer.texts("program", {description.program});
}

/// How many parameters a model has at the least, whatever its types. In double: what a damaged file says overflows
/// nothing.
[[nodiscard]] inline double least_parameters(const ModelOptions& options, std::size_t genes) {
    const auto size = [](Index value) { return static_cast<double>(std::max<Index>(value, 0)); };
    const auto layers = [&](double inputs, const std::vector<Index>& widths, double outputs) {
        double count = 0;
        for (const Index width : widths) {
            count += inputs * size(width);
            inputs = size(width);
        }
        return count + inputs * outputs;
    };
    const std::vector<Index> reversed(options.hidden.rbegin(), options.hidden.rend());
    const auto expressed = static_cast<double>(genes);
    const double decoded = options.shared.empty() ? expressed : 0;  // all of the likelihood's may be shared
    const double latent = size(options.latent);
    double count = layers(expressed, options.hidden, latent) +
                   layers(latent + size(options.conditions), options.decoder_hidden.value_or(reversed), decoded);
    if (has_clusters(options.prior)) count += size(options.mixture.clusters) * latent;
    if (options.prior == PriorKind::vamp) count += size(options.vamp.pseudo_inputs) * expressed;
    return count;
}

/// @throws InputError where the file is none of ours, of a newer schema, or says sizes that its arrays do not have
inline ModelDescription read_description(const ModelFileReader& reader) {
    ModelDescription description;
    if (!reader.has_attribute("format"))
        throw InputError(message(reader.name(), ": is no model file; expected one that cellvae wrote"));
    const auto table = reader.options("");
    const auto take = [&](const char* name, auto& value) { TakeOption{&table, reader.name()}(name, value); };
    std::string format;
    std::int64_t schema = 0;
    take("format", format);
    take("schema", schema);
    if (format != model_format)
        throw InputError(message(reader.name(), ": is '", format, "'; expected '", model_format, "'"));
    if (schema > model_file_schema || schema < 1)
        throw InputError(message(reader.name(), ": is of the schema ", schema, ", and this cellvae (", version_major,
                                 '.', version_minor, '.', version_patch, ") reads up to ", model_file_schema,
                                 schema > model_file_schema ? "; a newer cellvae is needed" : ""));
    take("type", description.type);
    take("likelihood", description.likelihood);
    take("cells", description.cells);
    take("nonzeros", description.nonzeros);
    take("total_count", description.total_count);
    take("mean_library", description.mean_library);
    take("cells_digest", description.cells_digest);
    std::optional<std::string> condition_column;
    take("condition_column", condition_column);
    description.condition_column = condition_column.value_or("");
    description.genes = reader.texts("genes");
    description.label_names = reader.texts("names/labels");
    description.condition_names = reader.texts("names/conditions");
    description.latent_names = reader.texts("names/latent");
    const auto take_all = [&](const std::string& path, auto& options) {
        const auto values = reader.options(path);
        for_each_option(options, TakeOption{&values, reader.name() + ": " + path});
    };
    DataOptions data;
    take_all("options/model", description.options);
    take_all("options/training", description.training);
    take_all("options/data", data);
    description.input = data.input;
    description.target = data.target;
    if (description.options.latent < 1)
        reader.fail("options/model", "the latent has ", description.options.latent, " dimensions; expected 1 or more");
    // whoever makes the model of these options takes memory for all of it
    const double parameters = least_parameters(description.options, description.genes.size());
    if (parameters * sizeof(float) > static_cast<double>(reader.bytes()))
        reader.fail("options/model", "says sizes of at least ", parameters, " parameters, but the file has ",
                    reader.bytes(), " bytes; expected the sizes of its arrays");
    if (reader.has_array("options/mask")) {
        const std::vector<hsize_t> shape{description.genes.size(), static_cast<hsize_t>(description.options.latent)};
        reader.require_shape("options/mask", shape);  // before memory is taken for it
        std::vector<std::int8_t> flags(static_cast<std::size_t>(shape[0] * shape[1]));
        reader.array("options/mask", shape, flags.data());
        description.options.mask.assign(flags.begin(), flags.end());
    }
    if (data.input == Input::standardised) {
        description.input_shift = reader.list<double>("input/shift");
        description.input_scale = reader.list<double>("input/scale");
        for (const auto* list : {&description.input_shift, &description.input_scale})
            if (list->size() != description.genes.size())
                reader.fail("input", "has ", list->size(), " values; expected one a gene, ", description.genes.size());
    }
    description.held_out = reader.list<std::int64_t>("held_out");
    if (reader.has_array("clusters")) {
        description.cluster_of = reader.list<std::int32_t>("clusters");
        const auto components = static_cast<std::size_t>(std::max<Index>(description.options.mixture.clusters, 0));
        if (description.cluster_of.size() != components)
            reader.fail("clusters", "has ", description.cluster_of.size(), " values; expected one a component, ",
                        components);
        for (const auto cluster : description.cluster_of)
            if (cluster < -1 || cluster >= description.options.mixture.clusters)
                reader.fail("clusters", "has the value ", cluster, "; expected -1 to ",
                            description.options.mixture.clusters - 1);
    }
    const auto program = reader.texts("program");
    if (!program.empty()) description.program = program.front();
    description.can_be_resumed = reader.has_group("training");
    if (description.can_be_resumed) {
        const auto training = reader.options("training");
        const TakeOption from{&training, reader.name() + ": training"};
        from("steps", description.steps);
        from("best_epoch", description.best_epoch);
        from("epochs_trained", description.epochs_trained);
    }
    return description;
}

/// Every array of a store from its flat values.
template <class Real, class Exec>
void write_store(const ModelFileWriter& writer, const std::string& path, const ParameterStore<Real, Exec>& store,
                 const Vector<Real, Kokkos::HostSpace>& flat) {
    (void)writer.group(path);
    for (const auto& entry : store.entries())
        writer.array(join(path, entry.name), sizeof(Real) == sizeof(float) ? H5T_IEEE_F32LE : H5T_IEEE_F64LE,
                     flat.data() + entry.offset,
                     {static_cast<hsize_t>(entry.rows), static_cast<hsize_t>(entry.columns)});
}

template <class Real, class Exec>
Vector<Real, Kokkos::HostSpace> read_store(const ModelFileReader& reader, const std::string& path,
                                           const ParameterStore<Real, Exec>& store) {
    Vector<Real, Kokkos::HostSpace> flat("cellvae::model_file", static_cast<std::size_t>(store.size()));
    for (const auto& entry : store.entries())
        reader.array(join(path, entry.name), {static_cast<hsize_t>(entry.rows), static_cast<hsize_t>(entry.columns)},
                     flat.data() + entry.offset);
    return flat;
}

/// The columns of a history: epoch, beta, then the terms of the training and of the held-out cells.
template <std::size_t TermCount>
std::vector<std::string> history_columns(const std::array<std::string_view, TermCount>& names) {
    std::vector<std::string> columns{"epoch", "beta", "best"};
    for (const char* cells : {"_train", "_held_out"})
        for (const auto& name : names) columns.push_back(message(name, cells));
    return columns;
}

template <class Model, class State>
void write_training(const ModelFileWriter& writer, const Model& model, const State& state) {
    const bool has_best = state.best_parameters.extent(0) > 0;
    OptionTable table;  // filled one by one: nested braces of a template's values are more than nvcc can hand on
    const auto add = [&](const char* name, OptionValue value) { table.emplace_back(name, std::move(value)); };
    add("steps", state.steps);
    add("epoch", state.epoch);
    add("seen", state.seen);
    add("epochs_trained", static_cast<std::int64_t>(state.history.size()));
    add("best_epoch", state.best_epoch);
    add("best_bound", state.best_bound);
    add("has_best", has_best);
    writer.options("training", table);
    writer.array("training/sums", H5T_IEEE_F64LE, state.sums.data(), {state.sums.size()});
    write_store(writer, "training/first_moment", model.parameters(), state.first_moment);
    write_store(writer, "training/second_moment", model.parameters(), state.second_moment);
    if (has_best) {
        write_store(writer, "training/parameters", model.parameters(), state.parameters);
        write_store(writer, "training/statistics", model.state(), state.statistics);
    }
    const auto columns = history_columns(Model::term_names);
    std::vector<std::vector<double>> values(columns.size());
    for (const auto& report : state.history) {
        std::size_t column = 0;
        const auto put = [&](double value) { values[column++].push_back(value); };
        put(static_cast<double>(report.epoch));
        put(report.beta);
        put(report.best ? 1 : 0);
        for (const double term : report.train) put(term);
        for (std::size_t i = 0; i < report.train.size(); ++i)
            put(report.held_out ? (*report.held_out)[i] : std::numeric_limits<double>::quiet_NaN());
    }
    for (std::size_t column = 0; column < columns.size(); ++column)
        writer.array("training/history/" + columns[column], H5T_IEEE_F64LE, values[column].data(),
                     {values[column].size()});
}

/// @throws OptionError naming both sides
template <class Model>
void require_type(const ModelDescription& description, const std::string& file, const Model& model,
                  std::initializer_list<std::string_view> but) {
    if (description.type != Model::composition())
        throw InputError(
            message(file, ": holds the model '", description.type, "'; expected '", Model::composition(), "'"));
    if (static_cast<Index>(description.genes.size()) != model.genes())
        throw InputError(
            message(file, ": the model is of ", description.genes.size(), " genes; expected ", model.genes()));
    const auto difference = first_difference(table_of(description.options), table_of(model.options()), file, but);
    if (!difference.empty()) throw OptionError(message("the model's option ", difference));
    if (description.options.mask != model.options().mask)
        throw OptionError(message("the mask of genes x latent in ", file, " is another one than the model's"));
}

template <class Write>
void write_file(const std::filesystem::path& path, const Write& write) {
    const QuietHdf5 quiet;
    AtomicFile target(path);
    Hdf5Stream file(target, path.string(), true);
    write(ModelFileWriter(path.string(), file.get()));
    file.commit();
}

}  // namespace io_detail

/// Writes a model as it is. The file is the old one or the whole new one, whatever happens.
/// @throws InputError where the system refuses
template <class Model, class Exec>
void save_model(const Exec& exec, const std::filesystem::path& path, const ModelDescription& description,
                const Model& model) {
    io_detail::write_file(path, [&](const io_detail::ModelFileWriter& writer) {
        io_detail::write_description(writer, description);
        const KernelLabel name("cellvae::save_model");
        const auto parameters = to_host(exec, name, model.parameters().values());
        const auto statistics = to_host(exec, name, model.state().values());
        io_detail::write_store(writer, "parameters", model.parameters(), parameters);
        io_detail::write_store(writer, "statistics", model.state(), statistics);
    });
}

/// Writes a model in training, from which training can go on: the model is the one of the best epoch so far, or, where
/// none is, that of the last step. Seconds are not kept, so that equal training gives equal bytes.
template <class Model>
void save_model(const std::filesystem::path& path, const ModelDescription& description, const Model& model,
                const TrainingState<typename Model::real_type, Model::term_count>& state) {
    const bool has_best = state.best_parameters.extent(0) > 0;
    io_detail::write_file(path, [&](const io_detail::ModelFileWriter& writer) {
        io_detail::write_description(writer, description);
        io_detail::write_store(writer, "parameters", model.parameters(),
                               has_best ? state.best_parameters : state.parameters);
        io_detail::write_store(writer, "statistics", model.state(),
                               has_best ? state.best_statistics : state.statistics);
        io_detail::write_training(writer, model, state);
    });
}

/// Adds to a model file, which says nothing of it yet, which cluster each component of its mixture is part of; see
/// ModelDescription. The file is the old one or the whole new one, whatever happens.
/// @throws InputError where the file cannot be read or the system refuses
inline void add_clusters(const std::filesystem::path& path, const std::vector<std::int32_t>& cluster_of) {
    const io_detail::QuietHdf5 quiet;
    AtomicFile target(path);
    std::ifstream stream(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    if (bytes.empty()) throw InputError(message(path.string(), ": cannot be read; expected a model file"));
    io_detail::Hdf5Stream file(target, path.string(), bytes);
    io_detail::write_clusters(io_detail::ModelFileWriter(path.string(), file.get()), cluster_of);
    file.commit();
}

/// Whether a file is HDF5 with the mark of a model file; false where there is none.
[[nodiscard]] inline bool is_model_file(const std::filesystem::path& path) {
    const io_detail::QuietHdf5 quiet;
    std::error_code code;
    if (!std::filesystem::is_regular_file(path, code) || H5Fis_hdf5(path.c_str()) <= 0) return false;
    const io_detail::Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT));
    return file.valid() && H5Aexists(file.get(), "format") > 0;
}

/// @throws InputError where the file is none of ours, of a newer schema, or damaged
[[nodiscard]] inline ModelDescription read_model_description(const std::filesystem::path& path) {
    const io_detail::QuietHdf5 quiet;
    return io_detail::read_description(io_detail::ModelFileReader(path));
}

/// Gives a model, made with the file's options, the file's parameters and running statistics.
/// @throws InputError where the file holds another type, another number of genes or is damaged; OptionError where an
///         option on which results depend differs. Both sides are named.
template <class Model, class Exec>
void load_model(const Exec& exec, const std::filesystem::path& path, Model& model) {
    const io_detail::QuietHdf5 quiet;
    const io_detail::ModelFileReader reader(path);
    io_detail::require_type(
        io_detail::read_description(reader), reader.name(), model,
        {"seed", "dropout", "input_noise", "samples", "bound", "sum", "sum_threshold", "sum_all_every", "products"});
    const auto parameters = io_detail::read_store(reader, "parameters", model.parameters());
    const auto statistics = io_detail::read_store(reader, "statistics", model.state());
    training_detail::put_back<Exec, typename Model::real_type>(exec, model.parameters().values(), parameters);
    training_detail::put_back<Exec, typename Model::real_type>(exec, model.state().values(), statistics);
    exec.fence(KernelLabel("cellvae::load_model"));
}

/// Where the training of the file's model stands, for train() to go on from.
/// @param model made with the same options @param options of the training, with as many epochs or more (see
/// what_epochs_change())
/// @throws as load_model; OptionError also where any other option, of the model but its products, or of the training,
/// differs
template <class Model>
[[nodiscard]] TrainingState<typename Model::real_type, Model::term_count> load_training_state(
    const std::filesystem::path& path, const Model& model, const TrainingOptions& options) {
    using namespace io_detail;
    const QuietHdf5 quiet;
    const ModelFileReader reader(path);
    const auto description = read_description(reader);
    require_type(description, reader.name(), model, {"products"});
    const auto difference =
        first_difference(table_of(description.training), table_of(options), reader.name(), {"epochs"});
    if (options.epochs < description.training.epochs)
        throw OptionError(message("epochs are ", description.training.epochs, " in ", reader.name(), " and ",
                                  options.epochs, " here; expected as many or more"));
    if (!difference.empty()) throw OptionError(message("the option of training ", difference));
    if (!description.can_be_resumed)
        throw InputError(message(reader.name(), ": holds a model without the state of its training"));
    TrainingState<typename Model::real_type, Model::term_count> state;
    const auto table = reader.options("training");
    const TakeOption take{&table, reader.name() + ": training"};
    bool has_best = false;
    take("steps", state.steps);
    take("epoch", state.epoch);
    take("seen", state.seen);
    take("best_epoch", state.best_epoch);
    take("best_bound", state.best_bound);
    take("has_best", has_best);
    reader.array("training/sums", {state.sums.size()}, state.sums.data());
    state.first_moment = read_store(reader, "training/first_moment", model.parameters());
    state.second_moment = read_store(reader, "training/second_moment", model.parameters());
    auto parameters = read_store(reader, "parameters", model.parameters());
    auto statistics = read_store(reader, "statistics", model.state());
    if (has_best) {
        state.best_parameters = parameters;
        state.best_statistics = statistics;
        state.parameters = read_store(reader, "training/parameters", model.parameters());
        state.statistics = read_store(reader, "training/statistics", model.state());
    } else {
        state.parameters = parameters;
        state.statistics = statistics;
    }
    const auto columns = history_columns(Model::term_names);
    std::vector<std::vector<double>> values;
    for (const auto& column : columns) {
        values.push_back(reader.list<double>("training/history/" + column));
        if (static_cast<Index>(values.back().size()) != description.epochs_trained)
            reader.fail("training/history/" + column, "has ", values.back().size(), " values; expected ",
                        description.epochs_trained, ", one an epoch");
    }
    for (std::size_t row = 0; row < values.front().size(); ++row) {
        EpochReport<Model::term_count> report;
        std::size_t column = 0;
        const auto next = [&] { return values[column++][row]; };
        report.epoch = static_cast<Index>(next());
        report.epochs = options.epochs;
        report.beta = next();
        report.best = next() != 0;
        for (double& term : report.train) term = next();
        std::array<double, Model::term_count> held_out{};
        for (double& term : held_out) term = next();
        if (!description.held_out.empty()) report.held_out = held_out;
        state.history.push_back(report);
    }
    return state;
}

}  // namespace cellvae
