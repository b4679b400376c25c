// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "cellvae/data/cells.hpp"

namespace cellvae {

/// Where the counts of cells lie that are not held in memory, such as a file.
class CellReader {
public:
    CellReader() = default;
    CellReader(const CellReader&) = delete;
    CellReader& operator=(const CellReader&) = delete;
    virtual ~CellReader() = default;

    /// Names and annotations of all cells and genes, and the library sizes that are known; no counts.
    [[nodiscard]] virtual const CountMatrix& annotations() const = 0;

    /// The rows of `rows` become those of these cells, which ascend; memory that is there is used again. Its library
    /// sizes are those of the rows, where annotations() has none and they are not the rows' sums; else empty. It is
    /// called by one thread at a time, but not by the same one in every pass.
    /// @throws InputError, naming the place, where they cannot be read or are no counts
    virtual void read(std::span<const Index> cells, CountMatrix& rows) = 0;
};

/// The time that passes spent, in seconds. Waiting is the time for which training had nothing to do.
struct StreamTimes {
    double waiting = 0;
    double reading = 0;  ///< of the thread that reads
};

namespace data_detail {

/// Some cells of an order, all of them in memory.
struct CellWindow {
    std::vector<Index> order;   ///< their numbers, in the order in which they are wanted
    std::vector<Index> cells;   ///< the same, ascending
    std::vector<Index> places;  ///< of each cell of `order`: its row
    CountMatrix rows;           ///< the counts, a row for each of `cells`
    double seconds = 0;         ///< for which it was read
};

/// Reads the cells of an order window after window in a thread of its own, one window ahead of who takes them: so two
/// windows are in memory. The thread ends with the last window, or with this.
class WindowReader {
public:
    /// @throws OptionError for a window below 1
    WindowReader(CellReader& reader, std::span<const Index> order, Index window)
        : reader_(reader),
          order_(order.begin(), order.end()),
          window_(static_cast<std::size_t>(
              window >= 1 ? window : throw OptionError(message("a window holds 1 cell or more, found ", window)))),
          thread_([this] { read_all(); }) {}
    WindowReader(const WindowReader&) = delete;
    WindowReader& operator=(const WindowReader&) = delete;
    ~WindowReader() {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    /// The next window; the one before is given up. Rethrows what reading threw.
    const CellWindow& next(StreamTimes& times) {
        const auto start = std::chrono::steady_clock::now();
        std::unique_lock lock(mutex_);
        if (taken_ > 0) ++given_up_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return read_ > taken_ || error_ != nullptr; });
        if (read_ <= taken_) std::rethrow_exception(error_);
        const CellWindow& window = slots_[taken_++ % slots_.size()];
        times.waiting += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        times.reading += window.seconds;
        return window;
    }

    /// Nothing is read while the lock lives.
    [[nodiscard]] std::unique_lock<std::mutex> pause() { return std::unique_lock(reading_); }

private:
    void read_all() {
        try {
            for (std::size_t first = 0, number = 0; first < order_.size(); first += window_, ++number) {
                {
                    std::unique_lock lock(mutex_);
                    changed_.wait(lock, [&] { return stop_ || number < given_up_ + slots_.size(); });
                    if (stop_) return;
                }
                fill(slots_[number % slots_.size()], first);
                {
                    const std::lock_guard lock(mutex_);
                    read_ = number + 1;
                }
                changed_.notify_all();
            }
        } catch (...) {
            const std::lock_guard lock(mutex_);
            error_ = std::current_exception();
        }
        changed_.notify_all();
    }

    void fill(CellWindow& window, std::size_t first) {
        const auto start = std::chrono::steady_clock::now();
        const std::size_t count = std::min(window_, order_.size() - first);
        window.order.assign(order_.begin() + static_cast<std::ptrdiff_t>(first),
                            order_.begin() + static_cast<std::ptrdiff_t>(first + count));
        std::vector<Index> by_cell(count);
        std::iota(by_cell.begin(), by_cell.end(), Index{0});
        const auto cell = [&](Index position) { return window.order[static_cast<std::size_t>(position)]; };
        std::sort(by_cell.begin(), by_cell.end(), [&](Index a, Index b) { return cell(a) < cell(b); });
        window.cells.resize(count);
        window.places.resize(count);
        for (std::size_t row = 0; row < count; ++row) {
            window.cells[row] = cell(by_cell[row]);
            window.places[static_cast<std::size_t>(by_cell[row])] = static_cast<Index>(row);
        }
        {
            const std::lock_guard lock(reading_);
            reader_.read(window.cells, window.rows);
        }
        window.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }

    CellReader& reader_;
    std::vector<Index> order_;
    std::size_t window_;
    std::array<CellWindow, 2> slots_;
    std::mutex mutex_;    // of what both threads know
    std::mutex reading_;  // held while the reader reads
    std::condition_variable changed_;
    std::size_t read_ = 0, taken_ = 0, given_up_ = 0;  // windows
    bool stop_ = false;
    std::exception_ptr error_;
    std::thread thread_;  // the last: it uses the others
};

/// Calls visit(block) with all cells of a reader, block after block in their order.
template <class Visit>
void for_each_block_of_cells(CellReader& reader, Index window, StreamTimes& times, const Visit& visit) {
    const CountMatrix& names = reader.annotations();
    const auto cells = static_cast<Index>(names.obs.names.size());
    std::vector<Index> all(static_cast<std::size_t>(cells));
    std::iota(all.begin(), all.end(), Index{0});
    WindowReader windows(reader, all, window);
    for (Index first = 0; first < cells; first += window) {
        const auto& found = windows.next(times);
        CellsView block(found.rows.row_offsets, found.rows.columns, found.rows.values, names.genes());
        block.source = &names;
        block.first_cell = first;
        if (!names.library_sizes.empty())
            block.library_sizes =
                std::span(names.library_sizes).subspan(static_cast<std::size_t>(first), found.cells.size());
        else
            block.library_sizes = found.rows.library_sizes;
        block.check();
        visit(block);
    }
}

}  // namespace data_detail
}  // namespace cellvae
