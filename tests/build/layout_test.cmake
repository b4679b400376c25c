# SPDX-License-Identifier: Apache-2.0
# Plants one violation of each rule of layout.cmake in a tree of its own, and fails where one is not found.
#     cmake -DWORK=<empty folder> -P tests/build/layout_test.cmake
cmake_minimum_required(VERSION 3.25)

set(license "// SPDX-License-Identifier: Apache-2.0\n")

# Writes one header into an otherwise empty tree and compares what layout.cmake says with `expected` ("" for no complaint).
function(check expected path text)
  file(REMOVE_RECURSE ${WORK})
  file(WRITE ${WORK}/${path} "${text}")
  execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${WORK} -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/layout.cmake
    RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(expected STREQUAL "")
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "${path} keeps the rules, but: ${said}")
    endif()
  else()
    string(FIND "${said}" "${expected}" position)
    if(result EQUAL 0 OR position EQUAL -1)
      message(FATAL_ERROR "'${expected}' was expected, but: ${said}")
    endif()
  endif()
endfunction()

check("" include/cellvae/nn/a.hpp "${license}#include \"cellvae/core/b.hpp\"\n#include \"cellvae/nn/c.hpp\"\n#include <vector>\n")
check("core may not include math" include/cellvae/core/a.hpp "${license}#include \"cellvae/math/b.hpp\"\n")
check("math may not include testing" include/cellvae/math/a.hpp "${license} # include <cellvae/testing/b.hpp>\n")
check("models may not include extras" include/cellvae/models/a.hpp "${license}#include \"cellvae/extras/b.hpp\"\n")
check("includes are written" include/cellvae/models/a.hpp "${license}#include \"b.hpp\"\n")
check("the folder extras is not one of" include/cellvae/extras/a.hpp "${license}")
check("includes <iostream>" include/cellvae/io/a.hpp "${license}#include <iostream>\n")
check("the first line is not its SPDX line" include/cellvae/io/a.hpp "#pragma once\n${license}")
check("the first line is not its SPDX line" tests/io/a_test.cpp "int main() {}\n")
check("" cmake/a.sh "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n")
string(REPEAT "// sixteen letters\n" 2000 long)
check("bytes, more than 30720" include/cellvae/io/a.hpp "${license}${long}")
message(NOTICE "every planted violation was found")
