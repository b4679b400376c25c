# SPDX-License-Identifier: Apache-2.0
# HDF5's C library, and nothing else.
#
# CMake's own FindHDF5 needs the C language in every project that asks for it, and takes whatever the compiler wrapper
# h5cc names into the link (on Debian: curl, crypto, sz). Gives the target HDF5Serial::HDF5Serial. HDF5_ROOT (a variable
# or of the environment), HDF5Serial_INCLUDE_DIR and HDF5Serial_LIBRARY say where it lies.
find_path(HDF5Serial_INCLUDE_DIR hdf5.h HINTS ${HDF5_ROOT} ENV HDF5_ROOT PATH_SUFFIXES include hdf5/serial)
find_library(HDF5Serial_LIBRARY NAMES hdf5 hdf5_serial HINTS ${HDF5_ROOT} ENV HDF5_ROOT PATH_SUFFIXES lib hdf5/serial)
mark_as_advanced(HDF5Serial_INCLUDE_DIR HDF5Serial_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(HDF5Serial REQUIRED_VARS HDF5Serial_LIBRARY HDF5Serial_INCLUDE_DIR)

if(HDF5Serial_FOUND AND NOT TARGET HDF5Serial::HDF5Serial)
  add_library(HDF5Serial::HDF5Serial UNKNOWN IMPORTED)
  set_target_properties(HDF5Serial::HDF5Serial PROPERTIES IMPORTED_LOCATION ${HDF5Serial_LIBRARY})
  target_include_directories(HDF5Serial::HDF5Serial INTERFACE ${HDF5Serial_INCLUDE_DIR})
endif()
