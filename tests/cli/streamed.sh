#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The example that trains on a file as it is read: streamed.sh PROGRAM FOLDER EXAMPLE
set -u
program=$1 folder=$2 example=$3
rm -rf "$folder"
mkdir -p "$folder"
failures=0

fail() {
    echo "FAILED: $*"
    sed 's/^/    /' "$folder/out"
    failures=$((failures + 1))
}

"$program" simulate --cells 900 --genes 300 --types 4 --out "$folder/cells.h5ad" >"$folder/out" 2>&1 || fail "no cells are simulated"
"$example" "$folder/cells.h5ad" "$folder/model.h5" "$folder/latent.csv" 3 >"$folder/out" 2>&1 || fail "it does not train"
[ "$(wc -l <"$folder/latent.csv")" -eq 900 ] || fail "there is not one line a cell"
grep -q "^epoch 3: " "$folder/out" || fail "there are not three epochs"

# the model's file is there: training has ended, and the same latent coordinates come of it
"$example" "$folder/cells.h5ad" "$folder/model.h5" "$folder/again.csv" 3 >"$folder/out" 2>&1 || fail "it does not go on"
grep -q "going on from .*, 3 epochs trained" "$folder/out" || fail "it does not go on from the file"
cmp "$folder/latent.csv" "$folder/again.csv" || fail "the file's model gives other coordinates"

# what cannot be streamed, and another file's model, are refused
"$example" "$folder/latent.csv" "$folder/other.h5" "$folder/other.csv" >"$folder/out" 2>&1
[ $? -eq 2 ] || fail "a CSV file is not refused"
grep -q "latent.csv: .*HDF5" "$folder/out" || fail "it is not said why"
"$program" simulate --cells 800 --genes 300 --types 4 --out "$folder/others.h5ad" >"$folder/out" 2>&1 || fail "no cells are simulated"
"$example" "$folder/others.h5ad" "$folder/model.h5" "$folder/other.csv" 3 >"$folder/out" 2>&1
[ $? -eq 2 ] || fail "the model of other cells is not refused"
[ ! -e "$folder/other.csv" ] || fail "something is written for what was refused"
[ $failures -eq 0 ] && echo "a file is trained on as it is read"
exit $failures
