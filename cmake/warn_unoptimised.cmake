# SPDX-License-Identifier: Apache-2.0
# For whoever uses cellvae: without a build type a compiler optimises nothing.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES AND NOT CMAKE_CXX_FLAGS MATCHES "-O[1-3]")
  message(WARNING "cellvae: CMAKE_BUILD_TYPE is empty, so nothing is optimised, and training takes tens of times as long. "
    "Configure with -DCMAKE_BUILD_TYPE=Release.")
endif()
