# SPDX-License-Identifier: Apache-2.0
# What this project chooses for its own builds and leaves to others in theirs.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

find_program(CELLVAE_CCACHE ccache)
mark_as_advanced(CELLVAE_CCACHE)
if(CELLVAE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CELLVAE_CCACHE})
endif()
