# SPDX-License-Identifier: Apache-2.0
# Tests that are programs of their own: they run as separate processes, take malloc's place, or start Kokkos their own way.
# tests/CMakeLists.txt includes this file.
function(cellvae_add_test_program name)
  add_executable(${name}_program ${CMAKE_CURRENT_SOURCE_DIR}/programs/${name}.cpp)
  target_link_libraries(${name}_program PRIVATE cellvae cellvae_warnings)
endfunction()

cellvae_add_test_program(same_bits)
add_test(NAME same_bits COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/programs/same_bits.sh
  $<TARGET_FILE:same_bits_program> ${CMAKE_CURRENT_BINARY_DIR}/same_bits)

cellvae_add_test_program(kernels)
target_link_libraries(kernels_program PRIVATE ${CMAKE_DL_LIBS})
add_test(NAME kernels COMMAND kernels_program)

# A sanitizer has the place of malloc for itself, and only glibc lets a program take it.
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
include(CheckCXXSymbolExists)
check_cxx_symbol_exists(__GLIBC__ features.h CELLVAE_HAS_GLIBC)
if(CELLVAE_HAS_GLIBC AND NOT "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}" MATCHES "-fsanitize")
  cellvae_add_test_program(allocations)
  add_test(NAME allocations COMMAND allocations_program)
endif()

foreach(name IN ITEMS same_bits kernels allocations)
  if(TEST ${name})
    set_tests_properties(${name} PROPERTIES PROCESSORS 2 ENVIRONMENT OMP_WAIT_POLICY=passive)  # more threads than cores do not spin
  endif()
endforeach()
