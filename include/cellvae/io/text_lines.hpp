// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/io/text_fields.hpp"

namespace cellvae::io_detail {

/// Reads a text, plain or gzip, line by line through one buffer of fixed size. LF and CRLF end a line.
class TextLines {
public:
    /// As ByteSource(path, expected).
    explicit TextLines(const std::filesystem::path& path, std::string_view expected = "a file of counts")
        : source_(path, expected), buffer_(buffer_size) {}

    [[nodiscard]] const std::string& name() const { return source_.name(); }
    /// The number of the line that next() gave last, from 1.
    [[nodiscard]] std::int64_t line() const { return line_; }
    /// Bytes of the file, compressed as it is, that were read.
    [[nodiscard]] double consumed() const { return source_.consumed(); }
    [[nodiscard]] bool compressed() const { return source_.compressed(); }

    /// The next line without its end; it is valid until the next call. False where there is none.
    [[nodiscard]] bool next(std::string_view& line) {
        for (;;) {
            const char* const begin = buffer_.data() + position_;
            const void* const found = std::memchr(begin, '\n', end_ - position_);
            if (found != nullptr) {
                const auto length = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
                line = without_return({begin, length});
                position_ += length + 1;
                ++line_;
                return true;
            }
            if (refill()) continue;
            if (position_ == end_) return false;
            line = without_return({buffer_.data() + position_, end_ - position_});
            position_ = end_;
            ++line_;
            return true;
        }
    }

    /// @throws InputError, "FILE: line N: TEXT", for the line that next() gave last.
    template <class... Parts>
    [[noreturn]] void fail(const Parts&... parts) const {
        throw InputError(message(name(), ": line ", line_, ": ", parts...));
    }

private:
    static constexpr std::size_t buffer_size = std::size_t{1} << 20;

    static std::string_view without_return(std::string_view line) {
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        return line;
    }

    bool refill() {
        if (position_ > 0) {
            std::memmove(buffer_.data(), buffer_.data() + position_, end_ - position_);
            end_ -= position_;
            position_ = 0;
        }
        if (end_ == buffer_size)
            throw InputError(message(name(), ": line ", line_ + 1, " is longer than ", buffer_size,
                                     " bytes; expected lines of names or numbers"));
        const std::size_t count = source_.read(buffer_.data() + end_, buffer_size - end_);
        end_ += count;
        return count > 0;
    }

    ByteSource source_;
    std::vector<char> buffer_;
    std::size_t position_ = 0;
    std::size_t end_ = 0;
    std::int64_t line_ = 0;
};

}  // namespace cellvae::io_detail
