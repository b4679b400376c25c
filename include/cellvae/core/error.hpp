// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace cellvae {
namespace core_detail {

/// Names come from files: control characters become blanks, and of a text that no terminal shows the middle goes.
inline std::string one_line(std::string text) {
    constexpr std::size_t most = 2000;
    if (text.size() > most) text = text.substr(0, most / 2) + " ... " + text.substr(text.size() - most / 2);
    for (char& character : text)
        if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) character = ' ';
    return text;
}

}  // namespace core_detail

/// The base of everything that cellvae throws. The message is one line that says what was refused, where (file, dataset
/// inside it, cell, gene, value) and what would be right. Whatever a file calls its cells, it stays one line of at most
/// 2,005 bytes.
class Error : public std::runtime_error {
public:
    explicit Error(std::string text) : std::runtime_error(core_detail::one_line(std::move(text))) {}
};

/// Data that cannot be used: a damaged or misshapen file, a value outside a likelihood's support.
class InputError : public Error {
public:
    using Error::Error;
};

/// An option outside its range, or options that contradict each other.
class OptionError : public Error {
public:
    using Error::Error;
};

/// Arrays whose sizes do not fit together.
class ShapeError : public Error {
public:
    using Error::Error;
};

/// A loss or a gradient that is not finite.
class NumericalError : public Error {
public:
    using Error::Error;
};

/// A number in as many digits as tell it from others: 2.9999995 is not 3. Whole numbers have no point.
template <class Real>
[[nodiscard]] std::string number_text(Real number) {
    std::array<char, 32> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
    return {buffer.data(), result.ptr};
}

/// Joins its arguments into one message, as a stream would print them.
template <class... Parts>
[[nodiscard]] std::string message(const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    return text.str();
}

/// "1 cluster", "3 clusters". @param noun takes an s
template <class Number>
[[nodiscard]] std::string counted(Number number, const char* noun) {
    return message(number, ' ', noun, number == 1 ? "" : "s");
}

}  // namespace cellvae
