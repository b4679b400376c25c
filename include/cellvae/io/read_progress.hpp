// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace cellvae {

/// How far the reading of a file is.
struct ReadProgress {
    std::string file;
    double done = 0;        ///< in `unit`
    double total = 0;       ///< in `unit`
    const char* unit = "";  ///< "MB" of the file or "million values"
    double seconds = 0;     ///< since the reading began
    bool finished = false;  ///< true once, in the last call

    [[nodiscard]] double rate() const { return seconds > 0 ? done / seconds : 0; }  ///< `unit` a second
    [[nodiscard]] double seconds_left() const { return done > 0 ? seconds * (total - done) / done : 0; }
};

/// Called while a file is read that takes longer than two seconds, about five times a second.
using ReadProgressCallback = std::function<void(const ReadProgress&)>;

namespace io_detail {

/// Decides when progress is worth a call.
class ProgressMeter {
public:
    /// @param unit_size how much of what at() counts makes one `unit`
    ProgressMeter(const ReadProgressCallback& callback, std::string file, double total, const char* unit,
                  double unit_size)
        : callback_(callback), unit_size_(unit_size) {
        progress_.file = std::move(file);
        progress_.total = total / unit_size;
        progress_.unit = unit;
    }
    ProgressMeter(const ProgressMeter&) = delete;
    ProgressMeter& operator=(const ProgressMeter&) = delete;
    ~ProgressMeter() = default;

    void at(double done) {
        if (!callback_) return;
        const auto now = Clock::now();
        if (now < next_) return;
        next_ = now + std::chrono::milliseconds(200);
        report(done / unit_size_, now);
    }

    void add(double more) { at(counted_ += more); }

    /// The last call, where there was one before it.
    void finish() {
        if (!callback_ || progress_.done == 0) return;
        progress_.finished = true;
        report(progress_.total, Clock::now());
    }

private:
    using Clock = std::chrono::steady_clock;

    void report(double done, Clock::time_point now) {
        progress_.done = done;
        progress_.seconds = std::chrono::duration<double>(now - start_).count();
        callback_(progress_);
    }

    const ReadProgressCallback& callback_;
    double unit_size_;
    double counted_ = 0;
    ReadProgress progress_;
    Clock::time_point start_ = Clock::now();
    Clock::time_point next_ = start_ + std::chrono::seconds(2);
};

}  // namespace io_detail
}  // namespace cellvae
