// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cellvae/nn/activation.hpp"
#include "cellvae/nn/normalisation.hpp"
#include "cellvae/nn/sparse_linear.hpp"

namespace cellvae {

struct MlpOptions {
    std::vector<Index> hidden{128};                     ///< width of each hidden layer
    ActivationKind activation = ActivationKind::relu;   ///< read by AnyActivation alone
    Normalisation normalisation = Normalisation::none;  ///< between a layer's product and its activation
    double dropout = 0;      ///< share of hidden units set to zero in training, after the activation
    Index conditions = 0;    ///< of cells: with sparse input the first layer sees each cell's condition (SparseLinear)
    double momentum = 0.01;  ///< weight of a minibatch in batch normalisation's running statistics
    std::uint32_t network = 0;  ///< 0 to 7: networks of one model that have dropout differ in it, and so in their masks
};

namespace nn_detail {

/// y = activation(u) times the dropout mask, which is made here and kept for the backward pass.
/// @param stream tells the masks of one layer of one network from all others of the model; 8 bits
/// @param dropped_rows rows that take part in dropout: the cells', not the extra rows after them
/// @param mask rows x units, or empty without dropout
template <class Real, class Exec, class Activation, class Slice>
void activate(const Pass<Real, Exec>& pass, const Activation& activation, double dropout, std::uint32_t stream,
              Index dropped_rows, const Slice& u, const Slice& y, const Slice& mask) {
    const auto columns = static_cast<Index>(u.extent(1));
    const auto cell = pass.batch->cell;
    const auto row_cells = pass.row_cells();
    const std::uint64_t seed = pass.seed;
    const std::uint32_t step = pass.step;
    const bool drops = dropout > 0 && pass.mode == Mode::training;
    const Real rate = static_cast<Real>(dropout);
    const Real kept = Real(1) / (Real(1) - rate);
    if (!drops)
        return for_each_element(
            pass.exec, KernelLabel("cellvae::activate"), static_cast<Index>(u.extent(0)), columns,
            static_cast<Index>(u.size()),
            KOKKOS_LAMBDA(const Index row, const Index c) { y(row, c) = activation.value(u(row, c)); });
    for_each_row(
        pass.exec, KernelLabel("cellvae::activate"), static_cast<Index>(u.extent(0)), 8 * static_cast<Index>(u.size()),
        KOKKOS_LAMBDA(const Index row, const KernelRow<Exec>& along) {
            const auto sample = static_cast<std::uint32_t>(row_cells.block(row));
            const RandomStream whole(seed, Purpose::dropout, static_cast<std::uint32_t>(cell(row_cells.cell(row))),
                                     step, (stream << 16) | sample);
            along.runs(columns, 4, [&](const Index begin, const Index end) {
                RandomStream random = whole;
                random.template skip<float>(begin);
                for (Index c = begin; c < end; ++c) y(row, c) = activation.value(u(row, c));
                for (Index c = begin; c < end; ++c) {
                    const bool drawn = row < dropped_rows;
                    const bool dropped = drawn && random.uniform<float>() < static_cast<float>(rate);
                    mask(row, c) = dropped ? Real(0) : drawn ? kept : Real(1);
                    y(row, c) *= mask(row, c);
                }
            });
        });
}

/// d (rows x units): from the gradient of y to that of u, in place.
template <class Real, class Exec, class Activation, class Slice>
void activate_backward(const Pass<Real, Exec>& pass, const Activation& activation, double dropout, const Slice& u,
                       const Slice& mask, const Slice& d) {
    const auto columns = static_cast<Index>(u.extent(1));
    const bool drops = dropout > 0 && pass.mode == Mode::training;
    for_each_element(
        pass.exec, KernelLabel("cellvae::activate_backward"), static_cast<Index>(u.extent(0)), columns,
        static_cast<Index>(u.size()), KOKKOS_LAMBDA(const Index row, const Index c) {
            const Real through = drops ? d(row, c) * mask(row, c) : d(row, c);
            d(row, c) = through * activation.derivative(u(row, c));
        });
}

}  // namespace nn_detail

/// What a model takes for its encoder and its decoder: a type that names a class template Network<Real, Exec>, as Mlp
/// does. An activation is none: it goes into a network, as in Mlp<Relu>.
template <class N, class Real, class Exec>
concept HasNetwork = requires {
    typename N::template Network<Real, Exec>;
};

/// Names a multilayer perceptron in a model's type: any number of hidden layers, each linear, normalisation, activation
/// and dropout in this order. Widths and the rest are options at run time; with AnyActivation so is the activation.
template <class Activation = AnyActivation>
struct Mlp {
    /// The hidden layers on one backend. With sparse input the first of them reads the minibatch's cells.
    template <class Real, class Exec>
    class Network {
    public:
        using Space = typename Exec::memory_space;
        using Slice = MatrixSlice<Real, Space>;

