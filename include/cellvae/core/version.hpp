// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The version of the library, by semantic versioning. CMakeLists.txt reads it from here, so that it stands in one
/// place.
#define CELLVAE_VERSION_MAJOR 0
#define CELLVAE_VERSION_MINOR 1
#define CELLVAE_VERSION_PATCH 0

namespace cellvae {

inline constexpr int version_major = CELLVAE_VERSION_MAJOR;
inline constexpr int version_minor = CELLVAE_VERSION_MINOR;
inline constexpr int version_patch = CELLVAE_VERSION_PATCH;

}  // namespace cellvae
