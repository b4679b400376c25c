// SPDX-License-Identifier: Apache-2.0
#include "cellvae/core/error.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <string>
#include <type_traits>

using namespace cellvae;

TEST_CASE("a message joins text and numbers as a stream prints them") {
    CHECK(message("cell ", 12, ", value ", 1.5, std::string("!")) == "cell 12, value 1.5!");
}

TEST_CASE("things are counted in words") {
    CHECK(counted(1, "component") == "1 component");
    CHECK(counted(std::size_t{0}, "cell") == "0 cells");
    CHECK(counted(3, "cell") == "3 cells");
}

TEMPLATE_TEST_CASE("every error is caught as an Error and as no other error of the library", "", InputError,
                   OptionError, ShapeError, NumericalError) {
    try {
        throw TestType("what was refused");
    } catch (const Error& error) {
        CHECK(std::string(error.what()) == "what was refused");
    }
    CHECK(std::is_base_of_v<InputError, TestType> == std::is_same_v<InputError, TestType>);
    CHECK(std::is_base_of_v<OptionError, TestType> == std::is_same_v<OptionError, TestType>);
    CHECK(std::is_base_of_v<ShapeError, TestType> == std::is_same_v<ShapeError, TestType>);
    CHECK(std::is_base_of_v<NumericalError, TestType> == std::is_same_v<NumericalError, TestType>);
}

TEST_CASE("whatever a file calls its cells, an error stays one line that a terminal shows") {
    const InputError line("cells.csv: the cell 'a\nb\tc\x1b[2J' is there twice\x7f");
    CHECK(std::string(line.what()) == "cells.csv: the cell 'a b c [2J' is there twice ");
    const InputError name("cells.csv: the cell '" + std::string(100000, 'x') + "' is there twice");
    const std::string shown = name.what();
    CHECK(shown.size() <= 2005);
    CHECK(shown.compare(0, 11, "cells.csv: ") == 0);
    CHECK(shown.substr(shown.size() - 16) == "' is there twice");
}
