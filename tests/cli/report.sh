#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The report of a run, the same for any number of threads and when it is made again: report.sh PROGRAM FOLDER
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
fail() { echo "report.sh: $*" >&2; exit 1; }

"$program" simulate --cells 200 --genes 300 --types 9 --separation 2 --seed 4 --out "$folder/cells.h5ad" >"$folder/simulate.out"
mkdir -p "$folder/run/pictures"
echo mine >"$folder/run/pictures/own.png"
"$program" train "$folder/cells.h5ad" --out "$folder/run" --prior gaussian --epochs 4 --warm-up 2 --genes 150 --hidden 16 --latent 4 --samples 5 --threads 2 \
    >"$folder/run.out" 2>"$folder/run.err" || fail "$(cat "$folder/run.err")"
for file in pictures/own.png report.html markers.csv options.toml pictures/tsne_cluster.svg pictures/confusion.svg pictures/predictive_zeros.svg; do
    [ -s "$folder/run/$file" ] || fail "$file is missing"
done
rm "$folder/run/pictures/own.png"  # which is not the report's
cp -r "$folder/run" "$folder/again"
rm -r "$folder/again/report.html" "$folder/again/pictures" "$folder/again/markers.csv"
"$program" report "$folder/again" --threads 1 --json >"$folder/again.out" 2>"$folder/again.err" || fail "$(cat "$folder/again.err")"
grep -q '"file": ".*report.html"' "$folder/again.out" || fail "report --json: $(cat "$folder/again.out")"
for picture in "$folder/run/pictures"/*.svg; do
    cmp -s "$picture" "$folder/again/pictures/$(basename "$picture")" || fail "$(basename "$picture") of one and of two threads differ"
done
cmp -s "$folder/run/markers.csv" "$folder/again/markers.csv" || fail "markers.csv of one and of two threads differ"
# one page a folder, coloured by the genes that are asked for
"$program" report "$folder/again" "$folder/run" --genes gene_7,gene_9 --json >"$folder/two.out" 2>"$folder/two.err" || fail "two folders: $(cat "$folder/two.err")"
[ "$(grep -c 'report.html' "$folder/two.out")" -eq 2 ] || fail "report of two folders: $(cat "$folder/two.out")"
for each in run again; do
    [ -s "$folder/$each/pictures/tsne_gene_gene_7.svg" ] && [ -s "$folder/$each/pictures/pca_gene_gene_9.svg" ] || fail "$each has no picture by gene"
done
code=0
"$program" report "$folder/run" --genes nowhere 2>"$folder/gene.err" || code=$?
[ $code -eq 2 ] && grep -q 'the run has no gene nowhere' "$folder/gene.err" || fail "a gene that is not there: $(cat "$folder/gene.err")"
# a mixture has a certainty, a model with conditions these
"$program" train "$folder/cells.h5ad" --out "$folder/mixture" --prior marginal_mixture --start kmeans --components 4 --condition cell_type --start-epochs 2 \
    --epochs 2 --genes 150 --hidden 16 --latent 3 --samples 2 --quiet >"$folder/mixture.out" 2>"$folder/mixture.err" || fail "mixture: $(cat "$folder/mixture.err")"
for picture in tsne_certainty pca_certainty tsne_condition; do
    [ -s "$folder/mixture/pictures/$picture.svg" ] || fail "the mixture has no $picture.svg"
done
# runs side by side, as a page
"$program" compare "$folder/run" "$folder/mixture" "$folder/run" --out "$folder/comparison.html" >"$folder/compare.out" 2>"$folder/compare.err" || fail "compare: $(cat "$folder/compare.err")"
grep -q 'Bound of the held-out cells' "$folder/comparison.html" && grep -q 'Agreement of the clusters' "$folder/comparison.html" || fail "comparison.html has no curves or no agreement"
# a run agrees with itself
sed -n '/adjusted Rand index of the clusters/,$p' "$folder/compare.out" | grep -Eq '^  1 .*/run +1\.0000 +-?0\.[0-9]+ +1\.0000$' ||
    fail "compare: the agreement of clusters: $(cat "$folder/compare.out")"
"$program" train "$folder/cells.h5ad" --out "$folder/without" --no-report --epochs 1 --hidden 8 --latent 2 --samples 2 --labels none \
    >"$folder/without.out" 2>"$folder/without.err"
[ ! -e "$folder/without/report.html" ] || fail "--no-report wrote a report"
"$program" report "$folder/without" >"$folder/without.out" 2>"$folder/without.err" || fail "without labels: $(cat "$folder/without.err")"
grep -q 'pictures' "$folder/without.err" || fail "the report does not say where it is"
code=0
"$program" report "$folder/nowhere" 2>"$folder/nowhere.err" || code=$?
[ $code -eq 2 ] || fail "a folder that is not there: exit code $code"
grep -q 'there is no such folder' "$folder/nowhere.err" || fail "a folder that is not there: $(cat "$folder/nowhere.err")"
code=0
"$program" report "$folder" 2>"$folder/no_run.err" || code=$?
[ $code -eq 2 ] || fail "a folder without a run: exit code $code"
echo "report.sh: right"
