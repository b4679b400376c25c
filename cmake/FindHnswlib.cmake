# SPDX-License-Identifier: Apache-2.0
# hnswlib, headers alone, with which cellvae/clustering/approximate_neighbours.hpp finds neighbours. Gives the target
# Hnswlib::Hnswlib where a source that includes it compiles; what is to use it links that target. Hnswlib_ROOT (a variable
# or of the environment) and Hnswlib_INCLUDE_DIR say where it lies.
find_path(Hnswlib_INCLUDE_DIR hnswlib/hnswlib.h HINTS ${Hnswlib_ROOT} ENV Hnswlib_ROOT PATH_SUFFIXES include)
mark_as_advanced(Hnswlib_INCLUDE_DIR)
if(Hnswlib_INCLUDE_DIR)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_INCLUDES ${Hnswlib_INCLUDE_DIR})
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_compiles("#include <hnswlib/hnswlib.h>
    int main() { hnswlib::L2Space space(2); hnswlib::HierarchicalNSW<float> graph(&space, 1, 16, 100, 1); }"
    Hnswlib_COMPILES)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_QUIET)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Hnswlib REQUIRED_VARS Hnswlib_INCLUDE_DIR Hnswlib_COMPILES)

if(Hnswlib_FOUND AND NOT TARGET Hnswlib::Hnswlib)
  add_library(Hnswlib::Hnswlib INTERFACE IMPORTED)
  target_include_directories(Hnswlib::Hnswlib INTERFACE ${Hnswlib_INCLUDE_DIR})
  target_compile_definitions(Hnswlib::Hnswlib INTERFACE CELLVAE_WITH_HNSWLIB)
endif()
