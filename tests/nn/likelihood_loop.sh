#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows that GCC vectorises the output layer's loops over genes, in likelihood_row(), and over nonzeros. A small change
# around the first can make it six times slower.
#
#     sh likelihood_loop.sh COMPILER HEADERS FLAGS...        HEADERS: the folder that holds cellvae/
#
# Exit 0: vectorised; 1: not; 77: not GCC for x86-64 (skipped).
set -u
compiler=$1
headers=$2
shift 2
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)

case $("$compiler" -dumpmachine)$("$compiler" --version) in
x86_64*"Free Software Foundation"*) ;;
*)
    echo "skipped: $compiler is not GCC for x86-64"
    exit 77
    ;;
esac

messages=$("$compiler" -std=c++20 -O3 -DNDEBUG -march=x86-64-v3 -fopenmp -DKOKKOS_DEPENDENCE "$@" -fopt-info-vec -S \
    "$here/likelihood_loop.cpp" -o /dev/null 2>&1)
for loop in 'for (Index g = 0; g < genes; ++g) {$' 'for (Index j = 0; j < end; ++j) {$'; do
    line=$(grep -n "$loop" "$headers/cellvae/nn/output_layer_host.hpp" | head -n 1 | cut -d: -f1)
    if [ -z "$line" ]; then
        echo "output_layer_host.hpp has no line $loop"
        exit 1
    fi
    found=$(echo "$messages" | grep "output_layer_host.hpp:$line:.*loop vectorized")
    if [ -z "$found" ]; then
        echo "output_layer_host.hpp:$line: the loop is not vectorised"
        exit 1
    fi
    echo "$found"
done
