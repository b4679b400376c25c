#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds everything and runs every test: sh cmake/test.sh
set -eu
cd -- "$(dirname -- "$0")/.."

sh cmake/set-up.sh
cmake --preset release
cmake --build --preset release
ctest --preset release
echo "test: every test passed (build/release)"
