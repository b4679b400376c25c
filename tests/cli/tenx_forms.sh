#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real cells in both of 10x's forms, through the whole pipeline: the same model, bit for bit, and the same scores.
# tenx_forms.sh PROGRAM FOLDER; skipped where CELLVAE_DATA_DIR has no pbmc300_10x
set -eu
program=$1
folder=$2
data=${CELLVAE_DATA_DIR:-}/pbmc300_10x
fail() { echo "tenx_forms.sh: $*" >&2; exit 1; }
if [ ! -d "$data/filtered_feature_bc_matrix" ]; then
    echo "tenx_forms.sh: skipped, there is no $data"
    exit 77
fi
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"

# All genes that are left take part, so that every count does. Equal runs leave equal model files, which hold no times.
run() {
    "$program" train "$data/$1" --out "$2" --min-genes 200 --min-cells 3 --subsample 250 --genes 0 --hidden 8 --epochs 2 \
        --threads 1 --no-report >"$2.out" 2>"$2.err" || fail "$(cat "$2.err")"
    grep -v '"seconds"\|"cells_per_second"\|"peak_memory_mb"' "$2/scores.json" >"$2.scores"
}
run filtered_feature_bc_matrix folder
run filtered_feature_bc_matrix.h5 file
grep -q '10x MEX' folder.err || fail "no MEX folder was read: $(cat folder.err)"
grep -q '10x HDF5' file.err || fail "no HDF5 file was read: $(cat file.err)"
grep -q '"cells": 250' folder.scores || fail "not 250 cells"
cmp folder/model.h5 file/model.h5 || fail "the two forms give other models"
cmp folder.scores file.scores || fail "the two forms give other scores"
echo "tenx_forms.sh: right"
