#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A folder of 10x folders, one a cell type, is merged, filtered, drawn from and clustered in one command: inputs.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
fail() { echo "inputs.sh: $*" >&2; exit 1; }

# make NAME SEED FIRST: 40 cells x 60 genes, of which those from FIRST on are high; the last gene is NAME's own
make() {
    mkdir -p "sets/$1/filtered_matrices_mex/hg19"
    (
        cd "sets/$1/filtered_matrices_mex/hg19"
        awk -v seed="$2" -v first="$3" -v name="$1" 'BEGIN {
            srand(seed)
            n = 0
            for (c = 1; c <= 40; ++c) for (g = 1; g <= 60; ++g) {
                count = int((g >= first && g < first + 15 ? 12 : 2) * rand())
                if (c == 40 && g > 2) count = 0   # an empty droplet
                if (count > 0) entry[n++] = g " " c " " count
            }
            print "%%MatrixMarket matrix coordinate integer general\n%\n60 40 " n >"matrix.mtx"
            for (k = 0; k < n; ++k) print entry[k] >"matrix.mtx"
            for (g = 1; g <= 59; ++g) print "ENSG" g "\t" (g == 58 ? "MT-CO1" : "GENE" (g == 57 ? 56 : g)) >"genes.tsv"
            print "ENSG" name "\t" name >"genes.tsv"
            for (c = 1; c <= 40; ++c) print "AAAC" c "-1" >"barcodes.tsv"
        }'
        gzip matrix.mtx
    )
}
make "b cells" 1 1
make "zähl" 2 20

"$program" baseline sets --out merged --min-genes 5 --min-cells 2 --max-mitochondrial 0.5 --subsample-by-label 30 --genes 0 \
    --components 5 >merged.out 2>merged.err || fail "$(cat merged.err)"
said() { grep -q -- "$1" merged.err || fail "'$1' was not said: $(cat merged.err)"; }
said 'sets: 80 cells x 59 genes (2 inputs'
said '2 inputs merged on the 59 genes that all have, by gene_ids; dropped: 2 genes'
said '40 cell names that came before have a number now'
said '1 gene name that came before has a number now'
said 'dropped: 2 cells with fewer than 5 detected genes'
said 'drawn at random: 60 of 78 cells, at most 30 of each cell_type'
grep -q '"cells": 60' merged/scores.json || fail "not 60 cells"
grep -q '"labels": "cell_type"' merged/scores.json || fail "the folders' names are not the labels"
grep -Eq '"ari": (1\.0|0\.[89])' merged/scores.json || fail "the types were not found: $(cat merged/scores.json)"
# several files do the same, and coordinates of a file are carried on
"$program" baseline "sets/b cells" sets/zähl --out several --genes 0 --components 5 >several.out 2>several.err || fail "$(cat several.err)"
grep -q '"cells": 80' several/scores.json || fail "not 80 cells"
"$program" baseline merged/cells.h5ad --out again --genes 0 --components 4 --subsample 20 >again.out 2>again.err || fail "$(cat again.err)"
grep -q '"cells": 20' again/scores.json || fail "not 20 cells"

# filter writes what is kept as one file, which is read as it is
printf 'GENE3\r\nGENE5\nGENE30\n' >genes.txt
"$program" filter sets --out kept.h5ad --min-genes 5 --subsample-by-label 20 --keep-genes genes.txt --held-out 0.25 --json >kept.out 2>kept.err ||
    fail "$(cat kept.err)"
for text in '"cells": 40' '"genes": 3' '"held_out": 10'; do grep -q "$text" kept.out || fail "filter: no $text: $(cat kept.out)"; done
grep -q 'dropped: 56 genes that are not in the list' kept.err || fail "filter: $(cat kept.err)"
"$program" info kept.h5ad --json | grep -q '"split"' || fail "filter: no obs/split"
"$program" filter sets --out all.h5ad --merge-genes all --json >all.out 2>all.err || fail "$(cat all.err)"
grep -q '"genes": 61' all.out || fail "--merge-genes all: $(cat all.out)"
"$program" info all.h5ad --json >all.info 2>all.err && grep -q '"cells": 80' all.info || fail "info: $(cat all.err)"
: >none.txt
printf 'GENE3\nnobody\n' >nobody.txt
for list in none nobody missing; do
    code=0
    "$program" filter sets --out o.h5ad --keep-genes $list.txt >o.out 2>o.err || code=$?
    [ $code -eq 2 ] && [ ! -e o.h5ad ] || fail "--keep-genes $list.txt: exit code $code: $(cat o.err)"
done

code=0
"$program" baseline sets --out o --min-counts 100000 >o.out 2>o.err || code=$?
[ $code -eq 2 ] || fail "filters that leave nothing: exit code $code"
grep -q 'no cell is left of 80; dropped: 80 cells with a total count below 100000' o.err || fail "$(cat o.err)"
code=0
"$program" baseline sets --out o --matrix layers/counts >o.out 2>o.err || code=$?
[ $code -eq 2 ] || fail "a layer of a MEX folder: exit code $code"
echo "inputs.sh: right"
