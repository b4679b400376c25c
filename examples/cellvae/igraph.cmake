# SPDX-License-Identifier: Apache-2.0
# The target cellvae_igraph: igraph where a source that includes and calls it compiles and links; nothing, with a line, where
# not. Neither igraph's CMake package nor its pkg-config file is asked: Debian's want the development files of
# everything that igraph itself links. Some of its headers may lie in the architecture's own include folder (Debian 13).
find_path(CELLVAE_IGRAPH_INCLUDE igraph/igraph.h)
find_path(CELLVAE_IGRAPH_VERSION_INCLUDE igraph_version.h PATH_SUFFIXES igraph)
find_library(CELLVAE_IGRAPH_LIBRARY igraph)
mark_as_advanced(CELLVAE_IGRAPH_INCLUDE CELLVAE_IGRAPH_VERSION_INCLUDE CELLVAE_IGRAPH_LIBRARY)
if(CELLVAE_IGRAPH_INCLUDE AND CELLVAE_IGRAPH_VERSION_INCLUDE AND CELLVAE_IGRAPH_LIBRARY)
  set(igraph_includes ${CELLVAE_IGRAPH_INCLUDE} ${CELLVAE_IGRAPH_INCLUDE}/igraph ${CELLVAE_IGRAPH_VERSION_INCLUDE})
  include(CheckCXXSourceCompiles)
  include(CMakePushCheckState)
  cmake_push_check_state(RESET)
  set(CMAKE_REQUIRED_INCLUDES ${igraph_includes})
  set(CMAKE_REQUIRED_LIBRARIES ${CELLVAE_IGRAPH_LIBRARY})
  check_cxx_source_compiles("
    #include <igraph/igraph.h>
    int main() {
        igraph_vector_int_t values;
        igraph_vector_int_init(&values, 1);
        igraph_vector_int_destroy(&values);
    }" CELLVAE_IGRAPH_WORKS)
  cmake_pop_check_state()
endif()
add_library(cellvae_igraph INTERFACE)
if(CELLVAE_IGRAPH_WORKS)
  target_include_directories(cellvae_igraph SYSTEM INTERFACE ${igraph_includes})
  target_link_libraries(cellvae_igraph INTERFACE ${CELLVAE_IGRAPH_LIBRARY})
  target_compile_definitions(cellvae_igraph INTERFACE CELLVAE_HAS_IGRAPH)
else()
  message(STATUS "The program cellvae is built without igraph, and so without Leiden clusters: no igraph here that compiles and links")
endif()
