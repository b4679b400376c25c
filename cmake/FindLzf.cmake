# SPDX-License-Identifier: Apache-2.0
# liblzf, with which h5py's compression="lzf" is read. Gives the target Lzf::Lzf where a source that includes and links it
# compiles. Lzf_ROOT (a variable or of the environment), Lzf_INCLUDE_DIR and Lzf_LIBRARY say where it lies.
find_path(Lzf_INCLUDE_DIR lzf.h HINTS ${Lzf_ROOT} ENV Lzf_ROOT PATH_SUFFIXES include)
find_library(Lzf_LIBRARY NAMES lzf HINTS ${Lzf_ROOT} ENV Lzf_ROOT PATH_SUFFIXES lib)
mark_as_advanced(Lzf_INCLUDE_DIR Lzf_LIBRARY)
if(Lzf_INCLUDE_DIR AND Lzf_LIBRARY)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_INCLUDES ${Lzf_INCLUDE_DIR})
  set(CMAKE_REQUIRED_LIBRARIES ${Lzf_LIBRARY})
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_compiles("#include <lzf.h>\nint main() { char a[8] = {}, b[8]; return int(lzf_decompress(a, 8, b, 8)); }"
    Lzf_COMPILES)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_LIBRARIES)
  unset(CMAKE_REQUIRED_QUIET)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Lzf REQUIRED_VARS Lzf_LIBRARY Lzf_INCLUDE_DIR Lzf_COMPILES)

if(Lzf_FOUND AND NOT TARGET Lzf::Lzf)
  add_library(Lzf::Lzf UNKNOWN IMPORTED)
  set_target_properties(Lzf::Lzf PROPERTIES IMPORTED_LOCATION ${Lzf_LIBRARY})
  target_include_directories(Lzf::Lzf INTERFACE ${Lzf_INCLUDE_DIR})
  target_compile_definitions(Lzf::Lzf INTERFACE CELLVAE_WITH_LZF)  # cellvae/io/lzf_filter.hpp looks for it
endif()
