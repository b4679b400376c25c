# SPDX-License-Identifier: Apache-2.0
# What this project chooses for its own builds and leaves to others in theirs.
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

# For this machine's processor means with its whole registers: g++ from 13 on and clang compile for processors with
# 512 bits in halves unless they are told, and a likelihood then takes half as long again.
include(CheckCXXCompilerFlag)
if(CMAKE_CXX_FLAGS MATCHES "-march=native")
  check_cxx_compiler_flag(-mprefer-vector-width=512 CELLVAE_PREFERS_WIDE_VECTORS)
  if(CELLVAE_PREFERS_WIDE_VECTORS)
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-mprefer-vector-width=512>)
  endif()
endif()

find_program(CELLVAE_CCACHE ccache)
mark_as_advanced(CELLVAE_CCACHE)
if(Kokkos_ENABLE_CUDA)
  # Kokkos puts nvcc in the compiler's place: no launcher may stand between, and nvcc reads no precompiled headers
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
elseif(CELLVAE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # without these it takes nothing from its memory that was compiled with a precompiled header
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CELLVAE_CCACHE})
endif()

# Sources of one program are compiled several at a time: they share headers and models, and take half as long. Whoever
# works on one file may prefer -DCMAKE_UNITY_BUILD=OFF.
option(CMAKE_UNITY_BUILD "Compile several sources of a program at a time" ON)
set(CMAKE_UNITY_BUILD_BATCH_SIZE 5 CACHE STRING "How many sources of a program at a time")
