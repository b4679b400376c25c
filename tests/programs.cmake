# SPDX-License-Identifier: Apache-2.0
# Tests that are programs of their own: they run as separate processes, take malloc's place, or start Kokkos their own way.
# tests/CMakeLists.txt includes this file.
function(cellvae_add_test_program name)
  add_executable(${name}_program ${CMAKE_CURRENT_SOURCE_DIR}/programs/${name}.cpp)
  target_link_libraries(${name}_program PRIVATE cellvae cellvae_warnings)
endfunction()

if(NOT sanitized)
  cellvae_add_test_program(same_bits)
  target_link_libraries(same_bits_program PRIVATE $<TARGET_NAME_IF_EXISTS:Hnswlib::Hnswlib>)
  add_test(NAME same_bits COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/programs/same_bits.sh
    $<TARGET_FILE:same_bits_program> ${CMAKE_CURRENT_BINARY_DIR}/same_bits)

  # Steps that two programs watch: what they allocate and what they launch is the same at each level of optimisation.
  add_library(cellvae_test_steps OBJECT ${CMAKE_CURRENT_SOURCE_DIR}/programs/steps.cpp)
  target_link_libraries(cellvae_test_steps PUBLIC cellvae cellvae_warnings)
  target_compile_options(cellvae_test_steps PRIVATE ${quick_options})

  cellvae_add_test_program(kernels)
  target_link_libraries(kernels_program PRIVATE cellvae_test_steps ${CMAKE_DL_LIBS})
  add_test(NAME kernels COMMAND kernels_program)

  include(CheckCXXSymbolExists)
  check_cxx_symbol_exists(__GLIBC__ features.h CELLVAE_HAS_GLIBC)
  if(CELLVAE_HAS_GLIBC)  # no other C library lets a program take malloc's place
    cellvae_add_test_program(allocations)
    target_link_libraries(allocations_program PRIVATE cellvae_test_steps)
    add_test(NAME allocations COMMAND allocations_program)
  endif()
endif()

cellvae_add_test_program(model_file_kill)
target_link_libraries(model_file_kill_program PRIVATE cellvae_io)
set(kills 200)
if(sanitized)
  set(kills 40)
endif()
add_test(NAME model_file_kill COMMAND model_file_kill_program ${kills} ${CMAKE_CURRENT_BINARY_DIR}/model_file_kill)

# A part of the program that has igraph.
if(TARGET cellvae_igraph AND CELLVAE_IGRAPH_WORKS)
  cellvae_add_test_program(leiden)
  target_sources(leiden_program PRIVATE main.cpp ${PROJECT_SOURCE_DIR}/examples/cellvae/leiden.cpp
    ${PROJECT_SOURCE_DIR}/examples/cellvae/terminal.cpp)
  target_include_directories(leiden_program PRIVATE ${PROJECT_SOURCE_DIR}/examples/cellvae)
  target_link_libraries(leiden_program PRIVATE cellvae_igraph Catch2::Catch2 nlohmann_json::nlohmann_json
    $<TARGET_NAME_IF_EXISTS:Hnswlib::Hnswlib>)
  add_test(NAME leiden COMMAND leiden_program)
endif()

foreach(name IN ITEMS same_bits kernels allocations model_file_kill leiden)
  if(TEST ${name})
    set_tests_properties(${name} PROPERTIES PROCESSORS 2 ENVIRONMENT "${test_environment}")
  endif()
endforeach()

# Examples of a page each, on the cells that they simulate.
foreach(example IN ITEMS tutorial_vae tutorial_mixture reparametrisation fit_clusters)
  if(TARGET example_${example})
    add_test(NAME example_${example} COMMAND example_${example})
    set_tests_properties(example_${example} PROPERTIES PROCESSORS 2 LABELS program ENVIRONMENT "${test_environment}")
  endif()
endforeach()
if(TARGET example_purified_blood AND TARGET cellvae_program)
  set(sets ${CMAKE_CURRENT_BINARY_DIR}/purified_blood/sets)
  add_test(NAME example_purified_blood COMMAND example_purified_blood ${sets} 0.01)
  add_test(NAME example_purified_blood_clusters COMMAND cellvae_program train ${sets} --out ${CMAKE_CURRENT_BINARY_DIR}/purified_blood/run
    --min-genes 200 --min-cells 5 --subsample-by-label 60 --prior marginal_mixture --start-epochs 6 --epochs 2 --no-report)
  set_tests_properties(example_purified_blood example_purified_blood_clusters PROPERTIES PROCESSORS 2 LABELS program
    ENVIRONMENT "${test_environment}")
  set_tests_properties(example_purified_blood PROPERTIES FIXTURES_SETUP purified_sets)
  set_tests_properties(example_purified_blood_clusters PROPERTIES FIXTURES_REQUIRED purified_sets
    PASS_REGULAR_EXPRESSION "cells +540\n.* ari +[01.]")
endif()

# Several processes on this machine, started as users start them. MPI leaks by itself: not under a sanitizer.
if(NOT TARGET cellvae_mpi)
  set(why_not "there is no MPI on this machine")
elseif(sanitized)
  set(why_not "MPI is not tested under a sanitizer")
endif()
if(why_not)
  message(STATUS "Training by several processes is neither built nor tested: ${why_not}")
  add_test(NAME data_parallel COMMAND ${CMAKE_COMMAND} -E echo "SKIPPED: ${why_not}")
  set_tests_properties(data_parallel PROPERTIES SKIP_REGULAR_EXPRESSION SKIPPED)
else()
  add_executable(data_parallel_program ${CMAKE_CURRENT_SOURCE_DIR}/distributed/data_parallel.cpp)
  target_link_libraries(data_parallel_program PRIVATE cellvae_mpi cellvae_io cellvae_warnings)
  target_compile_options(data_parallel_program PRIVATE ${quick_options})  # its compilation is most of its time
  add_test(NAME data_parallel COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/distributed/data_parallel.sh
    $<TARGET_FILE:data_parallel_program> ${CMAKE_CURRENT_BINARY_DIR}/data_parallel ${MPIEXEC_EXECUTABLE})
  set_tests_properties(data_parallel PROPERTIES PROCESSORS 2 ENVIRONMENT "${test_environment}")
endif()
