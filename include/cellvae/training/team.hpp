// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "cellvae/core/launch.hpp"
#include "cellvae/models/evaluate.hpp"

namespace cellvae {

/// One process, which trains a model for itself.
struct Alone {
    [[nodiscard]] static constexpr Index rank() { return 0; }
    [[nodiscard]] static constexpr Index size() { return 1; }
    template <class Exec, class Values>
    void add(const Exec&, const Values&) const {}
    void add(std::span<double>) const {}
    [[nodiscard]] bool any(bool value) const { return value; }
};

/// The processes that train a model together: each takes its share of every minibatch and all of them take the same
/// steps. add() makes the sum over all of them, in the order of their ranks, of an array on the backend or of numbers;
/// any() is true where it is true for one. All processes call them, in the same order.
template <class Team, class Exec, class Real>
concept TrainingTeam = requires(Team& team, const Exec& exec, const Vector<Real, typename Exec::memory_space>& values,
                                bool value, std::span<double> numbers) {
    { team.rank() } -> std::convertible_to<Index>;
    { team.size() } -> std::convertible_to<Index>;
    team.add(exec, values);
    team.add(numbers);
    { team.any(value) } -> std::same_as<bool>;
};

namespace training_detail {

/// The part of `count` things that is a process's: its first, and the one after its last. Parts are consecutive and
/// differ by one at most; the first processes have the larger ones, so that no part is larger where there is less.
template <class Team>
[[nodiscard]] std::pair<Index, Index> share_of(const Team& team, Index count) {
    const Index rank = team.rank(), each = count / team.size(), rest = count % team.size();
    const Index begin = rank * each + std::min(rank, rest);
    return {begin, begin + each + (rank < rest ? 1 : 0)};
}

/// What one process does of the work of a team. Alone it is all of it, with no kernel or copy more.
template <class Real, class Exec, class Team>
class TeamShare {
public:
    TeamShare(Team& team, Index minibatch) : team_(&team), minibatch_(minibatch) {}

    /// Cells of its share of a whole minibatch, at least one: the last minibatch may have fewer.
    [[nodiscard]] Index most() const {
        const auto [begin, end] = share_of(*team_, minibatch_);
        return std::max<Index>(end - begin, 1);
    }

    /// The position in cells() of the share of the minibatch from `first` on: all before it were whole.
    [[nodiscard]] Index position(Index first) const { return team_->size() == 1 ? first : first / minibatch_ * most(); }

    /// The shares of all minibatches that an order makes, one after the other. @param own their memory, if it is needed
    [[nodiscard]] std::span<const Index> cells(const std::vector<Index>& order, std::vector<Index>& own) const {
        if (team_->size() == 1) return order;
        own.clear();
        const auto count = static_cast<Index>(order.size());
        for (Index first = 0; first < count; first += minibatch_) {
            const auto [begin, end] = share_of(*team_, std::min(minibatch_, count - first));
            own.insert(own.end(), order.begin() + first + begin, order.begin() + first + end);
        }
        return own;
    }

    /// The terms and the gradient of the mean bound of a whole minibatch, the same in every process.
    /// @param first position of the minibatch in the order of all @param count its cells
    template <class Model, class Pass, class Options>
    typename Model::Terms gradient(const Exec& exec, Model& model, Pass& pass, Minibatch<Real, Exec>& batch,
                                   Index first, Index count, const Options& step) const {
        const auto [begin, end] = share_of(*team_, count);
        typename Model::Terms terms{};
        if (end > begin) {
            pass.assemble(exec, batch, position(first), end - begin);
            terms = model.gradient(exec, batch, step);
        }
        if (team_->size() == 1) return terms;
        const auto weight = static_cast<double>(end - begin) / static_cast<double>(count);
        for (const auto* store : {&model.parameters(), &model.state()}) {
            const auto& values = store == &model.state() ? store->values() : store->gradients();
            core_detail::scale(exec, values, static_cast<Real>(weight));
            team_->add(exec, values);
        }
        return sum(terms, weight);
    }

    /// As cellvae::mean_bound, of all cells together.
    template <class Model, class Cells>
    typename Model::Terms mean_bound(const Exec& exec, Model& model, const Cells& data, std::span<const Index> cells,
                                     Minibatch<Real, Exec>& batch, std::uint64_t seed) const {
        if (team_->size() == 1) return cellvae::mean_bound(exec, model, data, cells, batch, seed);
        const auto [begin, end] = share_of(*team_, static_cast<Index>(cells.size()));
        typename Model::Terms terms{};
        const auto own = cells.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
        if (!own.empty()) terms = cellvae::mean_bound(exec, model, data, own, batch, seed);
        return sum(terms, static_cast<double>(own.size()) / static_cast<double>(cells.size()));
    }

private:
    template <class Terms>
    Terms sum(Terms terms, double weight) const {
        for (auto& term : terms) term *= weight;
        team_->add(std::span<double>(terms));
        return terms;
    }

    Team* team_;
    Index minibatch_;
};

}  // namespace training_detail
}  // namespace cellvae
