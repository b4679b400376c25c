// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cellvae/core/error.hpp"
#include "cellvae/io/read_result.hpp"

namespace cellvae::io_detail {

/// The bytes of a file, decompressed where it is gzip (decided by its content, never by its name).
class ByteSource {
public:
    /// @param expected what the file should be, in words for the error
    /// @throws InputError where the file cannot be opened.
    explicit ByteSource(const std::filesystem::path& path, std::string_view expected = "a file of counts")
        : name_(path.string()) {
        require_regular_file(path, expected);
        file_.reset(gzopen(path.c_str(), "rb"));
        if (!file_) throw InputError(message(name_, ": cannot be opened; expected a file that this user may read"));
        gzbuffer(file_.get(), 1U << 17);
    }

    /// Fills at most `size` bytes; 0 at the end of the data.
    /// @throws InputError where the compressed data is damaged or ends early.
    std::size_t read(char* to, std::size_t size) {
        const int count = gzread(file_.get(), to, static_cast<unsigned>(std::min<std::size_t>(size, 1U << 30)));
        if (count > 0) return static_cast<std::size_t>(count);
        int code = Z_OK;
        const char* reason = gzerror(file_.get(), &code);
        if (code == Z_BUF_ERROR)
            throw InputError(message(name_,
                                     ": the gzip data ends early (truncated file); expected the whole file, "
                                     "as `gzip --test` checks it"));
        if (count < 0 || code != Z_OK)
            throw InputError(message(name_, ": the gzip data is damaged (", reason,
                                     "); expected the whole file, as `gzip --test` checks it"));
        return 0;
    }

    [[nodiscard]] const std::string& name() const { return name_; }
    /// Bytes of the file, compressed as it is, that were read so far.
    [[nodiscard]] double consumed() const { return static_cast<double>(gzoffset(file_.get())); }
    /// True where the file is gzip. Ask after the first read().
    [[nodiscard]] bool compressed() const { return gzdirect(file_.get()) == 0; }

private:
    struct Close {
        void operator()(gzFile file) const { gzclose(file); }
    };
    std::string name_;
    std::unique_ptr<std::remove_pointer_t<gzFile>, Close> file_;
};

/// One field of a line. `text` is valid until the next call.
struct Field {
    std::string_view text;
    bool ends_line = false;
};

/// Reads a delimited text field by field through one buffer of fixed size. Quoted fields ("" stands for a quote
/// inside), LF and CRLF, and a UTF-8 byte order mark are understood.
class TextFields {
public:
    /// @param delimiter the separator, or 0 to find it from the first line: a tab where there is one, else the more
    ///   frequent of comma and semicolon, else a blank.
    explicit TextFields(const std::filesystem::path& path, char delimiter = 0)
        : source_(path), buffer_(buffer_size + 2), delimiter_(delimiter) {
        // A full buffer, so that a file that ends too early is found to do so before its text is judged.
        while (end_ < buffer_size && refill()) {
        }
        if (end_ >= 2 &&
            (std::memcmp(buffer_.data(), "\xff\xfe", 2) == 0 || std::memcmp(buffer_.data(), "\xfe\xff", 2) == 0))
            throw InputError(message(name(), ": is UTF-16 text; expected UTF-8"));
        if (end_ >= 3 && std::memcmp(buffer_.data(), "\xef\xbb\xbf", 3) == 0) position_ = 3;
        if (position_ == end_)
            throw InputError(
                message(name(), ": the file holds no text; expected a header line and one line for each cell or gene"));
        if (const void* zero = std::memchr(buffer_.data(), 0, end_); zero != nullptr)
            throw InputError(message(name(), ": byte ", static_cast<const char*>(zero) - buffer_.data() + 1,
                                     " is zero, so this is no text; expected CSV or TSV, plain or gzip"));
        if (delimiter_ == 0) delimiter_ = detect();
    }

    [[nodiscard]] const std::string& name() const { return source_.name(); }
    [[nodiscard]] char delimiter() const { return delimiter_; }
    [[nodiscard]] double consumed() const { return source_.consumed(); }

    /// The number of the line, from 1, at which the next field begins.
    [[nodiscard]] std::int64_t line() const { return line_; }

    /// True where nothing follows. Call at the start of a line; empty lines are passed over.
    [[nodiscard]] bool at_end() {
        for (;;) {
            if (position_ == end_ && !refill()) return true;
            if (buffer_[position_] == '\r' && position_ + 1 == end_ && !refill()) return true;
            if (buffer_[position_] == '\n') {
                ++position_;
            } else if (buffer_[position_] == '\r' && position_ + 1 < end_ && buffer_[position_ + 1] == '\n') {
                position_ += 2;
            } else {
                return false;
            }
            ++line_;
        }
    }

