// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

/// Model files, in a source of their own: their header is one that takes long to compile.
namespace fuzz {

/// A reader: returns what is wrong with the answer.
std::string read_model(const std::filesystem::path& path);

/// Writes a model file of everything but the state of training.
void write_model(const std::filesystem::path& path);

}  // namespace fuzz
