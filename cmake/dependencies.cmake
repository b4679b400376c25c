# SPDX-License-Identifier: Apache-2.0
# Kokkos, Eigen, Random123, Catch2, CLI11 and nlohmann_json are looked for on this machine first (find_package), and fetched
# at a pinned version where they are not there. FETCHCONTENT_SOURCE_DIR_<NAME> (KOKKOS, EIGEN3, RANDOM123, CATCH2, CLI11,
# NLOHMANN_JSON) takes a folder of sources instead. HDF5, zlib and Boost come with every system and are never fetched.
#
# Kokkos_ENABLE_CUDA=ON asks for a Kokkos with CUDA. That of a system is for the host, so only one is looked for that
# Kokkos_ROOT, Kokkos_DIR or CMAKE_PREFIX_PATH leads to; without any of them it is fetched.
include(FetchContent)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})

# A fetched part is neither tested nor held to our warnings. What find_package finds is visible to a project that adds
# this one as a folder.
macro(cellvae_make_available)
  set(BUILD_TESTING OFF)
  set(CMAKE_COMPILE_WARNING_AS_ERROR OFF)
  set(CMAKE_UNITY_BUILD OFF)
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
  FetchContent_MakeAvailable(${ARGN})
endmacro()

function(cellvae_find_library_dependencies)
  set(find_kokkos FIND_PACKAGE_ARGS 4.6 CONFIG)
  if(Kokkos_ENABLE_CUDA AND NOT (Kokkos_ROOT OR Kokkos_DIR OR CMAKE_PREFIX_PATH OR DEFINED ENV{Kokkos_ROOT}
      OR DEFINED ENV{Kokkos_DIR} OR DEFINED ENV{CMAKE_PREFIX_PATH}))
    set(find_kokkos "")
  endif()
  FetchContent_Declare(Kokkos
    GIT_REPOSITORY https://github.com/kokkos/kokkos.git GIT_TAG 5.2.2 GIT_SHALLOW ON SYSTEM
    ${find_kokkos})
  FetchContent_Declare(Eigen3
    GIT_REPOSITORY https://gitlab.com/libeigen/eigen.git GIT_TAG 5.0.1 GIT_SHALLOW ON SYSTEM
    FIND_PACKAGE_ARGS 5.0 CONFIG)
  FetchContent_Declare(Random123
    GIT_REPOSITORY https://github.com/DEShawResearch/random123.git GIT_TAG v1.14.0 GIT_SHALLOW ON SYSTEM
    SOURCE_SUBDIR headers-alone
    FIND_PACKAGE_ARGS MODULE)

  find_package(OpenMP QUIET COMPONENTS CXX)
  if(OpenMP_CXX_FOUND)
    option(Kokkos_ENABLE_OPENMP "Kokkos on OpenMP, where Kokkos is fetched" ON)
  endif()
  cellvae_make_available(Kokkos Eigen3 Random123)
  if(NOT TARGET Random123::Random123)
    FetchContent_GetProperties(Random123)
    add_library(Random123::Random123 INTERFACE IMPORTED GLOBAL)
    target_include_directories(Random123::Random123 INTERFACE ${random123_SOURCE_DIR}/include)
  endif()
  if(Kokkos_ENABLE_CUDA AND Kokkos_DEVICES AND NOT "CUDA" IN_LIST Kokkos_DEVICES)
    message(FATAL_ERROR "The Kokkos in ${Kokkos_DIR} has no CUDA, only ${Kokkos_DEVICES}: "
      "name one that has it with -DKokkos_ROOT=FOLDER, or none to have it fetched")
  endif()
  if(Kokkos_ENABLE_CUDA)  # products on a device are cuBLAS's
    set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
    find_package(CUDAToolkit REQUIRED)
  endif()
  set(CELLVAE_ON_CUDA ${Kokkos_ENABLE_CUDA} PARENT_SCOPE)
endfunction()

macro(cellvae_find_io_dependencies)
  find_package(HDF5Serial MODULE GLOBAL ${ARGN})
  find_package(ZLIB GLOBAL ${ARGN})
  find_package(Lzf QUIET MODULE GLOBAL)
endmacro()

# hnswlib's headers are optional everywhere; what looks for approximate neighbours links them.
macro(cellvae_find_neighbour_dependencies)
  find_package(Hnswlib QUIET MODULE GLOBAL)
endmacro()

# Boost.Math's headers.
macro(cellvae_find_testing_dependencies)
  find_package(Boost 1.74 CONFIG GLOBAL ${ARGN})
endmacro()

# MPI is optional everywhere. Its C++ bindings, which are no more, are left out.
macro(cellvae_find_mpi_dependencies)
  set(MPI_CXX_SKIP_MPICXX ON)
  set(cellvae_log_level "${CMAKE_MESSAGE_LOG_LEVEL}")
  set(CMAKE_MESSAGE_LOG_LEVEL NOTICE)  # where there is none, QUIET still lets pkg-config say so
  find_package(MPI QUIET GLOBAL COMPONENTS CXX)
  set(CMAKE_MESSAGE_LOG_LEVEL "${cellvae_log_level}")
endmacro()

function(cellvae_find_test_framework)
  FetchContent_Declare(Catch2
    GIT_REPOSITORY https://github.com/catchorg/Catch2.git GIT_TAG v3.7.1 GIT_SHALLOW ON SYSTEM
    FIND_PACKAGE_ARGS 3 CONFIG)
  cellvae_make_available(Catch2)
endfunction()

function(cellvae_find_program_dependencies)
  FetchContent_Declare(CLI11
    GIT_REPOSITORY https://github.com/CLIUtils/CLI11.git GIT_TAG v2.1.2 GIT_SHALLOW ON SYSTEM
    FIND_PACKAGE_ARGS 2.1 CONFIG)
  FetchContent_Declare(nlohmann_json
    GIT_REPOSITORY https://github.com/nlohmann/json.git GIT_TAG v3.11.2 GIT_SHALLOW ON SYSTEM
    FIND_PACKAGE_ARGS 3.11 CONFIG)
  cellvae_make_available(CLI11 nlohmann_json)
endfunction()