    /// Passes over fields that are exactly "0" and do not end their line, at most `limit` of them. Returns how many.
    /// Nine fields of ten are such.
    std::size_t skip_zeros(std::size_t limit) {
        const char* at = buffer_.data() + position_;
        const char* const stop = buffer_.data() + end_ - 1;
        std::size_t count = 0;
        while (count < limit && at < stop && at[0] == '0' && at[1] == delimiter_) {
            at += 2;
            ++count;
        }
        position_ += 2 * count;
        return count;
    }

    /// The next field.
    Field next() {
        if (position_ == end_) refill();
        if (position_ < end_ && buffer_[position_] == '"') return quoted();
        std::size_t scan = position_;
        for (;;) {
            while (scan < end_ && buffer_[scan] != delimiter_ && buffer_[scan] != '\n') ++scan;
            if (scan < end_) break;
            const std::size_t length = scan - position_;
            const bool more = refill();
            scan = position_ + length;
            if (!more) break;
        }
        const bool ends_line = scan == end_ || buffer_[scan] == '\n';
        std::size_t length = scan - position_;
        if (ends_line && length > 0 && buffer_[scan - 1] == '\r') --length;
        const Field field{std::string_view(buffer_.data() + position_, length), ends_line};
        position_ = std::min(scan + 1, end_);
        if (ends_line) ++line_;
        return field;
    }

private:
    static constexpr std::size_t buffer_size = std::size_t{1} << 18;

    /// Moves what is left to the front and reads on. False where the file has ended.
    bool refill() {
        if (position_ > 0) {
            std::memmove(buffer_.data(), buffer_.data() + position_, end_ - position_);
            end_ -= position_;
            position_ = 0;
        }
        if (end_ == buffer_size)
            throw InputError(message(name(), ": line ", line_, " holds a field longer than ", buffer_size,
                                     " bytes; expected names and numbers between delimiters"));
        const std::size_t count = source_.read(buffer_.data() + end_, buffer_size - end_);
        end_ += count;
        return count > 0;
    }

    Field quoted() {
        const std::int64_t first_line = line_;
        unquoted_.clear();
        ++position_;
        const auto present = [&] { return position_ < end_ || refill(); };
        for (;;) {
            if (!present())
                throw InputError(message(name(), ": the quote that opens in line ", first_line,
                                         " is never closed; expected a second \" before the end of the file"));
            const char character = buffer_[position_++];
            if (character != '"') {
                if (character == '\n') ++line_;
                unquoted_.push_back(character);
                if (unquoted_.size() > buffer_size)
                    throw InputError(message(name(), ": the quote that opens in line ", first_line, " spans more than ",
                                             buffer_size, " bytes; expected a closing \""));
            } else if (present() && buffer_[position_] == '"') {
                unquoted_.push_back('"');
                ++position_;
            } else {
                break;
            }
        }
        if (present() && buffer_[position_] == '\r') ++position_;
        if (!present()) return end_of_line();
        const char character = buffer_[position_];
        if (character != '\n' && character != delimiter_)
            throw InputError(message(name(), ": line ", line_, ": text follows a closing quote after \"",
                                     unquoted_.substr(0, 40), "\"; expected a delimiter or the end of the line"));
        ++position_;
        return character == '\n' ? end_of_line() : Field{unquoted_, false};
    }

    Field end_of_line() {
        ++line_;
        return {unquoted_, true};
    }

    [[nodiscard]] char detect() const {
        std::array<std::size_t, 4> counts{};
        constexpr std::string_view candidates = "\t,; ";
        bool inside = false;
        for (std::size_t at = position_; at < end_; ++at) {
            const char character = buffer_[at];
            if (character == '"') inside = !inside;
            if (inside) continue;
            if (character == '\n') break;
            if (const auto which = candidates.find(character); which != std::string_view::npos) ++counts[which];
        }
        if (counts[0] > 0) return '\t';
        if (counts[1] + counts[2] > 0) return counts[2] > counts[1] ? ';' : ',';
        if (counts[3] > 0) return ' ';
        throw InputError(
            message(name(), ": line 1 has one field only; expected names separated by commas, tabs or semicolons"));
    }

    ByteSource source_;
    std::vector<char> buffer_;
    std::size_t position_ = 0;
    std::size_t end_ = 0;
    std::int64_t line_ = 1;
    char delimiter_;
    std::string unquoted_;
};

}  // namespace cellvae::io_detail