        /// @param inputs genes for sparse input, else the width of the dense input
        /// @param clusters for sparse input: rows are pairs of a cluster and a cell (see SparseLinear); 0: cells alone
        Network(ParameterStore<Real, Exec>& store, ParameterStore<Real, Exec>& state, const std::string& name,
                Index inputs, bool sparse_input, const MlpOptions& options, Index clusters = 0)
            : options_(options), inputs_(inputs) {
            if (sparse_input && options.hidden.empty())
                throw OptionError("an encoder needs at least one hidden layer: give its width in hidden");
            if (!(options.dropout >= 0 && options.dropout < 1))
                throw OptionError(message("dropout is a share from 0 to below 1, found ", options.dropout));
            if (options.hidden.size() > most_layers)
                throw OptionError(
                    message("a network has at most ", most_layers, " hidden layers, found ", options.hidden.size()));
            Index width = inputs;
            for (std::size_t i = 0; i < options.hidden.size(); ++i) {
                const Index units = options.hidden[i];
                if (units < 1) throw OptionError(message("a hidden layer needs at least one unit, found ", units));
                const std::string layer_name = i == 0 ? name + "/hidden" : name + "/hidden_" + std::to_string(i + 1);
                Layer layer;
                if (i == 0 && sparse_input)
                    layer.sparse.emplace(store, layer_name, width, units, clusters, options.conditions);
                else
                    layer.dense.emplace(store, layer_name, width, units);
                layer.normalisation.emplace(store, state, layer_name, units, options.normalisation, options.momentum);
                layers_.push_back(std::move(layer));
                width = units;
            }
            // braces: clang 14 has no aggregates from parentheses, and would leave the kind unread
            if constexpr (requires { Activation{options.activation}; })
                activation_ = Activation{options.activation};
            else if (options.activation != MlpOptions{}.activation)
                throw OptionError(message("the option activation is ", name_of(options.activation),
                                          ", and the network's type has its own: leave the option out, or take Mlp<>"));
        }

        /// The width of what forward() gives.
        [[nodiscard]] Index outputs() const { return options_.hidden.empty() ? inputs_ : options_.hidden.back(); }

        void initialise(const Exec& exec, const ParameterStore<Real, Exec>& store,
                        const ParameterStore<Real, Exec>& state, std::uint64_t seed) const {
            for (const auto& layer : layers_) {
                if (layer.sparse) layer.sparse->initialise(exec, store, seed);
                if (layer.dense) layer.dense->initialise(exec, store, seed);
                layer.normalisation->initialise(exec, store, state);
            }
        }

        /// Makes the memory for passes of at most that many rows.
        void reserve(const Exec& exec, Index most_rows) {
            for (std::size_t i = 0; i < layers_.size(); ++i) {
                auto& layer = layers_[i];
                const auto rows = static_cast<std::size_t>(most_rows);
                const auto units = static_cast<std::size_t>(options_.hidden[i]);
                layer.u = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::mlp::u"), rows, units);
                layer.y = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::mlp::y"), rows, units);
                layer.d = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::mlp::d"), rows, units);
                if (options_.dropout > 0)
                    layer.mask = Matrix<Real, Space>(Kokkos::view_alloc(exec, "cellvae::mlp::mask"), rows, units);
                layer.normalisation->reserve(exec, most_rows);
                if (layer.sparse) layer.sparse->reserve(exec);
            }
        }

