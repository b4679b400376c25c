# SPDX-License-Identifier: Apache-2.0
# Installs cellvae into a folder of its own, and configures, builds and runs projects outside the tree: against the install
# without zlib (so without files), against the install with files as the README says, and with the sources as a folder of its
# own. One that is not optimised is told so.
# SOURCE and BUILD are this project's folders, WORK is an empty one; GENERATOR, COMPILER and LAUNCHER are those of BUILD.
# ON_CUDA says whether BUILD is for CUDA. Where KOKKOS is the folder of an installed Kokkos's package, for the host, and CUDA's
# toolkit is there, also that a Kokkos with CUDA brings cuBLAS to what links and nvcc's option to what compiles, and that one
# without is refused where CUDA is asked for.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${said}")
  endif()
  set(said "${said}" PARENT_SCOPE)
endfunction()

# The launcher is a list, which would come apart on its way through three commands: the environment carries it whole.
set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} "${LAUNCHER}")
set(common -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER} -DWITH_CUDA=${ON_CUDA})
set(without_files -DCMAKE_DISABLE_FIND_PACKAGE_ZLIB=ON -DWITH_IO=OFF)

function(check name program)
  message(NOTICE "${name}")
  run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/consumer -B ${WORK}/${name} ${common} ${ARGN})
  if(NOT said MATCHES "CMAKE_BUILD_TYPE is empty")
    message(FATAL_ERROR "a build without optimisation is not warned of:\n${said}")
  endif()
  run(${CMAKE_COMMAND} --build ${WORK}/${name} --target ${program})
  run(${WORK}/${name}/${program})
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix --component cellvae_development)

check(installed_without_files consumer -DCMAKE_PREFIX_PATH=${WORK}/prefix ${without_files})
check(as_a_folder consumer -DCELLVAE_SOURCE=${SOURCE} ${without_files})

# The README's own CMakeLists.txt, with the README that was installed.
file(READ ${WORK}/prefix/share/doc/cellvae/README.md text)
if(NOT text MATCHES "```cmake\n(cmake_minimum_required[^`]*)```")
  message(FATAL_ERROR "the README has no CMakeLists.txt for users")
endif()
file(WRITE ${WORK}/mine/CMakeLists.txt "${CMAKE_MATCH_1}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/consumer/files.cpp ${WORK}/mine/main.cpp COPYONLY)
message(NOTICE "as_the_readme_says")
run(${CMAKE_COMMAND} -S ${WORK}/mine -B ${WORK}/mine/build ${common} -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1)
if(said MATCHES "CMAKE_BUILD_TYPE is empty")
  message(FATAL_ERROR "a build with a type is warned of:\n${said}")
endif()
run(${CMAKE_COMMAND} --build ${WORK}/mine/build)
run(${WORK}/mine/build/mine)

# This Kokkos, said to have CUDA. Nothing is compiled; only how it would be compiled and linked is read.
function(check_cuda name)
  message(NOTICE "${name}")
  file(WRITE ${WORK}/kokkos_with_cuda/KokkosConfig.cmake
    "include(${KOKKOS}/KokkosConfig.cmake)\nset(Kokkos_ENABLE_CUDA ON)\nlist(APPEND Kokkos_DEVICES CUDA)\n")
  file(COPY ${KOKKOS}/KokkosConfigVersion.cmake DESTINATION ${WORK}/kokkos_with_cuda)
  run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/consumer -B ${WORK}/${name} -G Ninja
    -DCMAKE_CXX_COMPILER=${COMPILER} -DKokkos_DIR=${WORK}/kokkos_with_cuda -DWITH_CUDA=ON ${ARGN})
  file(STRINGS ${WORK}/${name}/build.ninja links REGEX "LINK_LIBRARIES.*cublas")
  if(NOT links)
    message(FATAL_ERROR "Kokkos has CUDA, and cellvae::cellvae does not link cuBLAS")
  endif()
  file(STRINGS ${WORK}/${name}/build.ninja flags REGEX "FLAGS =.*--expt-relaxed-constexpr")
  if(NOT flags)
    message(FATAL_ERROR "Kokkos has CUDA, and cellvae::cellvae does not say so to nvcc")
  endif()
endfunction()

if(KOKKOS AND CUDA AND NOT ON_CUDA AND GENERATOR STREQUAL "Ninja")
  check_cuda(installed_with_cuda -DCMAKE_PREFIX_PATH=${WORK}/prefix -DWITH_IO=ON)
  check_cuda(as_a_folder_with_cuda -DCELLVAE_SOURCE=${SOURCE} ${without_files})

  message(NOTICE "cuda_from_a_kokkos_without")
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK}/cuda_from_a_kokkos_without
    ${common} -DKokkos_DIR=${KOKKOS} -DKokkos_ENABLE_CUDA=ON -DCELLVAE_SOURCE=${SOURCE} ${without_files}
    RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE said)
  if(result EQUAL 0 OR NOT said MATCHES "has no CUDA")
    message(FATAL_ERROR "a Kokkos without CUDA is taken where CUDA is asked for:\n${said}")
  endif()
endif()
