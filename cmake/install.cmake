# SPDX-License-Identifier: Apache-2.0
# Headers and package files. Each component has an export set of its own, so that find_package(cellvae) works where the
# dependencies of the others are missing.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/cellvae)
foreach(target IN ITEMS cellvae cellvae_io cellvae_testing cellvae_mpi)
  if(TARGET ${target})
    install(TARGETS ${target} EXPORT ${target}Targets FILE_SET HEADERS COMPONENT cellvae_development)
    install(EXPORT ${target}Targets NAMESPACE cellvae:: DESTINATION ${package_folder} COMPONENT cellvae_development)
  endif()
endforeach()

configure_package_config_file(cmake/cellvaeConfig.cmake.in cmake/cellvaeConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(cmake/cellvaeConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
    ${PROJECT_BINARY_DIR}/cmake/cellvaeConfig.cmake ${PROJECT_BINARY_DIR}/cmake/cellvaeConfigVersion.cmake
    cmake/FindHDF5Serial.cmake cmake/FindHnswlib.cmake cmake/FindLzf.cmake cmake/FindRandom123.cmake cmake/warn_unoptimised.cmake
  DESTINATION ${package_folder} COMPONENT cellvae_development)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT cellvae_development)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT cellvae_development)
