// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace cellvae {

/// The base of everything that cellvae throws. The message is one line that says what was refused, where (file, dataset
/// inside it, cell, gene, value) and what would be right.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
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

/// Joins its arguments into one message, as a stream would print them.
template <class... Parts>
[[nodiscard]] std::string message(const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    return text.str();
}

}  // namespace cellvae