        /// With sparse input, dense rows of inputs may come after the minibatch's own: `rows` does not count them, and
        /// output() and d_output() do. They take no part in dropout.
        /// @param x rows x inputs; with sparse input and clusters the cells' memberships (see SparseLinear), or empty
        /// @param extra extra rows x inputs, or empty
        /// @returns (rows + extra rows) x outputs()
        Slice forward(const Pass<Real, Exec>& pass, const Slice& x, Index rows, const Slice& extra = Slice()) const {
            const Index own_rows = rows;
            rows += static_cast<Index>(extra.extent(0));
            Slice before = x;
            for (std::size_t i = 0; i < layers_.size(); ++i) {
                const auto& layer = layers_[i];
                const Slice u = first_rows(layer.u, rows);
                const Slice y = first_rows(layer.y, rows);
                if (layer.sparse)
                    layer.sparse->forward(pass, u, x, extra);
                else
                    layer.dense->forward(pass, before, u);
                layer.normalisation->forward(pass, u);
                nn_detail::activate(pass, activation_, options_.dropout,
                                    options_.network * most_layers + static_cast<std::uint32_t>(i), own_rows, u, y,
                                    masked(layer, rows));
                before = y;
            }
            return before;
        }

        /// What the last forward() gave.
        [[nodiscard]] Slice output(Index rows) const { return first_rows(layers_.back().y, rows); }

        /// Where backward() expects the gradient of what forward() gave: rows x outputs(). Not for a network without
        /// layers.
        [[nodiscard]] Slice d_output(Index rows) const { return first_rows(layers_.back().d, rows); }

        /// Writes the gradients of all its parameters, from the gradient that the caller wrote into d_output().
        /// @param x as in forward() @param d_x as x, overwritten; not written where x is empty
        /// @param extra as in forward() @param d_extra extra rows x inputs, overwritten with their gradient
        void backward(const Pass<Real, Exec>& pass, const Slice& x, const Slice& d_x, Index rows,
                      const Slice& extra = Slice(), const Slice& d_extra = Slice()) const {
            rows += static_cast<Index>(extra.extent(0));
            for (std::size_t i = layers_.size(); i-- > 0;) {
                const auto& layer = layers_[i];
                const Slice d = first_rows(layer.d, rows);
                nn_detail::activate_backward(pass, activation_, options_.dropout, first_rows(layer.u, rows),
                                             masked(layer, rows), d);
                layer.normalisation->backward(pass, d);
                if (layer.sparse) {
                    layer.sparse->backward(pass, d, x, d_x, extra, d_extra);
                } else {
                    layer.dense->backward_parameters(pass, i == 0 ? x : first_rows(layers_[i - 1].y, rows), d);
                    layer.dense->backward_input(pass, d, i == 0 ? d_x : first_rows(layers_[i - 1].d, rows));
                }
            }
        }

        [[nodiscard]] bool empty() const { return layers_.empty(); }

    private:
        static constexpr std::uint32_t most_layers = 32;  ///< with 8 networks of them, 8 bits

        struct Layer {
            std::optional<SparseLinear<Real, Exec>> sparse;
            std::optional<Linear<Real, Exec>> dense;
            std::optional<NormalisationLayer<Real, Exec>> normalisation;
            Matrix<Real, Space> u;     ///< what the activation sees
            Matrix<Real, Space> y;     ///< what the next layer sees
            Matrix<Real, Space> d;     ///< the gradient, of y first and then of what came before
            Matrix<Real, Space> mask;  ///< dropout's factors
        };

        static Slice masked(const Layer& layer, Index rows) {
            return layer.mask.extent(0) == 0 ? Slice() : first_rows(layer.mask, rows);
        }

        MlpOptions options_;
        Index inputs_;
        Activation activation_{};
        std::vector<Layer> layers_;
    };
};

}  // namespace cellvae
