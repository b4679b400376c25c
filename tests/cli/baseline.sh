#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Components and clusters of simulated cells, their scores the same for any number of threads: baseline.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "baseline.sh: $*" >&2; exit 1; }

"$program" simulate --cells 300 --genes 900 --types 4 --separation 2 --seed 3 --out "$folder/cells.h5ad" >"$folder/simulate.out"
for threads in 1 2; do
    "$program" baseline "$folder/cells.h5ad" --out "$folder/$threads" --genes 500 --components 10 --threads $threads \
        >"$folder/$threads.out" 2>"$folder/$threads.err" || fail "$(cat "$folder/$threads.err")"
    [ -s "$folder/$threads/cells.h5ad" ] || fail "cells.h5ad is missing"
    for name in ari nmi silhouette explained_variance seconds peak_memory_mb; do
        grep -q "\"$name\": [-0-9]" "$folder/$threads/scores.json" || fail "scores.json has no number $name"
        grep -q "^  $name " "$folder/$threads.out" || fail "the table has no line $name"
    done
    grep -v -E '"(seconds|peak_memory_mb|threads)"' "$folder/$threads/scores.json" >"$folder/$threads.json"
done
cmp -s "$folder/1.json" "$folder/2.json" || fail "the scores of one and of two threads differ"
grep -q '"clusters": 4' "$folder/1/scores.json" || fail "there are not as many clusters as types"
grep -q '"variable_genes": 500' "$folder/1/scores.json" || fail "there are not 500 variable genes"
grep -Eq '"ari": (1\.0|0\.[89])' "$folder/1/scores.json" || fail "the types were not found: $(cat "$folder/1/scores.json")"
"$program" baseline "$folder/1/cells.h5ad" --out "$folder/again" --genes 0 --labels none --components 500 --clusters 3 \
    >"$folder/again.out" 2>"$folder/again.err"
grep -q 'components: 299, all that 300 cells x 900 genes have' "$folder/again.err" || fail "fewer components were not said"
grep -q '"ari": null' "$folder/again/scores.json" || fail "without labels ari is not null"
echo "baseline.sh: right"
